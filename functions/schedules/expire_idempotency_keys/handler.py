"""Removes idempotency keys whose answers are not given again any more."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from functions.schedules.expire_idempotency_keys.spec import SPEC
from shared.core.clock import now
from shared.worker.job import Report, Turn, in_chunks, job_handler

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession


async def expire_idempotency_keys(turn: Turn) -> Report:
    """Forget expired keys in chunks, while there is time."""
    return asdict(await in_chunks(_forget, deadline=turn.deadline))


async def _forget(session: "AsyncSession", limit: int) -> int:
    from shared.adapters.idempotency import idempotency

    return await idempotency.forget(session, before=now(), limit=limit)


handler = job_handler(expire_idempotency_keys, name=SPEC.name)
