"""An event is in the outbox exactly if its change is committed, with all that is known of its cause."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from shared.adapters import queues
from shared.adapters.database.sessions import unit_of_work
from shared.adapters.outbox import outbox
from shared.adapters.outbox.models import OutboxRow, PublicEventRow
from shared.core.correlation import Correlation, correlated
from shared.core.events import Event, PublicEvent, PublicEventsAdded, UnfitEventError
from tests.web_fixtures import Log

pytestmark = pytest.mark.anyio

OWNER = UUID("0199f3a2-1c07-7b1d-8a54-6f3e9d2c4b10")
DATA_API = pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)

type Calls = Callable[[], AbstractContextManager[list[str]]]


class Lit(Event):
    type: ClassVar[str] = "lanterns.lit"
    version: ClassVar[int] = 3

    lantern: str
    note: str = ""

    @property
    def aggregate(self) -> str:
        return f"lantern:{self.lantern}"


class Blown(PublicEvent):
    """Somebody blew a lantern out."""

    type: ClassVar[str] = "lanterns.blown_out"
    public_type: ClassVar[str] = "lantern.blown_out"

    lantern: str
    wicks: int = 1

    @property
    def aggregate(self) -> str:
        return f"lantern:{self.lantern}"


@pytest.fixture
def nudges(migrated_database_url: str, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What was sent to queues."""
    sent: list[tuple[str, str]] = []

    async def record(url: str, body: str, *, delay_s: int = 0) -> None:
        sent.append((url, body))

    monkeypatch.setattr(queues, "send", record)
    return sent


async def rows() -> list[OutboxRow]:
    async with unit_of_work() as session:
        return list(await session.scalars(select(OutboxRow).order_by(OutboxRow.sequence)))


class TestAdd:
    async def test_a_row_says_what_happened_and_why(self, nudges: list[tuple[str, str]]) -> None:
        traceparent = f"00-{'a' * 32}-{'b' * 16}-01"
        cause = Correlation(request_id="request-1", traceparent=traceparent, causation_id="cause-1")
        with correlated(cause):
            async with unit_of_work() as session:
                id_ = outbox.add(session, Lit(lantern="one", note="ü"))
        (row,) = await rows()
        assert (row.id, row.type, row.version) == (id_, "lanterns.lit", 3)
        assert (row.aggregate, row.data) == ("lantern:one", {"lantern": "one", "note": "ü"})
        assert (row.correlation_id, row.causation_id) == ("request-1", "cause-1")
        assert (row.traceparent, row.attempts, row.set_aside_at) == (traceparent, 0, None)

    async def test_rows_keep_the_order_in_which_they_were_added(
        self, nudges: list[tuple[str, str]]
    ) -> None:
        async with unit_of_work() as session:
            for number in range(20):
                outbox.add(session, Lit(lantern=str(number)))
        assert [row.data["lantern"] for row in await rows()] == [str(n) for n in range(20)]

    async def test_a_change_that_is_rolled_back_adds_nothing_and_nudges_nobody(
        self, nudges: list[tuple[str, str]]
    ) -> None:
        with pytest.raises(LookupError):
            async with unit_of_work() as session:
                outbox.add(session, Lit(lantern="one"))
                await session.flush()
                raise LookupError
        assert await rows() == []
        assert nudges == []

    async def test_the_relay_is_nudged_once_for_all_events_of_a_change(
        self, nudges: list[tuple[str, str]]
    ) -> None:
        async with unit_of_work() as session:
            outbox.add(session, Lit(lantern="one"))
            outbox.add(session, Lit(lantern="two"))
            assert nudges == []
        assert nudges == [("https://sqs.example.com/outbox-relay", "{}")]

    async def test_an_event_that_no_row_could_be_read_with_is_refused_and_nothing_is_written(
        self, nudges: list[tuple[str, str]]
    ) -> None:
        with pytest.raises(outbox.EventTooLargeError, match=r"lanterns\.lit of lantern:one has"):
            async with unit_of_work() as session:
                outbox.add(session, Lit(lantern="two"))
                outbox.add(session, Lit(lantern="one", note="x" * outbox.MOST_DATA_BYTES))
        assert await rows() == []

    async def test_the_largest_event_can_be_read_again(self, nudges: list[tuple[str, str]]) -> None:
        spent = len(json.dumps({"lantern": "one", "note": ""}))
        async with unit_of_work() as session:
            outbox.add(session, Lit(lantern="one", note="x" * (outbox.MOST_DATA_BYTES - spent)))
        (row,) = await rows()
        assert len(row.data["note"]) == outbox.MOST_DATA_BYTES - spent


async def journal() -> list[PublicEventRow]:
    async with unit_of_work() as session:
        found = await session.scalars(select(PublicEventRow).order_by(PublicEventRow.sequence))
        return list(found)


def blown(lantern: str = "one", **fields: Any) -> Blown:
    return Blown(owner_id=OWNER, lantern=lantern, **fields)


def unchecked(**fields: Any) -> Blown:
    return Blown.model_construct(**{"owner_id": OWNER, **fields})


