"""The journal of public events: which of them webhooks have not been made of yet."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters.outbox.models import PublicEventRow


async def find(session: AsyncSession, event_id: UUID) -> PublicEventRow | None:
    """Return an event, or None: it is no public one, or was kept for long enough."""
    found = select(PublicEventRow).where(PublicEventRow.id == event_id)
    return (await session.scalars(found)).one_or_none()


async def newest_waiting(session: AsyncSession, *, before: datetime, limit: int) -> Sequence[UUID]:
    """Return of each aggregate whose events wait since before a moment the newest one that does."""
    newest = (
        select(func.max(PublicEventRow.sequence))
        .where(PublicEventRow.fanned_out_at.is_(None), PublicEventRow.occurred_at < before)
        .group_by(PublicEventRow.aggregate)
        .limit(limit)
    )
    ids = select(PublicEventRow.id).where(PublicEventRow.sequence.in_(newest))
    return (await session.scalars(ids.order_by(PublicEventRow.sequence))).all()
