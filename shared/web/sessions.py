"""Database sessions as dependencies. Each ends before the answer is sent: a failed commit is no 200."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession
else:
    AsyncSession = object  # SQLAlchemy loads with the first request that needs it


async def _autocommit() -> AsyncIterator[AsyncSession]:
    from shared.adapters.database.sessions import autocommit

    async with autocommit() as session:
        yield session


async def _unit_of_work() -> AsyncIterator[AsyncSession]:
    from shared.adapters.database.sessions import unit_of_work

    async with unit_of_work() as session:
        yield session


ReadSession = Annotated[AsyncSession, Depends(_autocommit, scope="function")]
"""For routes that only read: each statement is one Data API call."""

WriteSession = Annotated[AsyncSession, Depends(_unit_of_work, scope="function")]
"""For routes that write: one transaction, committed when the route returns."""
