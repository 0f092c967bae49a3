"""The poller of a queue, between a queue and functions of the test's own."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest

from infra_cdk.local.aws.client import RefusedError
from infra_cdk.local.event_sources import poller
from infra_cdk.local.event_sources.mapping import EventSource
from infra_cdk.local.event_sources.poller import Poller
from infra_cdk.local.event_sources.queue import Message
from infra_cdk.local.lambda_service.outcome import Outcome, failure
from shared.manifest.triggers import Delivery

pytestmark = pytest.mark.anyio

type Invoke = Callable[[str, bytes], Awaitable[Outcome]]


@dataclass
class FakeQueue:
    """A queue whose messages are hidden for good once they were received."""

    waiting: list[Message] = field(default_factory=list)
    asked: list[tuple[int, int]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    receive_error: Exception | None = None
    delete_error: Exception | None = None
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, *bodies: str) -> None:
        for body in bodies:
            message = {"MessageId": body, "ReceiptHandle": body, "MD5OfBody": "", "Body": body}
            self.waiting.append(message)
        self.arrived.set()

    async def receive(self, *, most: int, wait_s: int) -> Sequence[Message]:
        self.asked.append((most, wait_s))
        if error := self.receive_error:
            self.receive_error = None
            raise error
        while not self.waiting:
            self.arrived.clear()
            await self.arrived.wait()
        taken, self.waiting = self.waiting[:most], self.waiting[most:]
        return taken

    async def delete(self, messages: Sequence[Message]) -> None:
        if error := self.delete_error:
            self.delete_error = None
            raise error
        self.deleted += [each["MessageId"] for each in messages]


@dataclass
class SlowQueue(FakeQueue):
    """A queue that gives ten messages at a time, and takes 12 s to do so."""

    now: float = 0.0

    async def receive(self, *, most: int, wait_s: int) -> Sequence[Message]:
        await super().receive(most=0, wait_s=wait_s)
        self.asked[-1] = (most, wait_s)
        self.now += 12
        taken, self.waiting = self.waiting[:10], self.waiting[10:]
        return taken


@dataclass
class Function:
    """Notes what it is given; waits, where it is told to, for leave to end."""

    answer: Outcome = field(default_factory=lambda: Outcome(payload=b"null"))
    held: bool = False
    given: list[list[str]] = field(default_factory=list)
    running: int = 0
    most_running: int = 0
    leave: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    async def __call__(self, name: str, event: bytes) -> Outcome:
        assert name == "worker"
        self.given.append([record["body"] for record in json.loads(event)["Records"]])
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        try:
            if self.held:
                await self.leave.acquire()
            return self.answer
        finally:
            self.running -= 1


@asynccontextmanager
async def polling(
    queue: FakeQueue, invoke: Invoke, *, delivery: Delivery | None = None, most_bytes: int = 10**6
) -> AsyncIterator[asyncio.Task[None]]:
    source = EventSource(queue="work", function="worker", delivery=delivery or Delivery())
    made = Poller(source, queue=queue, invoke=invoke, most_bytes=most_bytes)
    task = asyncio.create_task(made.run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110  # every step of the loop may make it hold
            await asyncio.sleep(0)


async def settle() -> None:
    """Let everything that can go on do so."""
    for _ in range(50):
        await asyncio.sleep(0)


def failing(*ids: str) -> Outcome:
    failures = [{"itemIdentifier": each} for each in ids]
    return Outcome(payload=json.dumps({"batchItemFailures": failures}).encode())


class TestDelivery:
    async def test_a_batch_is_given_whole_and_deleted(self) -> None:
        queue, function = FakeQueue(), Function()
        queue.put("a", "b", "c")
        async with polling(queue, function):
            await until(lambda: queue.deleted == ["a", "b", "c"])
        assert function.given == [["a", "b", "c"]]

    async def test_a_batch_has_no_more_messages_than_the_spec_says(self) -> None:
        queue, function = FakeQueue(), Function()
        queue.put(*"abcde")
        async with polling(queue, function, delivery=Delivery(batch=2)):
            await until(lambda: len(queue.deleted) == 5)
        assert function.given == [["a", "b"], ["c", "d"], ["e"]]

    async def test_it_waits_for_messages_as_long_as_sqs_lets_it(self) -> None:
        queue = FakeQueue()
        async with polling(queue, Function()):
            await settle()
            assert queue.asked == [(10, 20)]

    async def test_what_is_too_large_for_one_event_comes_in_several(self) -> None:
        queue, function = FakeQueue(), Function()
        queue.put("a" * 600, "b" * 600)
        async with polling(queue, function, most_bytes=1000):
            await until(lambda: len(queue.deleted) == 2)
        assert [len(each) for each in function.given] == [1, 1]


class TestFailures:
    async def test_only_what_failed_stays(self, caplog: pytest.LogCaptureFixture) -> None:
        queue, function = FakeQueue(), Function(answer=failing("b"))
        queue.put("a", "b", "c")
        async with polling(queue, function):
            await until(lambda: queue.deleted == ["a", "c"])
            await settle()
        assert "worker did not handle 1 of 3 messages of the queue work" in caplog.text

    @pytest.mark.parametrize("answer", [failure("ValueError", "no"), failing("unknown")])
    async def test_a_batch_that_fails_as_a_whole_stays_whole(self, answer: Outcome) -> None:
        queue, function = FakeQueue(), Function(answer=answer)
        queue.put("a", "b")
        async with polling(queue, function):
            await until(lambda: bool(function.given))
            await settle()
        assert queue.deleted == []

    async def test_a_failure_stops_no_later_batch(self) -> None:
        queue, function = FakeQueue(), Function(answer=failure("ValueError", "no"))
        async with polling(queue, function, delivery=Delivery(concurrency=2)):
            for body in "abcdef":
                queue.put(body)
                await until(lambda body=body: [body] in function.given)  # type: ignore[misc]
            function.answer = Outcome(payload=b"null")
            queue.put("g")
            await until(lambda: queue.deleted == ["g"])

    @pytest.mark.parametrize("error", [RefusedError("busy"), OSError])
    async def test_a_queue_that_cannot_be_polled_is_polled_again(
        self, error: Exception, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from aiohttp import ClientConnectionError

        monkeypatch.setattr(poller, "_AFTER_ERROR_S", 0)
        raised = error if isinstance(error, RefusedError) else ClientConnectionError("gone")
        queue, function = FakeQueue(receive_error=raised), Function()
        queue.put("a")
        async with polling(queue, function):
            await until(lambda: queue.deleted == ["a"])
        assert "the queue work cannot be polled" in caplog.text

    async def test_a_deletion_that_fails_is_told_and_the_next_batch_comes(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        queue, function = FakeQueue(delete_error=RefusedError("busy")), Function()
        queue.put("a")
        async with polling(queue, function):
            await until(lambda: bool(caplog.text))
            queue.put("b")
            await until(lambda: queue.deleted == ["b"])
        assert "messages of work were not deleted: busy" in caplog.text


class TestConcurrency:
    async def test_no_more_invocations_run_at_once_than_the_spec_says(self) -> None:
        queue, function = FakeQueue(), Function(held=True)
        queue.put(*"abcdefgh")
        async with polling(queue, function, delivery=Delivery(batch=1, concurrency=2)):
            await until(lambda: function.running == 2)
            await settle()
            # The others stay in the queue, where their time does not run.
            assert [each["Body"] for each in queue.waiting] == list("cdefgh")
            for _ in range(8):
                function.leave.release()
            await until(lambda: len(queue.deleted) == 8)
        assert function.most_running == 2

    async def test_without_a_word_of_the_spec_five_run_at_once(self) -> None:
        queue, function = FakeQueue(), Function(held=True)
        queue.put(*"abcdefgh")
        async with polling(queue, function, delivery=Delivery(batch=1)):
            await until(lambda: function.running == 5)
            await settle()
        assert function.most_running == 5

    async def test_a_slow_batch_does_not_hold_up_the_next(self) -> None:
        queue, function = FakeQueue(), Function(held=True)
        async with polling(queue, function):
            queue.put("a")
            await until(lambda: function.running == 1)
            queue.put("b")
            await until(lambda: function.running == 2)


class TestWindow:
    async def test_messages_are_collected_until_the_window_closes(self) -> None:
        queue, function = SlowQueue(), Function()
        queue.put(*(str(number) for number in range(60)))
        delivery = Delivery(batch=100, window_s=30)
        source = EventSource(queue="work", function="worker", delivery=delivery)
        made = Poller(source, queue=queue, invoke=function, clock=lambda: queue.now)
        task = asyncio.create_task(made.run())
        await until(lambda: bool(function.given))
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        # After the first ten, at 12 s, the window is open until 42 s: three more requests begin.
        assert len(function.given[0]) == 40
        assert queue.asked[:4] == [(100, 20), (90, 30), (80, 18), (70, 6)]

    async def test_a_full_batch_waits_for_no_window(self) -> None:
        queue, function = FakeQueue(), Function()
        queue.put(*"abcd")
        async with polling(queue, function, delivery=Delivery(batch=2, window_s=300)):
            await until(lambda: len(queue.deleted) == 4)
        assert function.given == [["a", "b"], ["c", "d"]]


class TestStop:
    async def test_it_ends_at_once_whatever_it_waits_for(self) -> None:
        for held in (True, False):
            queue, function = FakeQueue(), Function(held=held)
            queue.put("a")
            async with polling(queue, function) as task:
                await until(lambda function=function: bool(function.given))  # type: ignore[misc]
                task.cancel()
                async with asyncio.timeout(1):
                    with pytest.raises(asyncio.CancelledError):
                        await task
            assert function.running == 0

    async def test_a_fault_of_its_own_is_not_hidden(self) -> None:
        queue = FakeQueue(receive_error=ZeroDivisionError())
        source = EventSource(queue="work", function="worker", delivery=Delivery())
        with pytest.raises(ExceptionGroup) as raised:
            await Poller(source, queue=queue, invoke=Function()).run()
        assert raised.group_contains(ZeroDivisionError)
