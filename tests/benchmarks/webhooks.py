"""Deliveries a second by one worker, beside bare HTTP clients at the same concurrency, in one run.

The receiver is a process of its own, as plain as can be. The bare clients send the same bodies, signed by
nobody, and keep nothing: what the worker needs besides are its statements, signatures and log. One of
them is the worker's own, the other is httpx, which others' workers are likely to use.
"""

import asyncio
import multiprocessing
import os
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import httpx
import psycopg

from shared.adapters import secrets
from shared.adapters.database.engine import dispose_engines
from shared.adapters.database.sessions import unit_of_work
from shared.adapters.outbound import outbound
from shared.adapters.outbound.answers import Answer, Unanswered
from shared.config.database import database_settings
from shared.core.ids import new_id
from shared.domains.webhooks.models import EndpointRow, HealthRow
from shared.domains.webhooks.repository import endpoints as repository
from shared.domains.webhooks.schemas import EndpointState, SecretScheme, Verification
from shared.domains.webhooks.service import secrets as webhook_secrets
from shared.domains.webhooks.service.delivering import EACH, SLOTS, deliver
from tests.benchmarks.events import Place, made_place

MESSAGES = 3_000
ENDPOINTS = (1, 10, 100, 1_000)
_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class _Receiver(asyncio.Protocol):
    """Answers each request that ends; bodies are whole JSON, and requests are not pipelined."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._wanted = -1
        self._got = b""

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, separator, body = self._got.partition(b"\r\n\r\n")
        if not separator:
            return
        begin = head.lower().index(b"content-length: ") + len("content-length: ")
        if len(body) >= int(head[begin:].split(b"\r\n", 1)[0]):
            self._got = b""
            self._transport.write(_ANSWER)


def _serve(ports: Any) -> None:
    async def serve() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(_Receiver, "127.0.0.1", 0, backlog=1024)
        ports.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


@contextmanager
def receiver() -> Iterator[int]:
    """Start a receiver; give its port."""
    mine, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,))
    process.start()
    try:
        yield mine.recv()
    finally:
        process.kill()
        process.join()


class Client(Protocol):
    """What posts."""

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> object:
        """Post, and raise where there is no answer."""


@dataclass
class Timed:
    """The worker's client, which notes how long each request took, in seconds."""

    took: list[float]

    async def post(
        self, url: str, *, headers: Mapping[str, str], body: bytes
    ) -> Answer | Unanswered:
        """Post, and note."""
        began = time.perf_counter()
        answer = await outbound.post(url, headers=headers, body=body)
        self.took.append(time.perf_counter() - began)
        if not isinstance(answer, Answer):
            raise ConnectionError(answer.text)
        return answer

    @property
    def p99_ms(self) -> float:
        """The 99th percentile."""
        return sorted(self.took)[int(len(self.took) * 0.99)] * 1000


@dataclass
class Httpx:
    """The client that Python's servers mostly use."""

    client: httpx.AsyncClient

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> object:
        """Post."""
        answer = await self.client.post(url, headers=dict(headers), content=body)
        return answer.raise_for_status()


async def add_endpoints(urls: list[str]) -> None:
    """Make endpoints of the installation: rows, for an owner has no thousand of them."""
    async with unit_of_work() as session:
        for url in urls:
            row = EndpointRow(
                id=new_id(),
                url=url,
                event_types=["*"],
                state=EndpointState.ENABLED,
                verification=Verification.NONE,
            )
            await repository.save(session, row, HealthRow(endpoint_id=row.id))
            await webhook_secrets.add(session, row.id, scheme=SecretScheme.V1)


