import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlencode

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from infra_cdk.local.processes import free_port
from shared.adapters.database.dialect import dbapi
from shared.adapters.database.engine import async_engine, dispose_engines
from shared.adapters.database.sessions import autocommit, ping, unit_of_work
from shared.config.database import database_settings
from shared.core.errors import ServiceUnavailableError

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["dataapi", "psycopg"])
async def nothing_there(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    """Point the application at a port where nothing listens."""
    port = free_port()
    arns = urlencode(
        {"resource_arn": "arn:aws:rds:eu-west-1:0:c:x", "secret_arn": "arn:aws:s:s:0:x"}
    )
    urls = {
        "dataapi": f"postgresql+dataapi:///none?{arns}",
        "psycopg": f"postgresql+psycopg://me:hush-hush@127.0.0.1:{port}/none",
    }
    monkeypatch.setenv("DATABASE_URL", urls[request.param])
    monkeypatch.setenv("AWS_ENDPOINT_URL_RDS_DATA", f"http://127.0.0.1:{port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "local")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("DATABASE_TIMEOUT_S", "0.2")
    database_settings.cache_clear()
    dbapi.rds_data_client.cache_clear()
    yield
    await dispose_engines()
    dbapi.rds_data_client().close()
    dbapi.rds_data_client.cache_clear()
    database_settings.cache_clear()


async def test_a_database_that_is_away_is_told_without_its_address(nothing_there: None) -> None:
    for session_of in (autocommit, unit_of_work):
        with pytest.raises(ServiceUnavailableError) as told:
            async with session_of() as session:
                await session.execute(text("SELECT 1"))
        assert "127.0.0.1" not in told.value.detail
    with pytest.raises((ServiceUnavailableError, TimeoutError)):
        await ping(timeout_s=5)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def test_a_ping_ends_in_its_time_where_the_database_hangs(
    silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"postgresql+psycopg://me:hush-hush@127.0.0.1:{silent_port}/none"
    monkeypatch.setenv("DATABASE_URL", url)
    database_settings.cache_clear()
    started = asyncio.get_running_loop().time()
    with pytest.raises(TimeoutError):
        await ping(timeout_s=0.2)
    assert asyncio.get_running_loop().time() - started < 2
    await dispose_engines()
    database_settings.cache_clear()


async def test_what_a_unit_of_work_did_before_an_error_is_undone(
    migrated_database_url: str,
) -> None:
    insert = text(
        "INSERT INTO users (id, username, email, password_hash, created_at, updated_at)"
        " VALUES (gen_random_uuid(), 'ada', 'ada@example.com', 'hush-hush', now(), now())"
    )
    with pytest.raises(RuntimeError):
        async with unit_of_work() as session:
            await session.execute(insert)
            raise RuntimeError
    async with autocommit() as session:
        assert await session.scalar(text("SELECT count(*) FROM users")) == 0


async def test_an_error_tells_no_parameters(migrated_database_url: str) -> None:
    """A parameter may be a password's hash, and an error may be logged."""
    statement = text("INSERT INTO items (id, name) VALUES (gen_random_uuid(), :name)")
    with pytest.raises(IntegrityError) as told:
        async with unit_of_work() as session:
            await session.execute(statement, {"name": "hush-hush"})
    assert "hush-hush" not in str(told.value).partition("[SQL")[2]
    assert async_engine().sync_engine.hide_parameters
