"""Webhooks of tests: endpoints, events, receivers on this machine, and a clock that stands.

`webhooks` gives an empty database by each driver in turn, secrets, and leave to send to this machine.
"""

import asyncio
import importlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text

from shared.adapters.database.sessions import autocommit, unit_of_work
from shared.adapters.outbound.answers import Answer, Reason, Unanswered
from shared.adapters.outbox import outbox
from shared.core.clock import now
from shared.core.events import PublicEvent
from shared.domains.identity.models import User
from shared.domains.webhooks import api
from shared.domains.webhooks.models import AttemptRow, DeliveryRow, EndpointRow, HealthRow
from shared.domains.webhooks.schemas import (
    INSTALLATION,
    CreatedEndpoint,
    EndpointDraft,
    Owner,
)

READERS = ("delivering", "endpoints", "fanout", "log", "posting", "secrets", "signers")
"""The services that read the clock."""

MODELS = ("shared.adapters.outbox.models", "shared.domains.webhooks.models")


class Rang(PublicEvent):
    """Something that happens in tests only."""

    type: ClassVar[str] = "bells.rang"
    public_type: ClassVar[str] = "bell.rang"
    example: ClassVar[dict[str, Any]] = {
        "owner_id": "019ab8f0-0000-7000-8000-000000000001",
        "bell": "one",
        "number": 1,
        "note": "",
    }

    bell: str
    number: int
    note: str = ""

    @property
    def aggregate(self) -> str:
        """The bell."""
        return f"bell:{self.bell}"


@dataclass
class Clock:
    """The time that webhooks go by: it stands still until it is moved."""

    time: datetime = field(default_factory=now)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> "Clock":
        for name in READERS:
            module = importlib.import_module(f"shared.domains.webhooks.service.{name}")
            if hasattr(module, "now"):
                monkeypatch.setattr(module, "now", lambda: self.time)
        # Nobody waits for a clock that stands.
        worker = importlib.import_module("shared.domains.webhooks.service.delivering")
        monkeypatch.setattr(worker, "LINGER_S", 0)
        return self

    def move(self, **by: float) -> None:
        self.time += timedelta(**by)


@dataclass(frozen=True, kw_only=True)
class Post:
    """One request, as the other side gets it."""

    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> UUID:
        return UUID(self.headers["webhook-id"])

    @property
    def json(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.body)
        return told

    @property
    def number(self) -> int:
        number: int = self.json["data"]["number"]
        return number


def answer_of(status: int, *, body: bytes = b"", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status=status, headers=named, body=body, is_truncated=False, latency_ms=3)


def unanswered(reason: Reason = Reason.TIMED_OUT) -> Unanswered:
    return Unanswered(reason=reason, text="There was no whole answer.", latency_ms=15_000)


OK = answer_of(200, body=b"thanks")


async def _ok(_: Post) -> Answer | Unanswered:
    return OK


@dataclass
class World:
    """Everybody's other side: what was posted, and what is answered."""

    answer: Callable[[Post], Awaitable[Answer | Unanswered]] = _ok
    posts: list[Post] = field(default_factory=list)

    async def post(
        self, url: str, *, headers: Mapping[str, str], body: bytes
    ) -> Answer | Unanswered:
        post = Post(url=url, headers=dict(headers), body=body)
        self.posts.append(post)
        await asyncio.sleep(0)
        return await self.answer(post)

    def answers(self, *given: Answer | Unanswered) -> None:
        """Answer so, one after the other, and the last for ever."""
        left = list(given)

        async def answer(_: Post) -> Answer | Unanswered:
            return left.pop(0) if len(left) > 1 else left[0]

        self.answer = answer

    def firsts(self) -> dict[tuple[str, str], list[int]]:
        """The numbers of each URL and bell, in the order in which they came first."""
        found: dict[tuple[str, str], list[int]] = defaultdict(list)
        for each in self.posts:
            numbers = found[each.url, each.json["data"]["bell"]]
            if each.number not in numbers:
                numbers.append(each.number)
        return dict(found)


