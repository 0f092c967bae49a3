"""Second factors are their user's to change, after a proof of who they are; and nobody is left without a way in."""

from datetime import timedelta
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import UUID

import pytest
from sqlalchemy import func, select, update

from shared.adapters.database.sessions import autocommit, unit_of_work
from shared.core.clock import now
from shared.core.scopes import USER_SCOPES, Scope
from shared.domains import tables
from shared.domains.identity import api as identity
from shared.domains.identity.models import User
from shared.domains.mfa.models import RecoveryCode, TotpAuthenticator
from shared.domains.sessions.models import SessionRow
from tests.functions.api.mfa.conftest import (
    ME,
    MFA,
    Join,
    Person,
    audited,
    mails,
    problem,
)
from tests.second_factors import Authenticator, Clock, code_of
from tests.web_fixtures import PASSWORD, Log, token_of

pytestmark = pytest.mark.anyio

DATA_API = pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)
NEEDS_CONFIRMATION = [
    ("POST", "/totp", None),
    ("POST", "/totp/confirmation", {"code": "123456"}),
    ("DELETE", "/totp", None),
    ("POST", "/recovery-codes", None),
    ("POST", "/passkeys/options", None),
    ("DELETE", "/passkeys/00000000-0000-7000-8000-000000000000", None),
]
EVERY_ROUTE = [
    *NEEDS_CONFIRMATION,
    ("GET", "/factors", None),
    ("POST", "/confirmation", {"current_password": PASSWORD}),
    ("PATCH", "/passkeys/00000000-0000-7000-8000-000000000000", {"name": "Key"}),
]


async def grow_old(person: Person) -> None:
    """Let a person's sessions have begun an hour ago."""
    async with unit_of_work() as session:
        of_person = update(SessionRow).where(SessionRow.user_id == UUID(person.id))
        await session.execute(of_person.values(created_at=now() - timedelta(hours=1)))


async def factors_of(person: Person) -> dict[str, object]:
    answer = await person.send("GET", f"{MFA}/factors")
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    return found


class TestWhoMay:
    @pytest.mark.parametrize(("method", "path", "body"), EVERY_ROUTE)
    @DATA_API
    async def test_nobody_without_a_token(
        self, ada: Person, method: str, path: str, body: object
    ) -> None:
        for headers in ({}, {"Authorization": "Bearer nothing"}):
            answer = await ada.api.request(method, MFA + path, json=body, headers=headers)
            assert problem(answer)[0] == 401

    @pytest.mark.parametrize(("method", "path", "body"), EVERY_ROUTE)
    @DATA_API
    async def test_no_third_party(self, ada: Person, method: str, path: str, body: object) -> None:
        scopes = USER_SCOPES - {Scope.ACCOUNT}
        token = await token_of(UUID(ada.id), scopes=scopes, client_id="app")
        headers = {"Authorization": f"Bearer {token}"}
        answer = await ada.api.request(method, MFA + path, json=body, headers=headers)
        assert problem(answer) == (403, "insufficient_scope")

    @pytest.mark.parametrize(("method", "path", "body"), NEEDS_CONFIRMATION)
    @DATA_API
    async def test_no_session_that_is_older_than_ten_minutes(
        self, ada: Person, method: str, path: str, body: object
    ) -> None:
        await grow_old(ada)
        answer = await ada.send(method, MFA + path, body)
        assert problem(answer) == (403, "confirmation_required")

    @pytest.mark.parametrize("version", ["v1", "v2"])
    @DATA_API
    async def test_in_each_version(self, ada: Person, version: str) -> None:
        answer = await ada.send("GET", f"/{version}/webapp/mfa/factors")
        assert answer.json() == {"totp": None, "passkeys": [], "recovery_codes_left": 0}


