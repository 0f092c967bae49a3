"""Looking up names, without a name that hangs holding up the others."""

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from ipaddress import ip_address
from typing import Any

from shared.adapters.outbound.answers import Reason, UnansweredError
from shared.core.public_addresses import Address

type LookUp = Callable[[str, int], tuple[Address, ...]]

_THREADS = 32
"""Apart from the event loop's own few, by which the database and AWS are called."""


def ask_system(host: str, port: int) -> tuple[Address, ...]:
    """Return all addresses of a name, best first (RFC 6724), by the system's resolver. Raises OSError, ValueError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return tuple(_address_of(each[4]) for each in found)


def _address_of(given: tuple[Any, ...]) -> Address:
    text, zone = given[0], given[3] if len(given) > 3 else 0  # noqa: PLR2004  # as AF_INET6 has it
    return ip_address(f"{text}%{zone}" if zone else text)


class Resolver:
    """Looks up names in threads of its own; a name that is being looked up is so once, for all who ask."""

    def __init__(self, look_up: LookUp = ask_system) -> None:
        self._look_up = look_up
        self._pending: dict[tuple[str, int], asyncio.Future[tuple[Address, ...]]] = {}

    async def addresses(self, host: str, port: int, *, within_s: float) -> tuple[Address, ...]:
        """Return all addresses of a host, at least one. Raises UnansweredError.

        An answer is for those who wait for it at that moment and never kept: there is no telling how long it is good.
        """
        try:
            async with asyncio.timeout(within_s):
                found = await asyncio.shield(self._asked(host, port))
        except TimeoutError:
            raise UnansweredError(
                Reason.DNS_FAILED, "The host's name was not resolved in time."
            ) from None
        except (OSError, ValueError):
            found = ()
        if not found:
            raise UnansweredError(Reason.DNS_FAILED, "The host's name has no address.")
        return found

    def close(self) -> None:
        """Let go of the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _asked(self, host: str, port: int) -> asyncio.Future[tuple[Address, ...]]:
        key = host, port
        if key not in self._pending:
            loop = asyncio.get_running_loop()
            asked = loop.run_in_executor(self._threads, self._look_up, host, port)
            self._pending[key] = asked
            asked.add_done_callback(lambda _: self._forget(key))
        return self._pending[key]

    def _forget(self, key: tuple[str, int]) -> None:
        done = self._pending.pop(key)
        # Looked at, so that asyncio does not report one that nobody waited for any more.
        if not done.cancelled():
            done.exception()

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(_THREADS, thread_name_prefix="look-up")
