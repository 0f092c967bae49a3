"""Password hashes: Argon2id (RFC 9106) with that document's parameters for little memory."""

import asyncio
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argon2 import PasswordHasher

NOBODYS_HASH = (
    "$argon2id$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)
"""What a password is compared with where there is no account: it takes as long and never matches."""


@cache
def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher

    return PasswordHasher()


async def hash_password(password: str) -> str:
    """Return the hash of a password, salt and parameters included."""
    return await asyncio.to_thread(_hasher().hash, password)


async def verify_password(password: str, hash_: str | None) -> bool:
    """Tell whether a password has this hash; with None it does not, and that takes as long."""
    from argon2.exceptions import VerifyMismatchError

    try:
        await asyncio.to_thread(_hasher().verify, hash_ or NOBODYS_HASH, password)
    except VerifyMismatchError:
        return False
    return hash_ is not None


def is_outdated(hash_: str) -> bool:
    """Tell whether a hash was made with other parameters than today's."""
    return _hasher().check_needs_rehash(hash_)
