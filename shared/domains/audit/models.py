"""Tables of the audit trail."""

from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.adapters.database.base import Base, Identified


class AuditEntry(Identified, Base):
    """What an operator did, to what, and why. It outlives the operator's account.

    `actor_id` is null where nobody of the service did it, but somebody who may call its functions.
    """

    __tablename__ = "audit_entries"

    actor_id: Mapped[UUID | None]
    action: Mapped[str]
    subject: Mapped[str]
    reason: Mapped[str | None]
    details: Mapped[dict[str, Any]] = mapped_column(JSONB)
    correlation_id: Mapped[str | None]

    __table_args__ = (
        Index("ix_audit_entries_created", "created_at", "id"),
        Index("ix_audit_entries_subject", "subject", "created_at", "id"),
    )
