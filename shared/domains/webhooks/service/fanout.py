"""Making deliveries: one of each event for every endpoint that wants it.

No inbox remembers which events were handled: the journal does, in the transaction of the deliveries.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import batched
from uuid import UUID

from shared.adapters.database.sessions import autocommit
from shared.adapters.outbox import journal
from shared.core.clock import now
from shared.domains.webhooks.repository import fanout as repository
from shared.domains.webhooks.service.nudging import nudge

PATIENCE = timedelta(seconds=30)
"""How long the bus has to bring an event before a sweep does without it."""

AT_ONCE = 100
"""Events of one statement: each may be wanted by some hundred endpoints."""

SWEPT = 100
"""Aggregates of one step of a sweep."""


@dataclass(kw_only=True)
class FannedOut:
    """What was made of what."""

    events: int = 0
    deliveries: int = 0


async def fan_out(event_ids: Sequence[UUID]) -> FannedOut:
    """Make the deliveries of events, and first those of earlier ones of their aggregates that wait.

    It can be done again, and for events that are no public ones: then there is nothing to do.
    Raises ServiceUnavailableError where the database does not answer.
    """
    done = FannedOut()
    for some in batched(event_ids, AT_ONCE, strict=False):
        async with autocommit() as session:
            events, deliveries = await repository.fan_out(session, some, at=now())
        done.events += events
        done.deliveries += deliveries
    if done.deliveries:
        await nudge()
    return done


async def sweep(*, has_time: Callable[[], bool]) -> FannedOut:
    """Make the deliveries of events that the bus did not bring, as long as `has_time` says so."""
    done = FannedOut()
    while has_time():
        async with autocommit() as session:
            left = await journal.newest_waiting(session, before=now() - PATIENCE, limit=SWEPT)
        made = await fan_out(left)
        done.events += made.events
        done.deliveries += made.deliveries
        if len(left) < SWEPT:
            break
    return done
