"""Users, tasks and items for the tests of imports and exports, put into the database directly."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from functions.queues.tasks import export_items, import_items
from functions.queues.tasks.runner import Turn, work_on
from shared.adapters.database.sessions import autocommit, unit_of_work
from shared.core.correlation import Correlation, correlated
from shared.core.ids import new_id
from shared.core.schema import Paging
from shared.domains.catalog import api as catalog
from shared.domains.catalog.schemas import Item, ItemFilter
from shared.domains.tasks import api as tasks
from shared.domains.tasks.models import Task
from shared.domains.tasks.schemas import RowError

KINDS = {"import_items": import_items.KIND, "export_items": export_items.KIND}


async def make_owner() -> UUID:
    owner_id = new_id()
    name = f"user-{owner_id.hex[-12:]}"
    async with unit_of_work() as session:
        await session.execute(
            text(
                "INSERT INTO users (id, username, email, password_hash, created_at, updated_at)"
                " VALUES (CAST(:id AS uuid), :name, :email, '', now(), now())"
            ),
            {"id": str(owner_id), "name": name, "email": f"{name}@example.com"},
        )
    return owner_id


async def make_task(owner_id: UUID, *, kind: str, **parameters: Any) -> UUID:
    async with unit_of_work() as session:
        task = Task(id=new_id(), owner_id=owner_id, kind=kind, parameters=parameters)
        session.add(task)
    return task.id


async def work(task_id: UUID, *, steps: int = 100_000) -> None:
    """Work on a task for so many steps, as one invocation."""
    left = iter(range(steps - 1))
    turn = Turn(message_id=uuid4(), leaves=lambda _: next(left, None) is not None)
    with correlated(Correlation(request_id="request-1")):
        await work_on(task_id, turn=turn, kinds=KINDS)


async def work_to_the_end(task_id: UUID, *, steps: int) -> int:
    """Work on a task in invocations of so many steps until it ends; return how many these were."""
    invocations = 0
    while (await kept(task_id)).finished_at is None:
        await work(task_id, steps=steps)
        invocations += 1
    return invocations


async def kept(task_id: UUID) -> Any:
    async with autocommit() as session:
        return await session.get(Task, task_id)


async def items_of(owner_id: UUID) -> list[Item]:
    """All items of an owner, the oldest first."""
    found, cursor = list[Item](), None
    until = datetime.now(UTC) + timedelta(minutes=1)
    while True:
        async with autocommit() as session:
            page = await catalog.list_items_made_until(
                session,
                owner_id=owner_id,
                which=ItemFilter(sort="created_at"),
                until=until,
                limit=500,
                cursor=cursor,
            )
        found += page.items
        if (cursor := page.next_cursor) is None:
            return found


async def row_errors_of(owner_id: UUID, task_id: UUID) -> list[RowError]:
    async with autocommit() as session:
        page = await tasks.list_row_errors(
            session, owner_id=owner_id, task_id=task_id, paging=Paging(limit=100)
        )
    return page.items
