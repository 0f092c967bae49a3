"""What the log keeps of an attempt: bounded, storable, and without what is secret.

Of the owner's own headers there are the names only, of a signature its scheme and beginning: whoever
reads the log could otherwise send the message in our name for some minutes.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

KEPT_BODY_BYTES = 2048
"""How much of an answer's body is kept, in bytes."""

MOST_HEADERS = 30
LONGEST_VALUE = 200
HIDDEN = "***"

SHORTEST_SECRET = 8
"""Of the owner's headers shorter values are no secrets, and would be found in any text."""

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


def secrets_in(headers: Mapping[str, str], *, own: Mapping[str, str]) -> Collection[str]:
    """Return what of a request an answer may not bring into the log: some receivers send back all they got."""
    given = [each for each in own.values() if len(each) >= SHORTEST_SECRET]
    return (*given, *headers["webhook-signature"].split(" "))


def response_record(
    status: int,
    headers: Mapping[str, str],
    *,
    body: bytes,
    is_truncated: bool,
    secrets: Collection[str] = (),
) -> dict[str, Any]:
    """Return what is kept of an answer: nothing of `secrets`, which came with the request."""
    kept = {
        storable(name[:LONGEST_VALUE]): HIDDEN
        if _SECRET_NAMES.search(name)
        else storable(_without(secrets, value)[:LONGEST_VALUE])
        for name, value in list(headers.items())[:MOST_HEADERS]
    }
    # Before it is cut, for half of a secret would not be found.
    whole = _without(secrets, body.decode("utf-8", "replace"))
    text = whole.encode()[:KEPT_BODY_BYTES].decode("utf-8", "replace")
    return {
        "status": status,
        "headers": kept,
        "body": storable(text),
        "truncated": is_truncated or len(body) > KEPT_BODY_BYTES,
    }


def _without(secrets: Collection[str], text: str) -> str:
    for each in secrets:
        text = text.replace(each, HIDDEN)
    return text


def storable(text: str) -> str:
    """Return a text with what the database cannot hold replaced."""
    return _UNSTORABLE.sub("\ufffd", text)
