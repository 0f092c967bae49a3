"""Sessions: the unit of work, and reads in autocommit."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from shared.adapters.database.engine import async_engine, sync_engine


@asynccontextmanager
async def unit_of_work() -> AsyncIterator[AsyncSession]:
    """Give a session with one transaction: committed at the end, rolled back on any error.

    The only place that commits. Raises what the commit raised.
    """
    async with AsyncSession(async_engine(), expire_on_commit=False) as session, session.begin():
        yield session


@asynccontextmanager
async def autocommit() -> AsyncIterator[AsyncSession]:
    """Give a session for reads: each statement is its own transaction, one Data API call."""
    engine = async_engine().execution_options(isolation_level="AUTOCOMMIT")
    async with AsyncSession(engine, expire_on_commit=False, autoflush=False) as session:
        yield session


@contextmanager
def sync_unit_of_work() -> Iterator[Session]:
    """Give a synchronous session with one transaction, for scripts and migrations."""
    with Session(sync_engine(), expire_on_commit=False) as session, session.begin():
        yield session


async def ping(*, timeout_s: float) -> None:
    """Ask the database for one row. Raises TimeoutError or a DBAPI error where it does not answer."""
    async with asyncio.timeout(timeout_s), autocommit() as session:
        await session.execute(text("SELECT 1"))
