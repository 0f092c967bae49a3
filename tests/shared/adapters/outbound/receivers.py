"""Receivers on loopback, and names that lead to them or elsewhere: what a client is tested against."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address

from shared.adapters.outbound.answers import Answer, Unanswered
from shared.adapters.outbound.look_up import Resolver
from shared.core.public_addresses import Address, Place

PUBLIC = "93.184.215.14"
PUBLIC_V6 = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

type Serve = Callable[["Visit"], Awaitable[None]]


@dataclass
class Visit:
    """A connection, as the receiver has it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    requests: list[bytes]

    async def request(self) -> bytes:
        """Read a request whole, and note it. Raises IncompleteReadError where there is none more."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        whole = head + await self.reader.readexactly(length)
        self.requests.append(whole)
        return whole

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def closed(self) -> None:
        """Wait until the client has closed."""
        with suppress(ConnectionError):
            while await self.reader.read(65_536):
                pass


@dataclass
class Receiver:
    """What runs; `visits` counts connections."""

    port: int
    requests: list[bytes] = field(default_factory=list)
    visits: int = 0
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a connection has ended."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


def answering(*answers: bytes) -> Serve:
    """Answer each request with these bytes, then close if nothing more is to come."""

    async def serve(visit: Visit) -> None:
        while True:
            await visit.request()
            for answer in answers:
                await visit.send(answer)

    return serve


@asynccontextmanager
async def receiving(
    serve: Serve, *, tls: ssl.SSLContext | None = None, address: str = "127.0.0.1"
) -> AsyncIterator[Receiver]:
    """Run a receiver that deals with each connection so."""
    tasks: set[asyncio.Task[None]] = set()

    async def visited(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        receiver.visits += 1
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
                await serve(Visit(reader, writer, receiver.requests))
        finally:
            receiver.left.set()
            tasks.discard(task)
            writer.transport.abort()

    server = await asyncio.start_server(visited, address, 0, ssl=tls, backlog=1024)
    receiver = Receiver(port=server.sockets[0].getsockname()[1])
    try:
        yield receiver
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)


class FakeDns(Resolver):
    """Names and their addresses; what is asked for twice may have an answer for each time."""

    def __init__(self, **names: str | list[str]) -> None:
        super().__init__(self._answer)
        self.answers: dict[str, list[list[str]]] = {}
        self.asked: list[str] = []
        for name, addresses in names.items():
            self.add(name.replace("_", "."), addresses)

    def add(self, name: str, *answers: str | list[str]) -> None:
        self.answers[name] = [[each] if isinstance(each, str) else each for each in answers]

    def _answer(self, host: str, port: int) -> tuple[Address, ...]:
        self.asked.append(host)
        answers = self.answers.get(host)
        if not answers:
            raise OSError(-2, "Name or service not known")
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return tuple(ip_address(each) for each in found)


def vet_anything(address: Address, place: Place) -> bool:
    """Let a name lead to this machine, where the test's receiver is."""
    return address.is_loopback


def answered(outcome: Answer | Unanswered) -> Answer:
    assert isinstance(outcome, Answer), outcome
    return outcome


def unanswered(outcome: Answer | Unanswered) -> Unanswered:
    assert isinstance(outcome, Unanswered), outcome
    return outcome
