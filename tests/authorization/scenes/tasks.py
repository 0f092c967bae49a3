"""Scenes of tasks."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters.database.base import Base
from shared.domains.tasks import repository as tasks
from shared.domains.tasks.models import Task, TaskRowError
from shared.domains.tasks.schemas import TaskFilter, TaskState
from tests.authorization.stage import ANY, NOBODY, THINGS, Owner, scene_of


def task(owner: Owner) -> Sequence[Base]:
    return [Task(id=owner.thing, owner_id=owner.id, kind="export_items", parameters={})]


def row_error(owner: Owner) -> Sequence[Base]:
    wrong = {"field": "name", "code": "missing", "message": "There is none."}
    return [TaskRowError(task_id=owner.thing, line=1, **wrong)]


@scene_of(tasks.unfinished_kinds, task)
async def unfinished_kinds(session: AsyncSession, me: Owner) -> object:
    return await tasks.unfinished_kinds(session, me.id)


@scene_of(tasks.find, task)
async def find_tasks(session: AsyncSession, me: Owner) -> object:
    return [await tasks.find(session, owner_id=me.id, task_id=i) for i in THINGS]


@scene_of(tasks.find_own_for_change, task)
async def find_tasks_for_change(session: AsyncSession, me: Owner) -> object:
    find = tasks.find_own_for_change
    return [await find(session, owner_id=me.id, task_id=i) for i in THINGS]


@scene_of(tasks.list_tasks, task)
async def list_tasks(session: AsyncSession, me: Owner) -> object:
    return await tasks.list_tasks(session, owner_id=me.id, which=TaskFilter(), paging=ANY)


@scene_of(tasks.unfinished_of, task)
async def unfinished_tasks(session: AsyncSession, me: Owner) -> object:
    return await tasks.unfinished_of(session, me.id, beside=NOBODY)


@scene_of(tasks.remove_of, task)
async def remove_tasks(session: AsyncSession, me: Owner) -> object:
    return await tasks.remove_of(session, me.id, beside=NOBODY, limit=10)


@scene_of(tasks.find_for_change, task)
async def find_task_for_change(session: AsyncSession, me: Owner) -> object:
    return await tasks.find_for_change(session, me.thing)


@scene_of(tasks.change, task)
async def change_task(session: AsyncSession, me: Owner) -> object:
    return await tasks.change(session, me.thing, state=TaskState.RUNNING)


@scene_of(tasks.list_row_errors, row_error)
async def list_row_errors(session: AsyncSession, me: Owner) -> object:
    return await tasks.list_row_errors(session, task_id=me.thing, paging=ANY)
