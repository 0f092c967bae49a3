from collections.abc import AsyncIterator

import httpx
import pytest

from infra_cdk.local.processes import free_port
from tests.web_fixtures import Log, client_of

pytestmark = pytest.mark.anyio

DATA_API = pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)


class FakeCache:
    """Stands for the server: tests/e2e asks a real one."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    async def ping(self) -> None:
        if self.error:
            raise self.error


@pytest.fixture
async def infrastructure() -> AsyncIterator[httpx.AsyncClient]:
    from functions.api.infrastructure.handler import app

    async with client_of(app) as client:
        yield client


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch) -> FakeCache:
    from shared.adapters import cache

    fake = FakeCache()
    monkeypatch.setattr(cache, "cache_client", lambda: fake)
    return fake


async def test_health_asks_nobody(infrastructure: httpx.AsyncClient) -> None:
    answer = await infrastructure.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_ready_says_how_long_each_took(
    infrastructure: httpx.AsyncClient, migrated_database_url: str, cache: FakeCache
) -> None:
    answer = await infrastructure.get("/ready")
    assert answer.status_code == 200
    assert set(answer.json()["latency_ms"]) == {"database", "cache"}


async def test_what_is_down_is_named_without_its_message(
    infrastructure: httpx.AsyncClient,
    cache: FakeCache,
    monkeypatch: pytest.MonkeyPatch,
    log: Log,
) -> None:
    from shared.adapters.database.engine import dispose_engines
    from shared.config.database import database_settings

    url = f"postgresql+psycopg://me:hush-hush@127.0.0.1:{free_port()}/none"
    monkeypatch.setenv("DATABASE_URL", url)
    database_settings.cache_clear()
    await dispose_engines()
    cache.error = OSError("10.0.0.7 refused")
    answer = await infrastructure.get("/ready")
    await dispose_engines()
    database_settings.cache_clear()
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert [error["location"] for error in answer.json()["errors"]] == [["database"], ["cache"]]
    assert answer.headers["Retry-After"]
    assert "refused" not in answer.text
    assert log()
    assert "hush-hush" not in str(log())


@DATA_API
async def test_one_that_is_down_is_named_alone(
    infrastructure: httpx.AsyncClient, migrated_database_url: str, cache: FakeCache
) -> None:
    cache.error = TimeoutError()
    answer = await infrastructure.get("/ready")
    assert [error["location"] for error in answer.json()["errors"]] == [["cache"]]
