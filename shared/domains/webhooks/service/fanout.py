"""Making deliveries: one of each event for every endpoint that wants it.

No inbox remembers which events were handled: the journal does, in the transaction of the deliveries.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from shared.adapters.database.sessions import autocommit
from shared.adapters.outbox import journal
from shared.core.clock import now
from shared.domains.webhooks.repository import fanout as repository
from shared.domains.webhooks.service.nudging import nudge

PATIENCE = timedelta(seconds=30)
"""How long the bus has to bring an event before a sweep does without it."""

SWEPT = 100
"""Aggregates of one step of a sweep."""


@dataclass(kw_only=True)
class FannedOut:
    """What was made of what."""

    events: int = 0
    deliveries: int = 0


async def fan_out(event_id: UUID) -> FannedOut:
    """Make the deliveries of an event, and first those of earlier ones of its aggregate that wait.

    It can be done again, and for an event that is no public one: then there is nothing to do.
    Raises ServiceUnavailableError where the database does not answer.
    """
    async with autocommit() as session:
        events, deliveries = await repository.fan_out(session, event_id, at=now())
    if deliveries:
        await nudge()
    return FannedOut(events=events, deliveries=deliveries)


async def sweep(*, has_time: Callable[[], bool]) -> FannedOut:
    """Make the deliveries of events that the bus did not bring, as long as `has_time` says so."""
    done = FannedOut()
    while has_time():
        async with autocommit() as session:
            left = await journal.newest_waiting(session, before=now() - PATIENCE, limit=SWEPT)
        for event_id in left:
            made = await fan_out(event_id)
            done.events += made.events
            done.deliveries += made.deliveries
        if len(left) < SWEPT:
            break
    return done
