"""Compares our keys with the gateway's, heals what differs, and ends what is left of removed partners."""

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

from functions.schedules.reconcile_gateway_keys.spec import SPEC
from shared.core.clock import now
from shared.worker.job import CHUNK_S, Report, Turn, in_chunks, job_handler

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

KEPT = timedelta(days=30)
"""How long a key that has ended stays in its partner's list."""

HEALING_S = 3 * CHUNK_S
"""What one key may take, in seconds: several calls of the control plane, which may have to wait."""


async def reconcile(turn: Turn) -> Report:
    """Reconcile, then remove what nobody needs any more, while there is time."""
    from shared.domains.partners import api as partners

    told = await partners.reconcile(has_time=lambda: turn.deadline.leaves(HEALING_S))
    removed = await in_chunks(_finish_removal, deadline=turn.deadline)
    forgotten = await in_chunks(_forget, deadline=turn.deadline)
    return {
        **told.model_dump(mode="json"),
        "steps_of_removals": asdict(removed),
        "forgotten": asdict(forgotten),
    }


async def _finish_removal(session: "AsyncSession", limit: int) -> int:
    from shared.domains.partners import api as partners
    from shared.domains.webhooks import api as webhooks

    account_id = await partners.find_removed_account(session)
    # Here and not among partners: what happens to those may be an event of webhooks one day.
    if account_id and await webhooks.delete_of(session, owner_id=account_id, limit=limit):
        return limit
    # A step is as much as a transaction bears, so that it counts as a whole chunk: another may follow.
    return limit if await partners.finish_removal(session, limit=limit) else 0


async def _forget(session: "AsyncSession", limit: int) -> int:
    from shared.domains.partners import api as partners

    return await partners.forget_ended_keys(session, before=now() - KEPT, limit=limit)


handler = job_handler(reconcile, name=SPEC.name)
