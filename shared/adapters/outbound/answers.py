"""What comes of a request: an answer, or the reason why there is none."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why there is no answer. These words are kept and shown: they never change."""

    UNFIT_URL = "unfit_url"
    """The URL may not be called; nothing was looked up."""
    UNFIT_HEADER = "unfit_header"
    """A header would be another request, or is this client's own; nothing was looked up."""
    BUSY = "busy"
    """No connection became free in time: nothing was tried, and nothing is said of the other side."""
    DNS_FAILED = "dns_failed"
    """The host's name has no address, or its name servers do not answer."""
    REFUSED_ADDRESS = "refused_address"
    """The host's name leads to an address that is not public; nothing was sent there."""
    CONNECT_FAILED = "connect_failed"
    """None of the host's addresses takes a connection."""
    TLS_FAILED = "tls_failed"
    """The certificate is not the host's, or no one's who is trusted, or there is no common TLS."""
    TIMED_OUT = "timed_out"
    """The answer was not whole in time."""
    DISCONNECTED = "disconnected"
    """The connection ended before the answer was whole."""
    PROTOCOL_ERROR = "protocol_error"
    """What came is no answer of HTTP/1.1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What the other side answered, whatever its status; redirects are not followed.

    `headers` has names in small letters, values of one name joined by commas, and no more than 8 KiB of them.
    `body` is the beginning of the body, as it came; `is_truncated` says that there was more.
    `latency_ms` is from the look-up of the name to the end of what was read, in milliseconds.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_truncated: bool
    latency_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Unanswered:
    """That there is no answer. `text` is for the owner of the URL: it tells of no address that they did not give."""

    reason: Reason
    text: str
    latency_ms: int


class UnansweredError(Exception):
    """Inside this package: there will be no answer."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason = reason
        self.text = text


class SilentError(UnansweredError):
    """Inside this package: a connection ended before one byte of an answer came."""

    def __init__(self) -> None:
        super().__init__(Reason.DISCONNECTED, "The host closed the connection without an answer.")
