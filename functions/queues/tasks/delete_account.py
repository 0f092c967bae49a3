"""Deletes a user and all that is theirs, a little at a time, the user last."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from functions.queues.tasks.kinds import Kind, Progress, Step, TaskInHand
from shared.domains.catalog import api as catalog
from shared.domains.identity import api as identity
from shared.domains.mail import api as mail
from shared.domains.mail.events import MailTemplate
from shared.domains.tasks import api as tasks
from shared.domains.webhooks import api as webhooks

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

CHUNK = 500
"""Rows, or files, of one step."""

FEW_TASKS = 5
"""Tasks of one step: each may have many row errors."""

type Part = Callable[["AsyncSession", TaskInHand], Awaitable[int]]
"""Deletes some of what there is; returns how much, 0 once nothing is left."""


async def _stop_tasks(session: "AsyncSession", task: TaskInHand) -> int:
    # First of all: nothing that is deleted from now on is made again.
    await tasks.cancel_others(session, owner_id=task.owner_id, task_id=task.id)
    return 0


async def _delete_tasks(session: "AsyncSession", task: TaskInHand) -> int:
    return await tasks.delete_others(
        session, owner_id=task.owner_id, task_id=task.id, limit=FEW_TASKS
    )


async def _delete_posts(session: "AsyncSession", task: TaskInHand) -> int:
    return await catalog.delete_posts_of(session, author_id=task.owner_id, limit=CHUNK)


async def _delete_items(session: "AsyncSession", task: TaskInHand) -> int:
    return await catalog.delete_items_of(session, owner_id=task.owner_id, limit=CHUNK)


async def _delete_webhooks(session: "AsyncSession", task: TaskInHand) -> int:
    # After all that makes events: none of them is left in the journal.
    return await webhooks.delete_of(session, owner_id=task.owner_id, limit=CHUNK)


async def _delete_files(_: "AsyncSession", task: TaskInHand) -> int:
    return await tasks.delete_files_of(task.owner_id, limit=CHUNK)


async def _delete_user(session: "AsyncSession", task: TaskInHand) -> int:
    if owner := await identity.find_contact(session, task.owner_id):
        await mail.request(
            session,
            to=owner.email,
            template=MailTemplate.ACCOUNT_DELETED,
            locale=owner.locale,
            values={"username": owner.username},
        )
    await identity.delete_user(session, task.owner_id)
    return 0


PARTS: Mapping[str, Part] = {
    "stop tasks": _stop_tasks,
    "tasks": _delete_tasks,
    "posts": _delete_posts,
    "items": _delete_items,
    "webhooks": _delete_webhooks,
    "files": _delete_files,
    "user": _delete_user,
}
"""In their order; a checkpoint names the one that is next."""

_ORDER = tuple(PARTS)


@asynccontextmanager
async def begin(_: TaskInHand) -> AsyncIterator[Step]:
    """Give the step: there is nothing to open."""
    yield _delete_some


async def _delete_some(session: "AsyncSession", task: TaskInHand) -> Progress:
    part = task.checkpoint["part"] if task.checkpoint else _ORDER[0]
    deleted = await PARTS[part](session, task)
    done = task.done + deleted
    if deleted:
        return Progress(checkpoint={"part": part}, done=done, total=None)
    if part == _ORDER[-1]:
        return Progress(checkpoint={"part": part}, done=done, total=done, result={"deleted": done})
    return Progress(checkpoint={"part": _ORDER[_ORDER.index(part) + 1]}, done=done, total=None)


KIND = Kind(begin=begin)
