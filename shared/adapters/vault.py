"""Texts that the database keeps sealed, because they must be read again; else a keyed digest will do."""

import base64
import os
from typing import TYPE_CHECKING

from shared.adapters.digests import key_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


class SealBrokenError(ValueError):
    """A sealed text was altered, or sealed for another purpose or by another secret."""


async def seal(text: str, *, purpose: str) -> str:
    """Return a text encrypted for a purpose (AES-256-GCM), in base64url."""
    nonce = os.urandom(_NONCE_BYTES)
    sealed = (await _cipher(purpose)).encrypt(nonce, text.encode(), purpose.encode())
    return base64.urlsafe_b64encode(nonce + sealed).decode()


async def unseal(sealed: str, *, purpose: str) -> str:
    """Return the text that was sealed for a purpose. Raises SealBrokenError."""
    from cryptography.exceptions import InvalidTag

    try:
        data = base64.b64decode(sealed, altchars=b"-_", validate=True)
        nonce, rest = data[:_NONCE_BYTES], data[_NONCE_BYTES:]
        return (await _cipher(purpose)).decrypt(nonce, rest, purpose.encode()).decode()
    except (InvalidTag, ValueError) as error:
        raise SealBrokenError("the text was not sealed here for this purpose") from error


async def _cipher(purpose: str) -> "AESGCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(await key_of(purpose))
