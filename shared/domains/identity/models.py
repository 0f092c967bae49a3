"""Tables of identity."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, func
from sqlalchemy.orm import Mapped, mapped_column

from shared.adapters.database.base import Base, Identified, enum_of
from shared.domains.identity.schemas import EmailPurpose, Role


class User(Identified, Base):
    """Somebody who can log in. Names and addresses are unique whatever their case."""

    __tablename__ = "users"

    username: Mapped[str]
    email: Mapped[str]
    email_verified_at: Mapped[datetime | None]
    # None for who only logs in by an outside provider.
    password_hash: Mapped[str | None] = mapped_column(deferred=True, deferred_raiseload=True)
    role: Mapped[Role] = mapped_column(
        enum_of(Role, name="user_role"),
        default=Role.USER,
        server_default=Role.USER.value,
    )
    locale: Mapped[str] = mapped_column(String(35), default="en", server_default="en")

    @property
    def email_verified(self) -> bool:
        """Whether the user has shown that the address is theirs."""
        return self.email_verified_at is not None


Index("uq_users_username", func.lower(User.username), unique=True)
Index("uq_users_email", func.lower(User.email), unique=True)


class EmailToken(Identified, Base):
    """A token that was sent to a user's address, by its digest: it works once, for its purpose, for a while."""

    __tablename__ = "email_tokens"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    purpose: Mapped[EmailPurpose] = mapped_column(enum_of(EmailPurpose, name="email_purpose"))
    email: Mapped[str]
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    expires_at: Mapped[datetime]


Index("ix_email_tokens_user", EmailToken.user_id, EmailToken.purpose)
Index("ix_email_tokens_expiry", EmailToken.expires_at)
