"""Which Redis-compatible server."""

from functools import cache

from pydantic import Field
from pydantic_settings import BaseSettings


class CacheSettings(BaseSettings):
    """The variable `REDIS_URL`: `redis://` locally, `rediss://` (TLS) for ElastiCache."""

    redis_url: str = Field(min_length=1, repr=False)


@cache
def cache_settings() -> CacheSettings:
    """Return the settings, read from the environment once per process.

    Raises ValidationError naming `REDIS_URL` where it is not set.
    """
    return CacheSettings()
