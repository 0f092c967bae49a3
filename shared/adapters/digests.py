"""Keyed digests, so that a copy of the database tells nothing and proves nothing.

One secret of high entropy (`VAULT_SECRET_ID`) gives a key for each purpose by HKDF (RFC 5869). It is
never rotated: what it hashed could not be found, and what it sealed not be opened.
"""

import asyncio
import hmac
from functools import cache

from shared.adapters import secrets
from shared.config.identity import vault_settings

_KEY_BYTES = 32


async def keyed_hash(text: str | bytes, *, purpose: str) -> str:
    """Return HMAC-SHA-256 of a text under the key of a purpose: 64 characters of hexadecimal."""
    data = text.encode() if isinstance(text, str) else text
    return hmac.digest(await key_of(purpose), data, "sha256").hex()


async def key_of(purpose: str) -> bytes:
    """Return the key of a purpose: 32 bytes."""
    # The first use asks Secrets Manager, which blocks; later ones find the secret at hand.
    if not _secret.cache_info().currsize:
        await asyncio.to_thread(_secret)
    return _derived(purpose)


def forget_keys() -> None:
    """Forget what is at hand of the secret: for tests that change it."""
    _secret.cache_clear()
    _derived.cache_clear()


@cache
def _secret() -> bytes:
    return secrets.read_secret(vault_settings().vault_secret_id).encode()


@cache
def _derived(purpose: str) -> bytes:
    # HKDF with a single block of output, by the standard library: this module starts fast.
    extracted = hmac.digest(b"\x00" * _KEY_BYTES, _secret(), "sha256")
    return hmac.digest(extracted, f"switchyard {purpose}".encode() + b"\x01", "sha256")
