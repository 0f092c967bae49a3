"""What a forked process does: a function of the registry handles one event, and its doom comes."""

import asyncio
import gc
import importlib
import os
import random
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

import psycopg

from shared.core.events import Event
from tests.crash.doom import Doom, die, doom_tasks

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

HANDLERS = {
    "request": "functions.api.webapp.handler",
    "relay": "functions.schedules.outbox_relay.handler",
    "consumer": "tests.crash.scenarios",
    "task": "functions.queues.tasks.handler",
    "fanout": "functions.queues.webhook_fanout.handler",
    "webhook": "functions.queues.webhook_delivery.handler",
}
"""The module of each scenario's handler."""

WARM = (
    "aws_lambda_powertools.metrics",
    "psycopg",
    "redis.asyncio",
    "shared.adapters.inbox.inbox",
    "shared.adapters.outbox.relay",
    "shared.domains.catalog.service",
    "shared.domains.identity.service",
    "shared.domains.tables",
    "shared.domains.tasks.service",
    "shared.adapters.outbound.outbound",
    "shared.domains.webhooks.service.delivering",
    "shared.domains.webhooks.service.fanout",
    "sqlalchemy.dialects.postgresql.psycopg",
)
"""What the functions import when they first use it."""

ROWS_A_STEP = 7
"""Rows that a step of the import takes here, so that a small file has many steps."""


class Happened(Event):
    """What the consumer of a campaign is told."""

    type: ClassVar[str] = "crash.happened"

    run: str
    number: int

    @property
    def aggregate(self) -> str:
        """Events of a run may come in any order."""
        return f"crash:{self.run}:{self.number}"


class Followed(Happened):
    """What the consumer says in its turn."""

    type: ClassVar[str] = "crash.followed"


class Context:
    """Lambda's context, with an invocation that has some time."""

    aws_request_id = "crash"

    def __init__(self, remaining_ms: int) -> None:
        self._remaining_ms = remaining_ms

    def get_remaining_time_in_millis(self) -> int:
        """Return what was given: this time stands still."""
        return self._remaining_ms


async def leave_effect(session: "AsyncSession", event: Happened) -> None:
    """Leave a row that could be left twice, and an event."""
    from sqlalchemy import text

    from shared.adapters.outbox import outbox

    statement = text("INSERT INTO crash_effects (run, number) VALUES (:run, :number)")
    await session.execute(statement, {"run": event.run, "number": event.number})
    outbox.add(session, Followed(run=event.run, number=event.number))


def prepare() -> None:
    """Import what all runs need, and make the clients: no connection is opened by that."""
    for module in (*HANDLERS.values(), *WARM):
        importlib.import_module(module)
    from sqlalchemy.orm import configure_mappers

    from shared.adapters.aws import aws_client
    from shared.adapters.database.dialect import dbapi

    for service in ("sqs", "events", "s3"):
        aws_client(service)
    dbapi.rds_data_client()
    configure_mappers()
    gc.collect()
    gc.freeze()  # or each process would copy what it only looks through


def run(order: Mapping[str, Any]) -> dict[str, Any]:
    """Handle the event of an order; return the answer and how many boundaries were passed."""
    random.seed(order["seed"])
    os.environ["DATABASE_URL"] = order["database_url"]
    doom = Doom(at=order["at"], happen=_happening(order))
    for loop in _loops():
        doom_tasks(loop, doom)
    handler = _handler(order["scenario"])
    try:
        answer = handler(order["event"], Context(order["remaining_ms"]))
    except Exception as error:  # noqa: BLE001  # Lambda would tell the caller of any
        answer = {"error": f"{type(error).__name__}: {error}"}
    return {"answer": answer, "boundaries": doom.passed}


def _handler(scenario: str) -> Callable[[Any, Any], Any]:
    if scenario == "consumer":
        from shared.worker.consumer import event_handler

        return event_handler(consumer="crash", handlers={Happened: leave_effect})
    if scenario == "task":
        from functions.queues.tasks import import_items

        import_items.ROWS = ROWS_A_STEP
    found: Callable[[Any, Any], Any] = importlib.import_module(HANDLERS[scenario]).handler
    return found


def _loops() -> tuple[asyncio.AbstractEventLoop, ...]:
    from shared.web.handler import _event_loop
    from shared.worker.loop import event_loop

    return _event_loop(), event_loop()


def _happening(order: Mapping[str, Any]) -> Callable[[], None]:
    return die if order["happening"] == "kill" else lambda: lose_database(order["dsn"])


def lose_database(dsn: str) -> None:
    """End every connection to the database, and let nobody in until it is given back."""
    name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
    with psycopg.connect(dsn.replace(f"/{name}", "/postgres"), autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'.encode())
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )


def give_back_database(dsn: str) -> None:
    """Let everybody in again."""
    name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
    with psycopg.connect(dsn.replace(f"/{name}", "/postgres"), autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'.encode())


def event_id(run_: UUID, number: int) -> UUID:
    """Return the id of an event of a run."""
    return UUID(int=run_.int ^ number)
