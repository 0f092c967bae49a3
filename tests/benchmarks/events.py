"""Events a second through one relay and one consumer, beside the plainest statement of this run.

The bus and the queues are the campaign's (tests/crash/aws.py), over HTTP: moto's own take most of the
time themselves. The database is real, behind the Data API in a process of its own, or direct.
"""

import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
from sqlalchemy import create_engine, text

from functions.ops.migrate.migrations import upgrade
from infra_cdk.local.environment import DATA_API_URL, DATABASE
from infra_cdk.local.postgres import start_postgres
from infra_cdk.local.processes import accepts_connections, free_port
from infra_cdk.registry import ROOT
from shared.adapters.database.engine import dispose_engines
from shared.adapters.database.sessions import autocommit
from shared.adapters.outbox.relay import relay
from shared.config.database import database_settings
from shared.worker.consumer import consume
from tests.crash.aws import Aws
from tests.crash.campaign import message_of
from tests.crash.scenarios import Happened, leave_effect

EVENTS = 1_000
STATEMENTS = 500
BATCH = 10
"""Messages that a consumer handles at a time, as an invocation does."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where events are measured: `dsn` is the database's, `urls` the application's, by driver."""

    dsn: str
    urls: dict[str, str]
    aws: Aws


@contextmanager
def made_place(folder: Path) -> Iterator[Place]:
    """Start a database with all tables, its Data API, and a bus."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as parts:
        server = start_postgres(folder / "data", port=free_port(), log=folder / "log")
        parts.callback(server.stop)
        server.wait()
        server.create_database(DATABASE)
        dsn = server.dsn(DATABASE)
        _migrate(dsn)
        data_api = _start_data_api(dsn, parts)
        aws = Aws(random.Random(1))  # noqa: S311  # it refuses nothing here
        parts.callback(aws.stop)
        os.environ |= _environment(aws=aws.url, data_api=data_api)
        direct = dsn.replace("postgresql://", "postgresql+psycopg://")
        yield Place(dsn=dsn, urls={"Data API": DATA_API_URL, "direct": direct}, aws=aws)


def _migrate(dsn: str) -> None:
    engine = create_engine(dsn.replace("://", "+psycopg://"))
    with engine.begin() as connection:
        upgrade(connection)
        connection.exec_driver_sql("CREATE TABLE crash_effects (run text, number int)")
    engine.dispose()


def _start_data_api(dsn: str, parts: ExitStack) -> int:
    port = free_port()
    command = [sys.executable, "-m", "infra_cdk.local.data_api", str(port), dsn]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    parts.callback(process.wait)
    parts.callback(process.kill)
    while not accepts_connections(port):
        time.sleep(0.05)
    return port


def _environment(*, aws: str, data_api: int) -> dict[str, str]:
    return {
        "LOG_LEVEL": "ERROR",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": aws,
        "AWS_ENDPOINT_URL_RDS_DATA": f"http://127.0.0.1:{data_api}",
        "OUTBOX_QUEUE_URL": f"{aws}/queue/outbox-relay",
        "EVENT_BUS_NAME": "bench",
    }


def fill_outbox(dsn: str, *, aggregates: int) -> None:
    """Put EVENTS events of so many aggregates into the outbox."""
    with psycopg.connect(dsn) as connection:
        connection.execute("DELETE FROM outbox")
        connection.cursor().executemany(
            "INSERT INTO outbox (id, type, version, aggregate, data, occurred_at)"
            " VALUES (%s, 'crash.happened', 1, %s, '{}', now())",
            [(uuid4(), f"bench:{number % aggregates}") for number in range(EVENTS)],
        )
        connection.execute("ANALYZE outbox")


async def rate_of(count: int, work: Callable[[], Awaitable[Any]]) -> float:
    """Return how many of `count` things are done a second."""
    began = time.perf_counter()
    await work()
    return count / (time.perf_counter() - began)


async def statements() -> None:
    """Run the plainest statement, one after the other."""
    for _ in range(STATEMENTS):
        async with autocommit() as session:
            await session.execute(text("SELECT 1"))


async def publish() -> None:
    """Run one relay until the outbox is empty."""
    await relay(has_time=lambda: True)


async def handle() -> None:
    """Run one consumer over EVENTS events, a batch at a time, each its own transaction."""
    run = str(uuid4())
    bodies = [_message(run, number) for number in range(EVENTS)]
    for start in range(0, EVENTS, BATCH):
        batch = bodies[start : start + BATCH]
        await asyncio.gather(*(_consume(body) for body in batch))


async def _consume(body: str) -> None:
    await consume(body, consumer="bench", handlers={Happened: leave_effect})


def _message(run: str, number: int) -> str:
    id_: UUID = uuid4()
    data = {"run": run, "number": number}
    return message_of(Happened.type, id_=id_, aggregate=f"bench:{run}", data=data)


async def measure(place: Place, *, url: str) -> dict[str, float]:
    """Return the rates by one road, a second."""
    os.environ["DATABASE_URL"] = url
    database_settings.cache_clear()
    await statements()  # warms everything
    rates = {"SELECT 1": await rate_of(STATEMENTS, statements)}
    for name, aggregates in (("relay, an aggregate each", EVENTS), ("relay, one aggregate", 1)):
        fill_outbox(place.dsn, aggregates=aggregates)
        rates[name] = await rate_of(EVENTS, publish)
    rates["consumer, effect and event"] = await rate_of(EVENTS, handle)
    await dispose_engines()
    return rates


def report_events(folder: Path) -> None:
    """Print the rates by each road, and how many plain statements an event costs."""
    with made_place(folder) as place:
        for road, url in place.urls.items():
            rates = asyncio.run(measure(place, url=url))
            base = rates["SELECT 1"]
            print(f"\n{f'events, {road}':28} {'a second':>9} {'statements each':>16}")
            for name, rate in rates.items():
                print(f"{name:28} {rate:9.0f} {base / rate:16.2f}")
