"""Which passwords are too easy to guess (NIST SP 800-63B-4, section 3.1.1.2).

The whole password is compared with a blocklist of common passwords and words of the context, as that
document asks; so are its simplest disguises: other case, a word said several times, digits and
punctuation at the ends.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from unicodedata import normalize

_RUNS = ("abcdefghijklmnopqrstuvwxyz", "0123456789", "qwertyuiop", "asdfghjkl", "zxcvbnm")
_KEYBOARD = (
    "qwertyuiopasdfghjklzxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "qazwsxedcrfvtgbyhnujmikolp",
)
_SHORTEST_WORD = 3


def canonical(password: str) -> str:
    """Return the form that is hashed: Unicode NFC, so that one typed text is one password."""
    return normalize("NFC", password)


def is_guessable(password: str, *, context: Iterable[str] = ()) -> bool:
    """Tell whether a password is a common one or a word of its context, plain or thinly disguised.

    `context` are words that belong to the account or the service: user name, e-mail, product.
    """
    blocked = _common() | {variant for word in context for variant in _parts(word.casefold())}
    return any(form in blocked or _is_run(form) for form in _disguises(password.casefold()))


@cache
def _common() -> frozenset[str]:
    return frozenset(Path(__file__).with_name("common_passwords.txt").read_text().split())


def _parts(word: str) -> Iterator[str]:
    yield word
    yield word.partition("@")[0]
    yield from (part for part in re.split(r"[^\w]+|_", word) if len(part) >= _SHORTEST_WORD)


def _disguises(password: str) -> Iterator[str]:
    seen = {password, re.sub(r"[\W_]+", "", password)}
    seen |= {re.sub(r"^[\W\d_]+|[\W\d_]+$", "", form) for form in seen}
    for form in seen:
        yield form
        yield _unrepeated(form)


def _unrepeated(text: str) -> str:
    """Return the shortest text that gives `text` when said again and again, the last time in part."""
    for length in range(1, len(text)):
        if (text[:length] * (len(text) // length + 1)).startswith(text):
            return text[:length]
    return text


def _is_run(text: str) -> bool:
    """Tell whether a text is a stretch of the alphabet, the digits or the keyboard, or one character."""
    return len(text) <= 1 or any(
        text in (row * 4) or text in (row[::-1] * 4) for row in (*_RUNS, *_KEYBOARD)
    )