class TestPublic:
    async def test_it_is_in_the_outbox_and_in_the_journal_by_the_same_id(
        self, nudges: list[tuple[str, str]]
    ) -> None:
        async with unit_of_work() as session:
            id_ = outbox.add(session, blown())
        (row,), (kept,) = await rows(), await journal()
        assert row.id == kept.id == id_
        assert (row.type, kept.type) == ("lanterns.blown_out", "lantern.blown_out")
        assert row.data == kept.data == {"owner_id": str(OWNER), "lantern": "one", "wicks": 1}
        assert (kept.owner_id, kept.aggregate) == (OWNER, "lantern:one")
        assert (kept.trial, kept.fanned_out_at) == (False, None)
        assert abs(kept.occurred_at - row.occurred_at) < timedelta(seconds=1)

    async def test_another_event_is_not_in_the_journal(self, nudges: list[tuple[str, str]]) -> None:
        async with unit_of_work() as session:
            outbox.add(session, Lit(lantern="one"))
        assert (len(await rows()), await journal()) == (1, [])

    async def test_what_is_rolled_back_is_in_neither(self, nudges: list[tuple[str, str]]) -> None:
        with pytest.raises(LookupError):
            async with unit_of_work() as session:
                outbox.add(session, blown())
                await outbox.add_public(session, [blown("two")])
                await session.flush()
                raise LookupError
        assert (await rows(), await journal(), nudges) == ([], [], [])

    async def test_one_that_does_not_fit_fails_where_it_is_added_and_with_it_the_change(
        self, nudges: list[tuple[str, str]]
    ) -> None:
        unfit = unchecked(lantern="one", wicks="hunter2")
        with pytest.raises(UnfitEventError, match=r"lanterns\.blown_out .* wicks: int_type$"):
            async with unit_of_work() as session:
                outbox.add(session, blown())
                await session.flush()
                outbox.add(session, unfit)
        assert (await rows(), await journal(), nudges) == ([], [], [])


class TestAddPublic:
    async def test_each_is_in_the_journal_as_if_it_had_been_added_alone(
        self, nudges: list[tuple[str, str]]
    ) -> None:
        events = [blown('Lämp "✓" \\ \u2028', wicks=number) for number in range(3)]
        async with unit_of_work() as session:
            await outbox.add_public(session, events)
            for event in events:
                outbox.add(session, event)
        kept = await journal()
        together, alone = kept[:3], kept[3:]
        assert [each.data["wicks"] for each in together] == [0, 1, 2]
        for one, other in zip(together, alone, strict=True):
            for name in ("owner_id", "type", "aggregate", "data", "trial", "fanned_out_at"):
                assert getattr(one, name) == getattr(other, name)
            assert abs(one.occurred_at - other.occurred_at) < timedelta(seconds=5)
        assert len({each.id for each in kept}) == 6
        assert nudges == [("https://sqs.example.com/outbox-relay", "{}")]

    async def test_on_the_bus_they_are_named_so_many_at_a_time(
        self, nudges: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(outbox, "MOST_NAMED", 2)
        async with unit_of_work() as session:
            await outbox.add_public(session, [blown(str(number)) for number in range(5)])
        named = [PublicEventsAdded.model_validate(row.data).event_ids for row in await rows()]
        assert [len(ids) for ids in named] == [2, 2, 1]
        assert [id_ for ids in named for id_ in ids] == [each.id for each in await journal()]

    def test_as_many_as_one_event_names_fit_into_it(self) -> None:
        ids = tuple(uuid4() for _ in range(outbox.MOST_NAMED))
        data = PublicEventsAdded(event_ids=ids).model_dump(mode="json")
        assert len(json.dumps(data)) < outbox.MOST_DATA_BYTES / 1.5

    async def test_of_none_nothing_is_written(self, nudges: list[tuple[str, str]]) -> None:
        async with unit_of_work() as session:
            await outbox.add_public(session, [])
        assert (await rows(), await journal(), nudges) == ([], [], [])

    @pytest.mark.parametrize(
        ("last", "error"),
        [
            (unchecked(lantern=7), UnfitEventError),
            (blown("x" * outbox.MOST_DATA_BYTES), outbox.EventTooLargeError),
        ],
    )
    async def test_where_one_does_not_fit_none_is_written(
        self, nudges: list[tuple[str, str]], last: Blown, error: type[ValueError]
    ) -> None:
        with pytest.raises(error):
            async with unit_of_work() as session:
                await outbox.add_public(session, [blown(), last])
        assert (await rows(), await journal(), nudges) == ([], [], [])

    @DATA_API
    async def test_a_thousand_cost_two_calls_of_one_and_what_a_change_costs(
        self, nudges: list[tuple[str, str]], data_api_calls: Calls
    ) -> None:
        events = [blown(str(number)) for number in range(1000)]
        with data_api_calls() as calls:
            async with unit_of_work() as session:
                await outbox.add_public(session, events)
        assert len(calls) <= 6, calls
        assert len(await journal()) == 1000


class TestNudge:
    async def test_a_nudge_that_fails_is_counted_and_the_change_stands(
        self, migrated_database_url: str, monkeypatch: pytest.MonkeyPatch, log: Log,
        capsys: pytest.CaptureFixture[str],
    ) -> None:  # fmt: skip
        async def fail(url: str, body: str, *, delay_s: int = 0) -> None:
            raise ConnectionError("no queue")

        monkeypatch.setattr(queues, "send", fail)
        async with unit_of_work() as session:
            outbox.add(session, Lit(lantern="one"))
        assert len(await rows()) == 1
        assert [line["message"] for line in log()] == ["the relay could not be nudged"]
        assert json.loads(capsys.readouterr().out.splitlines()[-1])["NudgeFailed"] == [1.0]
