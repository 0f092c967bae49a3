"""An event is in the outbox exactly if its change is committed, with all that is known of its cause."""

import json
from typing import ClassVar

import pytest
from sqlalchemy import select

from shared.adapters import queues
from shared.adapters.database.sessions import unit_of_work
from shared.adapters.outbox import outbox
from shared.adapters.outbox.models import OutboxRow
from shared.core.correlation import Correlation, correlated
from shared.core.events import Event
from tests.web_fixtures import Log

pytestmark = pytest.mark.anyio


class Lit(Event):
    type: ClassVar[str] = "lanterns.lit"
    version: ClassVar[int] = 3

    lantern: str
    note: str = ""

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
