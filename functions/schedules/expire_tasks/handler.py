"""Ends what tasks leave behind, and what became of them where their messages were lost."""

from datetime import timedelta
from typing import TYPE_CHECKING

from functions.schedules.expire_tasks.spec import SPEC
from shared.core.clock import now
from shared.worker.job import Report, Turn, in_chunks, job_handler

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

STUCK_AFTER = timedelta(minutes=30)
"""Without progress for so long a task is gone on with: longer than its queue makes one wait."""

CHUNK = 50
"""Tasks of one chunk: each may have files, and thousands of row errors that go with it."""


async def expire_tasks(turn: Turn) -> Report:
    """Have stuck tasks gone on with, then forget expired ones, in chunks, while there is time."""
    stuck = await in_chunks(_requeue, deadline=turn.deadline, limit=CHUNK)
    expired = await in_chunks(_forget, deadline=turn.deadline, limit=CHUNK)
    return {
        "requeued": stuck.done,
        "forgotten": expired.done,
        "complete": stuck.complete and expired.complete,
    }


async def _requeue(session: "AsyncSession", limit: int) -> int:
    from shared.domains.tasks import api as tasks

    return await tasks.requeue_stuck(session, before=now() - STUCK_AFTER, limit=limit)


async def _forget(session: "AsyncSession", limit: int) -> int:
    from shared.domains.tasks import api as tasks

    return len(await tasks.forget_expired(session, before=now(), limit=limit))


handler = job_handler(expire_tasks, name=SPEC.name)
