"""The one event loop of a process: pools and clients that belong to it stay usable."""

import asyncio
from collections.abc import Coroutine
from functools import cache
from typing import Any


@cache
def event_loop() -> asyncio.AbstractEventLoop:
    """Return the loop of all invocations."""
    return asyncio.new_event_loop()


def run[T](coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on the loop of all invocations."""
    asyncio.set_event_loop(event_loop())
    return event_loop().run_until_complete(coroutine)
