"""Tokens of mails work once, for a while, for what they were sent for; and nothing else changes a password."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any, ClassVar

import httpx
import pytest
from sqlalchemy import select

from functions.queues.password_resets.handler import send_reset
from shared.adapters import vault
from shared.adapters.database.sessions import autocommit, unit_of_work
from shared.adapters.outbox.models import OutboxRow
from shared.core.clock import now
from shared.core.events import Envelope, Event
from shared.domains.audit.models import AuditEntry
from shared.domains.identity import api as identity
from shared.domains.identity import service
from shared.domains.identity.errors import EmailTakenError
from shared.domains.identity.events import PasswordResetRequested
from shared.domains.identity.models import EmailToken
from shared.domains.identity.schemas import EmailPurpose, ExternalRegistration, Registration
from shared.domains.logins.service import FREE_BY_ACCOUNT
from shared.worker.consumer import consume
from tests.web_fixtures import PASSWORD, Log, Member, SignUp, log_in, token_of

pytestmark = pytest.mark.anyio

V1 = "/v1/webapp"
ME = f"{V1}/users/me"
NEW_ADDRESS = {"email": "new@example.com", "current_password": PASSWORD}
NEW = "a wholly different phrase"


async def send_resets() -> None:
    """Do what the function of the queue does, for each request once."""
    async with autocommit() as session:
        wanted = OutboxRow.type == PasswordResetRequested.type
        rows = list(await session.scalars(select(OutboxRow).where(wanted)))
    for row in rows:
        names = ("id", "type", "version", "aggregate", "sequence", "occurred_at", "data")
        envelope = Envelope(**{name: getattr(row, name) for name in names})
        body = json.dumps({"detail": envelope.model_dump(mode="json")})
        handlers: dict[type[Event], Any] = {PasswordResetRequested: send_reset}
        await consume(body, consumer="password-resets", handlers=handlers)


async def mails() -> list[dict[str, Any]]:
    """The mails that were asked for, in their order."""
    async with autocommit() as session:
        wanted = OutboxRow.type == "mail.mail_requested"
        rows = select(OutboxRow.data).where(wanted).order_by(OutboxRow.sequence)
        return list(await session.scalars(rows))


async def mailed_token(template: str) -> str:
    """The token of the newest mail of a template, as its reader sees it."""
    newest = [each for each in await mails() if each["template"] == template][-1]
    return await vault.unseal(newest["values"]["token"], purpose="mail")


async def templates_to(address: str) -> list[str]:
    return [each["template"] for each in await mails() if each["to"] == address]


def later(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    monkeypatch.setattr(service, "now", lambda: now() + by)


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


INVALID = (400, "invalid_email_token")


@pytest.fixture
async def member(sign_up: SignUp) -> Member:
    return await sign_up()


class TestVerification:
    async def verify(self, webapp: httpx.AsyncClient, token: str) -> httpx.Response:
        return await webapp.post(f"{V1}/email-verification", json={"token": token})

    async def test_the_token_of_the_first_mail_verifies_the_address(
        self, webapp: httpx.AsyncClient, member: Member
    ) -> None:
        assert (await member.client.get(ME)).json()["email_verified"] is False
        answer = await self.verify(webapp, await mailed_token("verify_email"))
        assert answer.status_code == 204
        assert (await member.client.get(ME)).json()["email_verified"] is True

    async def test_it_works_once(self, webapp: httpx.AsyncClient, member: Member) -> None:
        token = await mailed_token("verify_email")
        answers = await asyncio.gather(*(self.verify(webapp, token) for _ in range(8)))
        assert sorted(answer.status_code for answer in answers) == [204] + [400] * 7

    async def test_for_a_day(
        self, webapp: httpx.AsyncClient, member: Member, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        later(monkeypatch, timedelta(hours=24, seconds=1))
        token = await mailed_token("verify_email")
        assert refusal(await self.verify(webapp, token)) == INVALID

    async def test_one_of_an_address_of_yesterday_is_refused(
        self, webapp: httpx.AsyncClient, member: Member
    ) -> None:
        token = await mailed_token("verify_email")
        await member.client.patch(ME, json=NEW_ADDRESS)
        assert refusal(await self.verify(webapp, token)) == INVALID
        assert (await self.verify(webapp, await mailed_token("verify_email"))).status_code == 204

    async def test_one_that_resets_a_password_verifies_nothing(
        self, webapp: httpx.AsyncClient, member: Member
    ) -> None:
        await webapp.post(f"{V1}/password-reset", json={"email": member.email})
        await send_resets()
        token = await mailed_token("reset_password")
        assert refusal(await self.verify(webapp, token)) == INVALID

    @pytest.mark.parametrize("change", ["cut", "doubled", "other"])
    async def test_a_forged_one_is_refused(
        self, webapp: httpx.AsyncClient, member: Member, change: str
    ) -> None:
        token = await mailed_token("verify_email")
        forged = {"cut": token[:-1], "doubled": token * 2, "other": "x" * 43}[change]
        assert refusal(await self.verify(webapp, forged)) == INVALID

    @pytest.mark.parametrize("token", ["", "é", "a b", "x" * 257, None])
    async def test_what_is_no_token_is_422(self, webapp: httpx.AsyncClient, token: object) -> None:
        answer = await webapp.post(f"{V1}/email-verification", json={"token": token})
        assert answer.status_code == 422

    async def test_only_digests_are_kept_and_mails_are_sealed(self, member: Member) -> None:
        token = await mailed_token("verify_email")
        assert token not in str(await mails())
        async with autocommit() as session:
            (kept,) = await session.scalars(select(EmailToken.digest))
        assert kept == hashlib.sha256(token.encode()).hexdigest()


class TestAnotherMail:
    async def test_it_is_sent_until_the_address_is_verified(
        self, webapp: httpx.AsyncClient, member: Member
    ) -> None:
        assert (await member.client.post(f"{ME}/verification")).status_code == 202
        token = await mailed_token("verify_email")
        await webapp.post(f"{V1}/email-verification", json={"token": token})
        assert (await member.client.post(f"{ME}/verification")).status_code == 202
        assert (await templates_to(member.email)).count("verify_email") == 2

    async def test_a_mailbox_is_not_filled(self, member: Member) -> None:
        for _ in range(6):
            assert (await member.client.post(f"{ME}/verification")).status_code == 202
        assert (await templates_to(member.email)).count("verify_email") == service.MOST_TOKENS

    async def test_without_a_token_is_401(self, webapp: httpx.AsyncClient) -> None:
        assert (await webapp.post(f"{ME}/verification")).status_code == 401


class TestReset:
    async def ask(self, webapp: httpx.AsyncClient, email: str) -> str:
        answer = await webapp.post(f"{V1}/password-reset", json={"email": email})
        assert answer.status_code == 202
        await send_resets()
        return await mailed_token("reset_password")

    async def reset(
        self, webapp: httpx.AsyncClient, token: str, password: str = NEW
    ) -> httpx.Response:
        body = {"token": token, "password": password}
        return await webapp.post(f"{V1}/password-reset/confirmation", json=body)

    async def test_the_new_password_works_and_the_old_one_does_not(
        self, webapp: httpx.AsyncClient, member: Member
    ) -> None:
        token = await self.ask(webapp, member.email.upper())
        assert (await self.reset(webapp, token)).status_code == 204
        await log_in(webapp, member.username, NEW)
        old = {"username": member.username, "password": PASSWORD}
        assert (await webapp.post(f"{V1}/login", data=old)).status_code == 401

    async def test_all_sessions_end_the_address_is_verified_and_a_notice_is_sent(
        self, webapp: httpx.AsyncClient, member: Member
    ) -> None:
        old = {"username": member.username, "password": PASSWORD}
        pair = (await webapp.post(f"{V1}/login", data=old)).json()
        await self.reset(webapp, await self.ask(webapp, member.email))
        newest = {"refresh_token": pair["refresh_token"]}
        assert (await webapp.post(f"{V1}/refresh", json=newest)).status_code == 401
        token = await log_in(webapp, member.username, NEW)
        me = await webapp.get(ME, headers={"Authorization": f"Bearer {token}"})
        assert me.json()["email_verified"] is True
        assert (await templates_to(member.email))[-1] == "password_changed"

    async def test_it_lets_somebody_in_who_is_locked_out(
        self, webapp: httpx.AsyncClient, sign_up: SignUp
    ) -> None:
        user = {"username": "bob", "email": "bob@example.com", "password": PASSWORD}
        await webapp.post(f"{V1}/users", json=user)
        wrong = {"username": "bob", "password": "wrong"}
        for _ in range(FREE_BY_ACCOUNT):
            assert (await webapp.post(f"{V1}/login", data=wrong)).status_code == 401
        assert (await webapp.post(f"{V1}/login", data=wrong)).status_code == 429
        await self.reset(webapp, await self.ask(webapp, "bob@example.com"))
        await log_in(webapp, "bob", NEW)

    async def test_a_token_works_once_and_the_others_go_with_it(
        self, webapp: httpx.AsyncClient, member: Member
    ) -> None:
        first, second = [await self.ask(webapp, member.email) for _ in range(2)]
        assert (await self.reset(webapp, second)).status_code == 204
        for token in (first, second):
            assert refusal(await self.reset(webapp, token)) == INVALID

    async def test_for_half_an_hour(
        self, webapp: httpx.AsyncClient, member: Member, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        token = await self.ask(webapp, member.email)
        later(monkeypatch, timedelta(minutes=30, seconds=1))
        assert refusal(await self.reset(webapp, token)) == INVALID

    async def test_a_weak_password_leaves_it_good(
        self, webapp: httpx.AsyncClient, member: Member
    ) -> None:
        token = await self.ask(webapp, member.email)
        weak = await self.reset(webapp, token, "passwordpassword")
        assert refusal(weak) == (422, "weak_password")
        assert (await self.reset(webapp, token)).status_code == 204

    async def test_one_that_verifies_an_address_resets_nothing(
        self, webapp: httpx.AsyncClient, member: Member
    ) -> None:
        token = await mailed_token("verify_email")
        assert refusal(await self.reset(webapp, token)) == INVALID

    async def test_one_that_went_to_an_address_of_yesterday_is_refused(
        self, webapp: httpx.AsyncClient, member: Member
    ) -> None:
        token = await self.ask(webapp, member.email)
        await member.client.patch(ME, json=NEW_ADDRESS)
        assert refusal(await self.reset(webapp, token)) == INVALID

    async def test_for_an_address_of_nobody_the_answer_is_the_same_and_no_mail_is_sent(
        self, webapp: httpx.AsyncClient, member: Member
    ) -> None:
        known = await webapp.post(f"{V1}/password-reset", json={"email": member.email})
        unknown = await webapp.post(f"{V1}/password-reset", json={"email": "no@example.com"})
        assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
        await send_resets()
        assert (await templates_to(member.email))[-1] == "reset_password"
        assert await templates_to("no@example.com") == []

    async def test_for_an_address_of_nobody_the_same_is_done_at_the_same_places(
        self,
        webapp: httpx.AsyncClient,
        member: Member,
        log: Log,
        data_api_calls: Callable[[], AbstractContextManager[list[str]]],
    ) -> None:
        """How long an answer takes follows from what is done for it."""
        done = []
        for email in (member.email, "no@example.com"):
            with data_api_calls() as calls:
                await webapp.post(f"{V1}/password-reset", json={"email": email})
            done.append(calls)
        assert done[0] == done[1]
        async with autocommit() as session:
            kept = list(await session.scalars(select(OutboxRow.data)))
        assert "no@example.com" not in str(kept) + str(log())

    async def test_a_mailbox_is_not_filled(self, webapp: httpx.AsyncClient, member: Member) -> None:
        for _ in range(6):
            await self.ask(webapp, member.email)
        assert (await templates_to(member.email)).count("reset_password") == service.MOST_TOKENS

    async def test_no_token_stands_in_a_log(
        self, webapp: httpx.AsyncClient, member: Member, log: Log
    ) -> None:
        token = await self.ask(webapp, member.email)
        await self.reset(webapp, token)
        await self.reset(webapp, token)
        assert log()
        assert token not in str(log())


class TestReentering:
    """Who has stolen a session guesses the password no faster than at the login."""

    WRONG: ClassVar = {"email": "new@example.com", "current_password": "wrong"}

    @pytest.fixture
    async def slowed(self, member: Member) -> Member:
        for _ in range(FREE_BY_ACCOUNT):
            assert refusal(await member.client.patch(ME, json=self.WRONG))[0] == 422
        return member

    async def test_after_some_wrong_ones_even_the_right_one_has_to_wait(
        self, slowed: Member
    ) -> None:
        answer = await slowed.client.patch(ME, json=NEW_ADDRESS)
        assert refusal(answer) == (429, "too_many_login_attempts")
        assert int(answer.headers["Retry-After"]) >= 1
        assert (await slowed.client.get(ME)).json()["email"] == slowed.email

    async def test_so_it_has_for_the_end_of_the_account(self, slowed: Member) -> None:
        wanted = {"kind": "delete_account", "current_password": PASSWORD}
        for _ in range(2):
            # The same key again: a refusal keeps none.
            key = {"Idempotency-Key": '"the-end"'}
            answer = await slowed.client.post(f"{V1}/tasks", json=wanted, headers=key)
            assert refusal(answer) == (429, "too_many_login_attempts")

    async def test_it_is_told_in_the_trail_and_logging_in_goes_on(
        self, webapp: httpx.AsyncClient, slowed: Member
    ) -> None:
        await log_in(webapp, slowed.username)
        async with autocommit() as session:
            told = select(AuditEntry.subject).where(AuditEntry.action == "logins.slowed")
            assert list(await session.scalars(told)) == [f"user:{slowed.id}"]

    async def test_a_right_one_in_time_begins_the_counting_anew(self, member: Member) -> None:
        for _ in range(2):
            for _ in range(FREE_BY_ACCOUNT - 1):
                assert refusal(await member.client.patch(ME, json=self.WRONG))[0] == 422
            right = {"password": PASSWORD, "current_password": PASSWORD}
            assert (await member.client.patch(ME, json=right)).status_code == 200

    async def test_a_change_that_needs_none_needs_none(self, slowed: Member) -> None:
        answer = await slowed.client.patch(ME, json={"username": f"{slowed.username}-2"})
        assert answer.status_code == 200

    async def test_a_reset_ends_the_waiting(
        self, webapp: httpx.AsyncClient, slowed: Member
    ) -> None:
        await webapp.post(f"{V1}/password-reset", json={"email": slowed.email})
        await send_resets()
        body = {"token": await mailed_token("reset_password"), "password": NEW}
        answer = await webapp.post(f"{V1}/password-reset/confirmation", json=body)
        assert answer.status_code == 204
        bearer = {"Authorization": f"Bearer {await log_in(webapp, slowed.username, NEW)}"}
        change = NEW_ADDRESS | {"current_password": NEW}
        assert (await webapp.patch(ME, json=change, headers=bearer)).status_code == 200


class TestWithoutAPassword:
    """Who logs in by an outside provider only."""

    @pytest.fixture
    async def bearer(self, webapp: httpx.AsyncClient) -> dict[str, str]:
        registration = ExternalRegistration(name="Ada L.", email="ada@example.com")
        async with unit_of_work() as session:
            user = await identity.register_external(session, registration)
        return {"Authorization": f"Bearer {await token_of(user.id)}"}

    async def test_the_name_is_one_and_the_address_verified(
        self, webapp: httpx.AsyncClient, bearer: dict[str, str]
    ) -> None:
        me = (await webapp.get(ME, headers=bearer)).json()
        assert (me["username"], me["email_verified"]) == ("Ada-L", True)

    @pytest.mark.parametrize(
        "name", ["ada-l", "ADA-L", "", "\u5f20\u4e09", "x" * 300, "-._", "\x00"]
    )
    async def test_a_name_that_is_taken_or_none_becomes_one(
        self, webapp: httpx.AsyncClient, bearer: dict[str, str], name: str
    ) -> None:
        registration = ExternalRegistration(name=name, email="other@example.com")
        async with unit_of_work() as session:
            user = await identity.register_external(session, registration)
        assert user.username.lower() != "ada-l"
        Registration(username=user.username, email=user.email, password=PASSWORD)

    async def test_an_address_in_use_is_refused(
        self, webapp: httpx.AsyncClient, bearer: dict[str, str]
    ) -> None:
        registration = ExternalRegistration(name="eve", email="ADA@example.com")
        with pytest.raises(EmailTakenError):
            async with unit_of_work() as session:
                await identity.register_external(session, registration)

    @pytest.mark.parametrize("password", ["-", "None", PASSWORD])
    async def test_no_password_logs_in(
        self, webapp: httpx.AsyncClient, bearer: dict[str, str], password: str
    ) -> None:
        form = {"username": "ada@example.com", "password": password}
        answer = await webapp.post(f"{V1}/login", data=form)
        assert refusal(answer) == (401, "invalid_credentials")

    async def test_what_needs_one_says_how_to_get_it(
        self, webapp: httpx.AsyncClient, bearer: dict[str, str]
    ) -> None:
        wanted = {"kind": "delete_account", "current_password": PASSWORD}
        headers = bearer | {"Idempotency-Key": '"the-end"'}
        for answer in (
            await webapp.patch(ME, json=NEW_ADDRESS, headers=bearer),
            await webapp.post(f"{V1}/tasks", json=wanted, headers=headers),
        ):
            assert refusal(answer) == (409, "no_password")
            assert "password reset" in answer.json()["detail"]

    async def test_and_gets_it(self, webapp: httpx.AsyncClient, bearer: dict[str, str]) -> None:
        await webapp.post(f"{V1}/password-reset", json={"email": "ada@example.com"})
        await send_resets()
        body = {"token": await mailed_token("reset_password"), "password": NEW}
        answer = await webapp.post(f"{V1}/password-reset/confirmation", json=body)
        assert answer.status_code == 204
        await log_in(webapp, "ada@example.com", NEW)


class TestChanges:
    async def test_another_password_ends_the_other_sessions_but_not_this_one(
        self, webapp: httpx.AsyncClient, member: Member
    ) -> None:
        old = {"username": member.username, "password": PASSWORD}
        other = (await webapp.post(f"{V1}/login", data=old)).json()
        change = {"password": NEW, "current_password": PASSWORD}
        assert (await member.client.patch(ME, json=change)).status_code == 200
        newest = {"refresh_token": other["refresh_token"]}
        assert (await webapp.post(f"{V1}/refresh", json=newest)).status_code == 401
        (left,) = (await member.client.get(f"{V1}/sessions")).json()["items"]
        assert left["current"] is True
        assert (await templates_to(member.email))[-1] == "password_changed"

    async def test_another_address_is_to_be_verified_and_the_old_one_is_told(
        self, webapp: httpx.AsyncClient, member: Member
    ) -> None:
        token = await mailed_token("verify_email")
        await webapp.post(f"{V1}/email-verification", json={"token": token})
        answer = await member.client.patch(ME, json=NEW_ADDRESS)
        assert answer.json()["email_verified"] is False
        assert (await templates_to(member.email))[-1] == "email_changed"
        assert await templates_to("new@example.com") == ["verify_email"]

    @pytest.mark.parametrize("given", [{}, {"current_password": "wrong"}])
    async def test_another_address_needs_the_password_for_it_could_reset_it(
        self, member: Member, given: dict[str, str]
    ) -> None:
        answer = await member.client.patch(ME, json={"email": "new@example.com", **given})
        assert refusal(answer) == (422, "wrong_password")
        assert (await member.client.get(ME)).json()["email"] == member.email

    async def test_the_same_address_stays_verified(
        self, webapp: httpx.AsyncClient, member: Member
    ) -> None:
        token = await mailed_token("verify_email")
        await webapp.post(f"{V1}/email-verification", json={"token": token})
        answer = await member.client.patch(ME, json={"email": member.email})
        assert answer.json()["email_verified"] is True


async def test_every_purpose_has_a_life_and_a_mail() -> None:
    assert set(service.TOKEN_LIFE) == set(service._TEMPLATES) == set(EmailPurpose)
