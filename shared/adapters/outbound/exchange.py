"""A request and its answer by HTTP/1.1 (RFC 9112), read no further than to a bound.

The grammar is h11's. There is nothing here that follows a redirect, keeps a cookie or unpacks a body.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.adapters.outbound.answers import Reason, SilentError, UnansweredError
from shared.adapters.outbound.limits import Limits
from shared.adapters.outbound.wire import Wire

if TYPE_CHECKING:
    import h11

_KEPT_HEADER_BYTES = 8 * 1024
_LONGEST_LINE = 32 * 1024
"""Of an incomplete head or chunk line, in bytes: what is longer is no answer."""

_FRAMING = 8
"""With chunks of one byte, six come for one: so many times what is kept is read at most."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What is sent: a POST."""

    target: str
    lines: Sequence[tuple[str, str]]
    body: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """What was read of an answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_truncated: bool


def new_state() -> "h11.Connection":
    """Return the state of HTTP on a new connection."""
    import h11

    return h11.Connection(our_role=h11.CLIENT, max_incomplete_event_size=_LONGEST_LINE)


async def exchange(wire: Wire, request: Request, *, limits: Limits) -> Read:
    """Send a request, and return its answer.

    Raises SilentError where the connection ends before a byte came, UnansweredError for all else.
    """
    import h11

    try:
        wire.write(_bytes_of(wire.http, request))
        head = await _head(wire, most=limits.head_bytes)
        body, is_truncated = await _body(wire, most=limits.kept_bytes)
    except h11.RemoteProtocolError:
        raise _why_none(wire) from None
    return Read(
        status=head.status_code,
        headers=_kept(head.headers),
        body=body,
        is_truncated=is_truncated,
    )


def renew(wire: Wire) -> bool:
    """Make a connection ready for another request; tell whether it can be."""
    import h11

    http = wire.http
    is_done = http.our_state is h11.DONE and http.their_state is h11.DONE
    # What came after an answer would be taken for the next one's.
    if not is_done or http.trailing_data[0] or not wire.is_fresh:
        return False
    http.start_next_cycle()
    return True


def _bytes_of(http: "h11.Connection", request: Request) -> bytes:
    import h11

    begin = h11.Request(method="POST", target=request.target, headers=list(request.lines))
    events = (begin, h11.Data(data=request.body), h11.EndOfMessage())
    return b"".join(http.send(event) or b"" for event in events)


async def _head(wire: Wire, *, most: int) -> "h11.Response":
    import h11

    while not isinstance(event := await _next(wire), h11.Response):
        if wire.read_bytes > most or not isinstance(event, h11.InformationalResponse):
            raise UnansweredError(Reason.PROTOCOL_ERROR, "What the host sends is no answer.")
    return event


async def _body(wire: Wire, *, most: int) -> tuple[bytes, bool]:
    import h11

    body, before = bytearray(), wire.read_bytes
    while isinstance(event := await _next(wire), h11.Data):
        body += event.data
        if len(body) > most or wire.read_bytes - before > most * _FRAMING:
            return bytes(body[:most]), True
    if not isinstance(event, h11.EndOfMessage):
        raise UnansweredError(Reason.PROTOCOL_ERROR, "The answer of the host has no end.")
    return bytes(body), False


async def _next(wire: Wire) -> object:
    import h11

    while (event := wire.http.next_event()) is h11.NEED_DATA:
        wire.http.receive_data(await wire.read())
    return event


def _why_none(wire: Wire) -> UnansweredError:
    if not wire.read_bytes:
        return SilentError()
    if not wire.is_over:
        return UnansweredError(Reason.PROTOCOL_ERROR, "What the host sends is no HTTP/1.1 answer.")
    return UnansweredError(
        Reason.DISCONNECTED, "The host closed the connection before its answer was whole."
    )


def _kept(headers: Iterable[tuple[bytes, bytes]]) -> Mapping[str, str]:
    kept: dict[str, str] = {}
    room = _KEPT_HEADER_BYTES
    for name, value in headers:
        room -= len(name) + len(value)
        if room < 0:
            break
        key, text = name.decode("latin-1"), value.decode("latin-1")
        kept[key] = f"{kept[key]}, {text}" if key in kept else text
    return kept
