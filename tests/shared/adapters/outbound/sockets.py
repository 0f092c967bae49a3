"""What the sockets of this process do, seen where the interpreter calls the system: by an audit hook (PEP 578).

Nothing leaves this machine meanwhile: a connection to elsewhere is noted and refused, before the system is called.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address
from typing import Any

CONNECTING = {"socket.connect", "socket.sendto", "socket.sendmsg"}


@dataclass
class Seen:
    """The addresses and ports that were connected to, whatever came of it, and the names that were looked up."""

    connected: list[tuple[str, int]] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)

    @property
    def addresses(self) -> set[str]:
        return {address for address, _ in self.connected}


_watches: list[Seen] = []


@contextmanager
def watched_sockets() -> Iterator[Seen]:
    """Note what this process does with sockets, from whichever thread."""
    _install()
    seen = Seen()
    _watches.append(seen)
    try:
        yield seen
    finally:
        _watches.remove(seen)


@cache
def _install() -> None:
    # A hook stays for the life of the process: it does nothing while nobody watches.
    sys.addaudithook(_note)


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watches:
        return
    if event == "socket.getaddrinfo":
        for seen in _watches:
            seen.looked_up.append(str(arguments[0]))
    if event in CONNECTING and isinstance(arguments[1], tuple):
        _note_connection(*arguments[1][:2])


def _note_connection(host: str, port: int) -> None:
    for seen in _watches:
        seen.connected.append((host, port))
    if not ip_address(host).is_loopback:
        raise ConnectionRefusedError("a test connects to this machine only")
