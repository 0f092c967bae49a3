"""The statements of the outbox: each is one call, and a transaction of its own."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import batched
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, exists, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from shared.adapters.database.pagination import descending, paginate
from shared.adapters.outbox.models import OutboxRow
from shared.core.pagination import Page

_MOST_READ = 20
"""Rows that one statement reads whole: see the relay's `CLAIM`."""


async def claim(session: AsyncSession, *, limit: int, lease: timedelta) -> Sequence[OutboxRow]:
    """Take at most `limit` rows that are due, each the oldest of its aggregate, for as long as `lease`.

    Two relays never get the same row, nor two rows of one aggregate: the second is the oldest only
    once the first is gone. A relay that dies leaves its rows to the next one when the lease ends.
    """
    earlier = aliased(OutboxRow)
    is_oldest = ~exists().where(
        earlier.aggregate == OutboxRow.aggregate,
        earlier.sequence < OutboxRow.sequence,
        earlier.set_aside_at.is_(None),
    )
    due = (
        select(OutboxRow.sequence)
        .where(OutboxRow.set_aside_at.is_(None), OutboxRow.due_at <= func.now(), is_oldest)
        .order_by(OutboxRow.sequence)
        .limit(limit)
        .with_for_update(skip_locked=True)
        # As a subquery it could be run again for each row of the update, and give more than `limit`.
        .cte("due")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    claimed = (
        update(OutboxRow)
        # Compared again: between the snapshot of the statement and its lock another may have claimed it.
        .where(OutboxRow.sequence.in_(select(due.c.sequence)), OutboxRow.due_at <= func.now())
        .values(attempts=OutboxRow.attempts + 1, due_at=_from_now(lease))
        .returning(OutboxRow)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    rows = (await session.scalars(claimed)).all()
    return sorted(rows, key=lambda row: row.sequence)


async def remove(session: AsyncSession, sequences: Sequence[int]) -> None:
    """Forget rows that are on the bus."""
    await session.execute(delete(OutboxRow).where(OutboxRow.sequence.in_(sequences)))


async def postpone(session: AsyncSession, row: OutboxRow, *, wait: timedelta, error: str) -> None:
    """Let a row, and with it the later ones of its aggregate, wait."""
    await session.execute(_still_claimed(row).values(due_at=_from_now(wait), error=error))


async def set_aside(session: AsyncSession, row: OutboxRow, *, error: str) -> None:
    """Give a row up: those behind it go on, and an operator decides about it."""
    await session.execute(_still_claimed(row).values(set_aside_at=func.now(), error=error))


async def count_rows(session: AsyncSession) -> tuple[int, int, datetime | None]:
    """Count the rows that wait and those that are set aside; return when the oldest waiting happened."""
    waits = OutboxRow.set_aside_at.is_(None)
    found = await session.execute(
        select(
            func.count().filter(waits),
            func.count().filter(~waits),
            func.min(OutboxRow.occurred_at).filter(waits),
        ).select_from(OutboxRow)
    )
    waiting, set_aside, oldest = found.one()
    return waiting, set_aside, oldest


async def list_set_aside(
    session: AsyncSession, *, cursor: str | None, limit: int
) -> Page[OutboxRow]:
    """Return a page of the rows that were given up, newest first.

    Raises ValidationFailedError for a bad cursor.
    """
    return await paginate(
        session,
        select(OutboxRow).where(OutboxRow.set_aside_at.is_not(None)),
        order=[descending(OutboxRow.sequence)],
        cursor=cursor,
        limit=limit,
    )


async def find_for_decision(session: AsyncSession, ids: Sequence[UUID]) -> Sequence[OutboxRow]:
    """Return the rows of some events, given up or not, that nothing else changes until this ends."""
    found: list[OutboxRow] = []
    # With the largest events, as many as the Data API's 1 MiB of an answer surely holds.
    for some in batched(sorted(ids), _MOST_READ, strict=False):
        rows = select(OutboxRow).where(OutboxRow.id.in_(some)).order_by(OutboxRow.id)
        found += (await session.scalars(rows.with_for_update())).all()
    return found


async def oldest_set_aside(session: AsyncSession, *, limit: int) -> Sequence[UUID]:
    """Return the events of at most `limit` rows that were given up, in their order."""
    given_up = select(OutboxRow.id).where(OutboxRow.set_aside_at.is_not(None))
    return (await session.scalars(given_up.order_by(OutboxRow.sequence).limit(limit))).all()


async def release(session: AsyncSession, sequences: Sequence[int]) -> None:
    """Let rows that were given up be published, as if they had never been tried."""
    released = (
        update(OutboxRow)
        .where(OutboxRow.sequence.in_(sequences))
        .values(set_aside_at=None, attempts=0, due_at=func.now(), error=None)
    )
    await session.execute(released.execution_options(synchronize_session=False))


def _still_claimed(row: OutboxRow) -> Any:
    # `attempts` names the claim: a relay whose lease has ended must not undo what the next one did.
    mine = (OutboxRow.sequence == row.sequence, OutboxRow.attempts == row.attempts)
    return update(OutboxRow).where(*mine).execution_options(synchronize_session=False)


def _from_now(duration: timedelta) -> ColumnElement[Any]:
    return func.now() + literal(duration)
