"""Tokens that say nothing by themselves: random text for one party, and its digest for the database."""

import hashlib
import secrets

_BYTES = 32


def new_token() -> str:
    """Return 256 random bits as 43 characters of base64url."""
    return secrets.token_urlsafe(_BYTES)


def digest_of(token: str) -> str:
    """Return what is kept of a token: SHA-256, in hexadecimal."""
    # 256 random bits need no slow hash and no key.
    return hashlib.sha256(token.encode()).hexdigest()
