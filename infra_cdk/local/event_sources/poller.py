"""What polls a queue and invokes its function: Lambda's event source mapping, on this machine.

Source: AWS, "Using Lambda with Amazon SQS", and "Configuring scaling behavior for SQS event source
mappings", of which the ramp is left out: the first five invocations at once stay the most, unless
the spec says otherwise.
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from aiohttp import ClientError

from infra_cdk.local.aws.client import RefusedError
from infra_cdk.local.event_sources.event import batches_of, handled
from infra_cdk.local.event_sources.mapping import EventSource
from infra_cdk.local.event_sources.queue import LONGEST_POLL_S, Message
from infra_cdk.local.lambda_service.outcome import Outcome
from shared.manifest.limits import LAMBDA_PAYLOAD_BYTES

_logger = logging.getLogger(__name__)

CONCURRENCY = 5
"""How many invocations run at once where the spec does not say."""

_AFTER_ERROR_S = 1.0


class Queued(Protocol):
    """The queue, as far as a poller knows it."""

    async def receive(self, *, most: int, wait_s: int) -> Sequence[Message]:
        """Return messages, as soon as there are any or the time is over."""

    async def delete(self, messages: Sequence[Message]) -> None:
        """Delete messages for good."""


class Poller:
    """The poller of one queue. `invoke` runs a function, by name, on an event.

    `clock` gives seconds, by which the batching window is measured.
    """

    def __init__(
        self,
        source: EventSource,
        *,
        queue: Queued,
        invoke: Callable[[str, bytes], Awaitable[Outcome]],
        most_bytes: int = LAMBDA_PAYLOAD_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._queue = queue
        self._invoke = invoke
        self._most_bytes = most_bytes
        self._clock = clock
        self._room = asyncio.Semaphore(source.delivery.concurrency or CONCURRENCY)

    async def run(self) -> None:
        """Poll until cancelled; then no invocation is waited for any longer."""
        async with asyncio.TaskGroup() as running:
            while True:
                async with self._room:  # nothing is received that nobody could be given
                    messages = await self._collect()
                for some, event in batches_of(
                    messages, source=self._source, most_bytes=self._most_bytes
                ):
                    await self._room.acquire()
                    running.create_task(self._give(some, event=event))

    async def _collect(self) -> Sequence[Message]:
        try:
            return await self._receive()
        except (ClientError, RefusedError) as error:
            _logger.warning("the queue %s cannot be polled: %s", self._source.queue, error)
            await asyncio.sleep(_AFTER_ERROR_S)
            return []

    async def _receive(self) -> Sequence[Message]:
        """Wait for a message, and then for more of them while the batching window is open."""
        delivery, now = self._source.delivery, self._clock
        messages = list(await self._queue.receive(most=delivery.batch, wait_s=LONGEST_POLL_S))
        closes = now() + delivery.window_s
        while messages and len(messages) < delivery.batch and (left_s := closes - now()) > 0:
            missing = delivery.batch - len(messages)
            messages += await self._queue.receive(most=missing, wait_s=math.ceil(left_s))
        return messages

    async def _give(self, messages: Sequence[Message], *, event: bytes) -> None:
        try:
            outcome = await self._invoke(self._source.function, event)
            done = handled(messages, outcome=outcome)
            await self._queue.delete(done)
        except (ClientError, RefusedError) as error:
            _logger.warning("messages of %s were not deleted: %s", self._source.queue, error)
        else:
            self._tell(failed=len(messages) - len(done), of=len(messages))
        finally:
            self._room.release()

    def _tell(self, *, failed: int, of: int) -> None:
        if failed:
            again_s = self._source.delivery.visibility_s
            queue, function = self._source.queue, self._source.function
            _logger.warning(
                "%s did not handle %d of %d messages of the queue %s: again in %d s at most",
                function, failed, of, queue, again_s,
            )  # fmt: skip
