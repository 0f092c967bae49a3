"""Tables of sessions."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.adapters.database.base import Base, Identified
from shared.domains.identity.models import User


class SessionRow(Identified, Base):
    """What begins when a user logs in, or lets a third party act, and ends by time or by revocation."""

    __tablename__ = "sessions"

    user_id: Mapped[UUID] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"))
    client_id: Mapped[str | None] = mapped_column(String(64))
    scope: Mapped[str]
    methods: Mapped[list[str]] = mapped_column(JSONB)
    device: Mapped[str] = mapped_column(String(256))
    address: Mapped[str] = mapped_column(String(45))
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    revoked_because: Mapped[str | None]


Index(
    "ix_sessions_user",
    SessionRow.user_id,
    SessionRow.last_seen_at,
    SessionRow.id,
    postgresql_where=text("revoked_at IS NULL"),
)
Index("ix_sessions_expiry", SessionRow.expires_at)
Index(
    "ix_sessions_client",
    SessionRow.client_id,
    SessionRow.last_seen_at,
    postgresql_where=text("client_id IS NOT NULL AND revoked_at IS NULL"),
)


class RefreshTokenRow(Identified, Base):
    """A refresh token by its digest. Once it is spent, `nonce` and the token itself give its successor."""

    __tablename__ = "refresh_tokens"

    session_id: Mapped[UUID] = mapped_column(ForeignKey(SessionRow.id, ondelete="CASCADE"))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    nonce: Mapped[str | None] = mapped_column(String(64))
    spent_at: Mapped[datetime | None]


Index("ix_refresh_tokens_session", RefreshTokenRow.session_id, RefreshTokenRow.created_at)