class TestConfirmation:
    async def test_the_password_lets_an_old_session_for_ten_minutes(
        self, ada: Person, clock: Clock
    ) -> None:
        await grow_old(ada)
        body = {"current_password": PASSWORD}
        assert (await ada.send("POST", f"{MFA}/confirmation", body)).status_code == 204
        clock.move(minutes=9)
        assert (await ada.send("POST", f"{MFA}/totp")).status_code == 201
        clock.move(minutes=1)
        assert problem(await ada.send("POST", f"{MFA}/totp")) == (403, "confirmation_required")
        assert (await ada.send("POST", f"{MFA}/confirmation", body)).status_code == 204
        assert (await ada.send("POST", f"{MFA}/totp")).status_code == 201

    @DATA_API
    async def test_it_is_that_sessions_only(self, ada: Person) -> None:
        other = (await ada.log_in()).json()
        await grow_old(ada)
        await ada.send("POST", f"{MFA}/confirmation", {"current_password": PASSWORD})
        ada.pair = other
        assert problem(await ada.send("POST", f"{MFA}/totp")) == (403, "confirmation_required")

    async def test_a_wrong_one_is_422_and_is_counted(self, ada: Person) -> None:
        await grow_old(ada)
        for _ in range(5):
            answer = await ada.send("POST", f"{MFA}/confirmation", {"current_password": "wrong"})
            assert problem(answer) == (422, "confirmation_failed")
        answer = await ada.send("POST", f"{MFA}/confirmation", {"current_password": PASSWORD})
        assert problem(answer) == (429, "too_many_login_attempts")
        assert problem(await ada.send("POST", f"{MFA}/totp")) == (403, "confirmation_required")

    @DATA_API
    async def test_that_keeps_nobody_from_logging_in(self, ada: Person) -> None:
        for _ in range(6):
            await ada.send("POST", f"{MFA}/confirmation", {"current_password": "wrong"})
        assert (await ada.log_in()).status_code == 200

    @DATA_API
    async def test_who_has_no_password_is_409(self, ada: Person) -> None:
        async with unit_of_work() as session:
            await session.execute(
                update(User).where(User.id == UUID(ada.id)).values(password_hash=None)
            )
        answer = await ada.send("POST", f"{MFA}/confirmation", {"current_password": PASSWORD})
        assert problem(answer) == (409, "no_password")

    @pytest.mark.parametrize("password", ["", "x" * 129, "a\u0000", None, 7])
    @DATA_API
    async def test_what_is_no_password_is_422(self, ada: Person, password: object) -> None:
        body = {"current_password": password}
        answer = await ada.send("POST", f"{MFA}/confirmation", body)
        assert problem(answer) == (422, "validation_failed")


