"""The clock that starts periodic jobs, on a time of the test's own."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from infra_cdk.local.clock.clock import Clock, event_of
from infra_cdk.local.clock.cron import ScheduleError
from infra_cdk.local.lambda_service.outcome import Outcome, failure
from infra_cdk.registry import Registered
from shared.manifest.function import Function
from shared.manifest.triggers import Invoke, Schedule

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


@dataclass
class Time:
    """A time that passes when somebody sleeps, `lost` of it unseen: and ends at `end`."""

    end: datetime
    now: datetime = NOON + timedelta(seconds=1)
    lost: timedelta = timedelta()
    naps: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)  # what was started may run
        if self.now >= self.end:
            await asyncio.Event().wait()
        self.naps.append(seconds)
        self.now += timedelta(seconds=seconds) + self.lost
        self.lost = timedelta()


def job(name: str, *expressions: str) -> Registered:
    triggers = tuple(map(Schedule, expressions)) or (Invoke(),)
    return Registered(spec=Function(name=name, triggers=triggers), package=name)


async def started(
    *jobs: Registered, time: Time, outcome: Callable[[], Outcome] = lambda: Outcome(payload=b"{}")
) -> list[tuple[str, str]]:
    """What a clock starts until the time ends: job and moment."""
    seen = []

    async def invoke(name: str, event: bytes) -> Outcome:
        given = json.loads(event)
        assert given["job"] == name
        seen.append((name, given["scheduled_at"]))
        return outcome()

    clock = Clock(jobs, invoke=invoke, now=lambda: time.now, sleep=time.sleep)
    running = asyncio.create_task(clock.run())
    while time.now < time.end:  # noqa: ASYNC110  # every step of the loop may make it hold
        await asyncio.sleep(0)
    for _ in range(10):
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    return seen


async def test_each_schedule_starts_its_function_with_the_moment_it_is_for() -> None:
    time = Time(end=NOON + timedelta(minutes=2, seconds=30))
    jobs = (job("often", "rate(1 minute)"), job("never"), job("once", "cron(2 12 * * ? *)"))
    assert sorted(await started(*jobs, time=time)) == [
        ("often", "2026-11-25T12:01:00Z"),
        ("often", "2026-11-25T12:02:00Z"),
        ("once", "2026-11-25T12:02:00Z"),
    ]


async def test_a_job_that_fails_is_started_again_at_its_next_moment(
    caplog: pytest.LogCaptureFixture,
) -> None:
    time = Time(end=NOON + timedelta(minutes=2, seconds=30))
    seen = await started(
        job("often", "rate(1 minute)"), time=time, outcome=lambda: failure("ValueError", "no")
    )
    assert len(seen) == 2
    assert "the job often failed: ValueError: no" in caplog.text


async def test_of_what_passed_while_the_machine_slept_one_moment_is_made_up_for() -> None:
    time = Time(end=NOON + timedelta(hours=3, minutes=2), lost=timedelta(hours=3))
    seen = await started(job("often", "rate(1 minute)"), time=time)
    assert [moment for _, moment in seen][:2] == ["2026-11-25T12:01:00Z", "2026-11-25T15:01:00Z"]


async def test_no_sleep_is_long_so_that_a_machine_that_wakes_is_noticed() -> None:
    time = Time(end=NOON + timedelta(hours=1))
    await started(job("daily", "rate(1 day)"), time=time)
    assert max(time.naps) == 30


async def test_a_run_that_lasts_does_not_hold_up_the_next() -> None:
    time = Time(end=NOON + timedelta(minutes=3, seconds=30))
    seen = []

    async def invoke(name: str, event: bytes) -> Outcome:
        seen.append(event)
        await asyncio.Event().wait()
        return Outcome(payload=b"{}")

    clock = Clock(
        [job("slow", "rate(1 minute)")], invoke=invoke, now=lambda: time.now, sleep=time.sleep
    )
    running = asyncio.create_task(clock.run())
    while len(seen) < 3:  # noqa: ASYNC110  # every step of the loop may make it hold
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_schedule_that_is_not_understood_is_refused_before_anything_runs() -> None:
    async def invoke(name: str, event: bytes) -> Outcome:
        raise AssertionError

    with pytest.raises(ScheduleError, match=r"cron\(0 3 L"):
        Clock([job("last-day", "cron(0 3 L * ? *)")], invoke=invoke)


def test_the_event_is_what_eventbridge_scheduler_sends() -> None:
    event = event_of("sweep", scheduled_at=NOON)
    assert json.loads(event) == {"job": "sweep", "scheduled_at": "2026-11-25T12:00:00Z"}
