"""The form of the API keys that partners get: `swy_live_`, 30 random characters, and 6 that check them.

The beginning says whose key it is and of which environment, so that people and secret scanners know
one when they see it. The check is CRC32 of all that stands before, so that a key that was cut,
doubled or mistyped is refused without asking anybody. Both are base62: a double click marks all.
Source: GitHub, "Behind GitHub's new authentication token formats".
"""

import re
import secrets
from zlib import crc32

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

RANDOM_CHARACTERS = 30
"""Of 62 kinds: 178 bits."""

CHECK_CHARACTERS = 6
"""62 ** 6 is more than the 2 ** 32 values of a CRC32."""

SHOWN_CHARACTERS = 4
"""How many characters of a key's end are kept, to tell it from others."""

_BRAND = "swy"
_BODY = re.compile(f"[0-9A-Za-z]{{{RANDOM_CHARACTERS + CHECK_CHARACTERS}}}", re.ASCII)


def new_key(mark: str) -> str:
    """Return a new key of the environment that `mark` names: `live`, `staging`, `local`."""
    drawn = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_CHARACTERS))
    unchecked = prefix_of(mark) + drawn
    return unchecked + _check_of(unchecked)


def is_well_formed(text: str, *, mark: str) -> bool:
    """Tell whether a text could be a key of an environment: by its form alone, in the same short time."""
    prefix = prefix_of(mark)
    if len(text) != len(prefix) + RANDOM_CHARACTERS + CHECK_CHARACTERS:
        return False
    if not text.startswith(prefix) or not _BODY.fullmatch(text, len(prefix)):
        return False
    return text[-CHECK_CHARACTERS:] == _check_of(text[:-CHECK_CHARACTERS])


def prefix_of(mark: str) -> str:
    """Return what every key of an environment begins with."""
    return f"{_BRAND}_{mark}_"


def hint_of(key: str) -> str:
    """Return what may be shown of a key for ever: where it is from, and how it ends."""
    prefix = key[: key.rindex("_") + 1]
    return f"{prefix}...{key[-SHOWN_CHARACTERS:]}"


def _check_of(text: str) -> str:
    rest = crc32(text.encode("ascii"))
    digits = []
    for _ in range(CHECK_CHARACTERS):
        rest, digit = divmod(rest, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))
