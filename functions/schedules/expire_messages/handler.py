"""Removes what is kept about messages and jobs once nothing can ask for it any more."""

from datetime import timedelta
from typing import TYPE_CHECKING

from functions.schedules.expire_messages.spec import SPEC
from shared.core.clock import now
from shared.worker.job import Report, Turn, in_chunks, job_handler

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

KEPT = timedelta(days=30)
"""How long it is known that a message was handled, or that a job ran for a moment.

Longer than the same one can come again: a queue and its dead letters keep a message for 14 days each
(AWS, "Amazon SQS message quotas"), EventBridge Scheduler repeats for one.
"""


LETTERS_KEPT = timedelta(days=90)
"""How long a dead letter is kept after an operator has decided about it. The audit trail stays."""


async def expire_messages(turn: Turn) -> Report:
    """Forget handled messages, runs of jobs and decided dead letters, in chunks, while there is time."""
    messages = await in_chunks(_forget_messages, deadline=turn.deadline)
    runs = await in_chunks(_forget_runs, deadline=turn.deadline)
    letters = await in_chunks(_forget_letters, deadline=turn.deadline)
    return {
        "messages": messages.done,
        "runs": runs.done,
        "dead_letters": letters.done,
        "complete": messages.complete and runs.complete and letters.complete,
    }


async def _forget_messages(session: "AsyncSession", limit: int) -> int:
    from shared.adapters.inbox import inbox

    return await inbox.forget(session, before=now() - KEPT, limit=limit)


async def _forget_runs(session: "AsyncSession", limit: int) -> int:
    from shared.adapters.jobs import repository

    return await repository.forget(session, before=now() - KEPT, limit=limit)


async def _forget_letters(session: "AsyncSession", limit: int) -> int:
    from shared.domains.dead_letters import api as dead_letters

    return await dead_letters.forget_decided(session, before=now() - LETTERS_KEPT, limit=limit)


handler = job_handler(expire_messages, name=SPEC.name)
