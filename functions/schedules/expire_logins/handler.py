"""Forgets failed logins that make no difference any more, and tokens, challenges and sign-ins that have expired."""

from typing import TYPE_CHECKING

from functions.schedules.expire_logins.spec import SPEC
from shared.core.clock import now
from shared.worker.job import Report, Turn, in_chunks, job_handler

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession


async def expire_logins(turn: Turn) -> Report:
    """Forget them in chunks, while there is time."""
    counters = await in_chunks(_forget_counters, deadline=turn.deadline)
    tokens = await in_chunks(_forget_tokens, deadline=turn.deadline)
    challenges = await in_chunks(_forget_challenges, deadline=turn.deadline)
    flows = await in_chunks(_forget_flows, deadline=turn.deadline)
    swept = {"counters": counters, "tokens": tokens, "challenges": challenges, "flows": flows}
    return {
        **{name: each.done for name, each in swept.items()},
        "complete": all(each.complete for each in swept.values()),
    }


async def _forget_counters(session: "AsyncSession", limit: int) -> int:
    from shared.domains.logins import api as logins

    return await logins.forget_stale(session, at=now(), limit=limit)


async def _forget_tokens(session: "AsyncSession", limit: int) -> int:
    from shared.domains.identity import api as identity

    return await identity.forget_expired_tokens(session, at=now(), limit=limit)


async def _forget_flows(session: "AsyncSession", limit: int) -> int:
    from shared.domains.federation import api as federation

    return await federation.forget_expired(session, at=now(), limit=limit)


async def _forget_challenges(session: "AsyncSession", limit: int) -> int:
    from shared.domains.mfa import api as mfa

    return await mfa.forget_expired(session, at=now(), limit=limit)


handler = job_handler(expire_logins, name=SPEC.name)
