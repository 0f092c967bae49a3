"""What this deployment's keys look like, and what is kept of them."""

from shared.adapters import digests
from shared.config.runtime import Environment, runtime_settings

_MARKS = {
    Environment.LOCAL: "local",
    Environment.STAGING: "staging",
    Environment.PRODUCTION: "live",
}


def mark() -> str:
    """Return how keys of this environment are marked."""
    return _MARKS[runtime_settings().environment]


async def digest_of(key: str) -> str:
    """Return HMAC-SHA-256 of a key, in hexadecimal: all that the database has of it."""
    return await digests.keyed_hash(key, purpose="partner API key")
