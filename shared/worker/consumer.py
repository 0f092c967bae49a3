"""A consumer of events: each event has its effect once, however often it is delivered."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from shared.adapters.logging import logger
from shared.core.correlation import correlated
from shared.core.events import Envelope, Event, event_of
from shared.worker.batch import Message, QueueHandler, queue_handler

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

type EventHandler = Callable[["AsyncSession", Any], Awaitable[None]]
"""What is done for an event: in the session's transaction, which also records that it was done."""


def event_handler(*, consumer: str, handlers: Mapping[type[Event], EventHandler]) -> QueueHandler:
    """Return the function that Lambda calls with events of the bus, as a rule queued them.

    `consumer` names what the inbox records, and must stay when a function is renamed. An event of a
    type or version that `handlers` does not name fails, and so becomes a dead letter.
    """

    async def handle(message: Message) -> None:
        await consume(message.body, consumer=consumer, handlers=handlers)

    return queue_handler(handle)


async def consume(
    body: str, *, consumer: str, handlers: Mapping[type[Event], EventHandler]
) -> None:
    """Handle the event of one message, unless it was handled before.

    Raises UnreadableEventError, and what its handler raises: then nothing is done.
    """
    from shared.adapters.database.sessions import unit_of_work
    from shared.adapters.inbox import inbox

    envelope = Envelope.read(body)
    event = event_of(envelope, known=handlers)
    with correlated(envelope.correlation()):
        async with unit_of_work() as session:
            if await inbox.record(session, consumer=consumer, message_id=envelope.id):
                await handlers[type(event)](session, event)
                return
        logger().info("event handled before", extra={"event_id": str(envelope.id)})
