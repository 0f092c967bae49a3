"""Which request the running code belongs to: for logs, problem documents and outgoing messages."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,127}")
_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)


@dataclass(frozen=True, kw_only=True)
class Correlation:
    """The ids of one request, or of what it caused.

    `traceparent` is W3C Trace Context's header, where a caller sent one. `causation_id` is the id of
    the event that the running code handles; None while it serves the request itself.
    """

    request_id: str
    traceparent: str | None = None
    causation_id: str | None = None

    @property
    def trace_id(self) -> str | None:
        """The id of the whole trace, in lower-case hexadecimal."""
        return self.traceparent.split("-")[1] if self.traceparent else None


_current: ContextVar[Correlation | None] = ContextVar("correlation", default=None)


def current() -> Correlation | None:
    """Return the ids of the request being served, or None outside of one."""
    return _current.get()


@contextmanager
def correlated(correlation: Correlation) -> Iterator[None]:
    """Make `correlation` the current one within the block."""
    token = _current.set(correlation)
    try:
        yield
    finally:
        _current.reset(token)


def well_formed_request_id(value: str) -> bool:
    """Tell whether a caller's request id may stand in logs: 8 to 128 letters, digits, `.`, `_`, `-`."""
    return _REQUEST_ID.fullmatch(value) is not None


def well_formed_traceparent(value: str) -> bool:
    """Tell whether a header keeps to W3C Trace Context, section 3.2: version-trace-parent-flags."""
    return _TRACEPARENT.fullmatch(value) is not None
