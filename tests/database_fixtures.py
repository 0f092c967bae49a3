"""A real PostgreSQL, and the Data API over it: one server per test process.

`database_url` points the application at an empty database of the test module's own,
`migrated_database_url` at one that has all the tables, and no rows. Both run each test twice: by
the Data API and by psycopg.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from zlib import crc32

import psycopg
import pytest
from sqlalchemy import create_engine

from infra_cdk.local.data_api.server import DataAPIServer
from infra_cdk.local.data_api.service import DataAPI
from infra_cdk.local.postgres import Postgres, start_postgres
from infra_cdk.local.processes import free_port

RESOURCE_ARN = "arn:aws:rds:eu-west-1:000000000000:cluster:local"
SECRET_ARN = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:local"
DRIVERS = ("dataapi", "psycopg")
TEMPLATE = "migrated"
_NUMBERS = count(1)


def database_url_of(driver: str, *, postgres: Postgres, name: str) -> str:
    """The DATABASE_URL of one database by one road."""
    if driver == "psycopg":
        return postgres.dsn(name).replace("postgresql://", "postgresql+psycopg://")
    return f"postgresql+dataapi:///{name}?resource_arn={RESOURCE_ARN}&secret_arn={SECRET_ARN}"


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    place: Path = tmp_path_factory.mktemp("postgres")
    server = start_postgres(place / "data", port=free_port(), log=place / "log")
    try:
        server.wait()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def data_api(postgres: Postgres) -> Iterator[DataAPIServer]:
    server = DataAPIServer(DataAPI(postgres.dsn("postgres"))).start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def migrated_template(postgres: Postgres) -> str:
    """The name of a database with all tables: others are copies of it."""
    from functions.ops.migrate.migrations import upgrade

    postgres.create_database(TEMPLATE)
    engine = create_engine(database_url_of("psycopg", postgres=postgres, name=TEMPLATE))
    with engine.begin() as connection:
        upgrade(connection)
    engine.dispose()
    # A template is copied only while nobody is connected to it.
    return TEMPLATE


class BlankDatabase:
    """A database with all tables and no rows, the same for test after test.

    To delete a test's rows takes a few milliseconds, to copy a database a hundred and more.
    """

    def __init__(self, postgres: Postgres, *, template: str) -> None:
        self._postgres = postgres
        self._template = template
        self._name: str | None = None

    def name(self) -> str:
        """Its name; it is made where there is none yet."""
        if self._name is None:
            self._name = f"test_{next(_NUMBERS)}"
            self._postgres.create_database(self._name, template=self._template)
        return self._name

    def dsn(self) -> str:
        """Where a test looks behind the application's back."""
        return self._postgres.dsn(self.name())

    def blank(self) -> None:
        """Delete every row. A database that somebody still works in, or altered, is given up."""
        name = self.name()
        try:
            with psycopg.connect(self._postgres.dsn(name), autocommit=True) as connection:
                connection.execute(_BLANK.encode())
        except psycopg.Error:
            self._postgres.drop_database(name)
            self._name = None


_BLANK = """
SET lock_timeout = '2s';
SET session_replication_role = replica;
DO $$
DECLARE found record;
BEGIN
    FOR found IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
        IF found.tablename <> 'alembic_version' THEN
            EXECUTE format('DELETE FROM %I', found.tablename);
        END IF;
    END LOOP;
END $$
"""
"""Foreign keys are not asked: all rows go."""


@pytest.fixture(scope="session")
def blank_database(postgres: Postgres, migrated_template: str) -> BlankDatabase:
    return BlankDatabase(postgres, template=migrated_template)


@pytest.fixture(scope="module")
def database_name(postgres: Postgres, request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database of the module's own."""
    name = _name_of(request)
    postgres.create_database(name)
    yield name
    postgres.drop_database(name)


@pytest.fixture(params=DRIVERS)
def database_url(
    request: pytest.FixtureRequest,
    postgres: Postgres,
    data_api: DataAPIServer,
    database_name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    """Point the application at a database of the module's own, by each road in turn."""
    url = database_url_of(request.param, postgres=postgres, name=database_name)
    with _pointed_at(url, data_api=data_api, monkeypatch=monkeypatch):
        yield url


@pytest.fixture(params=DRIVERS)
def migrated_database_url(
    request: pytest.FixtureRequest,
    postgres: Postgres,
    data_api: DataAPIServer,
    blank_database: "BlankDatabase",
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    """Point the application at a database with all tables and no rows, by each road in turn.

    `@pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)` keeps to one road.
    """
    name = blank_database.name()
    url = database_url_of(request.param, postgres=postgres, name=name)
    with _pointed_at(url, data_api=data_api, monkeypatch=monkeypatch):
        yield url
    blank_database.blank()


@pytest.fixture
def data_api_calls(
    data_api: DataAPIServer, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], AbstractContextManager[list[str]]]:
    """What is sent to the Data API during a block: `with data_api_calls() as calls: ...`.

    Each call stands by its operation: Execute, BatchExecute, BeginTransaction, CommitTransaction,
    RollbackTransaction.
    """

    @contextmanager
    def recording() -> Iterator[list[str]]:
        calls: list[str] = []
        handle = data_api.service.handle

        def recorded(path: str, body: bytes) -> dict[str, Any]:
            calls.append(path.removeprefix("/"))
            return handle(path, body)

        with monkeypatch.context() as patch:
            patch.setattr(data_api.service, "handle", recorded)
            yield calls

    return recording


@contextmanager
def _pointed_at(
    url: str, *, data_api: DataAPIServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    from shared.adapters import queues
    from shared.adapters.database.dialect import dbapi
    from shared.adapters.database.engine import dispose_engines
    from shared.config.database import database_settings
    from shared.config.messaging import outbox_settings

    # A nudge only makes the relay come sooner: no test of the database needs one.
    monkeypatch.setattr(queues, "send", _swallow)
    outbox_settings.cache_clear()
    for name, value in _environment(url, data_api=data_api).items():
        monkeypatch.setenv(name, value)
    database_settings.cache_clear()
    dbapi.rds_data_client.cache_clear()
    yield
    # A loop of its own, and not `asyncio.run`, which would unset the loop that a test may have set.
    loop = asyncio.new_event_loop()
    loop.run_until_complete(dispose_engines())
    loop.close()
    if dbapi.rds_data_client.cache_info().currsize:
        dbapi.rds_data_client().close()
    dbapi.rds_data_client.cache_clear()
    database_settings.cache_clear()


async def _swallow(url: str, body: str, *, delay_s: int = 0) -> None:
    """Take a message to nowhere."""


def _environment(url: str, *, data_api: DataAPIServer) -> dict[str, str]:
    return {
        "DATABASE_URL": url,
        "OUTBOX_QUEUE_URL": "https://sqs.example.com/outbox-relay",
        "WEBHOOK_QUEUE_URL": "https://sqs.example.com/webhook-delivery",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL_RDS_DATA": f"http://127.0.0.1:{data_api.port}",
    }


def _name_of(request: pytest.FixtureRequest) -> str:
    # PostgreSQL cuts a name at 63 bytes; the digest keeps equal file names of other folders apart.
    module = Path(request.node.nodeid)
    return f"{module.stem[:30]}_{crc32(str(module).encode()):08x}"
