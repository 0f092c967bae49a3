"""Tables of identity."""

from sqlalchemy import Index, func
from sqlalchemy.orm import Mapped, mapped_column

from shared.adapters.database.base import Base, Identified


class User(Identified, Base):
    """Somebody who can log in. Names and addresses are unique whatever their case."""

    __tablename__ = "users"

    username: Mapped[str]
    email: Mapped[str]
    password_hash: Mapped[str] = mapped_column(deferred=True, deferred_raiseload=True)


Index("uq_users_username", func.lower(User.username), unique=True)
Index("uq_users_email", func.lower(User.email), unique=True)