class TestTotp:
    async def test_the_address_says_what_the_application_shows_and_counts_by(
        self, ada: Person
    ) -> None:
        answer = await ada.send("POST", f"{MFA}/totp")
        assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
        secret, uri = answer.json()["secret"], urlsplit(answer.json()["uri"])
        assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
        assert unquote(uri.path) == f"/Switchyard:{ada.username}"
        assert parse_qs(uri.query) == {"secret": [secret], "issuer": ["Switchyard"]}
        assert len(secret) == 32

    async def test_the_secret_is_kept_sealed(self, ada: Person) -> None:
        await ada.enrol_totp()
        async with autocommit() as session:
            (row,) = await session.scalars(select(TotpAuthenticator))
        assert ada.secret not in row.sealed_secret

    async def test_it_counts_once_its_first_code_was_sent(self, ada: Person, clock: Clock) -> None:
        ada.secret = (await ada.send("POST", f"{MFA}/totp")).json()["secret"]
        assert (await ada.log_in()).status_code == 200
        assert (await factors_of(ada))["totp"] is None
        body = {"code": ada.code()}
        answer = await ada.send("POST", f"{MFA}/totp/confirmation", body)
        assert len(set(answer.json()["recovery_codes"])) == 10
        assert (await ada.log_in()).status_code == 403
        found = await factors_of(ada)
        assert found["recovery_codes_left"] == 10
        totp = found["totp"]
        assert isinstance(totp, dict)
        assert totp["last_used_at"] is None
        assert set(totp) == {"kind", "confirmed_at", "last_used_at"}

    async def test_asked_for_again_there_is_another_secret(self, ada: Person) -> None:
        first = (await ada.send("POST", f"{MFA}/totp")).json()["secret"]
        await ada.enrol_totp()
        assert ada.secret != first
        token = await ada.begin()
        wrong = await ada.answer(token, code=code_of(first, ada.clock.time))
        assert problem(wrong) == (401, "wrong_second_factor")
        assert (await ada.answer(token, code=ada.code())).status_code == 200

    async def test_a_wrong_first_code_is_422_and_leaves_it_as_it_was(self, ada: Person) -> None:
        ada.secret = (await ada.send("POST", f"{MFA}/totp")).json()["secret"]
        answer = await ada.send("POST", f"{MFA}/totp/confirmation", {"code": ada.code(steps=3)})
        assert problem(answer) == (422, "wrong_code")
        answer = await ada.send("POST", f"{MFA}/totp/confirmation", {"code": ada.code()})
        assert answer.status_code == 200

    @DATA_API
    async def test_without_one_there_is_nothing_to_confirm_or_remove(self, ada: Person) -> None:
        for method, path in (("POST", "/totp/confirmation"), ("DELETE", "/totp")):
            answer = await ada.send(method, MFA + path, {"code": "123456"})
            assert problem(answer) == (404, "totp_not_found")

    @DATA_API
    async def test_a_confirmed_one_is_neither_confirmed_nor_replaced(self, ada: Person) -> None:
        await ada.enrol_totp()
        answer = await ada.send("POST", f"{MFA}/totp")
        assert problem(answer) == (409, "totp_enrolled")
        answer = await ada.send("POST", f"{MFA}/totp/confirmation", {"code": ada.code()})
        assert problem(answer) == (404, "totp_not_found")

    @pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", None, 123456])
    @DATA_API
    async def test_what_is_no_code_is_422(self, ada: Person, code: object) -> None:
        answer = await ada.send("POST", f"{MFA}/totp/confirmation", {"code": code})
        assert problem(answer) == (422, "validation_failed")

    async def test_removed_the_password_is_enough_again(self, ada: Person) -> None:
        await ada.enrol_totp()
        assert (await ada.send("DELETE", f"{MFA}/totp")).status_code == 204
        assert (await ada.log_in()).status_code == 200
        assert await factors_of(ada) == {"totp": None, "passkeys": [], "recovery_codes_left": 0}

    @DATA_API
    async def test_a_login_that_waits_goes_on_with_no_code_of_a_removed_one(
        self, ada: Person
    ) -> None:
        await ada.enrol_totp()
        token = await ada.begin()
        await ada.send("DELETE", f"{MFA}/totp")
        answer = await ada.answer(token, code=ada.code())
        assert problem(answer) == (401, "wrong_second_factor")

    @DATA_API
    async def test_one_user_changes_nothing_of_anothers(self, ada: Person, join: Join) -> None:
        await ada.enrol_totp()
        eve = await join()
        assert problem(await eve.send("DELETE", f"{MFA}/totp")) == (404, "totp_not_found")
        assert (await factors_of(ada))["totp"] is not None
        assert (await factors_of(eve))["totp"] is None


class TestOtherSessions:
    """Who got in with the password alone is out once a factor is asked for, or was taken away."""

    @DATA_API
    async def test_the_first_factor_ends_them_and_spares_this_one(
        self, ada: Person, deny_list: set[UUID]
    ) -> None:
        other = (await ada.log_in()).json()
        await ada.enrol_totp()
        refreshed = {"refresh_token": other["refresh_token"]}
        answer = await ada.api.post("/v2/webapp/refresh", json=refreshed)
        assert problem(answer) == (401, "invalid_refresh_token")
        assert (await ada.send("GET", ME)).status_code == 200

    @DATA_API
    async def test_a_second_factor_beside_it_ends_none(self, ada: Person) -> None:
        await ada.enrol_totp()
        other = (await ada.answer(await ada.begin(), code=ada.code())).json()
        registered = await ada.register(Authenticator())
        assert registered["recovery_codes"] is None
        refreshed = {"refresh_token": other["refresh_token"]}
        assert (await ada.api.post("/v2/webapp/refresh", json=refreshed)).status_code == 200

    @DATA_API
    async def test_a_removed_factor_ends_them(self, ada: Person) -> None:
        await ada.enrol_totp()
        await ada.register(Authenticator())
        other = (await ada.answer(await ada.begin(), code=ada.code())).json()
        await ada.send("DELETE", f"{MFA}/totp")
        refreshed = {"refresh_token": other["refresh_token"]}
        answer = await ada.api.post("/v2/webapp/refresh", json=refreshed)
        assert problem(answer) == (401, "invalid_refresh_token")
        assert (await ada.send("GET", ME)).status_code == 200


