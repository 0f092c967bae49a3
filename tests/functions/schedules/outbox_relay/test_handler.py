"""A nudge and the sweep of each minute publish alike; the sweep says besides what still waits."""

import json
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest
from sqlalchemy import text

from functions.schedules.outbox_relay.handler import handler
from infra_cdk.registry import ROOT
from shared.adapters import event_bus
from shared.adapters.database.sessions import unit_of_work
from shared.adapters.event_bus import Entry, Refusal
from shared.adapters.outbox import outbox
from shared.core.events import Event
from shared.worker.loop import run
from tests.lambda_context import LambdaContext

SWEEP = json.loads((ROOT / "events/schedule/outbox-relay/scheduled.json").read_text())
NUDGE = json.loads((ROOT / "events/sqs/outbox-relay/nudge.json").read_text())


class Lit(Event):
    type: ClassVar[str] = "lanterns.lit"

    lantern: str

    @property
    def aggregate(self) -> str:
        return f"lantern:{self.lantern}"


@pytest.fixture
def published(migrated_database_url: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lanterns whose events the bus took; it takes none of the lantern `dark`."""
    taken: list[str] = []

    async def put(entries: Sequence[Entry]) -> list[Refusal | None]:
        lanterns = [json.loads(each.detail)["data"]["lantern"] for each in entries]
        taken.extend(lantern for lantern in lanterns if lantern != "dark")
        refusal = Refusal(code="ThrottlingException", message="Slow down.", passing=True)
        return [refusal if lantern == "dark" else None for lantern in lanterns]

    monkeypatch.setattr(event_bus, "put_events", put)
    return taken


async def light(*lanterns: str) -> None:
    async with unit_of_work() as session:
        for lantern in lanterns:
            outbox.add(session, Lit(lantern=lantern))


async def change(statement: str) -> None:
    async with unit_of_work() as session:
        await session.execute(text(statement))


def metrics_of(lines: str) -> dict[str, float]:
    """The values of the outbox's metrics among lines of output."""
    found: dict[str, float] = {}
    for line in lines.splitlines():
        data: dict[str, Any] = json.loads(line)
        found |= {name: data[name][0] for name in data if name.startswith("Outbox")}
    return found


class TestNudge:
    def test_it_publishes_and_is_a_batch_without_failures(self, published: list[str]) -> None:
        run(light("one", "two"))
        answer = handler(NUDGE, LambdaContext(remaining_s=90))
        assert answer["batchItemFailures"] == []
        assert answer["report"]["published"] == 2
        assert published == ["one", "two"]


class TestSweep:
    def test_it_publishes_and_reports(
        self, published: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        run(light("one", "two"))
        ended = handler(SWEEP, LambdaContext(remaining_s=90))
        assert ended["outcome"] == "ran"
        done = {"published": 2, "postponed": 0, "set_aside": 0}
        left = {"waiting": 0, "oldest_s": 0.0, "kept_aside": 0}
        assert ended["report"] == ended["report"] | done | left
        assert published == ["one", "two"]
        metrics = metrics_of(capsys.readouterr().out)
        assert (metrics["OutboxWaiting"], metrics["OutboxOldest"]) == (0, 0)

    def test_it_tells_how_many_wait_how_long_and_how_many_are_set_aside(
        self, published: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        run(light("dark", "dark", "aside"))
        run(change("UPDATE outbox SET occurred_at = now() - interval '90 seconds'"))
        run(change("UPDATE outbox SET set_aside_at = now() WHERE aggregate = 'lantern:aside'"))
        report = handler(SWEEP, LambdaContext(remaining_s=90))["report"]
        assert (report["published"], report["waiting"], report["kept_aside"]) == (0, 2, 1)
        assert 90 <= report["oldest_s"] < 150
        metrics = metrics_of(capsys.readouterr().out)
        assert (metrics["OutboxWaiting"], metrics["OutboxKeptAside"]) == (2, 1)
        assert metrics["OutboxOldest"] >= 90_000

    def test_with_little_time_left_it_begins_nothing(self, published: list[str]) -> None:
        run(light("one"))
        report = handler(SWEEP, LambdaContext(remaining_s=30))["report"]
        assert (report["published"], report["waiting"]) == (0, 1)
        assert published == []
