"""Tables of signing in by outside providers."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shared.adapters.database.base import Base, Identified
from shared.domains.identity.models import User


class ExternalFlow(Identified, Base):
    """A sign-in that somebody began: known by digests only, what the provider said of the user sealed.

    `user_id` is whom a provider is to be linked to. The state is spent by the provider's answer; that makes
    a handover, which is spent by who has the flow's token.
    """

    __tablename__ = "external_flows"

    provider: Mapped[str] = mapped_column(String(32))
    return_to: Mapped[str | None]
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"))
    token_digest: Mapped[str] = mapped_column(String(64))
    state_digest: Mapped[str] = mapped_column(String(64), unique=True)
    spent_at: Mapped[datetime | None]
    handover_digest: Mapped[str | None] = mapped_column(String(64), unique=True)
    sealed_identity: Mapped[str | None]
    expires_at: Mapped[datetime]


Index("ix_external_flows_expiry", ExternalFlow.expires_at)
Index("ix_external_flows_user", ExternalFlow.user_id)


class ExternalLink(Identified, Base):
    """An account at a provider, by which a user logs in: one of each provider."""

    __tablename__ = "external_links"

    user_id: Mapped[UUID] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"))
    provider: Mapped[str] = mapped_column(String(32))
    issuer: Mapped[str]
    subject: Mapped[str] = mapped_column(String(255))
    email: Mapped[str | None]
    last_used_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("issuer", "subject", name="uq_external_links_subject"),
        UniqueConstraint("user_id", "issuer", name="uq_external_links_user"),
    )
