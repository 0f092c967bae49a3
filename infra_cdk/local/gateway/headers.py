"""What API Gateway does to headers on their way in and out.

Source: AWS, "Amazon API Gateway important notes", the table for REST APIs, column `lambda`.
"""

from collections.abc import Iterable

type Headers = list[tuple[str, str]]
"""Names and values, in order; a name may come more than once."""

_NOT_PASSED_IN = frozenset(
    {
        "connection",
        "content-md5",
        "expect",
        "max-forwards",
        "proxy-authenticate",
        "server",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "www-authenticate",
    }
)
_NOT_PASSED_OUT = frozenset(
    {
        "content-length",  # made anew from the body
        "expect",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    }
)
_REMAPPED_OUT = frozenset(
    {
        "authorization",
        "connection",
        "content-md5",
        "date",
        "max-forwards",
        "server",
        "user-agent",
        "www-authenticate",
    }
)


def passed_in(headers: Iterable[tuple[str, str]]) -> Headers:
    """Return those of a request's headers that the function gets."""
    return [(name, value) for name, value in headers if name.lower() not in _NOT_PASSED_IN]


def passed_out(headers: Iterable[tuple[str, str]]) -> Headers:
    """Return those of a function's headers that the client gets, under the names it gets."""
    return [
        (f"x-amzn-Remapped-{name}" if name.lower() in _REMAPPED_OUT else name, value)
        for name, value in headers
        if name.lower() not in _NOT_PASSED_OUT
    ]
