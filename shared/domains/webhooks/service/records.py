"""What the log keeps of an attempt: bounded, storable, and without what is secret.

Of the owner's own headers there are the names only, of a signature its scheme and beginning: whoever
reads the log could otherwise send the message in our name for some minutes.
"""

import re
from collections.abc import Mapping
from typing import Any

KEPT_BODY_BYTES = 2048
"""How much of an answer's body is kept, in bytes."""

MOST_HEADERS = 30
LONGEST_VALUE = 200
HIDDEN = "***"

_SIGNATURE_CHARACTERS = 6
_SECRET_NAMES = re.compile(
    r"cookie|auth|token|secret|password|signature|api-?key|session", re.IGNORECASE
)

# What JSONB cannot hold, and half of a pair of surrogates.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def request_record(
    url: str, headers: Mapping[str, str], *, own: Mapping[str, str], body: bytes
) -> dict[str, Any]:
    """Return what is kept of a request: `own` are the owner's headers."""
    shown = {name: _shown(name, value) for name, value in headers.items()}
    return {
        "url": url,
        "headers": shown | dict.fromkeys(own, HIDDEN),
        "body_bytes": len(body),
    }


def _shown(name: str, value: str) -> str:
    if name != "webhook-signature":
        return value
    return " ".join(
        f"{scheme},{text[:_SIGNATURE_CHARACTERS]}…"
        for scheme, _, text in (each.partition(",") for each in value.split(" "))
    )


def response_record(
    status: int, headers: Mapping[str, str], *, body: bytes, is_truncated: bool
) -> dict[str, Any]:
    """Return what is kept of an answer."""
    kept = {
        storable(name[:LONGEST_VALUE]): HIDDEN
        if _SECRET_NAMES.search(name)
        else storable(value[:LONGEST_VALUE])
        for name, value in list(headers.items())[:MOST_HEADERS]
    }
    text = body[:KEPT_BODY_BYTES].decode("utf-8", "replace")
    return {
        "status": status,
        "headers": kept,
        "body": storable(text),
        "truncated": is_truncated or len(body) > KEPT_BODY_BYTES,
    }


def storable(text: str) -> str:
    """Return a text with what the database cannot hold replaced."""
    return _UNSTORABLE.sub("\ufffd", text)