@pytest.fixture
def webhooks(
    migrated_database_url: str, signing_secret: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    from shared.config.messaging import webhook_queue_settings
    from shared.config.runtime import runtime_settings
    from shared.config.webhooks import webhook_settings

    monkeypatch.setenv("ENVIRONMENT", "local")
    monkeypatch.setenv("WEBHOOK_ALLOW_LOOPBACK", "true")
    forget = (
        webhook_settings.cache_clear,
        runtime_settings.cache_clear,
        webhook_queue_settings.cache_clear,
    )
    for each in forget:
        each()
    yield World()
    for each in forget:
        each()


@pytest.fixture
def clock(webhooks: World, monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock().install(monkeypatch)


async def add_user() -> UUID:
    name = f"user-{uuid4().hex[:12]}"
    async with unit_of_work() as session:
        user = User(username=name, email=f"{name}@example.com", email_verified_at=now())
        session.add(user)
        await session.flush()
        return user.id


async def add_endpoint(owner_id: UUID | None = None, **draft: Any) -> CreatedEndpoint:
    given = {"url": "http://127.0.0.1:9/hook", "event_types": ("*",)} | draft
    owner = Owner(owner_id=owner_id) if owner_id else INSTALLATION
    async with unit_of_work() as session:
        return await api.create_endpoint(session, owner=owner, draft=EndpointDraft(**given))


async def happen(*numbers: int, bell: str = "one", owner_id: UUID | None = None) -> list[UUID]:
    """Ring a bell, and make the deliveries."""
    ids = await ring(*numbers, bell=bell, owner_id=owner_id)
    await api.fan_out(ids)
    return ids


async def ring(
    *numbers: int, bell: str = "one", owner_id: UUID | None = None, note: str = ""
) -> list[UUID]:
    async with unit_of_work() as session:
        return [
            outbox.add(session, Rang(owner_id=owner_id, bell=bell, number=number, note=note))
            for number in numbers
        ]


async def deliveries() -> list[DeliveryRow]:
    async with autocommit() as session:
        order = (DeliveryRow.sequence, DeliveryRow.endpoint_id)
        return list(await session.scalars(select(DeliveryRow).order_by(*order)))


async def attempts() -> list[AttemptRow]:
    async with autocommit() as session:
        return list(
            await session.scalars(select(AttemptRow).order_by(AttemptRow.started_at, AttemptRow.id))
        )


async def endpoint_row(endpoint_id: UUID) -> EndpointRow:
    async with autocommit() as session:
        return (
            await session.scalars(select(EndpointRow).where(EndpointRow.id == endpoint_id))
        ).one()


async def health_row(endpoint_id: UUID) -> HealthRow:
    async with autocommit() as session:
        return (
            await session.scalars(select(HealthRow).where(HealthRow.endpoint_id == endpoint_id))
        ).one()


async def execute(sql: str, **values: Any) -> None:
    async with unit_of_work() as session:
        await session.execute(text(sql), values)


@dataclass
class Server:
    """A receiver on this machine, by HTTP/1.1 over a real socket."""

    port: int
    posts: list[Post] = field(default_factory=list)
    status: Callable[[Post], int] = lambda _: 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                begin, *lines = head.decode().rstrip().split("\r\n")
                named = [line.partition(": ") for line in lines]
                headers = {name.lower(): value for name, _, value in named}
                body = await reader.readexactly(int(headers["content-length"]))
                post = Post(url=begin.split(" ")[1], headers=headers, body=body)
                self.posts.append(post)
                writer.write(
                    f"HTTP/1.1 {self.status(post)} X\r\ncontent-length: 2\r\n\r\nok".encode()
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    """A receiver, and at the end nothing of it."""
    made = Server(port=0)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        server.close_clients()
        await server.wait_closed()
