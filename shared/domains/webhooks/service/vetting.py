"""What an endpoint may be like: its address, the types of its events, and the headers of its owner's own."""

import json

from shared.adapters import vault
from shared.adapters.outbound import outbound
from shared.domains.webhooks.errors import UnfitHeaderError, UnfitUrlError, UnknownEventTypeError
from shared.domains.webhooks.service.catalogue import event_types, matches, matches_any

HEADERS_PURPOSE = "webhook-headers"
"""What the owner's headers are sealed for: they may be credentials."""

_RESERVED_PREFIXES = ("webhook-", "content-", "proxy-", "sec-", "x-forwarded-")

_RESERVED = frozenset(
    {
        "accept", "accept-encoding", "connection", "cookie", "date", "expect", "forwarded", "host",
        "http2-settings", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "user-agent", "via",
    }
)  # fmt: skip
"""What the delivery itself says, or a hop on the way (RFC 9110, section 7.6.1)."""


def check_url(url: str) -> None:
    """Raise UnfitUrlError for an address that nothing may be sent to.

    Where its name leads is looked at for each attempt, for that may change.
    """
    if why := outbound.why_unfit(url):
        raise UnfitUrlError(why)


def check_patterns(patterns: tuple[str, ...]) -> None:
    """Raise UnknownEventTypeError for a pattern that no event type matches."""
    for place, pattern in enumerate(patterns):
        if not matches_any(pattern):
            raise UnknownEventTypeError("event_types", place, name=pattern)


def types_among(*patterns: tuple[str, ...]) -> list[str]:
    """Name the event types that some pattern of each tuple matches."""
    return [
        each.name
        for each in event_types()
        if all(any(matches(pattern, each.name) for pattern in some) for some in patterns)
    ]


async def sealed(headers: dict[str, str]) -> str | None:
    """Return headers of the owner's own as they are kept. Raises UnfitHeaderError."""
    _check_headers(headers)
    return await vault.seal(json.dumps(headers), purpose=HEADERS_PURPOSE) if headers else None


def _check_headers(headers: dict[str, str]) -> None:
    seen: set[str] = set()
    for name in headers:
        folded = name.lower()
        if folded in _RESERVED or folded.startswith(_RESERVED_PREFIXES):
            raise UnfitHeaderError(name, why="Each delivery has its own, or must not have any.")
        if folded in seen:
            raise UnfitHeaderError(name, why="It is there twice: letter case makes no difference.")
        seen.add(folded)
