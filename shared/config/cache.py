"""Which Redis-compatible server."""

from functools import cache

from pydantic import Field
from pydantic_settings import BaseSettings


class CacheSettings(BaseSettings):
    """The variable `REDIS_URL`: `redis://` locally, `rediss://` (TLS) for ElastiCache."""

    redis_url: str = Field(min_length=1, repr=False)


class _Presence(BaseSettings):
    redis_url: str | None = None


@cache
def has_cache() -> bool:
    """Tell whether this process is given a cache at all."""
    return bool(_Presence().redis_url)


@cache
def cache_settings() -> CacheSettings:
    """Return the settings, read from the environment once per process.

    Raises ValidationError naming `REDIS_URL` where it is not set.
    """
    return CacheSettings()
