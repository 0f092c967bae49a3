"""What outlives a process: the database, the bus, the files; and the zygote that forks processes."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from moto.server import ThreadedMotoServer
from sqlalchemy import create_engine

from infra_cdk.local.data_api.errors import DataAPIError
from infra_cdk.local.data_api.server import DataAPIServer
from infra_cdk.local.data_api.service import DataAPI
from infra_cdk.local.postgres import Postgres, start_postgres
from infra_cdk.local.processes import dying_with_parent, free_port
from infra_cdk.registry import ROOT
from tests.crash.aws import Aws
from tests.crash.receiver import Receiver
from tests.crash.scenarios import give_back_database

DATABASE = "crash"
PUBLIC_URL = "https://crash.example"
BUCKET = "crash"
DATA_API_URL = (
    f"postgresql+dataapi:///{DATABASE}?resource_arn=arn:aws:rds:eu-west-1:0:cluster:crash"
    "&secret_arn=arn:aws:secretsmanager:eu-west-1:0:secret:crash"
)
DRIVERS = ("dataapi", "psycopg")
LOST_AFTER_S = 200.0
"""Beyond it the Data API rolls back a transaction that nobody goes on with."""


MOST_CONNECTIONS = 200


class Clock:
    """The Data API's clock: it can be put forward."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return time.monotonic() + self._ahead

    def advance(self, seconds: float) -> None:
        """Put the clock forward."""
        self._ahead += seconds


@dataclass
class World:
    """The servers of a campaign, and the random numbers of its seed."""

    dsn: str
    urls: Mapping[str, str]
    data_api: DataAPIServer
    clock: Clock
    aws: Aws
    receiver: Receiver
    s3: Any
    zygote: subprocess.Popen[str]
    connection: psycopg.Connection[Any]
    chance: random.Random
    log: Path
    """What the processes wrote."""

    def run(
        self,
        scenario: str,
        event: Mapping[str, Any],
        *,
        driver: str,
        at: int = 0,
        happening: str = "kill",
        remaining_ms: int = 600_000,
    ) -> dict[str, Any]:
        """Let a process handle an event; with `at` its doom comes at that boundary."""
        order = {
            "scenario": scenario,
            "event": event,
            "database_url": self.urls[driver],
            "dsn": self.dsn,
            "at": at,
            "happening": happening,
            "remaining_ms": remaining_ms,
            "seed": self.chance.random(),
        }
        if self.zygote.stdin is None or self.zygote.stdout is None:
            raise RuntimeError("the zygote was started without pipes")
        print(json.dumps(order), file=self.zygote.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self.zygote.stdout.readline())
        return answer

    def recover(self) -> None:
        """Do what time does: the database is back, lost transactions are rolled back, leases end."""
        give_back_database(self.dsn)
        self.clock.advance(LOST_AFTER_S)
        statement = {"resourceArn": "arn:cluster", "secretArn": "arn:secret", "sql": "SELECT 1"}
        body = json.dumps({**statement, "database": DATABASE}).encode()
        # Of the connections that it keeps, those that were ended answer once more: that they are.
        for _ in range(MOST_CONNECTIONS):
            try:
                self.data_api.service.handle("/Execute", body)
                break
            except DataAPIError:
                continue
        self._reconnect()
        self.execute("UPDATE outbox SET due_at = now() WHERE set_aside_at IS NULL")

    def execute(self, sql: str, *values: object) -> None:
        """Run a statement."""
        self.connection.execute(sql.encode(), values)

    def rows(self, sql: str, *values: object) -> Sequence[Any]:
        """Return the rows of a query."""
        return self.connection.execute(sql.encode(), values).fetchall()

    def _reconnect(self) -> None:
        try:
            self.connection.execute("SELECT 1")
        except psycopg.OperationalError:
            self.connection = psycopg.connect(self.dsn, autocommit=True)


@contextmanager
def made_world(place: Path, *, seed: int) -> Iterator[World]:
    """Start all of it; it is gone at the end."""
    chance = random.Random(seed)  # noqa: S311  # a campaign can be repeated
    clock = Clock()
    with ExitStack() as parts:
        postgres = _postgres(place, parts)
        data_api = DataAPIServer(DataAPI(postgres.dsn("postgres"), clock=clock)).start()
        parts.callback(data_api.stop)
        aws = Aws(chance)
        parts.callback(aws.stop)
        receiver = Receiver(chance)
        parts.callback(receiver.stop)
        moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        moto.start()
        parts.callback(moto.stop)
        s3_url = "http://{}:{}".format(*moto.get_host_and_port())
        environment = _environment(aws=aws.url, s3=s3_url, data_api=data_api.port)
        dsn = postgres.dsn(DATABASE)
        yield World(
            dsn=dsn,
            urls={
                "dataapi": DATA_API_URL,
                "psycopg": dsn.replace("postgresql://", "postgresql+psycopg://"),
            },
            data_api=data_api,
            clock=clock,
            aws=aws,
            receiver=receiver,
            s3=_bucket(s3_url),
            zygote=_zygote(environment, parts, log=place / "zygote.log"),
            connection=parts.enter_context(psycopg.connect(dsn, autocommit=True)),
            chance=chance,
            log=place / "zygote.log",
        )


def _postgres(place: Path, parts: ExitStack) -> Postgres:
    from functions.ops.migrate.migrations import upgrade

    server = start_postgres(place / "data", port=free_port(), log=place / "postgres.log")
    parts.callback(server.stop)
    server.wait()
    server.create_database(DATABASE)
    engine = create_engine(server.dsn(DATABASE).replace("://", "+psycopg://"))
    with engine.begin() as connection:
        upgrade(connection)
        connection.exec_driver_sql("CREATE TABLE crash_effects (run text, number int)")
    engine.dispose()
    return server


def _environment(*, aws: str, s3: str, data_api: int) -> dict[str, str]:
    return {
        "PATH": os.defpath,
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        # As in Lambda: its batches then run on the process's one loop.
        "LAMBDA_TASK_ROOT": str(ROOT),
        "ENVIRONMENT": "local",
        "LOG_LEVEL": "ERROR",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": aws,
        "AWS_ENDPOINT_URL_S3": s3,
        "AWS_ENDPOINT_URL_RDS_DATA": f"http://127.0.0.1:{data_api}",
        "OUTBOX_QUEUE_URL": f"{aws}/queue/outbox-relay",
        "WEBHOOK_QUEUE_URL": f"{aws}/queue/webhook-delivery",
        "WEBHOOK_ALLOW_LOOPBACK": "true",
        "EVENT_BUS_NAME": "crash",
        "FILES_BUCKET": BUCKET,
        "SIGNING_SECRET_ID": "crash",
        "VAULT_SECRET_ID": "crash",
        "PUBLIC_URL": PUBLIC_URL,
        "TRUSTED_HOSTS": "*",
        "POWERTOOLS_SERVICE_NAME": "crash",
    }


def _bucket(url: str) -> Any:
    import boto3

    make: Any = boto3.client
    client = make(
        "s3",
        endpoint_url=url,
        region_name="eu-west-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    where = {"LocationConstraint": "eu-west-1"}
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
    return client


def _zygote(
    environment: Mapping[str, str], parts: ExitStack, *, log: Path
) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        dying_with_parent([sys.executable, "-m", "tests.crash.zygote"]),
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=parts.enter_context(log.open("wb")),
        text=True,
    )
    parts.callback(process.wait)
    parts.callback(process.kill)
    if process.stdout is None or not process.stdout.readline():
        raise RuntimeError(f"the zygote did not start:\n{log.read_text()}")
    return process
