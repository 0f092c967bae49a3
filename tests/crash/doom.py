"""A process that dies, or loses its database, at the nth boundary of its coroutines.

A boundary is where a coroutine suspends (what it asked for is on its way, or not yet) and where it goes
on (the answer is there, and nothing of it is used): each commit has both. Every task of the loop counts.
"""

import asyncio
import contextvars
import os
import random
import signal
import time
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from typing import Any

LINGER_S = (0.0, 0.0, 0.0005, 0.002, 0.006)
"""How long a process may stay at a boundary before it dies: threads go on meanwhile."""


@dataclass
class Doom:
    """What happens at which boundary; none happens at boundary 0."""

    at: int
    happen: Callable[[], None]
    passed: int = 0

    def pass_boundary(self) -> None:
        """Count a boundary, and let it happen at the chosen one."""
        self.passed += 1
        if self.passed == self.at:
            time.sleep(random.choice(LINGER_S))  # noqa: S311  # chance is the point
            self.happen()


def die() -> None:
    """End this process as the kernel would for want of memory: nothing of it gets to run."""
    os.kill(os.getpid(), signal.SIGKILL)


class Doomed:
    """A coroutine, awaited boundary by boundary."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], doom: Doom) -> None:
        self._coroutine = coroutine
        self._doom = doom

    def __await__(self) -> Generator[Any, Any, Any]:
        """Yield what the coroutine waits for, and hand it what comes of that."""
        step: Callable[[Any], Any] = self._coroutine.send
        given: Any = None
        while True:
            try:
                wanted = step(given)
            except StopIteration as end:
                return end.value
            self._doom.pass_boundary()
            try:
                given, step = (yield wanted), self._coroutine.send
            except BaseException as error:  # noqa: BLE001  # whatever comes is the coroutine's
                given, step = error, self._coroutine.throw
            self._doom.pass_boundary()


def doom_tasks(loop: asyncio.AbstractEventLoop, doom: Doom) -> None:
    """Let every task that `loop` makes from now on pass its boundaries."""

    async def doomed(coroutine: Coroutine[Any, Any, Any]) -> Any:
        return await Doomed(coroutine, doom)

    def make(
        loop: asyncio.AbstractEventLoop,
        coroutine: Any,
        *,
        name: str | None = None,
        context: contextvars.Context | None = None,
        **more: Any,
    ) -> asyncio.Task[Any]:
        return asyncio.Task(doomed(coroutine), loop=loop, name=name, context=context, **more)

    loop.set_task_factory(make)
