"""A password alone opens nothing where there is a second factor, and no second factor can be guessed or replayed."""

import asyncio
import itertools
import time
from datetime import timedelta
from uuid import UUID

import httpx
import pytest
from sqlalchemy import func, select

from shared.adapters import passwords
from shared.adapters.database.sessions import autocommit, unit_of_work
from shared.domains.mfa import repository
from shared.domains.mfa.models import MfaChallenge, RecoveryCode
from shared.domains.sessions import api as sessions
from shared.domains.sessions.models import SessionRow
from tests.functions.api.mfa.conftest import (
    LOGIN,
    ME,
    MFA,
    SECOND,
    Join,
    Person,
    audited,
    mails,
    problem,
)
from tests.second_factors import Clock
from tests.web_fixtures import PASSWORD, Log

pytestmark = pytest.mark.anyio

DATA_API = pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)
WRONG = (401, "wrong_second_factor")
INVALID = (401, "invalid_mfa_token")
SLOWED = (429, "too_many_login_attempts")


async def methods_of(answer: httpx.Response) -> tuple[str, ...]:
    """How the user of a new session proved who they are."""
    assert answer.status_code == 200, answer.text
    principal = await sessions.authenticate(answer.json()["access_token"])
    async with autocommit() as session:
        row = await session.get(SessionRow, principal.session_id)
    assert row is not None
    return tuple(row.methods)


async def sessions_of(person: Person) -> int:
    async with autocommit() as session:
        whose = SessionRow.user_id == UUID(person.id)
        return await session.scalar(select(func.count(SessionRow.id)).where(whose)) or 0


@pytest.fixture
async def ada(join: Join) -> Person:
    """With an authenticator application."""
    person = await join()
    await person.enrol_totp()
    return person


