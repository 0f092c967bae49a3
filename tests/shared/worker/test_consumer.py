"""An event has its effect once, however often, how late or beside whom it is delivered."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters.database.sessions import unit_of_work
from shared.adapters.inbox import inbox
from shared.adapters.inbox.models import HandledMessage
from shared.adapters.jobs.models import JobLease
from shared.adapters.outbox import outbox
from shared.adapters.outbox.models import OutboxRow
from shared.core.events import Envelope, Event, UnreadableEventError
from shared.worker.consumer import consume, event_handler
from tests.web_fixtures import Log

pytestmark = pytest.mark.anyio


class Lit(Event):
    type: ClassVar[str] = "lanterns.lit"

    lantern: str

    @property
    def aggregate(self) -> str:
        return f"lantern:{self.lantern}"


def sent(lantern: str, *, id_: UUID | None = None, version: int = 1) -> str:
    envelope = Envelope(
        id=id_ or uuid4(),
        type=Lit.type,
        version=version,
        aggregate=f"lantern:{lantern}",
        sequence=1,
        occurred_at=datetime.now(UTC),
        correlation_id="request-1",
        data={"lantern": lantern},
    )
    return json.dumps({"detail": envelope.model_dump(mode="json")})


async def effect(session: AsyncSession, event: Lit) -> None:
    """Leave a row that could be left twice, and an event."""
    job = f"{event.lantern}/{uuid4()}"
    moment = datetime.now(UTC)
    session.add(JobLease(job=job, holder=uuid4(), scheduled_at=moment, until=moment))
    outbox.add(session, event)


async def effects() -> list[str]:
    async with unit_of_work() as session:
        jobs = await session.scalars(select(JobLease.job))
        return sorted(job.partition("/")[0] for job in jobs)


async def handle(body: str, does: Callable[[AsyncSession, Any], Awaitable[None]] = effect) -> None:
    await consume(body, consumer="lanterns", handlers={Lit: does})


class TestConsume:
    async def test_an_event_that_comes_twice_is_handled_once(
        self, migrated_database_url: str
    ) -> None:
        body = sent("one")
        await handle(body)
        await handle(body)
        assert await effects() == ["one"]

    async def test_deliveries_at_once_have_one_effect(self, migrated_database_url: str) -> None:
        body = sent("one")
        await asyncio.gather(*(handle(body) for _ in range(8)))
        assert await effects() == ["one"]

    async def test_events_twice_and_out_of_order_have_each_one_effect(
        self, migrated_database_url: str
    ) -> None:
        bodies = [sent(str(n)) for n in range(10)]
        for body in (*reversed(bodies), *bodies):
            await handle(body)
        assert await effects() == [str(n) for n in range(10)]

    async def test_two_consumers_each_handle_it(self, migrated_database_url: str) -> None:
        body = sent("one")
        for consumer in ("lanterns", "keepers"):
            await consume(body, consumer=consumer, handlers={Lit: effect})
        assert await effects() == ["one", "one"]

    async def test_one_that_failed_has_left_nothing_and_is_handled_when_it_comes_again(
        self, migrated_database_url: str
    ) -> None:
        async def fail(session: AsyncSession, event: Lit) -> None:
            await effect(session, event)
            await session.flush()
            raise LookupError

        body = sent("one")
        with pytest.raises(LookupError):
            await handle(body, fail)
        assert await effects() == []
        await handle(body)
        assert await effects() == ["one"]

    async def test_of_two_at_once_the_second_takes_over_where_the_first_failed(
        self, migrated_database_url: str
    ) -> None:
        reached, go = asyncio.Event(), asyncio.Event()

        async def fail(session: AsyncSession, event: Lit) -> None:
            reached.set()
            await go.wait()
            raise LookupError

        body = sent("one")
        first = asyncio.create_task(handle(body, fail))
        await reached.wait()
        second = asyncio.create_task(handle(body))
        go.set()
        with pytest.raises(LookupError):
            await first
        await second
        assert await effects() == ["one"]

    async def test_what_it_adds_names_it_as_the_cause(self, migrated_database_url: str) -> None:
        id_ = uuid4()
        await handle(sent("one", id_=id_))
        async with unit_of_work() as session:
            row = (await session.scalars(select(OutboxRow))).one()
        assert (row.causation_id, row.correlation_id) == (str(id_), "request-1")

    async def test_an_unknown_version_touches_nothing(self, migrated_database_url: str) -> None:
        with pytest.raises(UnreadableEventError):
            await handle(sent("one", version=2))
        async with unit_of_work() as session:
            assert (await session.scalars(select(HandledMessage))).all() == []


class Context:
    def get_remaining_time_in_millis(self) -> int:
        return 30_000


def batch(*bodies: str) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": f"message-{place}",
                "receiptHandle": f"receipt-{place}",
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "md5OfBody": "",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:switchyard-local-lanterns",
                "awsRegion": "eu-west-1",
            }
            for place, body in enumerate(bodies)
        ]
    }


class TestBatch:
    """In a thread: the handler runs a loop of its own, as in Lambda."""

    async def test_only_the_messages_that_failed_come_again(
        self, migrated_database_url: str, log: Log
    ) -> None:
        handler = event_handler(consumer="lanterns", handlers={Lit: effect})
        event = batch(sent("one"), sent("two", version=9), "no json", sent("three"))
        answer = await asyncio.to_thread(handler, event, Context())
        failed = [each["itemIdentifier"] for each in answer["batchItemFailures"]]
        assert sorted(failed) == ["message-1", "message-2"]
        assert await effects() == ["one", "three"]
        told = [line for line in log() if line["message"] == "message failed"]
        assert {line["queue"] for line in told} == {"switchyard-local-lanterns"}

    async def test_a_batch_that_fails_as_a_whole_is_told_message_by_message(
        self, migrated_database_url: str, log: Log
    ) -> None:
        handler = event_handler(consumer="lanterns", handlers={Lit: effect})
        answer = await asyncio.to_thread(handler, batch("{}", "{}"), Context())
        assert len(answer["batchItemFailures"]) == 2

    async def test_a_database_that_is_away_loses_nothing(
        self, migrated_database_url: str, monkeypatch: pytest.MonkeyPatch, log: Log
    ) -> None:
        async def away(*_: object, **__: object) -> bool:
            raise ConnectionError("the database is away")

        handler = event_handler(consumer="lanterns", handlers={Lit: effect})
        event = batch(sent("one"), sent("two"))
        with monkeypatch.context() as patched:
            patched.setattr(inbox, "record", away)
            answer = await asyncio.to_thread(handler, event, Context())
        assert len(answer["batchItemFailures"]) == 2
        assert await effects() == []
        answer = await asyncio.to_thread(handler, event, Context())
        assert answer["batchItemFailures"] == []
        assert await effects() == ["one", "two"]
