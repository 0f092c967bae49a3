"""Works on tasks: each message is a task that shall begin or go on."""

import math

from functions.queues.tasks.registry import KINDS
from functions.queues.tasks.runner import PostponedError, Turn, work_on
from shared.adapters.logging import logger
from shared.core.correlation import correlated
from shared.core.events import Envelope, event_of
from shared.core.retry import RetryPolicy
from shared.domains.tasks.events import TaskContinued, TaskQueued
from shared.worker.batch import Message, queue_handler

RESERVE_S = 10.0
"""What the end of an invocation needs beside a step, in seconds: to commit, and to leave cleanly."""

UNFORESEEN = RetryPolicy(first_s=5, longest_s=300)
"""When a message comes again that failed before its task was known, by how often it was received."""


async def handle(message: Message) -> None:
    """Work on the task of a message. What it raises has the message come again."""
    try:
        await _work_on_task_of(message)
    except PostponedError as error:
        await _hide(message, seconds=math.ceil(error.wait_s))
        raise
    except Exception:
        await _hide(message, seconds=math.ceil(UNFORESEEN.wait_s(message.receives)))
        raise


async def _work_on_task_of(message: Message) -> None:
    envelope = Envelope.read(message.body)
    event = event_of(envelope, known=(TaskQueued, TaskContinued))
    turn = Turn(
        message_id=envelope.id,
        leaves=lambda seconds: message.deadline.leaves(seconds + RESERVE_S),
    )
    with correlated(envelope.correlation()):
        await work_on(event.task_id, turn=turn, kinds=KINDS)


async def _hide(message: Message, *, seconds: int) -> None:
    from shared.adapters import queues

    try:
        await queues.hide(message.queue, receipt=message.receipt, seconds=seconds)
    except Exception:  # noqa: BLE001  # whatever it is, the message fails for what came before
        # It comes again all the same, when its queue's own time is over.
        logger().exception("a message could not be postponed")


handler = queue_handler(handle)
