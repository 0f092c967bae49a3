import asyncio
import hashlib
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest
from sqlalchemy import select, text

from shared.adapters.database.sessions import autocommit
from shared.adapters.outbox.models import OutboxRow
from tests.web_fixtures import PASSWORD, SignUp, log_in

pytestmark = pytest.mark.anyio

USERS = "/v1/webapp/users"
ADA = {"username": "ada", "email": "ada@example.com", "password": PASSWORD}
DATA_API = pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)

type Calls = Callable[[], AbstractContextManager[list[str]]]


async def mails_asked_for() -> list[dict[str, Any]]:
    async with autocommit() as session:
        asked = select(OutboxRow.data).where(OutboxRow.type == "mail.mail_requested")
        return list(await session.scalars(asked))


def fields_of(answer: httpx.Response) -> list[str]:
    return [str(error["location"][-1]) for error in answer.json()["errors"]]


class TestRegister:
    async def test_a_user_is_made_and_their_password_never_told(
        self, webapp: httpx.AsyncClient
    ) -> None:
        answer = await webapp.post(USERS, json=ADA)
        assert answer.status_code == 201
        times = {"created_at", "updated_at"}
        assert set(answer.json()) == {"id", "username", "email", "email_verified"} | times
        assert answer.json()["created_at"].endswith("Z")

    async def test_the_new_user_gets_a_greeting_and_is_asked_to_verify_their_address(
        self, webapp: httpx.AsyncClient
    ) -> None:
        await webapp.post(USERS, json=ADA)
        greeting, verification = await mails_asked_for()
        assert greeting == {
            "to": "ada@example.com",
            "template": "welcome",
            "locale": "en",
            "values": {"username": "ada"},
        }
        assert (verification["to"], verification["template"]) == ("ada@example.com", "verify_email")

    async def test_who_is_refused_gets_no_mail(self, webapp: httpx.AsyncClient) -> None:
        await webapp.post(USERS, json=ADA)
        for refused in ({"username": "other"}, {"password": "passwordpassword"}):
            answer = await webapp.post(USERS, json=ADA | refused)
            assert answer.status_code in {409, 422}
        assert len(await mails_asked_for()) == 2

    @pytest.mark.parametrize(
        ("again", "code", "field"),
        [
            ({"email": "other@example.com"}, "username_taken", "username"),
            ({"email": "other@example.com", "username": "ADA"}, "username_taken", "username"),
            ({"username": "other"}, "email_taken", "email"),
            ({"username": "other", "email": "Ada@Example.com"}, "email_taken", "email"),
        ],
    )
    async def test_a_name_or_address_in_use_is_409_whatever_its_case(
        self, webapp: httpx.AsyncClient, again: dict[str, str], code: str, field: str
    ) -> None:
        await webapp.post(USERS, json=ADA)
        answer = await webapp.post(USERS, json=ADA | again)
        assert (answer.status_code, answer.json()["code"]) == (409, code)
        assert fields_of(answer) == [field]

    async def test_of_twenty_at_once_one_succeeds_and_the_others_are_409(
        self, webapp: httpx.AsyncClient
    ) -> None:
        answers = await asyncio.gather(*(webapp.post(USERS, json=ADA) for _ in range(20)))
        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19

    async def test_with_the_same_key_they_are_registered_once(
        self, webapp: httpx.AsyncClient
    ) -> None:
        key = {"Idempotency-Key": '"8e03978e-40d5-43dd-bc93-6894a57f9324"'}
        first, again = [await webapp.post(USERS, json=ADA, headers=key) for _ in range(2)]
        assert again.headers["Idempotent-Replayed"] == "true"
        assert (again.status_code, again.json()) == (201, first.json())
        other = await webapp.post(USERS, json=ADA | {"password": PASSWORD + "!"}, headers=key)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")

    async def test_of_twenty_at_once_with_one_key_none_hears_that_the_name_is_taken(
        self, webapp: httpx.AsyncClient
    ) -> None:
        key = {"Idempotency-Key": '"k"'}
        requests = (webapp.post(USERS, json=ADA, headers=key) for _ in range(20))
        answers = await asyncio.gather(*requests)
        codes = {each.json()["code"] for each in answers if each.status_code != 201}
        assert codes <= {"idempotency_in_flight"}
        assert len({each.content for each in answers if each.status_code == 201}) == 1

    async def test_nothing_that_is_kept_with_a_key_tells_or_proves_the_password(
        self, webapp: httpx.AsyncClient
    ) -> None:
        await webapp.post(USERS, json=ADA, headers={"Idempotency-Key": '"k"'})
        async with autocommit() as session:
            found = await session.execute(text("SELECT to_json(k)::text FROM idempotency_keys k"))
            kept = found.scalar_one()
        body = json.dumps(ADA, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        guesses = [PASSWORD.encode(), body, b'["POST", "/v1/webapp/users", ""]\n' + body]
        assert PASSWORD not in kept
        assert not [each for each in guesses if hashlib.sha256(each).hexdigest() in kept]

    @pytest.mark.parametrize(
        "weak",
        [
            "passwordpassword",
            "Password1234567890!",
            "aaaaaaaaaaaaaaaaaaaa",
            "qwertyuiopasdfghjkl",
            "ada@example.com",
            "adaadaadaadaada",
            "switchyardswitchyard",
        ],
    )
    async def test_a_common_word_of_the_context_or_pattern_is_no_password(
        self, webapp: httpx.AsyncClient, weak: str
    ) -> None:
        answer = await webapp.post(USERS, json=ADA | {"password": weak})
        assert (answer.status_code, answer.json()["code"]) == (422, "weak_password")
        assert fields_of(answer) == ["password"]
        assert weak not in answer.text

    @pytest.mark.parametrize(
        "fine", ["n" + "aïve café, sì! ¿no?", "eight words are surely enough for one"]
    )
    async def test_any_characters_make_a_password(
        self, webapp: httpx.AsyncClient, fine: str
    ) -> None:
        assert (await webapp.post(USERS, json=ADA | {"password": fine})).status_code == 201
        await log_in(webapp, "ada", fine)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("username", "x"),
            ("username", "a" * 33),
            ("username", "a\0da"),
            ("username", "a@da"),
            ("username", 7),
            ("username", None),
            ("email", "no address"),
            ("email", "a" * 250 + "@example.com"),
            ("password", "too short"),
            ("password", "p" * 129),
            ("password", "with a \0 in between"),
            ("shoe_size", 42),
        ],
    )
    async def test_a_bad_field_is_422_and_named(
        self, webapp: httpx.AsyncClient, field: str, value: object
    ) -> None:
        answer = await webapp.post(USERS, json=ADA | {field: value})
        assert answer.status_code == 422
        assert fields_of(answer) == [field]

    async def test_a_lone_surrogate_is_422_and_named(self, webapp: httpx.AsyncClient) -> None:
        body = rb'{"username": "a\ud800a", "email": "a@b", "password": "fifteen \udfff or more"}'
        headers = {"Content-Type": "application/json"}
        answer = await webapp.post(USERS, content=body, headers=headers)
        assert answer.status_code == 422
        assert fields_of(answer) == ["username", "password"]

    async def test_a_lone_surrogate_as_a_name_of_a_field_is_422(
        self, webapp: httpx.AsyncClient
    ) -> None:
        headers = {"Content-Type": "application/json"}
        answer = await webapp.post(USERS, content=rb'{"\ud800": 1}', headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


class TestLogIn:
    @pytest.mark.parametrize("login", ["ada", "ADA", "ada@example.com", "Ada@Example.Com"])
    async def test_name_or_address_in_any_case_gives_a_bearer_token_for_15_minutes(
        self, webapp: httpx.AsyncClient, login: str
    ) -> None:
        await webapp.post(USERS, json=ADA)
        form = {"grant_type": "password", "username": login, "password": PASSWORD, "scope": ""}
        answer = await webapp.post("/v1/webapp/login", data=form)
        assert answer.status_code == 200
        secret = {"access_token": "...", "refresh_token": "..."}
        assert answer.json() | secret == secret | {
            "token_type": "bearer",
            "expires_in": 900,
            "scope": "account items:read items:write posts:read posts:write profile:read",
        }
        assert answer.headers["Cache-Control"] == "no-store"

    async def test_a_wrong_password_and_an_unknown_name_have_the_same_answer(
        self, webapp: httpx.AsyncClient
    ) -> None:
        await webapp.post(USERS, json=ADA)
        answers = [
            await webapp.post("/v1/webapp/login", data={"username": name, "password": "wrong"})
            for name in ("ada", "nobody")
        ]
        assert [answer.status_code for answer in answers] == [401, 401]
        first, second = (answer.json() | {"request_id": ""} for answer in answers)
        assert first == second
        assert answers[0].headers["WWW-Authenticate"] == "Bearer"

    async def test_both_take_as_long(
        self, webapp: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Both compare one hash with the same parameters: what takes the time is the same work."""
        from argon2 import PasswordHasher

        from shared.adapters import passwords

        compared: list[str] = []
        verify = PasswordHasher.verify

        def noted(self: PasswordHasher, hash_: str, password: str) -> bool:
            compared.append(hash_.rsplit("$", 2)[0])
            return bool(verify(self, hash_, password))

        monkeypatch.setattr(PasswordHasher, "verify", noted)
        monkeypatch.setattr(passwords, "_hasher", PasswordHasher)  # the real parameters
        await webapp.post(USERS, json=ADA)
        for name in ("ada", "nobody"):
            await webapp.post("/v1/webapp/login", data={"username": name, "password": "wrong"})
        assert len(compared) == 2
        assert compared[0] == compared[1]

    async def test_an_outdated_hash_is_replaced(self, webapp: httpx.AsyncClient) -> None:
        from argon2 import PasswordHasher
        from sqlalchemy import text

        from shared.adapters.database.sessions import autocommit
        from shared.adapters.passwords import is_outdated

        await webapp.post(USERS, json=ADA)
        old = PasswordHasher(time_cost=1, memory_cost=64).hash(PASSWORD)
        async with autocommit() as session:
            await session.execute(text("UPDATE users SET password_hash = :old"), {"old": old})
            await log_in(webapp, "ada")
            hash_ = await session.scalar(text("SELECT password_hash FROM users"))
        assert not is_outdated(str(hash_))
        await log_in(webapp, "ada")

    async def test_a_body_that_is_no_form_is_415(self, webapp: httpx.AsyncClient) -> None:
        answer = await webapp.post("/v1/webapp/login", json={"username": "a", "password": "b"})
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")

    async def test_a_missing_field_is_422_and_named(self, webapp: httpx.AsyncClient) -> None:
        answer = await webapp.post("/v1/webapp/login", data={"username": "ada"})
        assert answer.status_code == 422
        assert fields_of(answer) == ["password"]

    @DATA_API
    async def test_costs_one_transaction_of_few_calls(
        self, webapp: httpx.AsyncClient, data_api_calls: Calls
    ) -> None:
        await webapp.post(USERS, json=ADA)
        with data_api_calls() as calls:
            await log_in(webapp, "ada")
        # The eighth asks whether there is a second factor, once the password is right.
        assert calls == ["BeginTransaction"] + ["Execute"] * 8 + ["CommitTransaction"]


class TestOwnUser:
    async def test_is_who_the_token_was_given_to(self, sign_up: SignUp) -> None:
        member = await sign_up()
        answer = await member.client.get(f"{USERS}/me")
        assert answer.status_code == 200
        assert answer.json()["username"] == member.username

    @DATA_API
    async def test_costs_one_call(self, sign_up: SignUp, data_api_calls: Calls) -> None:
        member = await sign_up()
        with data_api_calls() as calls:
            await member.client.get(f"{USERS}/me")
        assert calls == ["Execute"]

    async def test_needs_a_token(self, webapp: httpx.AsyncClient) -> None:
        answer = await webapp.get(f"{USERS}/me")
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        assert answer.headers["WWW-Authenticate"] == "Bearer"

    @pytest.mark.parametrize("token", ["nonsense", "a.b.c", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0."])
    async def test_a_token_that_is_none_is_401(self, webapp: httpx.AsyncClient, token: str) -> None:
        answer = await webapp.get(f"{USERS}/me", headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
        assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'

    async def test_of_a_user_who_is_gone_is_401(self, sign_up: SignUp) -> None:
        from sqlalchemy import text

        from shared.adapters.database.sessions import autocommit

        member = await sign_up()
        async with autocommit() as session:
            await session.execute(text("DELETE FROM users"))
        assert (await member.client.get(f"{USERS}/me")).json()["code"] == "invalid_token"
        items = await member.client.post("/v1/webapp/items", json={"name": "lamp"})
        assert (items.status_code, items.json()["code"]) == (401, "unauthorized")


class TestChangeOwnUser:
    async def test_only_what_is_given_changes(self, sign_up: SignUp) -> None:
        member = await sign_up()
        answer = await member.client.patch(
            f"{USERS}/me", json={"email": "new@example.com", "current_password": PASSWORD}
        )
        assert answer.status_code == 200
        assert answer.json()["email"] == "new@example.com"
        assert answer.json()["username"] == member.username
        assert answer.json()["updated_at"] > answer.json()["created_at"]

    async def test_a_name_in_use_is_409_and_nothing_changes(self, sign_up: SignUp) -> None:
        first, second = await sign_up(), await sign_up()
        change = {"username": first.username.upper(), "email": "new@example.com"}
        change["current_password"] = PASSWORD
        answer = await second.client.patch(f"{USERS}/me", json=change)
        assert (answer.status_code, answer.json()["code"]) == (409, "username_taken")
        assert (await second.client.get(f"{USERS}/me")).json()["email"] == second.email

    async def test_a_new_password_needs_the_current_one(self, sign_up: SignUp) -> None:
        member = await sign_up()
        new = "a wholly different phrase"
        for wrong in ({}, {"current_password": "wrong"}):
            answer = await member.client.patch(f"{USERS}/me", json={"password": new, **wrong})
            assert (answer.status_code, answer.json()["code"]) == (422, "wrong_password")
        change = {"password": new, "current_password": PASSWORD}
        assert (await member.client.patch(f"{USERS}/me", json=change)).status_code == 200
        await log_in(member.client, member.username, new)

    async def test_a_weak_one_is_422(self, sign_up: SignUp) -> None:
        member = await sign_up()
        change = {"password": "passwordpassword", "current_password": PASSWORD}
        answer = await member.client.patch(f"{USERS}/me", json=change)
        assert (answer.status_code, answer.json()["code"]) == (422, "weak_password")

    @pytest.mark.parametrize("field", ["username", "email", "password"])
    async def test_null_is_no_value(self, sign_up: SignUp, field: str) -> None:
        member = await sign_up()
        answer = await member.client.patch(f"{USERS}/me", json={field: None})
        assert answer.status_code == 422
        assert fields_of(answer) == [field]

    async def test_needs_a_token(self, webapp: httpx.AsyncClient) -> None:
        assert (await webapp.patch(f"{USERS}/me", json={})).status_code == 401


async def test_a_failed_commit_is_no_success(webapp: httpx.AsyncClient) -> None:
    from sqlalchemy import event
    from sqlalchemy.orm import Session

    def fail(session: Session) -> None:
        raise RuntimeError("the commit failed")

    event.listen(Session, "before_commit", fail)
    try:
        answer = await webapp.post(USERS, json=ADA)
    finally:
        event.remove(Session, "before_commit", fail)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "commit failed" not in answer.text
    assert (await webapp.post(USERS, json=ADA)).status_code == 201
