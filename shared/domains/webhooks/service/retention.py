"""How long what webhooks leave behind is kept, and what removes it."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from shared.core.clock import now
from shared.domains.webhooks.repository import retention as repository

KEPT = timedelta(days=30)
"""How long the log and the journal are kept: for so long a message can be sent again."""

SECRETS_KEPT = timedelta(days=1)
"""How long a secret that signs no more is kept, for nothing but clocks that differ."""


async def drop_waiting(session: AsyncSession, *, limit: int) -> int:
    """Give up some deliveries that their endpoints will not be sent; return how many."""
    at = now()
    return await repository.drop_waiting(session, before=at - KEPT, at=at, limit=limit)


async def forget_attempts(session: AsyncSession, *, limit: int) -> int:
    """Delete some attempts that are too old; return how many."""
    return await repository.remove_attempts(session, before=now() - KEPT, limit=limit)


async def forget_deliveries(session: AsyncSession, *, limit: int) -> int:
    """Delete some deliveries that ended too long ago; return how many."""
    return await repository.remove_deliveries(session, before=now() - KEPT, limit=limit)


async def forget_secrets(session: AsyncSession, *, limit: int) -> int:
    """Delete some secrets that sign no more; return how many."""
    return await repository.remove_secrets(session, before=now() - SECRETS_KEPT, limit=limit)


async def forget_events(session: AsyncSession, *, limit: int) -> int:
    """Delete some events of the journal that are too old; return how many."""
    return await repository.remove_events(session, before=now() - KEPT, limit=limit)


async def forget_log_of_removed(session: AsyncSession, *, limit: int) -> int:
    """Delete some of the log of removed endpoints; return how many deliveries."""
    return await repository.remove_log_of_removed(session, limit=limit)


async def forget_removed(session: AsyncSession, *, limit: int) -> int:
    """Delete some removed endpoints whose log is gone; return how many."""
    return await repository.remove_endpoints(session, limit=limit)


PARTS: Mapping[str, Callable[..., Awaitable[int]]] = {
    "dropped": drop_waiting,
    "attempts": forget_attempts,
    "deliveries": forget_deliveries,
    "log_of_removed": forget_log_of_removed,
    "endpoints": forget_removed,
    "secrets": forget_secrets,
    "events": forget_events,
}
"""In their order: an event goes once its deliveries are gone, an endpoint once its log is."""


async def delete_of(session: AsyncSession, *, owner_id: UUID, limit: int) -> int:
    """Delete some of what an owner has here, at most `limit` rows; return how many, 0 once nothing is left."""
    removals = (
        repository.remove_deliveries_of,
        repository.remove_endpoints_of,
        repository.remove_events_of,
    )
    for remove in removals:
        if removed := await remove(session, owner_id=owner_id, limit=limit):
            return removed
    return 0
