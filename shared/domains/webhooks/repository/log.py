"""Where an endpoint's log is kept, and what has messages sent again: rows of deliveries, made due anew."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    cast,
    func,
    literal,
    not_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters.database.pagination import descending, paginate
from shared.adapters.outbox.models import PublicEventRow
from shared.core.clock import now
from shared.core.ids import new_id
from shared.core.pagination import Page
from shared.core.schema import Paging
from shared.domains.webhooks.models import AttemptRow, DeliveryRow
from shared.domains.webhooks.schemas import (
    AttemptFilter,
    AttemptOutcome,
    Cause,
    DeliveryState,
)

_WITHOUT_SYNC = {"synchronize_session": False}

_ASKED_FOR = (Cause.TEST, Cause.VERIFICATION)
"""Deliveries that are no event's."""

_UNDER_WAY = and_(DeliveryRow.state == DeliveryState.PENDING, DeliveryRow.claimed)
"""A worker has it now, and settles it: whoever made it due anew would have it sent twice at a time."""


@dataclass(frozen=True, kw_only=True)
class Requeued:
    """How many messages are due anew, and where there are more: the time of the first of those."""

    count: int
    next_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Range:
    """Which events of the journal: an owner's, or everybody's where none is named."""

    owner_id: UUID | None
    since: datetime
    until: datetime
    types: Collection[str]


async def list_attempts(
    session: AsyncSession, endpoint_id: UUID, *, which: AttemptFilter, paging: Paging
) -> Page[AttemptRow]:
    """Return a page of an endpoint's attempts, newest first. Raises ValidationFailedError."""
    return await paginate(
        session,
        select(AttemptRow).where(AttemptRow.endpoint_id == endpoint_id, *_conditions(which)),
        order=[descending(AttemptRow.started_at), descending(AttemptRow.id)],
        cursor=paging.cursor,
        limit=paging.limit,
        filters={**which.model_dump(), "endpoint": endpoint_id},
    )


async def find_attempt(
    session: AsyncSession, attempt_id: UUID, *, endpoint_id: UUID
) -> AttemptRow | None:
    """Return an endpoint's attempt, or None."""
    theirs = (AttemptRow.id == attempt_id, AttemptRow.endpoint_id == endpoint_id)
    return await session.scalar(select(AttemptRow).where(*theirs))


async def find_event(
    session: AsyncSession, event_id: UUID, *, owner_id: UUID | None
) -> PublicEventRow | None:
    """Return an owner's event, or anybody's where none is named; None where there is no such."""
    owned = PublicEventRow.owner_id == owner_id if owner_id else true()
    return await session.scalar(select(PublicEventRow).where(PublicEventRow.id == event_id, owned))


async def add_trial(
    session: AsyncSession, *, owner_id: UUID | None, type_: str, data: dict[str, Any], about: UUID
) -> PublicEventRow:
    """Write an event into the journal that is about one endpoint, and for no other."""
    row = PublicEventRow(
        id=new_id(),
        owner_id=owner_id,
        type=type_,
        aggregate=f"endpoint:{about}",
        data=data,
        trial=True,
        fanned_out_at=now(),
    )
    session.add(row)
    await session.flush()
    return row


async def add_delivery(
    session: AsyncSession, event: PublicEventRow, *, endpoint_id: UUID, cause: Cause
) -> None:
    """Have an endpoint sent an event."""
    row = DeliveryRow(
        endpoint_id=endpoint_id,
        event_id=event.id,
        event_type=event.type,
        aggregate=event.aggregate,
        sequence=event.sequence,
        cause=cause,
    )
    session.add(row)
    await session.flush()


async def resend(
    session: AsyncSession, delivery_id: UUID, *, endpoint_id: UUID, at: datetime
) -> None:
    """Make a delivery due anew, whatever came of it; one that is under way stays as it is."""
    again = update(DeliveryRow).where(
        DeliveryRow.id == delivery_id, DeliveryRow.endpoint_id == endpoint_id, not_(_UNDER_WAY)
    )
    renewed = again.values(_due_anew(Cause.RESEND, at=at))
    await session.execute(renewed.execution_options(**_WITHOUT_SYNC))


async def resend_failed(
    session: AsyncSession, endpoint_id: UUID, *, since: datetime, limit: int, at: datetime
) -> Requeued:
    """Make at most `limit` deliveries due anew that were given up, the oldest first."""
    failed = (
        select(DeliveryRow.id, DeliveryRow.created_at.label("time"))
        .where(
            DeliveryRow.endpoint_id == endpoint_id,
            DeliveryRow.created_at >= since,
            DeliveryRow.state.in_([DeliveryState.FAILED, DeliveryState.DROPPED]),
            DeliveryRow.cause.not_in(_ASKED_FOR),
        )
        .order_by(DeliveryRow.created_at, DeliveryRow.id)
    )
    chosen = failed.limit(limit).cte("chosen")
    again = update(DeliveryRow).where(DeliveryRow.id.in_(select(chosen.c.id)), not_(_UNDER_WAY))
    renewed = again.values(_due_anew(Cause.RESEND, at=at)).returning(DeliveryRow.id).cte("renewed")
    following = failed.with_only_columns(DeliveryRow.created_at).offset(limit).limit(1)
    told = select(func.count(chosen.c.id), following.scalar_subquery()).add_cte(renewed)
    return _requeued((await session.execute(told)).one())


