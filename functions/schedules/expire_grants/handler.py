"""Forgets codes whose replay is not looked out for any more, and used assertions that have expired."""

from typing import TYPE_CHECKING

from functions.schedules.expire_grants.spec import SPEC
from shared.core.clock import now
from shared.worker.job import Report, Turn, in_chunks, job_handler

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession


async def expire_grants(turn: Turn) -> Report:
    """Forget both in chunks, while there is time."""
    codes = await in_chunks(_forget_codes, deadline=turn.deadline)
    assertions = await in_chunks(_forget_assertions, deadline=turn.deadline)
    return {
        "codes": codes.done,
        "assertions": assertions.done,
        "complete": codes.complete and assertions.complete,
    }


async def _forget_codes(session: "AsyncSession", limit: int) -> int:
    from shared.domains.oauth import api as oauth

    return await oauth.forget_codes(session, at=now(), limit=limit)


async def _forget_assertions(session: "AsyncSession", limit: int) -> int:
    from shared.domains.oauth import api as oauth

    return await oauth.forget_assertions(session, at=now(), limit=limit)


handler = job_handler(expire_grants, name=SPEC.name)
