"""A job runs once for each moment, never twice at a time, and goes on after a run that died."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters.database.sessions import autocommit, unit_of_work
from shared.adapters.jobs import repository
from shared.adapters.jobs.models import JobLease, JobRun
from shared.core.correlation import current
from shared.core.errors import ServiceUnavailableError
from shared.worker.deadline import Deadline
from shared.worker.job import (
    JobStillRunsError,
    LeaseLostError,
    MalformedScheduleError,
    Report,
    Swept,
    Turn,
    in_chunks,
    job_handler,
    scheduled_moment,
    take_turn,
)
from tests.lambda_context import LambdaContext
from tests.web_fixtures import Log

TEN = datetime(2025, 1, 6, 10, tzinfo=UTC)
ELEVEN = TEN + timedelta(hours=1)
TIME_LEFT = LambdaContext()
TIME_UP = LambdaContext(remaining_s=-3600)


@dataclass
class Work:
    """Counts its runs; `does` is what happens in the middle of one."""

    runs: int = 0
    does: Callable[[Turn], Awaitable[None]] | None = None
    turns: list[Turn] = field(default_factory=list)

    async def __call__(self, turn: Turn) -> Report:
        self.runs += 1
        self.turns.append(turn)
        number = self.runs
        if self.does:
            await self.does(turn)
        return {"removed": number}


def turn_of(moment: datetime = TEN, *, context: LambdaContext = TIME_LEFT) -> Turn:
    return Turn(job="prune", scheduled_at=moment, deadline=Deadline.of(context))


def told(outcome: str, report: Report | None, *, moment: datetime = TEN) -> dict[str, Any]:
    return {
        "job": "prune",
        "scheduled_at": moment.isoformat(),
        "outcome": outcome,
        "report": report,
    }


async def leases() -> int:
    async with autocommit() as session:
        return len((await session.scalars(select(JobLease.job))).all())


async def runs() -> list[JobRun]:
    async with autocommit() as session:
        return list(await session.scalars(select(JobRun).order_by(JobRun.scheduled_at)))


async def leave_a_lease(moment: datetime = TEN) -> None:
    """Be a run that was killed: its lease is there, and nothing else."""
    async with autocommit() as session:
        lease = timedelta(minutes=5)
        await repository.take(session, "prune", holder=uuid4(), scheduled_at=moment, lease=lease)


async def end_leases() -> None:
    async with unit_of_work() as session:
        await session.execute(text("UPDATE job_leases SET until = now() - interval '1 second'"))


async def fail(_: Turn) -> None:
    raise ZeroDivisionError


@pytest.mark.anyio
@pytest.mark.usefixtures("migrated_database_url")
class TestTakeTurn:
    async def test_it_runs_reports_and_leaves_no_lease(self, log: Log) -> None:
        before = datetime.now(UTC)
        assert await take_turn(Work(), turn=turn_of()) == told("ran", {"removed": 1})
        (kept,) = await runs()
        assert (kept.job, kept.scheduled_at, kept.report) == ("prune", TEN, {"removed": 1})
        assert before <= kept.started_at <= kept.finished_at <= datetime.now(UTC)
        assert await leases() == 0
        (line,) = log()
        assert (line["message"], line["outcome"], line["report"]) == (
            "job ended",
            "ran",
            {"removed": 1},
        )

    async def test_twice_for_a_moment_it_runs_once_and_the_report_is_the_first_ones(self) -> None:
        work = Work()
        await take_turn(work, turn=turn_of())
        assert await take_turn(work, turn=turn_of()) == told("ran_before", {"removed": 1})
        assert work.runs == 1
        assert await leases() == 0

    async def test_for_the_next_moment_it_runs_again(self) -> None:
        work = Work()
        await take_turn(work, turn=turn_of())
        again = await take_turn(work, turn=turn_of(ELEVEN))
        assert again == told("ran", {"removed": 2}, moment=ELEVEN)
        assert [run.report for run in await runs()] == [{"removed": 1}, {"removed": 2}]

    async def test_two_moments_at_once_do_not_overlap(self) -> None:
        other = Work()
        found: list[dict[str, Any]] = []

        async def meanwhile(_: Turn) -> None:
            found.append(await take_turn(other, turn=turn_of(ELEVEN)))

        await take_turn(Work(does=meanwhile), turn=turn_of())
        assert found == [told("overlaps", None, moment=ELEVEN)]
        assert other.runs == 0
        assert [run.scheduled_at for run in await runs()] == [TEN]

    async def test_a_moment_twice_at_once_runs_once_and_the_other_is_to_come_again(self) -> None:
        work = Work()
        answers = await asyncio.gather(
            *(take_turn(work, turn=turn_of()) for _ in range(6)), return_exceptions=True
        )
        assert work.runs == 1
        assert answers.count(told("ran", {"removed": 1})) == 1
        others = [each for each in answers if each != told("ran", {"removed": 1})]
        assert all(
            isinstance(each, JobStillRunsError) or each == told("ran_before", {"removed": 1})
            for each in others
        )
        assert await take_turn(work, turn=turn_of()) == told("ran_before", {"removed": 1})

    async def test_a_moment_that_ran_is_told_while_another_is_at_work(self) -> None:
        await take_turn(Work(), turn=turn_of())
        await leave_a_lease(ELEVEN)
        assert await take_turn(Work(), turn=turn_of()) == told("ran_before", {"removed": 1})
        assert await leases() == 1

    async def test_what_fails_is_raised_and_its_moment_can_be_tried_again_at_once(
        self, log: Log
    ) -> None:
        with pytest.raises(ZeroDivisionError):
            await take_turn(Work(does=fail), turn=turn_of())
        assert await leases() == 0
        assert await runs() == []
        assert [line["message"] for line in log()] == ["job failed"]
        assert await take_turn(Work(), turn=turn_of()) == told("ran", {"removed": 1})

    async def test_one_that_was_killed_makes_its_moment_wait_for_the_end_of_its_lease(self) -> None:
        await leave_a_lease()
        with pytest.raises(JobStillRunsError):
            await take_turn(Work(), turn=turn_of())
        await end_leases()
        assert await take_turn(Work(), turn=turn_of()) == told("ran", {"removed": 1})

    async def test_one_that_was_killed_hinders_the_next_moment_no_longer_than_its_lease(
        self,
    ) -> None:
        await leave_a_lease()
        overlaps = await take_turn(Work(), turn=turn_of(ELEVEN))
        assert overlaps == told("overlaps", None, moment=ELEVEN)
        await end_leases()
        ran = await take_turn(Work(), turn=turn_of(ELEVEN))
        assert ran == told("ran", {"removed": 1}, moment=ELEVEN)

    async def test_a_lease_outlasts_its_invocation(self) -> None:
        async def look(turn: Turn) -> None:
            async with autocommit() as session:
                left = text("SELECT extract(epoch FROM until - now())::float FROM job_leases")
                lease_s = (await session.execute(left)).scalar_one()
            assert lease_s > turn.deadline.remaining_s + 15

        await take_turn(Work(does=look), turn=turn_of())

    async def test_one_that_lost_its_lease_keeps_no_report_and_leaves_the_next_ones_lease(
        self,
    ) -> None:
        async def lose(_: Turn) -> None:
            await end_leases()
            await leave_a_lease(ELEVEN)

        with pytest.raises(LeaseLostError):
            await take_turn(Work(does=lose), turn=turn_of())
        assert await runs() == []
        assert await leases() == 1

    async def test_a_report_that_cannot_be_kept_is_a_failure_of_the_run(self) -> None:
        async def strange(_: Turn) -> Report:
            return {"at": TEN}

        with pytest.raises(Exception, match="datetime"):
            await take_turn(strange, turn=turn_of())
        assert await leases() == 0

    async def test_what_it_does_is_correlated(self) -> None:
        found: list[str | None] = []

        async def look(_: Turn) -> None:
            correlation = current()
            found.append(correlation.request_id if correlation else None)

        await take_turn(Work(does=look), turn=turn_of())
        assert found[0]
        assert current() is None

    async def test_a_database_that_goes_away_raises_what_the_run_raised(
        self, monkeypatch: pytest.MonkeyPatch, log: Log
    ) -> None:
        async def away(*_: object, **__: object) -> bool:
            raise ServiceUnavailableError("The database does not answer: try again soon.")

        async def go_away(_: Turn) -> None:
            monkeypatch.setattr(repository, "release", away)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await take_turn(Work(does=go_away), turn=turn_of())
        assert [line["message"] for line in log()] == ["job failed", "lease not given back"]
        assert await leases() == 1


@pytest.mark.anyio
class TestInChunks:
    async def sweep(
        self, left: list[int], *, context: LambdaContext = TIME_LEFT, limit: int = 3
    ) -> Swept:
        async def step(_: AsyncSession, most: int) -> int:
            gone, left[:] = left[:most], left[most:]
            return len(gone)

        return await in_chunks(step, deadline=Deadline.of(context), limit=limit)

    @pytest.mark.parametrize(("count", "done"), [(0, 0), (2, 2), (3, 3), (7, 7)])
    async def test_it_goes_on_until_nothing_is_left(
        self, migrated_database_url: str, count: int, done: int
    ) -> None:
        left = list(range(count))
        assert await self.sweep(left) == Swept(done=done, complete=True)
        assert left == []

    async def test_with_its_time_up_it_begins_nothing_and_says_so(
        self, migrated_database_url: str
    ) -> None:
        left = [1, 2, 3]
        assert await self.sweep(left, context=TIME_UP) == Swept(done=0, complete=False)
        assert left == [1, 2, 3]

    async def test_it_stops_between_chunks_when_its_time_is_up(
        self, migrated_database_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answers = iter([True, True, False])
        monkeypatch.setattr(Deadline, "leaves", lambda *_: next(answers))
        left = list(range(10))
        assert await self.sweep(left) == Swept(done=6, complete=False)
        assert left == [6, 7, 8, 9]

    async def test_a_chunk_that_fails_undoes_itself_only(self, migrated_database_url: str) -> None:
        chunks = iter([2, None])

        async def step(session: AsyncSession, _: int) -> int:
            count = next(chunks)
            moment = TEN if count else ELEVEN
            session.add(JobLease(job=str(moment), holder=uuid4(), scheduled_at=TEN, until=TEN))
            if count is None:
                raise ZeroDivisionError
            return count

        with pytest.raises(ZeroDivisionError):
            await in_chunks(step, deadline=Deadline.of(TIME_LEFT), limit=2)
        assert await leases() == 1


class TestHandler:
    def test_lambda_gives_it_the_event_and_gets_the_outcome(
        self, migrated_database_url: str
    ) -> None:
        work = Work()
        handler = job_handler(work, name="prune")
        event = {"job": "prune", "scheduled_at": "2025-01-06T11:00:00+01:00"}
        assert handler(event, TIME_LEFT) == told("ran", {"removed": 1})
        assert handler(event, TIME_LEFT) == told("ran_before", {"removed": 1})
        (turn,) = work.turns
        assert (turn.job, turn.scheduled_at) == ("prune", TEN)
        assert 50 < turn.deadline.remaining_s <= 60

    def test_a_malformed_event_runs_nothing(self) -> None:
        work = Work()
        with pytest.raises(MalformedScheduleError):
            job_handler(work, name="prune")({"job": "prune"}, TIME_LEFT)
        assert work.runs == 0


class TestScheduledMoment:
    @pytest.mark.parametrize("event", [None, [], "prune", 7, {}, {"job": "sweep"}, {"job": 1}])
    def test_an_event_of_another_job_or_of_none_is_refused(self, event: object) -> None:
        with pytest.raises(MalformedScheduleError, match="this is the job prune"):
            scheduled_moment(event, job="prune")

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (None, "no time of ISO 8601"),
            (1_764_064_800, "no time of ISO 8601"),
            (["2026-11-25T10:00:00Z"], "no time of ISO 8601"),
            ("", "no time of ISO 8601"),
            ("<aws.scheduler.scheduled-time>", "no time of ISO 8601"),
            ("2026-13-25T10:00:00Z", "no time of ISO 8601"),
            ("2026-11-25T10:00:00", "no offset from UTC"),
            ("2026-11-25", "no offset from UTC"),
            ("0001-01-01T00:00:00+23:59", "no moment that has come"),
            ("1970-01-01T00:00:00Z", "no moment that has come"),
            ("9999-12-31T23:59:59-23:59", "no moment that has come"),
        ],
    )
    def test_a_moment_that_is_none_is_refused(self, given: object, message: str) -> None:
        with pytest.raises(MalformedScheduleError, match=message):
            scheduled_moment({"job": "prune", "scheduled_at": given}, job="prune")

    def test_a_moment_to_come_is_refused_but_for_what_clocks_differ(self) -> None:
        soon = datetime.now(UTC) + timedelta(seconds=30)
        event = {"job": "prune", "scheduled_at": soon.isoformat()}
        assert scheduled_moment(event, job="prune") == soon
        later = datetime.now(UTC) + timedelta(hours=1)
        with pytest.raises(MalformedScheduleError, match="no moment that has come"):
            scheduled_moment({**event, "scheduled_at": later.isoformat()}, job="prune")
