"""Where failed logins are counted."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from sqlalchemy import Interval, case, delete, func, literal, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from shared.domains.logins.models import LoginCounter

FORGIVEN_AFTER = timedelta(hours=1)
"""How long after the last attempt the counting begins anew."""

LONGEST_S = 900
"""The longest wait, in seconds."""

_DOUBLINGS = 10
"""More than these would pass the longest wait."""


async def find(session: AsyncSession, keys: Collection[str]) -> Mapping[str, LoginCounter]:
    """Return the counters that there are, by key."""
    found = await session.scalars(select(LoginCounter).where(LoginCounter.key.in_(keys)))
    return {each.key: each for each in found}


async def count(session: AsyncSession, key: str, *, free: int, at: datetime) -> int | None:
    """Count an attempt as failed, until it is known better; return how many there are now.

    None where attempts are refused at this moment. From the `free`-th on, each has the next ones wait twice as
    long as the one before. Of attempts at one time each waits for the one before it: none is left out.
    """
    failures = case(
        (LoginCounter.updated_at < at - FORGIVEN_AFTER, 1), else_=LoginCounter.failures + 1
    )
    wait_s = func.least(func.power(2, func.least(failures - free, _DOUBLINGS)), LONGEST_S)
    wait = func.make_interval(0, 0, 0, 0, 0, 0, wait_s, type_=Interval)
    blocked = case((failures >= free, literal(at) + wait), else_=None)
    first = insert(LoginCounter).values(key=key, failures=1, updated_at=at)
    counted = first.on_conflict_do_update(
        index_elements=[LoginCounter.key],
        set_={"failures": failures, "blocked_until": blocked, "updated_at": at},
        where=or_(LoginCounter.blocked_until.is_(None), LoginCounter.blocked_until <= at),
    ).returning(LoginCounter.failures)
    return (await session.scalars(counted)).one_or_none()


async def blocked_until(session: AsyncSession, key: str) -> datetime | None:
    """Return until when attempts are refused, if they are."""
    return await session.scalar(select(LoginCounter.blocked_until).where(LoginCounter.key == key))


async def make_known(
    session: AsyncSession, key: str, *, at: datetime, known_until: datetime
) -> None:
    """Forget the failures of an account from an address, and remember that they belong together."""
    values = {"failures": 0, "blocked_until": None, "known_until": known_until, "updated_at": at}
    row = insert(LoginCounter).values(key=key, **values)
    await session.execute(row.on_conflict_do_update(index_elements=[LoginCounter.key], set_=values))


async def forget(session: AsyncSession, key: str) -> None:
    """Forget a counter."""
    gone = delete(LoginCounter).where(LoginCounter.key == key)
    await session.execute(gone.execution_options(synchronize_session=False))


async def forget_stale(session: AsyncSession, *, at: datetime, limit: int) -> int:
    """Delete some counters that make no difference any more; return how many."""
    stale = (
        select(LoginCounter.key)
        .where(
            LoginCounter.updated_at < at - FORGIVEN_AFTER,
            or_(LoginCounter.blocked_until.is_(None), LoginCounter.blocked_until < at),
            or_(LoginCounter.known_until.is_(None), LoginCounter.known_until < at),
        )
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    gone = delete(LoginCounter).where(LoginCounter.key.in_(stale)).returning(LoginCounter.key)
    result = await session.execute(gone.execution_options(synchronize_session=False))
    return len(result.all())
