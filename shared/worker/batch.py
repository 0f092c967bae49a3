"""A batch of a queue: each message succeeds or fails by itself (partial batch responses)."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.utilities.batch import (
    AsyncBatchProcessor,
    EventType,
    async_process_partial_response,
)

from shared.adapters.logging import logger
from shared.worker.deadline import Deadline, LambdaContext
from shared.worker.loop import event_loop

type QueueHandler = Callable[[dict[str, Any], Any], dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Message:
    """A message of a queue, as Lambda got it.

    `id` is SQS's own and differs when the same event is delivered again; `receives` counts its
    deliveries, this one included; `queue` is the queue's full name. `attributes` are SQS's own,
    `message_attributes` the sender's.
    """

    id: str
    body: str
    receives: int
    receipt: str
    queue: str
    attributes: Mapping[str, str]
    message_attributes: Mapping[str, Any]
    deadline: Deadline


def queue_handler(handle: Callable[[Message], Awaitable[None]]) -> QueueHandler:
    """Return the function that Lambda calls with a batch of messages.

    What `handle` raises fails its message alone: it comes again, and after the queue's `max_receives`
    it is a dead letter. The messages of a batch are handled at the same time.
    """

    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        import asyncio

        deadline = Deadline.of(context)

        async def handle_record(record: Any) -> None:
            message = message_of(record.raw_event, deadline=deadline)
            try:
                await handle(message)
            except Exception:
                # What it holds is somebody's: the log names it only.
                logger().exception(
                    "message failed", extra={"queue": message.queue, "message_id": message.id}
                )
                raise

        asyncio.set_event_loop(event_loop())
        processor = AsyncBatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
        return dict(async_process_partial_response(event, handle_record, processor))

    return handler


def message_of(record: Mapping[str, Any], *, deadline: Deadline) -> Message:
    """Return a record of Lambda's SQS event. Source: AWS, "Using Lambda with Amazon SQS"."""
    attributes = record.get("attributes", {})
    return Message(
        id=record["messageId"],
        body=record["body"],
        receives=int(attributes.get("ApproximateReceiveCount", 1)),
        receipt=record["receiptHandle"],
        queue=record["eventSourceARN"].rpartition(":")[2],
        attributes=attributes,
        message_attributes=record.get("messageAttributes", {}),
        deadline=deadline,
    )
