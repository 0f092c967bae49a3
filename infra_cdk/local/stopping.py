"""How the runner is asked to end, and how that reaches what it is doing."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Stop:
    """A request to end: Ctrl-C, SIGTERM, a closed terminal, or nobody left to read the output.

    `requested` tells whether there was one. The first request cancels the task in hand, whatever
    it waits for; later ones change nothing, so that two Ctrl-C end as cleanly as one.
    """

    def __init__(self) -> None:
        self.requested = False
        self._task: asyncio.Task[Any] | None = None

    @contextmanager
    def heeding_signals(self) -> Iterator[None]:
        """Take SIGINT, SIGTERM and SIGHUP for requests; from the main thread.

        After the block they are ignored: an interpreter that ends would otherwise die of them.
        """
        numbers = {signal.SIGINT, signal.SIGTERM}
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # else it was started by nohup
            numbers.add(signal.SIGHUP)
        for number in numbers:
            signal.signal(number, lambda _number, _frame: self.request())
        try:
            yield
        finally:
            for number in numbers:
                signal.signal(number, signal.SIG_IGN)

    def request(self) -> None:
        """Ask to end. Safe in a signal handler."""
        self.requested = True
        if self._task is not None:
            self._task.get_loop().call_soon_threadsafe(self._cancel)

    def cancels(self, task: asyncio.Task[Any]) -> None:
        """Let the first request cancel `task`: at once, where it came already."""
        self._task = task
        if self.requested:
            self._cancel()

    def ignore(self) -> None:
        """Let requests cancel nothing from now on: what cleans up must come to its end."""
        self._task = None

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None


class Terminal:
    """Standard output. When it is gone, that is a request to end, never a crash half-way."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="backslashreplace")

    def say(self, text: str) -> None:
        """Print a text, at once."""
        try:
            print(text, flush=True)
        except OSError:
            # What is left in Python's buffer would fail again when the interpreter ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            self._stop.request()
