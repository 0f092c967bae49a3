"""A periodic job: run once for each moment that it is scheduled for, and never twice at a time."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from shared.adapters.logging import logger
from shared.core.clock import now
from shared.core.correlation import Correlation, correlated
from shared.core.errors import ServiceUnavailableError
from shared.core.ids import new_id
from shared.worker.deadline import Deadline, LambdaContext
from shared.worker.loop import run

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy.ext.asyncio import AsyncSession

type Report = Mapping[str, Any]
"""What a run did, as JSON knows it: counts, not content. It is kept, and so below 64 KB."""

type Work = Callable[["Turn"], Awaitable[Report]]
"""What a job does at its turn, in transactions of its own, until its deadline is near."""

type JobHandler = Callable[[Mapping[str, Any], LambdaContext], dict[str, Any]]

CHUNK = 500
"""Rows of one chunk: one statement of the Data API does them in well below a second."""

CHUNK_S = 10.0
"""What a chunk and the end of the run may take, in seconds: with less left no chunk is begun."""

_GRACE_S = 30.0
"""How long a lease outlasts its invocation, in seconds.

A statement that was sent may still be at work then; and it is less than the minute after which
Lambda tries a failed invocation again (AWS, "How Lambda handles errors and retries with asynchronous
invocation"), so that it finds the lease of one that was killed at its time limit ended.
"""

_FIRST_MOMENT = datetime(2020, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(minutes=5)


class MalformedScheduleError(ValueError):
    """An event is no schedule's, or another job's."""


class JobStillRunsError(Exception):
    """The moment's run is still at work, or died: whoever sent the event sends it again."""


class LeaseLostError(Exception):
    """A run took longer than its lease, and another has it: what this one reports is not kept."""


class Outcome(StrEnum):
    """What became of a turn."""

    RAN = "ran"
    RAN_BEFORE = "ran_before"
    """A run for this moment had ended: the report is that one's."""
    OVERLAPS = "overlaps"
    """The run for another moment was at work, and does what there is to do."""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A moment that a job is scheduled for, and until when Lambda lets it run."""

    job: str
    scheduled_at: datetime
    deadline: Deadline


@dataclass(frozen=True, kw_only=True)
class Swept:
    """How many things were done in chunks; `complete` says whether none was left."""

    done: int
    complete: bool


def job_handler(work: Work, *, name: str) -> JobHandler:
    """Return the function that Lambda calls with `{"job": name, "scheduled_at": ...}`.

    It returns, logs and keeps what `work` reports. What `work` raises is raised, and its moment can
    be tried again at once. Raises MalformedScheduleError, JobStillRunsError, LeaseLostError.
    """

    def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        deadline = Deadline.of(context)
        scheduled_at = scheduled_moment(event, job=name)
        turn = Turn(job=name, scheduled_at=scheduled_at, deadline=deadline)
        return run(take_turn(work, turn=turn))

    return handler


def scheduled_moment(event: object, *, job: str) -> datetime:
    """Return the moment of a schedule's event. Raises MalformedScheduleError.

    Source: AWS, "Using context attributes in EventBridge Scheduler": `<aws.scheduler.scheduled-time>`.
    """
    fields: Mapping[str, Any] = event if isinstance(event, Mapping) else {}
    if fields.get("job") != job:
        named = fields.get("job")
        raise MalformedScheduleError(f"this is the job {job}, but the event names {named!r}")
    given: Any = fields.get("scheduled_at")
    try:
        moment = datetime.fromisoformat(given)
    except (TypeError, ValueError) as error:
        raise MalformedScheduleError(f"scheduled_at is no time of ISO 8601: {given!r}") from error
    if moment.tzinfo is None:
        raise MalformedScheduleError(f"scheduled_at has no offset from UTC: {given!r}")
    if not _FIRST_MOMENT <= moment <= now() + _AHEAD:
        raise MalformedScheduleError(f"scheduled_at is no moment that has come: {given!r}")
    return moment.astimezone(UTC)


async def take_turn(work: Work, *, turn: Turn) -> dict[str, Any]:
    """Run a job for a moment, unless it ran for it or runs for another; return what came of it.

    Raises JobStillRunsError, LeaseLostError, ServiceUnavailableError, and what `work` raises.
    """
    holder = new_id()
    with correlated(Correlation(request_id=str(holder))):
        if (ended := await _begin(turn, holder=holder)) is None:
            ended = (Outcome.RAN, await _work(work, turn=turn, holder=holder))
        outcome, report = ended
        told = {
            "job": turn.job,
            "scheduled_at": turn.scheduled_at.isoformat(),
            "outcome": outcome.value,
            "report": None if report is None else dict(report),
        }
        logger().info("job ended", extra=told)
    return told


async def in_chunks(
    step: Callable[["AsyncSession", int], Awaitable[int]], *, deadline: Deadline, limit: int = CHUNK
) -> Swept:
    """Do `step` again and again, each time in a transaction of its own, while there is time.

    It does at most as many things as it is told, and returns how many: with fewer it was the last.
    """
    from shared.adapters.database.sessions import unit_of_work

    done = 0
    while deadline.leaves(CHUNK_S):
        async with unit_of_work() as session:
            count = await step(session, limit)
        done += count
        if count < limit:
            return Swept(done=done, complete=True)
    return Swept(done=done, complete=False)


async def _begin(turn: Turn, *, holder: "UUID") -> tuple[Outcome, Report | None] | None:
    """Take the lease; return what came of the turn where there is nothing to do, else None."""
    from shared.adapters.database.sessions import autocommit
    from shared.adapters.jobs import repository

    job, moment = turn.job, turn.scheduled_at
    lease = timedelta(seconds=turn.deadline.remaining_s + _GRACE_S)
    async with autocommit() as session:
        taken = await repository.take(session, job, holder=holder, scheduled_at=moment, lease=lease)
        # Asked after the lease, for until then the run that held it could still end.
        report = await repository.report_of(session, job, scheduled_at=moment)
        if report is not None:
            await repository.release(session, job, holder=holder)
            return Outcome.RAN_BEFORE, report
        if taken:
            return None
        # None: that run ended just now, and whether it did this one's work is not known.
        if await repository.moment_of_lease(session, job) in (None, moment):
            raise JobStillRunsError(f"the run of {job} for {moment.isoformat()} has not ended")
    return Outcome.OVERLAPS, None


async def _work(work: Work, *, turn: Turn, holder: "UUID") -> Report:
    started_at = now()
    try:
        report = await work(turn)
        await _keep(report, turn=turn, holder=holder, started_at=started_at)
    except Exception:
        logger().exception("job failed", extra={"job": turn.job})
        await _give_back(turn, holder=holder)
        raise
    return report


async def _keep(report: Report, *, turn: Turn, holder: "UUID", started_at: datetime) -> None:
    from shared.adapters.database.sessions import unit_of_work
    from shared.adapters.jobs import repository

    async with unit_of_work() as session:
        if not await repository.release(session, turn.job, holder=holder):
            raise LeaseLostError(f"the lease of {turn.job} ended before its run")
        repository.keep(
            session,
            turn.job,
            scheduled_at=turn.scheduled_at,
            started_at=started_at,
            finished_at=now(),
            report=report,
        )


async def _give_back(turn: Turn, *, holder: "UUID") -> None:
    from shared.adapters.database.sessions import autocommit
    from shared.adapters.jobs import repository

    try:
        async with autocommit() as session:
            await repository.release(session, turn.job, holder=holder)
    except ServiceUnavailableError:
        # What made the run fail is raised; the lease ends by itself.
        logger().warning("lease not given back", extra={"job": turn.job})
