"""The Redis-compatible cache: Valkey locally, ElastiCache Serverless on AWS."""

import asyncio
from functools import cache
from typing import TYPE_CHECKING

from shared.config.cache import cache_settings

if TYPE_CHECKING:
    from redis.asyncio import Redis

_CONNECT_TIMEOUT_S = 2.0


@cache
def cache_client() -> "Redis":
    """Return the client of the process, which connects on first use.

    Raises ValidationError where REDIS_URL is not set.
    """
    from redis.asyncio import Redis

    return Redis.from_url(
        cache_settings().redis_url,
        socket_connect_timeout=_CONNECT_TIMEOUT_S,
        decode_responses=True,
    )


async def ping(*, timeout_s: float) -> None:
    """Ask the cache for a sign of life. Raises TimeoutError or a RedisError where it gives none."""
    async with asyncio.timeout(timeout_s):
        await cache_client().ping()
