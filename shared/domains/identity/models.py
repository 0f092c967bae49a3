"""Tables of identity."""

from sqlalchemy import Index, String, func
from sqlalchemy.orm import Mapped, mapped_column

from shared.adapters.database.base import Base, Identified, enum_of
from shared.domains.identity.schemas import Role


class User(Identified, Base):
    """Somebody who can log in. Names and addresses are unique whatever their case."""

    __tablename__ = "users"

    username: Mapped[str]
    email: Mapped[str]
    password_hash: Mapped[str] = mapped_column(deferred=True, deferred_raiseload=True)
    role: Mapped[Role] = mapped_column(
        enum_of(Role, name="user_role"),
        default=Role.USER,
        server_default=Role.USER.value,
    )
    locale: Mapped[str] = mapped_column(String(35), default="en", server_default="en")


Index("uq_users_username", func.lower(User.username), unique=True)
Index("uq_users_email", func.lower(User.email), unique=True)
