"""The deny list: sessions that were revoked, in the cache, for as long as their access tokens live.

It is filled from `sessions.sessions_revoked` by functions/queues/deny_sessions. Where the cache does
not answer, a token lives out its time, and `DenyListDown` counts it.
"""

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID

from shared.adapters.cache import cache_client
from shared.adapters.logging import logger
from shared.adapters.metrics import Metric, count
from shared.config.cache import has_cache

if TYPE_CHECKING:
    from collections.abc import Iterable

TIMEOUT_S = 0.5
"""How long a request waits for the answer."""


MARGIN_S = 90
"""How long a denial outlasts the token, in seconds: for clocks apart, and for what is verified meanwhile."""


def are_at_hand() -> bool:
    """Tell whether this function has a cache to ask."""
    return has_cache()


async def deny(session_ids: "Iterable[UUID]", *, for_s: int) -> None:
    """Put sessions on the list for some seconds. Raises a RedisError where the cache does not answer."""
    async with cache_client().pipeline(transaction=False) as pipeline:
        for session_id in session_ids:
            pipeline.set(_key(session_id), "1", ex=for_s)
        await pipeline.execute()


async def is_denied(session_id: UUID) -> bool:
    """Tell whether a session is on the list; where the cache does not answer, it is taken not to be."""
    from redis.exceptions import RedisError

    try:
        async with asyncio.timeout(TIMEOUT_S):
            return bool(await cache_client().exists(_key(session_id)))
    except (RedisError, TimeoutError, OSError):
        logger().warning("the deny list does not answer", exc_info=True)
        count(Metric.DENY_LIST_DOWN)
        return False


def _key(session_id: UUID) -> str:
    return f"denied:session:{session_id}"
