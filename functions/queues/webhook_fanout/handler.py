"""Makes the deliveries of public events: as each comes by the bus, and each minute of what was left."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from functions.queues.webhook_fanout.spec import SPEC
from shared.core.correlation import correlated
from shared.core.events import Envelope, PublicEventsAdded, event_of
from shared.worker.batch import Message, queue_handler
from shared.worker.deadline import LambdaContext
from shared.worker.job import Report, Turn, job_handler

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

ENOUGH_S = 20.0
"""What a step may take, in seconds: with less left none is begun."""


async def fan_out(message: Message) -> None:
    """Make the deliveries of one event, or of those that it names, after earlier ones of its aggregate.

    To do it twice does no harm, for the journal says what is done. Raises UnreadableEventError, and
    ServiceUnavailableError where the database does not answer: then it comes again.
    """
    from shared.domains.webhooks import api as webhooks

    envelope = Envelope.read(message.body)
    with correlated(envelope.correlation()):
        await webhooks.fan_out(_public_events_of(envelope))


def _public_events_of(envelope: Envelope) -> "Sequence[UUID]":
    # Of any other type, in whatever version, the journal has the event by the envelope's id.
    if envelope.type != PublicEventsAdded.type:
        return [envelope.id]
    return event_of(envelope, known=(PublicEventsAdded,)).event_ids


async def sweep(turn: Turn) -> Report:
    """Make the deliveries that no event of the bus has led to."""
    from shared.domains.webhooks import api as webhooks

    return asdict(await webhooks.sweep(has_time=lambda: turn.deadline.leaves(ENOUGH_S)))


_swept = job_handler(sweep, name=SPEC.name)
_queued = queue_handler(fan_out)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Handle a batch of events, or the schedule's. Raises where a sweep fails: it runs again."""
    return _queued(event, context) if "Records" in event else _swept(event, context)
