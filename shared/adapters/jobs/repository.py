"""The statements of periodic jobs: leases by the database's clock, and the reports of runs."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, literal, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters.jobs.models import JobLease, JobRun


async def take(
    session: AsyncSession, job: str, *, holder: UUID, scheduled_at: datetime, lease: timedelta
) -> bool:
    """Take the lease of a job for as long as `lease`, and tell whether it was free or had ended.

    One statement: of two that try at once the second waits for the first, and then finds it taken.
    """
    until = func.now() + literal(lease)
    mine = insert(JobLease).values(job=job, holder=holder, scheduled_at=scheduled_at, until=until)
    taken = mine.on_conflict_do_update(
        index_elements=[JobLease.job],
        set_={each: mine.excluded[each] for each in ("holder", "scheduled_at", "until")},
        where=JobLease.until < func.now(),
    ).returning(JobLease.holder)
    return (await session.execute(taken)).first() is not None


async def release(session: AsyncSession, job: str, *, holder: UUID) -> bool:
    """Give a lease back; False where it is not the holder's any more: it ended, another has it."""
    mine = delete(JobLease).where(JobLease.job == job, JobLease.holder == holder)
    return (await session.execute(mine.returning(JobLease.job))).first() is not None


async def moment_of_lease(session: AsyncSession, job: str) -> datetime | None:
    """Return the moment that the lease of a job is held for, or None where nobody holds it."""
    found = await session.execute(select(JobLease.scheduled_at).where(JobLease.job == job))
    return found.scalar_one_or_none()


async def report_of(
    session: AsyncSession, job: str, *, scheduled_at: datetime
) -> dict[str, Any] | None:
    """Return the report of the run that ended for a moment, or None where none did."""
    kept = select(JobRun.report).where(JobRun.job == job, JobRun.scheduled_at == scheduled_at)
    return (await session.execute(kept)).scalar_one_or_none()


def keep(
    session: AsyncSession,
    job: str,
    *,
    scheduled_at: datetime,
    started_at: datetime,
    finished_at: datetime,
    report: Mapping[str, Any],
) -> None:
    """Keep the report of a run that ended."""
    session.add(
        JobRun(
            job=job,
            scheduled_at=scheduled_at,
            started_at=started_at,
            finished_at=finished_at,
            report=dict(report),
        )
    )


async def forget(session: AsyncSession, *, before: datetime, limit: int) -> int:
    """Remove at most `limit` runs that finished before a moment; return how many."""
    keys = (JobRun.job, JobRun.scheduled_at)
    old = select(*keys).where(JobRun.finished_at < before).limit(limit)
    removed = delete(JobRun).where(tuple_(*keys).in_(old)).returning(JobRun.job)
    return len((await session.execute(removed)).all())
