"""A process learns of new keys in time, asks for unknown ones seldom, and goes on where nobody answers."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import EndpointConnectionError

from shared.adapters import secrets, signing_keys, tokens
from shared.adapters.signing_keys import UnknownKeyError, derive_key
from shared.core.errors import ServiceUnavailableError
from shared.core.key_ring import LEAD, REREAD, KeyRing, MalformedRingError, Rotation
from tests.web_fixtures import Log

pytestmark = pytest.mark.anyio

START = datetime(2026, 1, 6, 10, tzinfo=UTC)


@dataclass
class Store:
    """Secrets Manager with one secret, and the clock beside it."""

    text: str = "first"
    at: datetime = START
    reads: int = 0
    is_down: bool = False
    written: list[str] = field(default_factory=list)

    async def newest_text(self, secret_id: str) -> str:
        assert secret_id == "test/signing-key"
        self.reads += 1
        if self.is_down:
            raise EndpointConnectionError(endpoint_url="https://secretsmanager")
        return self.text

    async def replace_secret(self, secret_id: str, text: str) -> None:
        assert secret_id == "test/signing-key"
        self.text = text
        self.written.append(text)

    def pass_time(self, by: timedelta) -> None:
        self.at += by


@pytest.fixture
def store(signing_secret: None, monkeypatch: pytest.MonkeyPatch) -> Store:
    store = Store()
    monkeypatch.setattr(secrets, "newest_text", store.newest_text)
    monkeypatch.setattr(secrets, "replace_secret", store.replace_secret)
    monkeypatch.setattr(signing_keys, "now", lambda: store.at)
    return store


async def key_id() -> str:
    return (await signing_keys.signing_key()).thumbprint()


class TestReading:
    async def test_the_secret_is_read_once_in_five_minutes(self, store: Store) -> None:
        for _ in range(3):
            await key_id()
        store.pass_time(REREAD - timedelta(seconds=1))
        await key_id()
        assert store.reads == 1
        store.pass_time(timedelta(seconds=1))
        await key_id()
        assert store.reads == 2

    async def test_an_unknown_key_is_asked_for_at_once_but_forged_ones_cost_nothing(
        self, store: Store
    ) -> None:
        await key_id()
        store.pass_time(timedelta(minutes=1))
        store.text = "second"
        second = derive_key("second").thumbprint()
        assert (await signing_keys.verification_key(second)).thumbprint() == second
        for number in range(50):
            with pytest.raises(UnknownKeyError):
                await signing_keys.verification_key(f"forged-{number}")
        assert store.reads == 2

    async def test_where_nobody_answers_what_is_known_stays_in_use_and_a_metric_says_so(
        self, store: Store, log: Log, capsys: pytest.CaptureFixture[str]
    ) -> None:
        known = await key_id()
        store.is_down = True
        store.pass_time(REREAD)
        for _ in range(3):
            assert await key_id() == known
        assert store.reads == 2
        assert '"SigningKeysStale":[1.0]' in capsys.readouterr().out
        assert "first" not in str(log())
        store.is_down = False
        store.pass_time(signing_keys.RETRY)
        store.text = "second"
        assert await key_id() != known

    async def test_a_ring_that_was_spoilt_is_not_used_and_not_logged(
        self, store: Store, log: Log
    ) -> None:
        known = await key_id()
        store.text = '{"keys": "hidden"}'
        store.pass_time(REREAD)
        assert await key_id() == known
        assert "hidden" not in str(log())

    async def test_without_any_answer_it_fails(self, store: Store) -> None:
        store.is_down = True
        with pytest.raises(ServiceUnavailableError):
            await key_id()

    async def test_a_ring_that_was_spoilt_before_the_first_look_refuses_no_token(
        self, store: Store, log: Log
    ) -> None:
        """It is no fault of the token's: 401 would sign everybody out."""
        token = await tokens.sign({"sub": "ada"})
        signing_keys.forget_keys()
        store.text = '{"keys": "hidden"}'
        with pytest.raises(ServiceUnavailableError):
            await tokens.verify(token, issuer="us", audience="us", now_s=int(START.timestamp()))
        assert log()
        assert "hidden" not in str(log())


class TestRotate:
    async def test_the_new_key_is_published_at_once_and_signs_later(self, store: Store) -> None:
        old = await key_id()
        await signing_keys.rotate(Rotation.NOW)
        published = {each["kid"] for each in await signing_keys.public_keys()}
        assert len(published) == 2
        assert await key_id() == old
        store.pass_time(LEAD)
        assert await key_id() in published - {old}
        assert (await signing_keys.verification_key(old)).thumbprint() == old

    async def test_compromised_keys_verify_nothing_any_more(self, store: Store) -> None:
        old = await key_id()
        await signing_keys.rotate(Rotation.COMPROMISED)
        assert await key_id() != old
        with pytest.raises(UnknownKeyError):
            await signing_keys.verification_key(old)

    async def test_where_nothing_is_due_nothing_is_written(self, store: Store) -> None:
        await signing_keys.rotate(Rotation.DUE)
        store.pass_time(timedelta(hours=1))
        await signing_keys.rotate(Rotation.DUE)  # the retired one is dropped
        store.pass_time(timedelta(hours=1))
        await signing_keys.rotate(Rotation.DUE)
        assert [len(KeyRing.read(text).keys) for text in store.written] == [2, 1]

    async def test_a_ring_that_was_spoilt_is_not_written_over(self, store: Store) -> None:
        store.text = "{}"
        with pytest.raises(MalformedRingError):
            await signing_keys.rotate(Rotation.NOW)
        assert store.text == "{}"


async def test_no_private_part_is_published(store: Store) -> None:
    (key,) = await signing_keys.public_keys()
    assert set(key) == {"kty", "crv", "x", "y", "use", "alg", "kid"}
