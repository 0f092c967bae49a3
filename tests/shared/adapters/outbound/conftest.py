"""Clients that are closed when their test ends."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from shared.adapters.outbound.outbound import Client
from tests.shared.adapters.outbound.sockets import Seen, watched_sockets

type NewClient = Callable[..., Client]


@pytest.fixture
async def new_client() -> AsyncIterator[NewClient]:
    """Make a client; by default as `make dev` has it, on this machine."""
    made: list[Client] = []

    def make(**given: Any) -> Client:
        usual: dict[str, Any] = {"ports": {443, 8443}, "allow_loopback": True}
        made.append(Client(**usual | given))
        return made[-1]

    yield make
    for client in made:
        await client.aclose()
    await asyncio.sleep(0)


@pytest.fixture
def seen() -> Iterator[Seen]:
    """What this process does with sockets."""
    with watched_sockets() as noted:
        yield noted