async def replay(
    session: AsyncSession, endpoint_id: UUID, *, which: Range, limit: int, at: datetime
) -> Requeued:
    """Make deliveries of at most `limit` events due, the oldest first, as if they had happened now.

    Those that are not fanned out yet are left to that: it keeps the order of each aggregate.
    """
    events = _in_range(which).order_by(PublicEventRow.occurred_at, PublicEventRow.sequence)
    chosen = events.limit(limit).cte("chosen")
    values = select(
        func.gen_random_uuid(),
        literal(endpoint_id, DeliveryRow.endpoint_id.type),
        chosen.c.id,
        chosen.c.type,
        chosen.c.aggregate,
        chosen.c.sequence,
        cast(Cause.REPLAY, DeliveryRow.cause.type),
        literal(at, DeliveryRow.due_at.type),
        literal(at, DeliveryRow.created_at.type),
    )
    put = _put(values, at=at).returning(DeliveryRow.id).cte("put")
    following = events.with_only_columns(PublicEventRow.occurred_at).offset(limit).limit(1)
    told = select(func.count(chosen.c.id), following.scalar_subquery()).add_cte(put)
    return _requeued((await session.execute(told)).one())


async def count_pending(session: AsyncSession, endpoint_id: UUID) -> int:
    """Return how many messages wait for an endpoint."""
    pending = (DeliveryRow.endpoint_id == endpoint_id, DeliveryRow.state == DeliveryState.PENDING)
    return await session.scalar(select(func.count(DeliveryRow.id)).where(*pending)) or 0


async def count_by_hour(
    session: AsyncSession, endpoint_id: UUID, *, since: datetime
) -> dict[datetime, tuple[int, int]]:
    """Return how many attempts of each hour succeeded and failed; an hour without any is not there."""
    hour = func.date_trunc("hour", AttemptRow.started_at, "UTC")
    outcomes = [
        func.count().filter(AttemptRow.outcome == each)
        for each in (AttemptOutcome.SUCCEEDED, AttemptOutcome.FAILED)
    ]
    counted = (
        select(hour, *outcomes)
        .where(AttemptRow.endpoint_id == endpoint_id, AttemptRow.started_at >= since)
        .group_by(hour)
    )
    rows = await session.execute(counted)
    return {at: (succeeded, failed) for at, succeeded, failed in rows}


def _conditions(which: AttemptFilter) -> list[ColumnElement[bool]]:
    wanted = {
        AttemptRow.outcome: which.outcome,
        AttemptRow.event_type: which.event_type,
        AttemptRow.event_id: which.message_id,
    }
    conditions = [column == value for column, value in wanted.items() if value is not None]
    if which.since:
        conditions.append(AttemptRow.started_at >= which.since)
    if which.until:
        conditions.append(AttemptRow.started_at < which.until)
    return conditions


def _in_range(which: Range) -> Select[UUID, str, str, int, datetime]:
    owned = PublicEventRow.owner_id == which.owner_id if which.owner_id else true()
    return select(
        PublicEventRow.id,
        PublicEventRow.type,
        PublicEventRow.aggregate,
        PublicEventRow.sequence,
        PublicEventRow.occurred_at,
    ).where(
        owned,
        PublicEventRow.occurred_at >= which.since,
        PublicEventRow.occurred_at < which.until,
        PublicEventRow.type.in_(which.types),
        PublicEventRow.trial.is_(False),
        PublicEventRow.fanned_out_at.is_not(None),
    )


def _put(values: Select[*tuple[Any, ...]], *, at: datetime) -> Insert:
    names = ["id", "endpoint_id", "event_id", "event_type", "aggregate", "sequence", "cause"]
    times = ["due_at", "created_at"]
    # Without the defaults: one id that is made here would be all rows'.
    new = insert(DeliveryRow).from_select([*names, *times], values, include_defaults=False)
    return new.on_conflict_do_update(
        index_elements=[DeliveryRow.event_id, DeliveryRow.endpoint_id],
        set_=_due_anew(Cause.REPLAY, at=at),
        where=not_(_UNDER_WAY),
    )


def _due_anew(cause: Cause, *, at: datetime) -> dict[str, Any]:
    return {
        "cause": cause,
        "state": DeliveryState.PENDING,
        "attempts": 0,
        "claims": 0,
        "claimed": False,
        "due_at": at,
        "finished_at": None,
    }


def _requeued(row: Row[int, datetime]) -> Requeued:
    return Requeued(count=row[0], next_at=row[1])
