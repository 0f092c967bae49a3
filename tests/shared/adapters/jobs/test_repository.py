"""A lease has one holder by the database's clock, and only that one gives it back."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from shared.adapters.database.sessions import autocommit, unit_of_work
from shared.adapters.jobs import repository
from shared.adapters.jobs.models import JobRun

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("migrated_database_url")]

MINUTE = timedelta(minutes=1)
MOMENT = datetime(2025, 1, 6, 10, tzinfo=UTC)


async def take(holder: UUID, *, job: str = "prune", lease: timedelta = MINUTE) -> bool:
    async with autocommit() as session:
        return await repository.take(session, job, holder=holder, scheduled_at=MOMENT, lease=lease)


async def release(holder: UUID) -> bool:
    async with autocommit() as session:
        return await repository.release(session, "prune", holder=holder)


async def keep(number: int, *, finished_at: datetime) -> None:
    async with unit_of_work() as session:
        repository.keep(
            session,
            "prune",
            scheduled_at=MOMENT + number * MINUTE,
            started_at=finished_at,
            finished_at=finished_at,
            report={"number": number},
        )


class TestTake:
    async def test_of_many_at_once_one_has_it(self) -> None:
        taken = await asyncio.gather(*(take(uuid4()) for _ in range(8)))
        assert sorted(taken) == [False] * 7 + [True]

    async def test_of_many_at_once_one_has_it_where_one_had_ended(self) -> None:
        assert await take(uuid4(), lease=-MINUTE)
        taken = await asyncio.gather(*(take(uuid4()) for _ in range(8)))
        assert sorted(taken) == [False] * 7 + [True]

    async def test_jobs_do_not_hinder_each_other(self) -> None:
        assert await take(uuid4(), job="prune")
        assert await take(uuid4(), job="sweep")

    async def test_it_says_for_which_moment(self) -> None:
        await take(uuid4())
        async with autocommit() as session:
            assert await repository.moment_of_lease(session, "prune") == MOMENT
            assert await repository.moment_of_lease(session, "sweep") is None


class TestRelease:
    async def test_it_is_free_again(self) -> None:
        holder = uuid4()
        await take(holder)
        assert await release(holder)
        assert await take(uuid4())

    async def test_one_whose_lease_ended_gives_back_nothing_of_the_next(self) -> None:
        late, next_ = uuid4(), uuid4()
        await take(late, lease=-MINUTE)
        assert await take(next_)
        assert not await release(late)
        assert not await take(late)
        assert await release(next_)

    async def test_one_whose_lease_ended_still_has_it_while_nobody_took_it(self) -> None:
        late = uuid4()
        await take(late, lease=-MINUTE)
        assert await release(late)


class TestReports:
    async def test_a_report_comes_back_as_it_was(self) -> None:
        await keep(1, finished_at=MOMENT)
        async with autocommit() as session:
            report_of = repository.report_of
            moment = MOMENT + MINUTE
            assert await report_of(session, "prune", scheduled_at=moment) == {"number": 1}
            assert await report_of(session, "prune", scheduled_at=MOMENT) is None
            assert await report_of(session, "sweep", scheduled_at=moment) is None

    async def test_old_ones_are_forgotten_a_few_at_a_time(self) -> None:
        for number in range(5):
            await keep(number, finished_at=MOMENT + number * MINUTE)
        before = MOMENT + 3 * MINUTE
        async with unit_of_work() as session:
            assert await repository.forget(session, before=before, limit=2) == 2
            assert await repository.forget(session, before=before, limit=2) == 1
            assert await repository.forget(session, before=before, limit=2) == 0
            left = await session.scalars(select(JobRun.scheduled_at).order_by(JobRun.scheduled_at))
            assert list(left) == [before, before + MINUTE]
