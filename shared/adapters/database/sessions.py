"""Sessions: the unit of work, and reads in autocommit."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from sqlalchemy import text
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from shared.adapters.database.engine import async_engine, sync_engine
from shared.core.errors import ProblemError, ServiceUnavailableError

_AFTER_COMMIT = "after_commit"


@asynccontextmanager
async def unit_of_work() -> AsyncIterator[AsyncSession]:
    """Give a session with one transaction: committed at the end, rolled back on any error.

    An error that `keeps_changes`, such as a refusal that must be remembered, is raised after a commit.
    The only place that commits; then it does what `after_commit` was asked for. Raises what the commit
    raised, ServiceUnavailableError where the database does not answer.
    """
    refusal: ProblemError | None = None
    with _reachable():
        async with AsyncSession(async_engine(), expire_on_commit=False) as session, session.begin():
            try:
                yield session
            except ProblemError as error:
                if not error.keeps_changes:
                    raise
                refusal = error
    for follow_up in session.info.get(_AFTER_COMMIT, ()):
        await follow_up()
    if refusal:
        raise refusal


def after_commit(session: AsyncSession, follow_up: Callable[[], Awaitable[None]]) -> None:
    """Have `follow_up` done once the unit of work of `session` is committed, and never if it is not.

    Asked for twice, it is done once. It must not raise: what is committed is done.
    """
    session.info.setdefault(_AFTER_COMMIT, {})[follow_up] = None


@asynccontextmanager
async def autocommit() -> AsyncIterator[AsyncSession]:
    """Give a session for reads: each statement is its own transaction, one Data API call.

    Raises ServiceUnavailableError where the database does not answer.
    """
    engine = async_engine().execution_options(isolation_level="AUTOCOMMIT")
    with _reachable():
        async with AsyncSession(engine, expire_on_commit=False, autoflush=False) as session:
            yield session


@contextmanager
def sync_unit_of_work() -> Iterator[Session]:
    """Give a synchronous session with one transaction, for scripts and migrations."""
    with Session(sync_engine(), expire_on_commit=False) as session, session.begin():
        yield session


async def ping(*, timeout_s: float) -> None:
    """Ask the database for one row.

    Raises TimeoutError or ServiceUnavailableError where it does not answer.
    """
    asked = asyncio.ensure_future(_ask())
    done, _ = await asyncio.wait({asked}, timeout=timeout_s)
    if not done:
        # Cancelled but not awaited: psycopg would wait for a server that does not answer that either.
        asked.cancel()
        asked.add_done_callback(lambda task: task.cancelled() or task.exception())
        raise TimeoutError
    asked.result()


async def _ask() -> None:
    async with autocommit() as session:
        await session.execute(text("SELECT 1"))


@contextmanager
def _reachable() -> Iterator[None]:
    # What a caller may try again: a lost connection, a time-out, a deadlock, a full pool.
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeoutError) as error:
        raise ServiceUnavailableError("The database does not answer: try again soon.") from error
