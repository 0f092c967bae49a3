"""What goes into the audit trail and comes out of it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from shared.core.schema import Schema, SearchText


class AuditFilter(Schema):
    """Which entries: about one thing, by one operator."""

    subject: SearchText | None = None
    actor_id: UUID | None = None


class AuditEntry(Schema):
    """Who did what to what, when and why."""

    id: UUID
    created_at: datetime
    actor_id: UUID | None = Field(
        description="The operator's user; null for who called a function of the service itself."
    )
    action: str = Field(description="`domain.what_was_done`: `dead_letters.redriven`.")
    subject: str = Field(description="What it was done to: `dead_letter:` and its id.")
    reason: str | None
    details: dict[str, Any]
    correlation_id: str | None = Field(description="The request that it was done by.")
