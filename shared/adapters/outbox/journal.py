"""The journal of public events: what was added, and what webhooks have not been made of yet."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import column, func, insert, literal, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters.outbox.models import PublicEventRow


async def add(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write new rows, each the values of the same columns as JSON knows them: one statement for all."""
    names = list(rows[0])
    typed = [column(name, PublicEventRow.__table__.c[name].type) for name in names]
    given = func.jsonb_to_recordset(literal(rows, JSONB)).table_valued(*typed, name="given")
    added = select(*given.render_derived(with_types=True).c)
    await session.execute(insert(PublicEventRow).from_select(names, added, include_defaults=False))


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
