"""A key has one answer at most, recorded with the effect of its request; an expired one has none."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from shared.adapters import digests, secrets
from shared.adapters.database.sessions import unit_of_work
from shared.adapters.idempotency import idempotency
from shared.adapters.idempotency.idempotency import (
    LIFE,
    MOST_BODY_BYTES,
    Answer,
    AnswerTooLargeError,
    Claim,
)
from shared.adapters.idempotency.models import IdempotencyRow
from shared.core.clock import now
from shared.core.errors import IdempotencyInFlightError, IdempotencyKeyReusedError

pytestmark = pytest.mark.anyio

CLAIM = Claim(scope="user:ada", key="k", fingerprint="f")
ANSWER = Answer(status=201, headers={"location": "things/1"}, body='{"name": "Lämp"}')


async def answer(claim: Claim, given: Answer = ANSWER) -> None:
    async with unit_of_work() as session:
        assert await idempotency.claim(session, claim) is None
        await idempotency.record(session, claim, given)


async def found(claim: Claim) -> Answer | None:
    async with unit_of_work() as session:
        return await idempotency.claim(session, claim)


async def rows() -> list[IdempotencyRow]:
    async with unit_of_work() as session:
        return list(await session.scalars(select(IdempotencyRow).order_by(IdempotencyRow.key)))


async def expire(**ages: timedelta) -> None:
    """Let the keys be expired for so long."""
    async with unit_of_work() as session:
        for key, age in ages.items():
            mine = update(IdempotencyRow).where(IdempotencyRow.key == key)
            await session.execute(mine.values(expires_at=now() - age))


@pytest.mark.usefixtures("migrated_database_url")
class TestClaim:
    async def test_a_new_key_has_no_answer(self) -> None:
        assert await found(CLAIM) is None

    async def test_a_recorded_answer_comes_back_as_it_was(self) -> None:
        await answer(CLAIM)
        assert await found(CLAIM) == ANSWER

    async def test_another_request_with_the_key_is_refused(self) -> None:
        await answer(CLAIM)
        with pytest.raises(IdempotencyKeyReusedError):
            await found(Claim(scope=CLAIM.scope, key=CLAIM.key, fingerprint="other"))

    async def test_a_key_of_another_scope_is_another_key(self) -> None:
        await answer(CLAIM)
        assert await found(Claim(scope="user:bob", key=CLAIM.key, fingerprint="other")) is None

    async def test_while_a_transaction_has_a_key_no_other_gets_it(self) -> None:
        async with unit_of_work() as first:
            await idempotency.claim(first, CLAIM)
            with pytest.raises(IdempotencyInFlightError):
                await found(CLAIM)
            assert await found(Claim(scope=CLAIM.scope, key="other", fingerprint="f")) is None

    async def test_a_transaction_that_fails_gives_its_key_back(self) -> None:
        with pytest.raises(ZeroDivisionError):
            async with unit_of_work() as session:
                await idempotency.claim(session, CLAIM)
                await idempotency.record(session, CLAIM, ANSWER)
                raise ZeroDivisionError
        assert await found(CLAIM) is None

    async def test_an_expired_answer_is_none_and_is_replaced(self) -> None:
        await answer(CLAIM)
        await expire(k=timedelta(0))
        other = Claim(scope=CLAIM.scope, key=CLAIM.key, fingerprint="other")
        second = Answer(status=202, headers={}, body="")
        await answer(other, second)
        assert await found(other) == second
        (row,) = await rows()
        assert row.expires_at - row.created_at == LIFE == timedelta(hours=24)


@pytest.mark.usefixtures("migrated_database_url")
class TestRecord:
    async def test_what_another_recorded_since_the_look_is_not_overwritten(self) -> None:
        await answer(CLAIM)
        with pytest.raises(IdempotencyInFlightError):
            async with unit_of_work() as session:
                await idempotency.record(session, CLAIM, Answer(status=200, headers={}, body=""))
        assert await found(CLAIM) == ANSWER

    async def test_the_largest_answer_comes_back(self) -> None:
        largest = Answer(status=201, headers={}, body="ü" * (MOST_BODY_BYTES // 2))
        await answer(CLAIM, largest)
        assert await found(CLAIM) == largest

    async def test_a_larger_one_is_refused(self) -> None:
        larger = Answer(status=201, headers={}, body="ü" * (MOST_BODY_BYTES // 2) + "u")
        with pytest.raises(AnswerTooLargeError):
            await answer(CLAIM, larger)
        assert await found(CLAIM) is None


@pytest.mark.usefixtures("migrated_database_url")
class TestForget:
    async def forget(self, before: datetime, limit: int = 100) -> int:
        async with unit_of_work() as session:
            return await idempotency.forget(session, before=before, limit=limit)

    async def test_what_expired_before_goes_as_far_as_the_limit(self) -> None:
        for key in "abcd":
            await answer(Claim(scope="s", key=key, fingerprint="f"))
        await expire(a=timedelta(days=2), b=timedelta(days=2), c=timedelta(hours=1))
        yesterday = now() - timedelta(days=1)
        assert await self.forget(yesterday, limit=1) == 1
        assert await self.forget(yesterday, limit=2) == 1
        assert await self.forget(yesterday) == 0
        assert [row.key for row in await rows()] == ["c", "d"]

    async def test_an_answer_that_is_being_replaced_stays(self) -> None:
        await answer(CLAIM)
        await expire(k=timedelta(days=2))
        async with unit_of_work() as session:
            await idempotency.claim(session, CLAIM)
            await idempotency.record(session, CLAIM, ANSWER)
            assert await self.forget(now()) == 0
        assert await found(CLAIM) == ANSWER


@pytest.mark.usefixtures("signing_secret")
class TestFingerprint:
    REQUEST: dict[str, Any] = {"method": "POST", "path": "/a", "query": "b=1", "body": b"{}"}  # noqa: RUF012  # read only

    async def test_the_same_request_has_the_same(self) -> None:
        first = await idempotency.fingerprint_of(**self.REQUEST)
        assert first == await idempotency.fingerprint_of(**self.REQUEST)

    @pytest.mark.parametrize(
        "other",
        [
            {"method": "PUT"},
            {"path": "/b"},
            {"path": "/ab"},
            {"query": ""},
            {"body": b"{ }"},
            {"path": '/a", "b=1"]\n', "query": ""},
        ],
    )
    async def test_another_request_has_another(self, other: dict[str, Any]) -> None:
        first = await idempotency.fingerprint_of(**self.REQUEST)
        assert first != await idempotency.fingerprint_of(**(self.REQUEST | other))

    async def test_who_lacks_the_secret_cannot_check_a_guess(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = await idempotency.fingerprint_of(**self.REQUEST)
        monkeypatch.setattr(secrets, "read_secret", {"test/vault": "t" * 64}.__getitem__)
        digests.forget_keys()
        assert first != await idempotency.fingerprint_of(**self.REQUEST)
        digests.forget_keys()
