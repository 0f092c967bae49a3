"""Keeps each message of a queue of dead letters as a row: whatever it is, it must not be lost here."""

from datetime import UTC, datetime

from shared.adapters.metrics import Metric, count
from shared.config.messaging import queue_name_settings
from shared.core.clock import now
from shared.domains.dead_letters import api as dead_letters
from shared.domains.dead_letters.schemas import DeadMessage
from shared.worker.batch import Message, queue_handler

SUFFIX = "-dead"
"""What stands behind a queue's name in that of its queue of dead letters."""


async def keep(message: Message) -> None:
    """Keep one message, once. Raises what the database raises: the message then comes again."""
    from shared.adapters.database.sessions import autocommit

    prefix = queue_name_settings().queue_prefix
    dead = DeadMessage(
        queue=message.queue.removeprefix(prefix).removesuffix(SUFFIX),
        message_id=message.id,
        body=message.body,
        attributes=message.attributes,
        message_attributes=message.message_attributes,
        sent_at=_sent_at(message),
        receives=message.receives,
    )
    # One statement, which is its own transaction.
    async with autocommit() as session:
        is_new = await dead_letters.keep(session, dead)
    if is_new:
        count(Metric.DEAD_LETTERS, queue=dead.queue)


def _sent_at(message: Message) -> datetime:
    sent_ms = message.attributes.get("SentTimestamp")
    return datetime.fromtimestamp(int(sent_ms) / 1000, UTC) if sent_ms else now()


handler = queue_handler(keep)
