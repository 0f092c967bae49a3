"""Removes sessions that ended long ago, and their refresh tokens with them."""

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

from functions.schedules.expire_sessions.spec import SPEC
from shared.core.clock import now
from shared.worker.job import Report, Turn, in_chunks, job_handler

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

KEPT = timedelta(days=7)
"""How long an ended session is kept: a stolen refresh token that is used late is still recognised."""


async def expire_sessions(turn: Turn) -> Report:
    """Forget ended sessions in chunks, while there is time."""
    return asdict(await in_chunks(_forget, deadline=turn.deadline))


async def _forget(session: "AsyncSession", limit: int) -> int:
    from shared.domains.sessions import api as sessions

    return await sessions.forget_ended(session, before=now() - KEPT, limit=limit)


handler = job_handler(expire_sessions, name=SPEC.name)
