"""Connecting to vetted addresses only: the guard against server-side request forgery.

A name is looked up once. Every address of the answer is vetted, and one that is not public refuses all: a name
with both kinds is no mistake of its owner. What is connected to is an address of that answer, by its number, and
TLS, its certificate and the header Host keep the name. So between the check and the use there is no second look-up
that could come out otherwise (DNS rebinding), and no reader of names between them that could read differently.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address

from shared.adapters.outbound.answers import Reason, UnansweredError
from shared.adapters.outbound.exchange import new_state
from shared.adapters.outbound.limits import Limits
from shared.adapters.outbound.look_up import Resolver
from shared.adapters.outbound.wire import Wire
from shared.core.public_addresses import Address, Place, is_loopback, why_not_public

type Vet = Callable[[Address, Place], bool]


def may_be_called(address: Address, place: Place) -> bool:
    """Tell whether an address may be connected to for a place: public, or this machine's for this machine."""
    return is_loopback(address) if place.is_loopback else why_not_public(address) is None


@cache
def public_trust() -> ssl.SSLContext:
    """Return whom TLS trusts: the public authorities, whatever the environment says."""
    import certifi

    trust = ssl.create_default_context(cafile=certifi.where())
    trust.set_alpn_protocols(["http/1.1"])
    return trust


@dataclass(frozen=True, kw_only=True, slots=True)
class Guard:
    """What opens connections. The last three are for tests: their receivers are on this machine."""

    limits: Limits
    resolver: Resolver
    vet: Vet = may_be_called
    trust: Callable[[], ssl.SSLContext] = public_trust

    async def open(self, place: Place) -> Wire:
        """Return a new connection to a place. Raises UnansweredError."""
        addresses = await self._addresses(place)
        # All, not only those that will be tried.
        if not all(self.vet(each, place) for each in addresses):
            raise _refused()
        connected = await self._connect(dict.fromkeys(addresses), place)
        return await self._wire(connected, place)

    async def _addresses(self, place: Place) -> tuple[Address, ...]:
        try:
            return (ip_address(place.host),)
        except ValueError:
            return await self.resolver.addresses(
                place.host, place.port, within_s=self.limits.look_up_s
            )

    async def _connect(self, addresses: Iterable[Address], place: Place) -> socket.socket:
        for address in list(addresses)[: self.limits.addresses]:
            try:
                async with asyncio.timeout(self.limits.connect_s):
                    return await self._connected(address, place)
            except OSError:  # and TimeoutError, which is one
                continue
        raise UnansweredError(
            Reason.CONNECT_FAILED, f"The host takes no connection at port {place.port}."
        )

    async def _connected(self, address: Address, place: Place) -> socket.socket:
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6  # noqa: PLR2004
        connecting = socket.socket(family, socket.SOCK_STREAM)
        try:
            connecting.setblocking(False)
            await asyncio.get_running_loop().sock_connect(connecting, (str(address), place.port))
            self._require_peer(connecting, address, place)
        except BaseException:
            connecting.close()
            raise
        return connecting

    def _require_peer(self, connected: socket.socket, address: Address, place: Place) -> None:
        # It is the one that was asked for, or the system does not do what this rests on.
        peer = ip_address(connected.getpeername()[0])
        if peer != address or not self.vet(peer, place):
            raise _refused()

    async def _wire(self, connected: socket.socket, place: Place) -> Wire:
        is_secure = place.scheme == "https"
        try:
            _, wire = await asyncio.get_running_loop().create_connection(
                lambda: Wire(place.origin, http=new_state()),
                sock=connected,
                ssl=self.trust() if is_secure else None,
                server_hostname=place.host if is_secure else None,
            )
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise UnansweredError(Reason.TLS_FAILED, _why_no_tls(error)) from None
        return wire


def _refused() -> UnansweredError:
    return UnansweredError(
        Reason.REFUSED_ADDRESS, "The host's name leads to an address that is not public."
    )


def _why_no_tls(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The host's certificate is not valid: {error.verify_message.rstrip('.')}."
    return "The host does not speak TLS 1.2 or 1.3 at this port, or ended the handshake."
