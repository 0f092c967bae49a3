"""Two owners with rows of the same kind, and a function of a repository that is asked for each of them.

What an owner gets, and what it leaves of the rows, is the same whether the other has rows or not.
"""

import importlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import inspect, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters.database.base import Base
from shared.adapters.database.engine import async_engine
from shared.core.pagination import Page
from shared.core.schema import Paging


@dataclass(frozen=True)
class Owner:
    """Somebody, and the ids of what is theirs: of one thing of a kind, seldom of a second."""

    name: str
    id: UUID
    thing: UUID
    second: UUID


ADA = Owner("ada", id=UUID(int=0xADA), thing=UUID(int=0xADA1), second=UUID(int=0xADA2))
BEN = Owner("ben", id=UUID(int=0xBE4), thing=UUID(int=0xBE41), second=UUID(int=0xBE42))
OWNERS = (ADA, BEN)
NOBODY = UUID(int=0)

THINGS = [each.thing for each in OWNERS]
NAMES = [each.name for each in OWNERS]
"""What is known by a digest, the name stands for it."""

NOW = datetime(2026, 1, 6, 10, tzinfo=UTC)
EARLIER, LATER = NOW - timedelta(hours=1), NOW + timedelta(hours=1)
ANY = Paging()

type Rows = Callable[[Owner], Sequence[Base]]
type Act = Callable[[AsyncSession, Owner], Awaitable[object]]
type Outcome = tuple[object, list[str]]
"""What somebody got, and the rows that were left."""

_TIMES = {"created_at", "updated_at"}
"""Columns that are different each time, as numbers are that the database gives."""


@dataclass(frozen=True)
class Scene:
    """The rows that each owner has, and what is done for one of them."""

    rows: Rows
    act: Act


_SCENES: dict[tuple[str, str], Scene] = {}


def scene_of(function: Callable[..., Any], rows: Rows) -> Callable[[Act], Act]:
    """Make what is decorated the scene of a function of a repository."""

    def keep(act: Act) -> Act:
        _SCENES[function.__module__, function.__name__] = Scene(rows, act)
        return act

    return keep


def all_scenes() -> Mapping[tuple[str, str], Scene]:
    """Return every scene, by the module and the name of its function."""
    for path in sorted((Path(__file__).parent / "scenes").glob("*.py")):
        importlib.import_module(f"tests.authorization.scenes.{path.stem}")
    return _SCENES


async def outcomes(scene: Scene) -> list[Outcome]:
    """Return what comes of a scene for each owner, the rows of both being there.

    It is the same rows that both are asked about: a function that asks not whose they are does the
    same for both, whichever row it comes upon first.
    """
    async with _stage() as session:
        await _put(session, scene, OWNERS)
        return [await _outcome(session, scene, owner) for owner in OWNERS]


async def outcomes_alone(scene: Scene) -> list[Outcome]:
    """Return what comes of a scene for each owner without the other, whose rows are left as they are."""
    async with _stage() as session:
        return [
            await _outcome_alone(session, scene, ADA, beside=BEN),
            await _outcome_alone(session, scene, BEN, beside=ADA),
        ]


async def _outcome_alone(
    session: AsyncSession, scene: Scene, owner: Owner, *, beside: Owner
) -> Outcome:
    async with _undone(session):
        await _put(session, scene, [beside])
        untouched = await _left(session, scene)
    async with _undone(session):
        await _put(session, scene, [owner])
        answer, left = await _outcome(session, scene, owner)
    return answer, sorted(untouched + left)


async def _outcome(session: AsyncSession, scene: Scene, owner: Owner) -> Outcome:
    async with _undone(session):
        answer = _plain(await scene.act(session, owner))
        return answer, await _left(session, scene)


@asynccontextmanager
async def _stage() -> AsyncIterator[AsyncSession]:
    async with AsyncSession(async_engine(), expire_on_commit=False) as session:
        # Foreign keys are not asked: a row needs nothing that it belongs to.
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        yield session
        await session.rollback()


@asynccontextmanager
async def _undone(session: AsyncSession) -> AsyncIterator[None]:
    savepoint = await session.begin_nested()
    try:
        yield
    finally:
        await savepoint.rollback()
        session.expunge_all()


async def _put(session: AsyncSession, scene: Scene, owners: Iterable[Owner]) -> None:
    for owner in owners:
        session.add_all(scene.rows(owner))
        await session.flush()
    session.expunge_all()


async def _left(session: AsyncSession, scene: Scene) -> list[str]:
    """Return every row of the tables that a scene has rows in."""
    kinds = {type(row) for owner in OWNERS for row in scene.rows(owner)}
    found: list[str] = []
    for table in (kind.__table__ for kind in kinds):
        columns = [each for each in table.c if each.name not in _TIMES and not each.identity]
        found += [f"{table} {row}" for row in await session.execute(select(*columns))]
    return sorted(found)


def _plain(answer: Any) -> object:
    match answer:
        case Base():
            return type(answer).__name__, inspect(answer).identity
        case Page(items=items):
            return _plain(items)
        case Sequence() if not isinstance(answer, str):
            return [_plain(each) for each in answer]
        case _:
            return answer
