"""Where tasks are kept."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text, cast, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters.database.pagination import ascending, descending, paginate
from shared.adapters.database.violations import violated_constraint
from shared.core.errors import UnauthorizedError
from shared.core.pagination import Page
from shared.core.schema import Paging
from shared.domains.tasks.models import Task, TaskRowError
from shared.domains.tasks.schemas import RowError, TaskFilter

_OWNERS = 0x7461736B
"""The first half of the advisory locks of owners: no other lock has it."""


async def hold_owner(session: AsyncSession, owner_id: UUID) -> None:
    """Let no other transaction that calls this for the same owner go on until this one ends."""
    # A half of an owner's id is one half of another's at times: then these wait without need.
    lock = func.pg_advisory_xact_lock(_OWNERS, func.hashtext(cast(str(owner_id), Text)))
    await session.execute(select(literal(1)).select_from(lock))


async def unfinished_kinds(session: AsyncSession, owner_id: UUID) -> Sequence[str]:
    """Return the kinds of an owner's tasks that wait or run."""
    found = select(Task.kind).where(Task.owner_id == owner_id, Task.finished_at.is_(None))
    return (await session.scalars(found)).all()


async def save(session: AsyncSession, task: Task) -> None:
    """Write a new task. Raises UnauthorizedError where its owner is gone."""
    session.add(task)
    try:
        await session.flush()
    except IntegrityError as error:
        if violated_constraint(error) == "fk_tasks_owner_id_users":
            raise UnauthorizedError("Your account is gone: register again.") from error
        raise


async def find(session: AsyncSession, *, owner_id: UUID, task_id: UUID) -> Task | None:
    """Return an owner's task, or None."""
    return await session.scalar(select(Task).where(Task.id == task_id, Task.owner_id == owner_id))


async def find_own_for_change(
    session: AsyncSession, *, owner_id: UUID, task_id: UUID
) -> Task | None:
    """Return an owner's task that no other transaction changes until this one ends, or None.

    While another one holds it, this waits for its end.
    """
    own = select(Task).where(Task.id == task_id, Task.owner_id == owner_id)
    return await session.scalar(own.with_for_update())


async def find_for_change(session: AsyncSession, task_id: UUID) -> Task | None:
    """Return anybody's task that no other transaction changes until this one ends, or None.

    While another one holds it, this waits for its end.
    """
    return await session.scalar(select(Task).where(Task.id == task_id).with_for_update())


async def change(session: AsyncSession, task_id: UUID, **values: Any) -> Task | None:
    """Set columns of a task and return it; None where it is gone, as with its owner."""
    changed = update(Task).where(Task.id == task_id).values(**values).returning(Task)
    options = {"synchronize_session": False, "populate_existing": True}
    return await session.scalar(changed.execution_options(**options))


async def list_tasks(
    session: AsyncSession, *, owner_id: UUID, which: TaskFilter, paging: Paging
) -> Page[Task]:
    """Return a page of an owner's tasks, newest first. Raises ValidationFailedError for a bad cursor."""
    conditions: list[ColumnElement[bool]] = [Task.owner_id == owner_id]
    if which.state:
        conditions.append(Task.state == which.state)
    if which.kind:
        conditions.append(Task.kind == which.kind)
    return await paginate(
        session,
        select(Task).where(*conditions),
        order=[descending(Task.created_at), descending(Task.id)],
        cursor=paging.cursor,
        limit=paging.limit,
        filters={**which.model_dump(), "owner": owner_id},
    )


async def add_row_errors(
    session: AsyncSession, *, task_id: UUID, row_errors: Sequence[RowError]
) -> None:
    """Keep what is wrong with rows; of two errors of one line the first is kept."""
    rows = [{"task_id": task_id, **each.model_dump()} for each in row_errors]
    if rows:
        await session.execute(insert(TaskRowError).on_conflict_do_nothing(), rows)


async def list_row_errors(
    session: AsyncSession, *, task_id: UUID, paging: Paging
) -> Page[TaskRowError]:
    """Return a page of a task's row errors by line. Raises ValidationFailedError for a bad cursor."""
    return await paginate(
        session,
        select(TaskRowError).where(TaskRowError.task_id == task_id),
        order=[ascending(TaskRowError.line)],
        cursor=paging.cursor,
        limit=paging.limit,
        filters={"task": task_id},
    )


async def unfinished_of(session: AsyncSession, owner_id: UUID, *, beside: UUID) -> Sequence[Task]:
    """Return an owner's tasks that wait or run, `beside` one, for change."""
    found = (
        select(Task)
        .where(Task.owner_id == owner_id, Task.id != beside, Task.finished_at.is_(None))
        .order_by(Task.id)
        .with_for_update()
    )
    return (await session.scalars(found)).all()


async def unfinished_since(
    session: AsyncSession, before: datetime, *, limit: int
) -> Sequence[Task]:
    """Return at most `limit` tasks without progress since a moment, for change; none that a step holds."""
    found = (
        select(Task)
        .where(Task.finished_at.is_(None), Task.updated_at < before)
        .order_by(Task.updated_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return (await session.scalars(found)).all()


async def expired_since(session: AsyncSession, before: datetime, *, limit: int) -> Sequence[Task]:
    """Return at most `limit` finished tasks that were to be forgotten before a moment, for change."""
    found = (
        select(Task)
        .where(Task.expires_at < before)
        .order_by(Task.expires_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return (await session.scalars(found)).all()


async def remove(session: AsyncSession, task_ids: Collection[UUID]) -> None:
    """Delete tasks and their row errors."""
    gone = delete(Task).where(Task.id.in_(task_ids))
    await session.execute(gone.execution_options(synchronize_session=False))


async def remove_of(session: AsyncSession, owner_id: UUID, *, beside: UUID, limit: int) -> int:
    """Delete at most `limit` of an owner's tasks, `beside` one; return how many."""
    some = select(Task.id).where(Task.owner_id == owner_id, Task.id != beside).limit(limit)
    gone = delete(Task).where(Task.id.in_(some)).returning(Task.id)
    removed = await session.execute(gone.execution_options(synchronize_session=False))
    return len(removed.all())
