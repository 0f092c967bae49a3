"""Removes what webhooks leave behind: log, journal and secrets past their time, and removed endpoints."""

from functools import partial
from typing import TYPE_CHECKING

from functions.schedules.expire_webhooks.spec import SPEC
from shared.worker.job import Report, Turn, in_chunks, job_handler

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession


async def expire_webhooks(turn: Turn) -> Report:
    """Remove part after part in chunks, while there is time: the next turn goes on where this one ends."""
    from shared.domains.webhooks import api as webhooks

    parts = webhooks.parts_to_forget()
    swept = {
        part: await in_chunks(partial(_forget, part), deadline=turn.deadline) for part in parts
    }
    done = {part: each.done for part, each in swept.items()}
    return {**done, "complete": all(each.complete for each in swept.values())}


async def _forget(part: str, session: "AsyncSession", limit: int) -> int:
    from shared.domains.webhooks import api as webhooks

    return await webhooks.forget(session, part, limit=limit)


handler = job_handler(expire_webhooks, name=SPEC.name)
