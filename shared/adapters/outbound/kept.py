"""Connections: kept for the next request, and no more than there may be.

A kept connection leads where it led when its address was vetted: no name is asked again for it, and no connection
changes its other end. It belongs to one origin, for which its certificate was verified. It is kept for seconds, so
that a host which moves is soon followed.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from shared.adapters.outbound.answers import Reason, UnansweredError
from shared.adapters.outbound.limits import Limits
from shared.adapters.outbound.wire import Wire

type Origin = tuple[str, str, int]


class Kept:
    """The connections that wait for a request, each for at most `idle_s` seconds."""

    def __init__(self, *, idle_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._idle_s = idle_s
        self._clock = clock
        self._by_origin: defaultdict[Origin, list[Wire]] = defaultdict(list)
        self._until: dict[Wire, float] = {}
        """When each is closed; the first to be is the first."""

    def keep(self, wire: Wire) -> None:
        """Keep a connection that is ready for a request."""
        self._until[wire] = self._clock() + self._idle_s
        self._by_origin[wire.origin].append(wire)

    def take(self, origin: Origin) -> Wire | None:
        """Return a connection to an origin, the last that was used, or None."""
        self._close_expired()
        while wires := self._by_origin.get(origin):
            wire = wires[-1]
            self._forget(wire)
            if wire.is_fresh:
                return wire
            wire.abort()
        return None

    def close_oldest(self) -> None:
        """Make room for a connection to another origin."""
        for wire in self._until:
            self._close(wire)
            return

    def close_all(self) -> None:
        """Close them all."""
        for wire in tuple(self._until):
            self._close(wire)

    def __len__(self) -> int:
        return len(self._until)

    def _close_expired(self) -> None:
        now = self._clock()
        while self._until and next(iter(self._until.values())) <= now:
            self.close_oldest()

    def _close(self, wire: Wire) -> None:
        self._forget(wire)
        wire.abort()

    def _forget(self, wire: Wire) -> None:
        del self._until[wire]
        wires = self._by_origin[wire.origin]
        wires.remove(wire)
        if not wires:
            del self._by_origin[wire.origin]


class Room:
    """Lets so many requests be under way, in all and to one origin."""

    def __init__(self, limits: Limits) -> None:
        self.taken = 0
        """How many are under way."""
        self._limits = limits
        self._all = asyncio.Semaphore(limits.connections)
        # An origin's counter is there as long as somebody holds it.
        self._each: WeakValueDictionary[Origin, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def place(self, origin: Origin) -> AsyncIterator[None]:
        """Hold one of the places. Raises UnansweredError where none becomes free in time."""
        each = self._each.get(origin) or asyncio.Semaphore(self._limits.connections_each)
        self._each[origin] = each
        await self._acquire(each)
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1
            self._all.release()
            each.release()

    async def _acquire(self, each: asyncio.Semaphore) -> None:
        if not (each.locked() or self._all.locked()):  # then nothing here waits
            await each.acquire()
            await self._all.acquire()
            return
        try:
            async with asyncio.timeout(self._limits.wait_s):
                await self._wait(each)
        except TimeoutError:
            raise UnansweredError(Reason.BUSY, "No connection became free in time.") from None

    async def _wait(self, each: asyncio.Semaphore) -> None:
        # In this order: who waits for a slow origin takes no place of the others'.
        await each.acquire()
        try:
            await self._all.acquire()
        except BaseException:
            each.release()
            raise
