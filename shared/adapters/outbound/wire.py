"""One connection: what has come by it, and whether it is still there."""

import asyncio
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import h11

_MOST_UNREAD = 64 * 1024
"""With so many bytes unread no more are taken from the network."""


class Wire(asyncio.Protocol):
    """A connection to an origin, with the state of HTTP on it.

    `read_bytes` counts what the answer at hand has taken so far, `is_over` tells that its reader saw the end.
    """

    def __init__(self, origin: tuple[str, str, int], *, http: "h11.Connection") -> None:
        self.origin = origin
        self.http = http
        self.read_bytes = 0
        self.is_over = False
        self._unread = bytearray()
        self._ended = False
        self._waiter: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what writes; asyncio calls it."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Keep what came; asyncio calls it."""
        self._unread += data
        if len(self._unread) > _MOST_UNREAD and self._transport:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """Note that no more will come; asyncio calls it, and closes."""
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        """Note that no more will come; asyncio calls it."""
        self._end()

    @property
    def is_fresh(self) -> bool:
        """Whether another request may go by it: it is open, and nothing came that nobody asked for."""
        transport = self._transport
        return not (self._ended or self._unread or transport is None or transport.is_closing())

    def write(self, data: bytes) -> None:
        """Send a request, and count anew what comes."""
        self.read_bytes = 0
        if self._transport and not self._ended:
            self._transport.write(data)

    async def read(self) -> bytes:
        """Return what has come, as soon as something has; b"" once the connection has ended."""
        if not self._unread and not self._ended:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        data = bytes(self._unread)
        self._unread.clear()
        self.read_bytes += len(data)
        self.is_over = not data
        if self._transport and not self._ended:
            self._transport.resume_reading()
        return data

    def abort(self) -> None:
        """Close at once: nothing more is sent or taken."""
        self._ended = True
        if self._transport:
            self._transport.abort()

    def _end(self) -> None:
        self._ended = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)
