"""The relay publishes every event at least once, in order for each aggregate, whatever the bus does."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest
from botocore.exceptions import EndpointConnectionError
from sqlalchemy import select, text

from shared.adapters import event_bus
from shared.adapters.database.sessions import autocommit, unit_of_work
from shared.adapters.event_bus import Entry, Refusal
from shared.adapters.outbox import outbox, repository
from shared.adapters.outbox.models import OutboxRow
from shared.adapters.outbox.relay import Relayed, batches_of, relay
from shared.core.events import Event
from shared.core.retry import RetryPolicy
from shared.manifest.limits import EVENT_BYTES
from tests.web_fixtures import Log

pytestmark = pytest.mark.anyio

AT_ONCE = RetryPolicy(first_s=0, longest_s=0, most_attempts=3)
PASSING = Refusal(code="ThrottlingException", message="Slow down.", passing=True)
POISON = Refusal(code="MalformedDetail", message="Detail is malformed.", passing=False)


class Counted(Event):
    type: ClassVar[str] = "lanterns.counted"

    lantern: str
    number: int
    note: str = ""

    @property
    def aggregate(self) -> str:
        return f"lantern:{self.lantern}"


@dataclass
class Bus:
    """What the bus took, in order; `answer` says what it makes of an event."""

    answer: Callable[[Counted], Refusal | None] = lambda _: None
    down: bool = False
    taken: list[Counted] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)

    async def put_events(self, entries: Sequence[Entry]) -> list[Refusal | None]:
        await asyncio.sleep(0)
        self.requests.append(len(entries))
        if self.down:
            raise EndpointConnectionError(endpoint_url="https://events.example.com")
        events = [Counted.model_validate(json.loads(each.detail)["data"]) for each in entries]
        answers = [self.answer(event) for event in events]
        taken = zip(events, answers, strict=True)
        self.taken += [event for event, refusal in taken if refusal is None]
        return answers

    def numbers(self) -> dict[str, list[int]]:
        """The numbers of each lantern, in the order in which they came first."""
        found: dict[str, list[int]] = defaultdict(list)
        for event in self.taken:
            if event.number not in found[event.lantern]:
                found[event.lantern].append(event.number)
        return dict(found)


@pytest.fixture
def bus(migrated_database_url: str, monkeypatch: pytest.MonkeyPatch) -> Bus:
    made = Bus()
    monkeypatch.setattr(event_bus, "put_events", made.put_events)
    return made


async def add(*events: Counted) -> None:
    async with unit_of_work() as session:
        for event in events:
            outbox.add(session, event)


async def waiting() -> list[OutboxRow]:
    async with autocommit() as session:
        return list(await session.scalars(select(OutboxRow).order_by(OutboxRow.sequence)))


async def let_leases_end() -> None:
    async with unit_of_work() as session:
        await session.execute(text("UPDATE outbox SET due_at = now()"))


async def run(*, retry: RetryPolicy = AT_ONCE, rounds: int = 1_000) -> Relayed:
    left = iter(range(rounds))
    return await relay(has_time=lambda: next(left, None) is not None, retry=retry)


class TestPublish:
    async def test_everything_goes_onto_the_bus_and_out_of_the_outbox(self, bus: Bus) -> None:
        await add(*(Counted(lantern=str(n % 7), number=n) for n in range(50)))
        done = await run()
        assert done == Relayed(published=50, lag_ms=done.lag_ms)
        assert sorted(event.number for event in bus.taken) == list(range(50))
        assert await waiting() == []

    async def test_an_empty_outbox_asks_nothing_of_the_bus(self, bus: Bus) -> None:
        assert await run() == Relayed()
        assert bus.requests == []

    async def test_an_entry_holds_the_whole_envelope(
        self, bus: Bus, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[Entry] = []

        async def keep(entries: Sequence[Entry]) -> list[Refusal | None]:
            seen.extend(entries)
            return [None for _ in entries]

        monkeypatch.setattr(event_bus, "put_events", keep)
        await add(Counted(lantern="one", number=1))
        (row,) = await waiting()
        await run()
        assert seen[0].type == "lanterns.counted"
        assert json.loads(seen[0].detail) == {
            "id": str(row.id),
            "type": "lanterns.counted",
            "version": 1,
            "aggregate": "lantern:one",
            "sequence": row.sequence,
            "occurred_at": row.occurred_at.isoformat().replace("+00:00", "Z"),
            "correlation_id": None,
            "causation_id": None,
            "traceparent": None,
            "data": {"lantern": "one", "number": 1, "note": ""},
        }

    async def test_it_stops_when_its_time_is_up_and_the_next_one_goes_on(self, bus: Bus) -> None:
        await add(*(Counted(lantern=str(n), number=n) for n in range(50)))
        assert (await run(rounds=1)).published == 20
        assert (await run()).published == 30

    async def test_ten_entries_make_a_request(self, bus: Bus) -> None:
        await add(*(Counted(lantern=str(n), number=n) for n in range(20)))
        await run()
        assert bus.requests == [10, 10]

    async def test_a_claim_of_the_largest_events_is_read_and_split_by_size(self, bus: Bus) -> None:
        note = "x" * (outbox.MOST_DATA_BYTES - 100)
        await add(*(Counted(lantern=str(n), number=n, note=note) for n in range(20)))
        await run()
        assert len(bus.taken) == 20
        assert bus.requests == [6, 6, 6, 2]


class TestOrder:
    async def test_an_aggregate_goes_in_its_order(self, bus: Bus) -> None:
        await add(*(Counted(lantern=str(n % 3), number=n) for n in range(30)))
        await run()
        assert all(numbers == sorted(numbers) for numbers in bus.numbers().values())

    async def test_what_follows_a_refused_event_waits_for_it(self, bus: Bus) -> None:
        refused = iter([PASSING, PASSING])
        bus.answer = lambda event: next(refused, None) if event.number == 1 else None
        await add(*(Counted(lantern="one", number=n) for n in range(4)))
        done = await run()
        assert (done.published, done.postponed) == (4, 2)
        assert bus.numbers() == {"one": [0, 1, 2, 3]}

    async def test_others_do_not_wait_for_it(self, bus: Bus) -> None:
        bus.answer = lambda event: PASSING if event.lantern == "one" else None
        await add(*(Counted(lantern=name, number=n) for n in range(3) for name in ("one", "two")))
        await run(retry=RetryPolicy(first_s=60))
        assert bus.numbers() == {"two": [0, 1, 2]}
        assert [row.data["number"] for row in await waiting()] == [0, 1, 2]

    async def test_two_relays_at_once_publish_each_event_once_and_in_order(self, bus: Bus) -> None:
        await add(*(Counted(lantern=str(n % 5), number=n) for n in range(60)))
        done = list(await asyncio.gather(run(), run(), run()))
        # One that finds everything claimed ends: what the others hold is theirs.
        while await waiting():
            done.append(await run())
        assert sum(each.published for each in done) == 60
        assert len(bus.taken) == 60
        assert all(numbers == sorted(numbers) for numbers in bus.numbers().values())


class TestFailures:
    async def test_the_bus_refuses_some_of_a_request(self, bus: Bus) -> None:
        bus.answer = lambda event: PASSING if event.number % 2 else None
        await add(*(Counted(lantern=str(n), number=n) for n in range(10)))
        done = await run(retry=RetryPolicy(first_s=60))
        assert (done.published, done.postponed) == (5, 5)
        assert [row.data["number"] for row in await waiting()] == [1, 3, 5, 7, 9]
        assert {row.error for row in await waiting()} == {"ThrottlingException: Slow down."}

    async def test_the_wait_grows_with_each_refusal(self, bus: Bus) -> None:
        bus.answer = lambda _: PASSING
        await add(Counted(lantern="one", number=1))
        steady = RetryPolicy(first_s=10, longest_s=25, jitter=0)
        waits = []
        for _ in range(4):
            await run(retry=steady)
            (row,) = await waiting()
            waits.append((row.due_at - datetime.now(UTC)) / timedelta(seconds=1))
            await let_leases_end()
        assert [round(wait / 5) * 5 for wait in waits] == [10, 20, 25, 25]

    async def test_a_poison_event_is_set_aside_told_and_no_obstacle(
        self, bus: Bus, log: Log, capsys: pytest.CaptureFixture[str]
    ) -> None:
        bus.answer = lambda event: POISON if event.number == 1 else None
        await add(*(Counted(lantern="one", number=n) for n in range(3)))
        done = await run()
        assert (done.published, done.postponed, done.set_aside) == (2, 2, 1)
        assert bus.numbers() == {"one": [0, 2]}
        (row,) = await waiting()
        assert row.set_aside_at is not None
        assert (row.attempts, row.error) == (3, "MalformedDetail: Detail is malformed.")
        assert [line["message"] for line in log() if line["level"] == "ERROR"] == [
            "event set aside"
        ]
        told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [each["OutboxSetAside"] for each in told if "OutboxSetAside" in each] == [[1.0]]

    async def test_a_bus_that_is_away_sets_nothing_aside_however_long(self, bus: Bus) -> None:
        bus.down = True
        await add(*(Counted(lantern="one", number=n) for n in range(3)))
        done = await run(rounds=20)
        assert (done.published, done.set_aside) == (0, 0)
        bus.down = False
        await run()
        assert bus.numbers() == {"one": [0, 1, 2]}

    async def test_a_relay_that_died_leaves_its_rows_to_the_next_when_its_lease_ends(
        self, bus: Bus
    ) -> None:
        await add(*(Counted(lantern="one", number=n) for n in range(3)))
        async with autocommit() as session:
            claimed = await repository.claim(session, limit=20, lease=timedelta(minutes=1))
        assert [row.data["number"] for row in claimed] == [0]
        assert (await run()).published == 0
        await let_leases_end()
        assert (await run()).published == 3

    async def test_a_relay_whose_lease_ended_undoes_nothing_of_the_next(self, bus: Bus) -> None:
        await add(Counted(lantern="one", number=1))
        async with autocommit() as session:
            (mine,) = await repository.claim(session, limit=1, lease=timedelta(0))
        async with autocommit() as session:
            (theirs,) = await repository.claim(session, limit=1, lease=timedelta(minutes=1))
            await repository.set_aside(session, mine, error="too late")
            await repository.postpone(session, mine, wait=timedelta(0), error="too late")
        (row,) = await waiting()
        assert (row.error, row.set_aside_at) == (None, None)
        assert row.due_at > datetime.now(UTC) + timedelta(seconds=30)
        assert theirs.attempts == 2


class TestBatches:
    def entry(self, size: int) -> Entry:
        empty = Entry(type="t", detail="", time=datetime.now(UTC))
        return Entry(type="t", detail="x" * (size - empty.size), time=empty.time)

    def test_no_entries_make_no_batch(self) -> None:
        assert batches_of([]) == []

    def test_at_most_ten_go_together(self) -> None:
        assert batches_of([self.entry(100)] * 25) == [range(10), range(10, 20), range(20, 25)]

    def test_at_most_256_kb_go_together(self) -> None:
        half = self.entry(EVENT_BYTES // 2)
        assert batches_of([half, half, half]) == [range(2), range(2, 3)]

    def test_one_that_is_too_large_goes_alone(self) -> None:
        small, large = self.entry(100), self.entry(EVENT_BYTES + 1)
        assert batches_of([small, large, small]) == [range(1), range(1, 2), range(2, 3)]
