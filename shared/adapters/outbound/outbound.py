"""Requests to addresses that strangers gave: webhooks. Nothing but public addresses is ever connected to.

h11 for the grammar of HTTP, and asyncio, without a client library in between: what follows redirects, reads proxies
and passwords from the environment or keeps cookies is not switched off here, it is not there. httpcore's pool (1.0.9)
has no bound for each origin, looks at every connection for every request, and loses the place of a connection for good
where a request is cancelled while an idle connection is closed for it.
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Collection, Mapping

from shared.adapters.outbound.answers import (
    Answer,
    Reason,
    SilentError,
    Unanswered,
    UnansweredError,
)
from shared.adapters.outbound.connecting import Guard, Vet, may_be_called, public_trust
from shared.adapters.outbound.exchange import Read, Request, exchange, renew
from shared.adapters.outbound.headers import lines_of
from shared.adapters.outbound.kept import Kept, Room
from shared.adapters.outbound.limits import Limits
from shared.adapters.outbound.look_up import Resolver
from shared.adapters.outbound.wire import Wire
from shared.config.webhooks import webhook_settings
from shared.core import public_addresses
from shared.core.public_addresses import Place, UnfitUrlError

__all__ = ["Answer", "Reason", "Unanswered", "aclose", "post", "why_unfit"]


class Client:
    """A client with its connections, on one event loop."""

    def __init__(
        self,
        *,
        ports: Collection[int],
        allow_loopback: bool = False,
        limits: Limits | None = None,
        resolver: Resolver | None = None,
        vet: Vet = may_be_called,
        trust: Callable[[], ssl.SSLContext] = public_trust,
    ) -> None:
        self._ports = ports
        self._allow_loopback = allow_loopback
        self._limits = limits or Limits()
        self._resolver = resolver or Resolver()
        self._guard = Guard(limits=self._limits, resolver=self._resolver, vet=vet, trust=trust)
        self._room = Room(self._limits)
        self._kept = Kept(idle_s=self._limits.idle_s)

    async def post(
        self, url: str, *, headers: Mapping[str, str], body: bytes
    ) -> Answer | Unanswered:
        """Post, and return what comes of it: see `post` of this module."""
        try:
            place = self._place(url)
            lines = lines_of(place, headers, length=len(body))
        except UnansweredError as error:
            return Unanswered(reason=error.reason, text=error.text, latency_ms=0)
        return await self.send(place, Request(target=place.target, lines=lines, body=body))

    async def send(self, place: Place, request: Request) -> Answer | Unanswered:
        """Send a request to a place, whatever its URL was: what guards now is the guard alone."""
        started = time.perf_counter()
        try:
            async with self._room.place(place.origin):
                started = time.perf_counter()
                read = await self._within_time(place, request)
        except UnansweredError as error:
            spent = 0 if error.reason is Reason.BUSY else _ms_since(started)
            return Unanswered(reason=error.reason, text=error.text, latency_ms=spent)
        return Answer(
            status=read.status,
            headers=read.headers,
            body=read.body,
            is_truncated=read.is_truncated,
            latency_ms=_ms_since(started),
        )

    async def aclose(self) -> None:
        """Close what is kept."""
        self._kept.close_all()
        self._resolver.close()
        # asyncio closes sockets in the next turn of the loop.
        await asyncio.sleep(0)

    def _place(self, url: str) -> Place:
        try:
            return public_addresses.place_of(
                url, allow_loopback=self._allow_loopback, ports=self._ports
            )
        except UnfitUrlError as error:
            raise UnansweredError(Reason.UNFIT_URL, f"The URL is not fit. {error}") from None

    async def _within_time(self, place: Place, request: Request) -> Read:
        limit_s = self._limits.total_s
        try:
            # One limit over everything: a limit for each read would let one byte a second go on for ever.
            async with asyncio.timeout(limit_s):
                return await self._exchange(place, request)
        except TimeoutError:
            raise UnansweredError(
                Reason.TIMED_OUT, f"There was no whole answer within {limit_s:g} s."
            ) from None

    async def _exchange(self, place: Place, request: Request) -> Read:
        if wire := self._kept.take(place.origin):
            try:
                return await self._by(wire, request)
            except SilentError:
                # The host closed it while it was idle, most likely before the request came. If it was after,
                # the host sees the request twice, as every receiver of webhooks must bear.
                pass
        if len(self._kept) + self._room.taken > self._limits.connections:
            self._kept.close_oldest()
        return await self._by(await self._guard.open(place), request)

    async def _by(self, wire: Wire, request: Request) -> Read:
        is_whole = False
        try:
            read = await exchange(wire, request, limits=self._limits)
            is_whole = not read.is_truncated and renew(wire)
        finally:
            if is_whole:
                self._kept.keep(wire)
            else:
                wire.abort()
        return read


def _ms_since(started: float) -> int:
    return round((time.perf_counter() - started) * 1000)


_clients: dict[asyncio.AbstractEventLoop, Client] = {}
"""The client of the one event loop of this process."""


async def post(url: str, *, headers: Mapping[str, str], body: bytes) -> Answer | Unanswered:
    """Post to a URL that a stranger gave, and return the answer, whatever its status, or why there is none.

    Raises nothing for what the other side does, nor for a URL or header that is unfit. All of it takes at most
    15 seconds, after at most 15 more for a connection to become free. Connections are kept for seconds.
    """
    return await _client().post(url, headers=headers, body=body)


def why_unfit(url: str) -> str | None:
    """Return why webhooks cannot be sent to a URL, or None where they can, by the settings of this process."""
    settings = webhook_settings()
    return public_addresses.why_unfit(
        url, allow_loopback=settings.webhook_allow_loopback, ports=settings.webhook_ports
    )


async def aclose() -> None:
    """Close the connections that are kept on this event loop."""
    if client := _clients.pop(asyncio.get_running_loop(), None):
        await client.aclose()


def _client() -> Client:
    loop = asyncio.get_running_loop()
    if loop not in _clients:
        settings = webhook_settings()
        # Another loop's connections are of no use on this one.
        _clients.clear()
        _clients[loop] = Client(
            ports=settings.webhook_ports, allow_loopback=settings.webhook_allow_loopback
        )
    return _clients[loop]