def fill(dsn: str) -> None:
    """Have MESSAGES messages due, for the endpoints by turns."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("TRUNCATE webhook_attempts, webhook_deliveries, public_events")
        connection.cursor().executemany(
            "INSERT INTO public_events (id, type, aggregate, data, occurred_at, fanned_out_at)"
            " VALUES (%s, 'bell.rang', %s, jsonb_build_object('note', repeat('x', 500)), now(), now())",
            [(uuid4(), f"bell:{number}") for number in range(MESSAGES)],
        )
        connection.execute(
            "INSERT INTO webhook_deliveries"
            " (id, endpoint_id, event_id, event_type, aggregate, sequence, cause)"
            " SELECT gen_random_uuid(), e.id, p.id, p.type, p.aggregate, p.sequence, 'event'"
            " FROM (SELECT *, row_number() OVER (ORDER BY sequence) AS n FROM public_events) p"
            " JOIN (SELECT id, row_number() OVER () AS n, count(*) OVER () AS many"
            " FROM webhook_endpoints) e ON e.n = 1 + p.n %% e.many".replace("%%", "%").encode()
        )
        connection.execute("UPDATE webhook_health SET succeeded_at = now()")
        connection.execute("VACUUM ANALYZE")


async def bare(urls: list[str], *, client: Client) -> None:
    """Post as many messages by nothing but the client, as many at a time as the worker."""
    body = b'{"type":"bell.rang","timestamp":"2026-01-01T00:00:00Z","data":{"note":"%s"}}' % (
        b"x" * 500
    )
    headers = {"content-type": "application/json", "webhook-id": str(uuid4())}
    left = iter(range(MESSAGES))

    async def send() -> None:
        for number in left:
            await client.post(urls[number % len(urls)], headers=headers, body=body)

    await asyncio.gather(*(send() for _ in range(min(SLOTS, len(urls) * EACH))))


async def bare_httpx(urls: list[str]) -> None:
    """Post as many messages by httpx."""
    async with httpx.AsyncClient(trust_env=False) as client:
        await bare(urls, client=Httpx(client))


async def timed(work: Callable[[], Awaitable[Any]]) -> tuple[float, float]:
    """Return how many messages a second, and how long this process worked for each, in milliseconds."""
    began, worked = time.perf_counter(), time.process_time()
    await work()
    took = time.perf_counter() - began
    return MESSAGES / took, (time.process_time() - worked) / MESSAGES * 1000


async def measure(place: Place, *, url: str, port: int) -> None:
    """Print the rates by one road to the database."""
    os.environ["DATABASE_URL"] = url
    database_settings.cache_clear()
    for count in ENDPOINTS:
        await _compare(place, [f"http://127.0.0.1:{port}/{number}" for number in range(count)])
    await dispose_engines()
    await outbound.aclose()


async def _compare(place: Place, urls: list[str]) -> None:
    with psycopg.connect(place.dsn, autocommit=True) as connection:
        connection.execute("DELETE FROM webhook_endpoints")
    await add_endpoints(urls)
    fill(place.dsn)
    alone, worker = Timed([]), Timed([])
    await bare(urls, client=Timed([]))  # warms the client, and the receiver
    base, base_cpu = await timed(lambda: bare(urls, client=alone))
    others, _ = await timed(lambda: bare_httpx(urls))
    rate, cpu = await timed(lambda: deliver(has_time=lambda: True, post=worker.post))
    if len(worker.took) != MESSAGES:
        raise RuntimeError(f"{len(worker.took)} of {MESSAGES} messages were sent")
    print(
        f"{len(urls):9} {others:9.0f} {base:9.0f} {rate:9.0f} {rate / others:9.0%}"
        f" {rate / base:9.0%} {alone.p99_ms:9.1f}"
        f" {worker.p99_ms:9.1f} {base_cpu:9.2f} {cpu:9.2f}"
    )


def report_webhooks(folder: Path) -> None:
    """Print deliveries a second by each road, beside the bare client."""
    os.environ |= {
        "ENVIRONMENT": "local",
        "WEBHOOK_ALLOW_LOOPBACK": "true",
        "VAULT_SECRET_ID": "bench",
        "WEBHOOK_QUEUE_URL": "http://127.0.0.1:9/queue",
    }
    secrets.read_secret = lambda _: "v" * 64  # type: ignore[assignment]  # of this run
    with made_place(folder) as place, receiver() as port:
        for road, url in place.urls.items():
            print(
                f"\nwebhooks, {road}: messages a second; p99 of a request, and the processor's time of this process for each, in ms"
            )
            print(
                f"{'endpoints':>9} {'httpx':>9} {'bare':>9} {'worker':>9} {'of httpx':>9}"
                f" {'of bare':>9} {'p99 bare':>9}"
                f" {'p99':>9} {'CPU bare':>9} {'CPU':>9}"
            )
            asyncio.run(measure(place, url=url, port=port))
