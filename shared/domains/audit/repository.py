"""Where the audit trail is kept."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters.database.pagination import descending, paginate
from shared.core.pagination import Page
from shared.core.schema import Paging
from shared.domains.audit.models import AuditEntry
from shared.domains.audit.schemas import AuditFilter


def add(
    session: AsyncSession,
    *,
    action: str,
    subject: str,
    actor_id: UUID | None,
    reason: str | None,
    details: Mapping[str, Any],
    correlation_id: str | None,
) -> None:
    """Add an entry to the transaction of `session`."""
    entry = AuditEntry(
        action=action,
        subject=subject,
        actor_id=actor_id,
        reason=reason,
        details=dict(details),
        correlation_id=correlation_id,
    )
    session.add(entry)


async def list_entries(
    session: AsyncSession, *, which: AuditFilter, paging: Paging
) -> Page[AuditEntry]:
    """Return a page of the entries, newest first. Raises ValidationFailedError for a bad cursor."""
    conditions: list[ColumnElement[bool]] = []
    if which.subject:
        conditions.append(AuditEntry.subject == which.subject)
    if which.actor_id:
        conditions.append(AuditEntry.actor_id == which.actor_id)
    return await paginate(
        session,
        select(AuditEntry).where(*conditions),
        order=[descending(AuditEntry.created_at), descending(AuditEntry.id)],
        cursor=paging.cursor,
        limit=paging.limit,
        filters=which.model_dump(),
    )