class TestRecoveryCodes:
    async def test_new_ones_replace_all_earlier_ones(self, ada: Person) -> None:
        await ada.enrol_totp()
        await ada.answer(await ada.begin(), recovery_code=ada.recovery_codes[0])
        answer = await ada.send("POST", f"{MFA}/recovery-codes")
        assert answer.headers["Cache-Control"] == "no-store"
        new = answer.json()["recovery_codes"]
        assert len(set(new) | set(ada.recovery_codes)) == 20
        assert (await factors_of(ada))["recovery_codes_left"] == 10
        token = await ada.begin()
        old = await ada.answer(token, recovery_code=ada.recovery_codes[1])
        assert problem(old) == (401, "wrong_second_factor")
        assert (await ada.answer(token, recovery_code=new[0])).status_code == 200

    @DATA_API
    async def test_without_a_factor_there_are_none(self, ada: Person) -> None:
        answer = await ada.send("POST", f"{MFA}/recovery-codes")
        assert problem(answer) == (409, "no_second_factor")

    @DATA_API
    async def test_they_go_with_the_last_factor_only(self, ada: Person) -> None:
        await ada.enrol_totp()
        passkey = (await ada.register(Authenticator()))["passkey"]
        await ada.send("DELETE", f"{MFA}/totp")
        assert (await factors_of(ada))["recovery_codes_left"] == 10
        await ada.send("DELETE", f"{MFA}/passkeys/{passkey['id']}")
        assert (await factors_of(ada))["recovery_codes_left"] == 0


class TestNotices:
    async def test_each_change_is_told_by_mail_and_to_the_audit_trail(self, ada: Person) -> None:
        await ada.enrol_totp()
        passkey = (await ada.register(Authenticator()))["passkey"]
        await ada.send("POST", f"{MFA}/recovery-codes")
        await ada.send("DELETE", f"{MFA}/passkeys/{passkey['id']}")
        await ada.send("DELETE", f"{MFA}/totp")
        kinds = ["totp", "passkey", "recovery_code"]
        assert [each["kind"] for each in await mails("factor_added")] == kinds
        assert [each["kind"] for each in await mails("factor_removed")] == ["passkey", "totp"]
        added = await audited("mfa.factor_added")
        assert {each.details["kind"] for each in added} == set(kinds)
        removed = await audited("mfa.factor_removed")
        assert {str(each.actor_id) for each in (*added, *removed)} == {ada.id}

    @DATA_API
    async def test_none_holds_a_secret(self, ada: Person, log: Log) -> None:
        await ada.enrol_totp()
        told = str(await mails("factor_added")) + str(log())
        told += str([each.details for each in await audited("mfa.factor_added")])
        assert [each for each in (ada.secret, *ada.recovery_codes) if each in told] == []


class TestEnd:
    async def test_all_goes_with_the_user(self, ada: Person) -> None:
        await ada.enrol_totp()
        await ada.register(Authenticator())
        await ada.begin()
        await ada.creation_options()
        await grow_old(ada)
        await ada.send("POST", f"{MFA}/confirmation", {"current_password": PASSWORD})
        async with unit_of_work() as session:
            await identity.delete_user(session, UUID(ada.id))
        async with autocommit() as session:
            for name in (
                "totp_authenticators",
                "recovery_codes",
                "passkeys",
                "mfa_challenges",
                "mfa_confirmations",
            ):
                table = tables.Base.metadata.tables[name]
                assert await session.scalar(select(func.count()).select_from(table)) == 0, name

    @DATA_API
    async def test_another_users_stay(self, ada: Person, join: Join) -> None:
        eve = await join()
        await ada.enrol_totp()
        await eve.enrol_totp()
        async with unit_of_work() as session:
            await identity.delete_user(session, UUID(eve.id))
        async with autocommit() as session:
            whose = list(await session.scalars(select(RecoveryCode.user_id)))
        assert set(whose) == {UUID(ada.id)}
        assert (await ada.answer(await ada.begin(), code=ada.code())).status_code == 200
