"""The relay: from the outbox onto the bus, at least once, in order for each aggregate."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters import event_bus
from shared.adapters.database.sessions import autocommit
from shared.adapters.event_bus import Entry, Refusal
from shared.adapters.logging import logger
from shared.adapters.metrics import Metric, Unit, count
from shared.adapters.outbox import repository
from shared.adapters.outbox.models import OutboxRow
from shared.core.clock import now
from shared.core.events import Envelope
from shared.core.retry import RetryPolicy
from shared.manifest.limits import EVENT_BYTES, PUT_EVENTS_ENTRIES

CLAIM = 20
"""Rows of one claim: with the largest events they stay below the Data API's 1 MiB of an answer."""

LEASE = timedelta(seconds=60)
"""How long a claim holds: longer than a claim's PutEvents calls can take, their time-outs included."""

RETRY = RetryPolicy(first_s=1, longest_s=300, most_attempts=5)
"""For an entry that the bus refuses for what it is. One that it may take later waits likewise, for ever."""


@dataclass(kw_only=True)
class Relayed:
    """What a run did: how many events went onto the bus, wait, or were set aside."""

    published: int = 0
    postponed: int = 0
    set_aside: int = 0
    lag_ms: float = 0
    """How long the published event that waited longest had waited, in milliseconds."""

    def note_published(self, rows: Sequence[OutboxRow]) -> None:
        """Count rows that went onto the bus."""
        oldest = min(row.occurred_at for row in rows)
        self.published += len(rows)
        self.lag_ms = max(self.lag_ms, (now() - oldest).total_seconds() * 1000)


async def relay(*, has_time: Callable[[], bool], retry: RetryPolicy = RETRY) -> Relayed:
    """Publish until nothing is due, or `has_time` says that the time is up.

    Raises ServiceUnavailableError where the database does not answer. A bus that does not answer
    makes the rows wait, and is logged.
    """
    done = Relayed()
    while has_time():
        async with autocommit() as session:
            rows = await repository.claim(session, limit=CLAIM, lease=LEASE)
            if not rows:
                break
            await _settle(session, rows, await _publish(rows), retry=retry, done=done)
    _measure(done)
    return done


async def _settle(
    session: AsyncSession,
    rows: Sequence[OutboxRow],
    refusals: Sequence[Refusal | None],
    *,
    retry: RetryPolicy,
    done: Relayed,
) -> None:
    settled = list(zip(rows, refusals, strict=True))
    if gone := [row for row, refusal in settled if refusal is None]:
        await repository.remove(session, [row.sequence for row in gone])
        done.note_published(gone)
    for row, refusal in settled:
        if refusal is not None:
            await _keep(session, row, refusal=refusal, retry=retry, done=done)


def batches_of(entries: Sequence[Entry]) -> list[range]:
    """Return which entries go together in a request: at most 10, and at most 256 KB.

    An entry that alone is larger has a batch of its own, for the bus to refuse.
    """
    batches: list[range] = []
    start = size = 0
    for place, entry in enumerate(entries):
        full = place - start == PUT_EVENTS_ENTRIES or size + entry.size > EVENT_BYTES
        if full and place > start:
            batches.append(range(start, place))
            start, size = place, 0
        size += entry.size
    return [*batches, range(start, len(entries))] if entries else []


async def _publish(rows: Sequence[OutboxRow]) -> list[Refusal | None]:
    entries = [_entry_of(row) for row in rows]
    batches = [[entries[place] for place in batch] for batch in batches_of(entries)]
    answers = await asyncio.gather(*map(_put, batches))
    return [refusal for answer in answers for refusal in answer]


async def _put(entries: Sequence[Entry]) -> Sequence[Refusal | None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return await event_bus.put_events(entries)
    except (ClientError, BotoCoreError) as error:
        logger().exception("the bus took nothing")
        # Nothing is known against any of them: they wait as long as it takes.
        refusal = Refusal(code=type(error).__name__, message=str(error), passing=True)
        return [refusal] * len(entries)


async def _keep(
    session: AsyncSession, row: OutboxRow, *, refusal: Refusal, retry: RetryPolicy, done: Relayed
) -> None:
    error = f"{refusal.code}: {refusal.message}"
    if not refusal.passing and retry.gives_up(row.attempts):
        await repository.set_aside(session, row, error=error)
        done.set_aside += 1
        logger().error("event set aside", extra={"event_id": str(row.id), "error": error})
        count(Metric.OUTBOX_SET_ASIDE, type=row.type)
        return
    wait = timedelta(seconds=retry.wait_s(row.attempts))
    await repository.postpone(session, row, wait=wait, error=error)
    done.postponed += 1
    logger().warning("event waits", extra={"event_id": str(row.id), "error": error})


def _entry_of(row: OutboxRow) -> Entry:
    envelope = Envelope(
        id=row.id,
        type=row.type,
        version=row.version,
        aggregate=row.aggregate,
        sequence=row.sequence,
        occurred_at=row.occurred_at,
        correlation_id=row.correlation_id,
        causation_id=row.causation_id,
        traceparent=row.traceparent,
        data=row.data,
    )
    return Entry(type=row.type, detail=envelope.model_dump_json(), time=row.occurred_at)


def _measure(done: Relayed) -> None:
    if done.published:
        count(Metric.OUTBOX_PUBLISHED, done.published)
        count(Metric.OUTBOX_LAG, done.lag_ms, unit=Unit.MILLISECONDS)
