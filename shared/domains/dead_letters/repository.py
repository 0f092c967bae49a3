"""Where dead letters are kept."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from itertools import batched
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select, true, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters.database.pagination import descending, paginate
from shared.core.pagination import Page
from shared.core.schema import Paging
from shared.domains.dead_letters.models import DeadLetter
from shared.domains.dead_letters.schemas import DeadLetterFilter, DeadLetterState

_PIECE = 12_000
"""Characters that are read as one row: at most 48 KB in UTF-8, and the Data API's row has 64."""

_PIECES = 12
"""Rows of one statement: the Data API's answer has 1 MiB."""

_WAITS = DeadLetter.state == DeadLetterState.DEAD


async def keep(session: AsyncSession, **values: Any) -> bool:
    """Write a dead letter in one statement, unless it is kept already; tell whether it was not."""
    kept = insert(DeadLetter).values(**values).on_conflict_do_nothing().returning(DeadLetter.id)
    return (await session.execute(kept)).first() is not None


async def count_waiting(session: AsyncSession) -> dict[str, tuple[int, datetime]]:
    """Count the dead letters that wait, by queue, and tell since when the oldest does."""
    counted = (
        select(DeadLetter.queue, func.count(), func.min(DeadLetter.created_at))
        .where(_WAITS)
        .group_by(DeadLetter.queue)
    )
    rows = await session.execute(counted)
    return {queue: (waiting, oldest) for queue, waiting, oldest in rows}


async def count_waiting_of(session: AsyncSession, queue: str) -> int:
    """Count a queue's dead letters that wait."""
    counted = select(func.count()).select_from(DeadLetter).where(DeadLetter.queue == queue, _WAITS)
    return (await session.execute(counted)).scalar_one()


async def has_any(session: AsyncSession, queue: str) -> bool:
    """Tell whether a queue ever had a dead letter."""
    found = select(DeadLetter.id).where(DeadLetter.queue == queue).limit(1)
    return (await session.execute(found)).first() is not None


async def list_letters(
    session: AsyncSession, *, queue: str, which: DeadLetterFilter, paging: Paging
) -> Page[DeadLetter]:
    """Return a page of a queue's dead letters, newest first. Raises ValidationFailedError."""
    conditions: list[ColumnElement[bool]] = [DeadLetter.queue == queue]
    if which.state:
        conditions.append(DeadLetter.state == which.state)
    return await paginate(
        session,
        select(DeadLetter).where(*conditions),
        order=[descending(DeadLetter.created_at), descending(DeadLetter.id)],
        cursor=paging.cursor,
        limit=paging.limit,
        filters={**which.model_dump(), "queue": queue},
    )


async def find(session: AsyncSession, *, queue: str, letter_id: UUID) -> DeadLetter | None:
    """Return a queue's dead letter, or None."""
    found = select(DeadLetter).where(DeadLetter.id == letter_id, DeadLetter.queue == queue)
    return await session.scalar(found)


async def find_for_decision(
    session: AsyncSession, *, queue: str, ids: Collection[UUID]
) -> Sequence[DeadLetter]:
    """Return some of a queue's dead letters that nothing else changes until this transaction ends."""
    found = (
        select(DeadLetter)
        .where(DeadLetter.id.in_(ids), DeadLetter.queue == queue)
        .order_by(DeadLetter.id)
        .with_for_update()
    )
    return (await session.scalars(found)).all()


async def find_waiting_for_decision(
    session: AsyncSession, *, queue: str, limit: int
) -> Sequence[DeadLetter]:
    """Return a queue's oldest dead letters that wait; none that another transaction decides about."""
    found = (
        select(DeadLetter)
        .where(DeadLetter.queue == queue, _WAITS)
        .order_by(DeadLetter.created_at, DeadLetter.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return (await session.scalars(found)).all()


async def read_texts(session: AsyncSession, letters: Iterable[DeadLetter]) -> dict[UUID, str]:
    """Return the attributes of each letter, as JSON, and its body right behind them."""
    pieces = [
        (letter.id, start)
        for letter in letters
        for start in range(1, letter.characters + 1, _PIECE)
    ]
    texts: dict[UUID, str] = {}
    for some in batched(pieces, _PIECES, strict=False):
        read = {(id_, start): text for id_, start, text in await _read(session, some)}
        for piece in some:
            texts[piece[0]] = texts.get(piece[0], "") + read[piece]
    return texts


async def _read(session: AsyncSession, pieces: Collection[tuple[UUID, int]]) -> Sequence[Any]:
    whole = DeadLetter.attributes.concat(DeadLetter.body)
    series = func.generate_series(1, func.char_length(whole), _PIECE)
    starts = series.table_valued("start").render_derived()
    start: ColumnElement[int] = starts.c.start
    read = (
        select(DeadLetter.id, start, func.substr(whole, start, _PIECE))
        .select_from(DeadLetter)
        .join(starts, true())
        .where(tuple_(DeadLetter.id, start).in_(pieces))
    )
    return (await session.execute(read)).all()


async def decide(
    session: AsyncSession,
    ids: Collection[UUID],
    *,
    state: DeadLetterState,
    at: datetime,
    by: UUID,
    reason: str | None = None,
) -> None:
    """Write down what was decided about dead letters."""
    decided = (
        update(DeadLetter)
        .where(DeadLetter.id.in_(ids))
        .values(state=state, decided_at=at, decided_by=by, reason=reason)
    )
    await session.execute(decided.execution_options(synchronize_session=False))


async def forget_decided(session: AsyncSession, *, before: datetime, limit: int) -> int:
    """Remove at most `limit` dead letters that were decided about before a moment; return how many."""
    old = select(DeadLetter.id).where(DeadLetter.decided_at < before).limit(limit)
    removed = delete(DeadLetter).where(DeadLetter.id.in_(old)).returning(DeadLetter.id)
    result = await session.execute(removed.execution_options(synchronize_session=False))
    return len(result.all())