class TestPassword:
    async def test_it_opens_no_session_and_gives_what_goes_on_with_the_login(
        self, ada: Person
    ) -> None:
        before = await sessions_of(ada)
        answer = await ada.log_in()
        assert problem(answer) == (403, "second_factor_required")
        assert answer.headers["Cache-Control"] == "no-store"
        body = answer.json()
        assert (body["methods"], body["expires_in"]) == (["totp", "recovery_code"], 300)
        assert len(body["mfa_token"]) == 43
        assert await sessions_of(ada) == before

    @DATA_API
    async def test_in_the_first_version_too(self, ada: Person) -> None:
        form = {"username": ada.username, "password": PASSWORD}
        answer = await ada.api.post("/v1/webapp/login", data=form)
        second = {"mfa_token": answer.json()["mfa_token"], "code": ada.code()}
        done = await ada.api.post("/v1/webapp/login/second-factor", json=second)
        assert await methods_of(done) == ("pwd", "otp", "mfa")

    async def test_the_token_is_kept_as_a_digest_only(self, ada: Person) -> None:
        token = await ada.begin()
        async with autocommit() as session:
            (row,) = await session.scalars(select(MfaChallenge))
        assert token not in str(vars(row))

    @DATA_API
    async def test_a_wrong_one_asks_for_no_second_factor(
        self, ada: Person, join: Join, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Neither in words nor in time: nothing is looked up before the password is right."""
        other = await join()
        asked: list[UUID] = []
        found = repository.methods_of

        async def methods(session: object, user_id: UUID) -> object:
            asked.append(user_id)
            return await found(session, user_id)  # type: ignore[arg-type]

        monkeypatch.setattr(repository, "methods_of", methods)
        answers = [
            await ada.api.post(LOGIN, data={"username": each.username, "password": "wrong"})
            for each in (ada, other)
        ]
        assert [problem(each) for each in answers] == [(401, "invalid_credentials")] * 2
        one, another = ({**each.json(), "request_id": None} for each in answers)
        assert one == another
        assert asked == []
        await ada.log_in()
        assert asked == [UUID(ada.id)]

    @DATA_API
    async def test_the_password_is_hashed_once_in_every_case(
        self, ada: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        verified: list[float] = []
        verify = passwords.verify_password

        async def count(password: str, hash_: str | None) -> bool:
            verified.append(time.monotonic())
            return await verify(password, hash_)

        monkeypatch.setattr(passwords, "verify_password", count)
        await ada.log_in()
        await ada.api.post(LOGIN, data={"username": ada.username, "password": "wrong"})
        await ada.api.post(LOGIN, data={"username": "nobody-at-all", "password": "wrong"})
        assert len(verified) == 3


class TestCode:
    async def test_it_opens_a_session_that_works(self, ada: Person) -> None:
        answer = await ada.answer(await ada.begin(), code=ada.code())
        assert await methods_of(answer) == ("pwd", "otp", "mfa")
        assert answer.headers["Cache-Control"] == "no-store"
        ada.pair = answer.json()
        assert (await ada.send("GET", ME)).status_code == 200

    @pytest.mark.parametrize("steps", [-1, 0, 1])
    async def test_a_clock_may_be_off_by_half_a_minute(self, ada: Person, steps: int) -> None:
        ada.clock.move(minutes=5)
        answer = await ada.answer(await ada.begin(), code=ada.code(steps=steps))
        assert answer.status_code == 200

    @pytest.mark.parametrize("steps", [-2, 2])
    @DATA_API
    async def test_one_that_is_off_by_a_minute_is_told_so(self, ada: Person, steps: int) -> None:
        ada.clock.move(minutes=5)
        answer = await ada.answer(await ada.begin(), code=ada.code(steps=steps))
        assert problem(answer) == WRONG
        assert "is its clock right?" in answer.json()["detail"]

    async def test_it_is_good_once(self, ada: Person) -> None:
        code = ada.code()
        assert (await ada.answer(await ada.begin(), code=code)).status_code == 200
        assert problem(await ada.answer(await ada.begin(), code=code)) == WRONG
        ada.clock.move(seconds=30)
        assert problem(await ada.answer(await ada.begin(), code=code)) == WRONG
        assert (await ada.answer(await ada.begin(), code=ada.code())).status_code == 200

    async def test_nor_is_one_from_before_the_last(self, ada: Person) -> None:
        ada.clock.move(minutes=5)
        assert (await ada.answer(await ada.begin(), code=ada.code())).status_code == 200
        assert problem(await ada.answer(await ada.begin(), code=ada.code(steps=-1))) == WRONG

    async def test_the_one_that_confirmed_the_application_is_used_up(self, join: Join) -> None:
        person = await join()
        await person.enrol_totp()
        assert (
            problem(await person.answer(await person.begin(), code=person.code(steps=-1))) == WRONG
        )

    async def test_of_eight_logins_that_send_it_at_once_one_succeeds(self, ada: Person) -> None:
        code = ada.code()
        tokens = [await ada.begin() for _ in range(8)]
        answers = await asyncio.gather(*(ada.answer(token, code=code) for token in tokens))
        statuses = sorted(each.status_code for each in answers)
        # The failures count: some of the others are slowed down.
        assert statuses[0] == 200
        assert set(statuses[1:]) <= {401, 429}

    @DATA_API
    async def test_a_foreign_one_is_wrong(self, ada: Person, join: Join) -> None:
        eve = await join()
        await eve.enrol_totp()
        assert problem(await ada.answer(await ada.begin(), code=eve.code())) == WRONG

    @pytest.mark.parametrize(
        "code", ["", "12345", "1234567", "12345a", "١٢٣٤٥٦", " 12345", "123456\n", 123456, ["1"]]
    )
    @DATA_API
    async def test_what_is_no_code_is_422_and_no_try(self, ada: Person, code: object) -> None:
        answer = await ada.answer(await ada.begin(), code=code)
        assert problem(answer) == (422, "validation_failed")
        assert "input" not in answer.json()["errors"][0]


class TestToken:
    async def test_it_works_once(self, ada: Person) -> None:
        token = await ada.begin()
        assert (await ada.answer(token, code=ada.code())).status_code == 200
        ada.clock.move(seconds=30)
        assert problem(await ada.answer(token, code=ada.code())) == INVALID

    async def test_of_four_that_use_it_at_once_with_good_codes_one_succeeds(
        self, ada: Person
    ) -> None:
        token = await ada.begin()
        seconds = [{"recovery_code": code} for code in ada.recovery_codes[:4]]
        answers = await asyncio.gather(*(ada.answer(token, **each) for each in seconds))
        assert sorted(each.status_code for each in answers) == [200, 401, 401, 401]
        left = (await ada.send("GET", f"{MFA}/factors")).json()["recovery_codes_left"]
        assert left == 9

    async def test_it_works_for_five_minutes(self, ada: Person) -> None:
        token = await ada.begin()
        ada.clock.move(minutes=5)
        assert problem(await ada.answer(token, code=ada.code())) == INVALID

    async def test_after_five_wrong_answers_the_login_begins_anew(
        self, ada: Person, clock: Clock
    ) -> None:
        token = await ada.begin()
        for _ in range(5):
            assert problem(await ada.answer(token, code="000000")) == WRONG
        clock.move(seconds=60)
        assert problem(await ada.answer(token, code=ada.code())) == INVALID
        assert (await ada.answer(await ada.begin(), code=ada.code())).status_code == 200

    @pytest.mark.parametrize("change", ["cut", "doubled", "other", "access token"])
    @DATA_API
    async def test_one_that_was_never_given_is_401(self, ada: Person, change: str) -> None:
        token = await ada.begin()
        wrong = {
            "cut": token[:-1],
            "doubled": token * 2,
            "other": "x" * 43,
            "access token": ada.pair["refresh_token"],
        }
        assert problem(await ada.answer(wrong[change], code=ada.code())) == INVALID

    @pytest.mark.parametrize("token", ["", "a b", "é", "x" * 257, "a\u0000", None, 7])
    @DATA_API
    async def test_what_is_no_token_is_422(self, ada: Person, token: object) -> None:
        answer = await ada.api.post(SECOND, json={"mfa_token": token, "code": "123456"})
        assert problem(answer) == (422, "validation_failed")

    @pytest.mark.parametrize(
        "second",
        [{}, {"code": "123456", "recovery_code": "7K3M-9QXD-2TVB"}, {"code": None}, {"pin": "1"}],
    )
    @DATA_API
    async def test_anything_but_one_second_factor_is_422(
        self, ada: Person, second: dict[str, object]
    ) -> None:
        answer = await ada.answer(await ada.begin(), **second)
        assert problem(answer) == (422, "validation_failed")

    @DATA_API
    async def test_what_cannot_be_read_is_400_and_another_type_415(self, ada: Person) -> None:
        broken = await ada.api.post(
            SECOND, content=b"{", headers={"Content-Type": "application/json"}
        )
        assert problem(broken)[0] == 400
        form = await ada.api.post(SECOND, data={"mfa_token": "a", "code": "123456"})
        assert problem(form)[0] in {415, 422}
        large = await ada.api.post(SECOND, json={"mfa_token": "a" * 2_000_000})
        assert problem(large)[0] == 413

    @DATA_API
    async def test_it_is_forgotten_with_its_user(self, ada: Person) -> None:
        from shared.domains.identity import api as identity

        token = await ada.begin()
        async with unit_of_work() as session:
            await identity.delete_user(session, UUID(ada.id))
        assert problem(await ada.answer(token, code=ada.code())) == INVALID


class TestGuessing:
    async def test_new_logins_give_no_new_tries(self, ada: Person) -> None:
        """Who knows the password could else begin as many as they like."""
        for _ in range(5):
            assert problem(await ada.answer(await ada.begin(), code="000000")) == WRONG
        answer = await ada.answer(await ada.begin(), code=ada.code())
        assert problem(answer) == SLOWED
        assert int(answer.headers["Retry-After"]) >= 1

    @DATA_API
    async def test_waits_grow_to_a_quarter_of_an_hour(self, ada: Person, clock: Clock) -> None:
        waits = []
        for _ in range(16):
            answer = await ada.answer(await ada.begin(), code="000000")
            if answer.status_code == 429:
                waits.append(int(answer.headers["Retry-After"]))
                clock.move(seconds=waits[-1])
                answer = await ada.answer(await ada.begin(), code="000000")
            assert problem(answer) == WRONG
        assert all(b > a for a, b in itertools.pairwise(waits[:9]))
        assert 890 <= waits[-1] <= 901

    @DATA_API
    async def test_it_is_a_security_event(self, ada: Person, log: Log) -> None:
        token = await ada.begin()
        for _ in range(5):
            await ada.answer(token, code="000000")
        (entry,) = await audited("logins.slowed")
        assert entry.subject == f"user:{ada.id}"

    @DATA_API
    async def test_who_gets_it_right_has_all_tries_again(self, ada: Person) -> None:
        for _ in range(4):
            await ada.answer(await ada.begin(), code="000000")
        assert (await ada.answer(await ada.begin(), code=ada.code())).status_code == 200
        for _ in range(4):
            assert problem(await ada.answer(await ada.begin(), code="000000")) == WRONG

    @DATA_API
    async def test_recovery_codes_share_the_count(self, ada: Person) -> None:
        for _ in range(5):
            wrong = await ada.answer(await ada.begin(), recovery_code="0000-0000-0000")
            assert problem(wrong) == WRONG
        assert problem(await ada.answer(await ada.begin(), code=ada.code())) == SLOWED


class TestRecoveryCode:
    async def test_it_opens_a_session_and_its_user_is_told(self, ada: Person) -> None:
        answer = await ada.answer(await ada.begin(), recovery_code=ada.recovery_codes[0])
        assert await methods_of(answer) == ("pwd", "otp", "mfa")
        assert await mails("recovery_code_used") == [{"username": ada.username, "left": "9"}]
        assert len(await audited("mfa.recovery_code_used")) == 1

    async def test_each_is_good_once(self, ada: Person) -> None:
        code = ada.recovery_codes[0]
        assert (await ada.answer(await ada.begin(), recovery_code=code)).status_code == 200
        assert problem(await ada.answer(await ada.begin(), recovery_code=code)) == WRONG
        another = ada.recovery_codes[1]
        assert (await ada.answer(await ada.begin(), recovery_code=another)).status_code == 200

    async def test_of_four_logins_that_send_one_at_once_one_succeeds(self, ada: Person) -> None:
        code = ada.recovery_codes[0]
        tokens = [await ada.begin() for _ in range(4)]
        answers = await asyncio.gather(*(ada.answer(t, recovery_code=code) for t in tokens))
        assert sorted(each.status_code for each in answers) == [200, 401, 401, 401]

    @pytest.mark.parametrize("typed", ["lower", "spaced", "bare", "misread"])
    @DATA_API
    async def test_it_may_be_typed_as_people_do(self, ada: Person, typed: str) -> None:
        code = next((each for each in ada.recovery_codes if set("01") & set(each)), None)
        code = code or ada.recovery_codes[0]
        as_typed = {
            "lower": code.lower(),
            "spaced": code.replace("-", " "),
            "bare": code.replace("-", ""),
            "misread": code.replace("0", "O").replace("1", "l"),
        }
        answer = await ada.answer(await ada.begin(), recovery_code=as_typed[typed])
        assert answer.status_code == 200

    @DATA_API
    async def test_a_foreign_one_is_wrong(self, ada: Person, join: Join) -> None:
        eve = await join()
        await eve.enrol_totp()
        answer = await ada.answer(await ada.begin(), recovery_code=eve.recovery_codes[0])
        assert problem(answer) == WRONG

    @pytest.mark.parametrize("code", ["", "short", "x" * 33, "7K3M-9QXD-2TV!", None, 7])
    @DATA_API
    async def test_what_is_none_is_422(self, ada: Person, code: object) -> None:
        answer = await ada.answer(await ada.begin(), recovery_code=code)
        assert problem(answer) == (422, "validation_failed")

    async def test_they_are_kept_as_keyed_digests(self, ada: Person) -> None:
        async with autocommit() as session:
            digests = list(await session.scalars(select(RecoveryCode.digest)))
        assert len(digests) == 10
        assert not set(digests) & set(ada.recovery_codes)

    @DATA_API
    async def test_when_all_are_used_they_are_offered_no_more(self, ada: Person) -> None:
        for code in ada.recovery_codes:
            answer = await ada.answer(await ada.begin(), recovery_code=code)
            assert answer.status_code == 200
        assert (await ada.log_in()).json()["methods"] == ["totp"]


@DATA_API
async def test_no_secret_stands_in_a_log(ada: Person, log: Log) -> None:
    token, code = await ada.begin(), ada.code()
    await ada.answer(token, code="000000")
    done = await ada.answer(token, code=code)
    await ada.answer(await ada.begin(), recovery_code=ada.recovery_codes[0])
    written = str(log())
    assert written
    secrets = (token, ada.secret, ada.recovery_codes[0], done.json()["access_token"])
    assert [each for each in secrets if each in written] == []


@DATA_API
async def test_expired_challenges_are_forgotten_and_no_others(ada: Person, clock: Clock) -> None:
    await ada.begin()
    clock.move(minutes=4)
    good = await ada.begin()
    async with unit_of_work() as session:
        at = clock.time + timedelta(minutes=2)
        assert await repository.forget_expired(session, at=at, limit=10) == 1
    assert (await ada.answer(good, code=ada.code())).status_code == 200
