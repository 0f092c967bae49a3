"""Passkeys: made and used by an authenticator in software; py_webauthn verifies them as it would any other."""

import json
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import select

from shared.adapters.database.sessions import autocommit
from shared.domains.mfa.models import PasskeyRow
from shared.domains.mfa.service import passkeys
from shared.domains.sessions import api as sessions
from shared.domains.sessions.models import SessionRow
from tests.functions.api.mfa.conftest import (
    LOGIN,
    ME,
    MFA,
    SECOND,
    Join,
    Json,
    Person,
    audited,
    problem,
)
from tests.second_factors import (
    BACKED_UP,
    ELIGIBLE,
    USER_PRESENT,
    USER_VERIFIED,
    Authenticator,
    base64url,
    unbase64url,
)
from tests.web_fixtures import Log

pytestmark = pytest.mark.anyio

DATA_API = pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)
REFUSED = (422, "passkey_refused")
WRONG = (401, "wrong_second_factor")
INVALID = (401, "invalid_passkey")
SYNCED = USER_PRESENT | USER_VERIFIED | ELIGIBLE | BACKED_UP


async def options_for_login(api: httpx.AsyncClient) -> Json:
    answer = await api.post(f"{LOGIN}/passkey/options")
    assert answer.status_code == 200, answer.text
    options: Json = answer.json()
    return options


async def log_in(api: httpx.AsyncClient, passkey: object) -> httpx.Response:
    return await api.post(f"{LOGIN}/passkey", json={"passkey": passkey})


async def options_for_second(person: Person, token: str) -> Json:
    answer = await person.api.post(f"{SECOND}/passkey-options", json={"mfa_token": token})
    assert answer.status_code == 200, answer.text
    options: Json = answer.json()
    return options


async def methods_of(answer: httpx.Response) -> tuple[str, ...]:
    assert answer.status_code == 200, answer.text
    principal = await sessions.authenticate(answer.json()["access_token"])
    async with autocommit() as session:
        row = await session.get(SessionRow, principal.session_id)
    assert row is not None
    return tuple(row.methods)


async def register(person: Person, credential: object, name: object = "Key") -> httpx.Response:
    body = {"name": name, "passkey": credential}
    return await person.send("POST", f"{MFA}/passkeys", body)


def altered(credential: Json, member: str, value: object) -> Json:
    return credential | {"response": credential["response"] | {member: value}}


@pytest.fixture
def key() -> Authenticator:
    return Authenticator()


@pytest.fixture
async def owner(ada: Person, key: Authenticator) -> Person:
    """Ada, with a passkey and nothing else."""
    ada.recovery_codes = tuple((await ada.register(key))["recovery_codes"])
    return ada


class TestRegister:
    async def test_the_options_are_for_this_site_and_tell_nothing_of_the_user(
        self, ada: Person
    ) -> None:
        options = await ada.creation_options()
        assert options["rp"] == {"id": "api.example.com", "name": "Switchyard"}
        assert unbase64url(options["user"]["id"]) == UUID(ada.id).bytes
        assert (options["user"]["name"], options["attestation"]) == (ada.username, "none")
        assert len(unbase64url(options["challenge"])) == 32
        assert {each["alg"] for each in options["pubKeyCredParams"]} == {-8, -7, -257}
        assert options["authenticatorSelection"]["residentKey"] == "preferred"
        assert options["excludeCredentials"] == []

    async def test_the_first_factor_brings_recovery_codes(
        self, ada: Person, key: Authenticator
    ) -> None:
        registered = await ada.register(key, "Blue key")
        assert len(registered["recovery_codes"]) == 10
        passkey = registered["passkey"]
        assert (passkey["name"], passkey["last_used_at"]) == ("Blue key", None)
        assert (passkey["transports"], passkey["backed_up"]) == (["internal", "hybrid"], False)
        found = (await ada.send("GET", f"{MFA}/factors")).json()
        assert found["passkeys"] == [passkey]
        assert "public_key" not in str(found)

    async def test_those_there_are_excluded_from_making_another(
        self, owner: Person, key: Authenticator
    ) -> None:
        excluded = (await owner.creation_options())["excludeCredentials"]
        assert excluded == [
            {"id": key.id, "type": "public-key", "transports": ["internal", "hybrid"]}
        ]

    async def test_a_known_one_is_409_whoever_sends_it(
        self, owner: Person, key: Authenticator, join: Join
    ) -> None:
        for person in (owner, await join()):
            credential = key.create(await person.creation_options())
            assert problem(await register(person, credential)) == (409, "passkey_known")

    async def test_an_answer_is_good_once(self, ada: Person, key: Authenticator) -> None:
        options = await ada.creation_options()
        assert (await register(ada, key.create(options))).status_code == 201
        another = Authenticator().create(options)
        assert problem(await register(ada, another)) == REFUSED

    @DATA_API
    async def test_and_for_five_minutes(self, ada: Person, key: Authenticator) -> None:
        options = await ada.creation_options()
        ada.clock.move(minutes=5)
        assert problem(await register(ada, key.create(options))) == REFUSED

    @DATA_API
    async def test_one_for_another_user_is_refused(
        self, ada: Person, key: Authenticator, join: Join
    ) -> None:
        eve = await join()
        credential = key.create(await ada.creation_options())
        assert problem(await register(eve, credential)) == REFUSED
        assert (await register(ada, credential)).status_code == 201

    @pytest.mark.parametrize(
        "authenticator",
        [
            Authenticator(origin="https://evil.example.com"),
            Authenticator(origin="http://api.example.com"),
            Authenticator(origin="https://api.example.com.evil.example"),
            Authenticator(rp_id="evil.example.com"),
            Authenticator(flags=USER_VERIFIED),
            Authenticator(extra={"type": "webauthn.get"}),
            Authenticator(extra={"challenge": "x" * 43}),
            Authenticator(extra={"challenge": 7}),
            Authenticator(extra={"challenge": None}),
            Authenticator(extra={"crossOrigin": True}),
            Authenticator(credential_id=b""),
        ],
        ids=lambda each: f"{each.origin} {each.rp_id} {each.flags} {each.extra}",
    )
    @DATA_API
    async def test_for_another_site_or_challenge_it_is_refused(
        self, ada: Person, authenticator: Authenticator
    ) -> None:
        credential = authenticator.create(await ada.creation_options())
        answer = await register(ada, credential)
        assert problem(answer) in (REFUSED, (422, "validation_failed"))
        async with autocommit() as session:
            assert list(await session.scalars(select(PasskeyRow.id))) == []

    @pytest.mark.parametrize("member", ["clientDataJSON", "attestationObject"])
    @pytest.mark.parametrize(
        "change", ["cut", "empty", "longer", "noise", "number", "missing", "huge", "not base64"]
    )
    @DATA_API
    async def test_what_is_altered_is_a_problem_and_never_a_failure(
        self, ada: Person, key: Authenticator, member: str, change: str
    ) -> None:
        credential = key.create(await ada.creation_options())
        whole = credential["response"][member]
        values: Json = {
            "cut": whole[: len(whole) // 2],
            "empty": "",
            "longer": whole + "AAAA",
            "noise": base64url(b"\xff" * 200),
            "number": 7,
            "missing": None,
            "huge": "A" * 16_385,
            "not base64": "***",
        }
        answer = await register(ada, altered(credential, member, values[change]))
        if (member, change) == ("attestationObject", "longer"):
            # Nothing signs it where no attestation is asked for; py_webauthn reads it to its end.
            assert answer.status_code == 201
        else:
            assert problem(answer) in (REFUSED, (422, "validation_failed"))

    @pytest.mark.parametrize(
        "data",
        [b"[]", b"null", b'"x"', b"{}", b'{"challenge":{}}', b"\x80", b"[" * 5000, b"1e999999"],
    )
    @DATA_API
    async def test_client_data_that_is_none_is_refused(
        self, ada: Person, key: Authenticator, data: bytes
    ) -> None:
        credential = key.create(await ada.creation_options())
        answer = await register(ada, altered(credential, "clientDataJSON", base64url(data)))
        assert problem(answer) == REFUSED

    @pytest.mark.parametrize("name", ["", " ", "x" * 201, "a\nb", None, 7])
    @DATA_API
    async def test_a_name_is_one_line(self, ada: Person, key: Authenticator, name: object) -> None:
        credential = key.create(await ada.creation_options())
        assert problem(await register(ada, credential, name)) == (422, "validation_failed")

    @DATA_API
    async def test_there_is_an_end_to_how_many_there_are(
        self, ada: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(passkeys, "MOST_PASSKEYS", 2)
        await ada.register(Authenticator())
        options = await ada.creation_options()
        await ada.register(Authenticator())
        answer = await ada.send("POST", f"{MFA}/passkeys/options")
        assert problem(answer) == (409, "too_many_passkeys")
        answer = await register(ada, Authenticator().create(options))
        assert problem(answer) == (409, "too_many_passkeys")


class TestAlone:
    async def test_the_options_name_the_site_and_no_user(self, api: httpx.AsyncClient) -> None:
        options = await options_for_login(api)
        assert options["rpId"] == "api.example.com"
        assert (options["userVerification"], options["allowCredentials"]) == ("required", [])
        assert options["challenge"] != (await options_for_login(api))["challenge"]

    @pytest.mark.parametrize(("flags", "kind"), [(5, "hwk"), (SYNCED, "swk")])
    async def test_it_logs_its_user_in_without_name_and_password(
        self, ada: Person, flags: int, kind: str
    ) -> None:
        key = Authenticator(flags=flags)
        await ada.register(key)
        answer = await log_in(ada.api, key.get(await options_for_login(ada.api)))
        assert await methods_of(answer) == (kind, "user", "mfa")
        assert answer.headers["Cache-Control"] == "no-store"
        ada.pair = answer.json()
        assert (await ada.send("GET", ME)).json()["id"] == ada.id
        (passkey,) = (await ada.send("GET", f"{MFA}/factors")).json()["passkeys"]
        assert passkey["last_used_at"] is not None
        assert passkey["backed_up"] == (kind == "swk")

    @DATA_API
    async def test_in_the_first_version_too(self, owner: Person, key: Authenticator) -> None:
        options = (await owner.api.post("/v1/webapp/login/passkey/options")).json()
        body = {"passkey": key.get(options)}
        answer = await owner.api.post("/v1/webapp/login/passkey", json=body)
        assert answer.status_code == 200

    async def test_an_answer_is_good_once(self, owner: Person, key: Authenticator) -> None:
        credential = key.get(await options_for_login(owner.api))
        assert (await log_in(owner.api, credential)).status_code == 200
        assert problem(await log_in(owner.api, credential)) == INVALID

    @DATA_API
    async def test_even_one_that_failed(self, owner: Person, key: Authenticator) -> None:
        options = await options_for_login(owner.api)
        wrong = altered(key.get(options), "signature", base64url(b"nothing"))
        assert problem(await log_in(owner.api, wrong)) == INVALID
        assert problem(await log_in(owner.api, key.get(options))) == INVALID

    @DATA_API
    async def test_and_for_five_minutes(self, owner: Person, key: Authenticator) -> None:
        options = await options_for_login(owner.api)
        owner.clock.move(minutes=5)
        assert problem(await log_in(owner.api, key.get(options))) == INVALID

    @pytest.mark.parametrize(
        "change",
        [
            {"origin": "https://evil.example.com"},
            {"origin": "null"},
            {"rp_id": "example.com"},
            {"flags": USER_PRESENT},
            {"flags": USER_VERIFIED},
            {"user_handle": None},
            {"user_handle": base64url(UUID(int=7).bytes)},
            {"user_handle": ""},
            {"credential_id": b"another"},
            {"key": Authenticator().key},
            {"extra": {"type": "webauthn.create"}},
            {"extra": {"challenge": "x" * 43}},
            {"extra": {"crossOrigin": True}},
        ],
    )
    @DATA_API
    async def test_anything_else_logs_nobody_in(
        self, owner: Person, key: Authenticator, change: Json
    ) -> None:
        for name, value in change.items():
            setattr(key, name, value)
        answer = await log_in(owner.api, key.get(await options_for_login(owner.api)))
        assert problem(answer) == INVALID

    @pytest.mark.parametrize("member", ["clientDataJSON", "authenticatorData", "signature"])
    @pytest.mark.parametrize("change", ["cut", "empty", "longer", "noise", "number", "huge"])
    @DATA_API
    async def test_what_is_altered_is_a_problem_and_never_a_failure(
        self, owner: Person, key: Authenticator, member: str, change: str
    ) -> None:
        credential = key.get(await options_for_login(owner.api))
        whole = credential["response"][member]
        values: Json = {
            "cut": whole[: len(whole) // 2],
            "empty": "",
            "longer": whole + "AAAA",
            "noise": base64url(b"\xff" * 200),
            "number": 7,
            "huge": "A" * 16_385,
        }
        answer = await log_in(owner.api, altered(credential, member, values[change]))
        assert problem(answer) in (INVALID, (422, "validation_failed"))

    @pytest.mark.parametrize(
        "passkey",
        [None, 7, "x", [], {}, {"id": "a", "rawId": "a", "type": "password", "response": {}}],
    )
    @DATA_API
    async def test_what_is_no_answer_is_422(self, api: httpx.AsyncClient, passkey: object) -> None:
        assert problem(await log_in(api, passkey)) == (422, "validation_failed")

    async def test_a_count_of_signatures_that_goes_back_logs_nobody_in_and_is_written_down(
        self, ada: Person, log: Log
    ) -> None:
        key = Authenticator(count=10)
        await ada.register(key)
        answer = await log_in(ada.api, key.get(await options_for_login(ada.api)))
        assert answer.status_code == 200
        for count in (4, 10):  # the copy has signed less often, or as often
            key.count = count
            answer = await log_in(ada.api, key.get(await options_for_login(ada.api)))
            assert problem(answer) == INVALID
        entries = await audited("mfa.passkey_looks_copied")
        assert {each.details["sign_count"] for each in entries} == {5, 11}
        assert {str(each.actor_id) for each in entries} == {ada.id}
        key.count = 20
        answer = await log_in(ada.api, key.get(await options_for_login(ada.api)))
        assert answer.status_code == 200

    @DATA_API
    async def test_a_removed_one_logs_nobody_in(self, owner: Person, key: Authenticator) -> None:
        (passkey,) = (await owner.send("GET", f"{MFA}/factors")).json()["passkeys"]
        await owner.send("DELETE", f"{MFA}/passkeys/{passkey['id']}")
        answer = await log_in(owner.api, key.get(await options_for_login(owner.api)))
        assert problem(answer) == INVALID

    @DATA_API
    async def test_a_challenge_for_making_one_is_none_for_logging_in(
        self, owner: Person, key: Authenticator
    ) -> None:
        options = await owner.creation_options()
        assert problem(await log_in(owner.api, key.get(options))) == INVALID


class TestSecondFactor:
    async def test_with_a_passkey_the_password_alone_opens_nothing(self, owner: Person) -> None:
        answer = await owner.log_in()
        assert problem(answer) == (403, "second_factor_required")
        assert answer.json()["methods"] == ["passkey", "recovery_code"]

    async def test_it_goes_on_with_a_login(self, owner: Person, key: Authenticator) -> None:
        token = await owner.begin()
        options = await options_for_second(owner, token)
        assert [each["id"] for each in options["allowCredentials"]] == [key.id]
        answer = await owner.answer(token, passkey=key.get(options))
        assert await methods_of(answer) == ("pwd", "hwk", "mfa")

    @DATA_API
    async def test_nobody_has_to_be_verified_beside_the_password(self, ada: Person) -> None:
        key = Authenticator(flags=USER_PRESENT)
        await ada.register(key)
        token = await ada.begin()
        credential = key.get(await options_for_second(ada, token))
        credential["response"]["userHandle"] = None
        assert (await ada.answer(token, passkey=credential)).status_code == 200

    @DATA_API
    async def test_an_answer_belongs_to_its_login(self, owner: Person, key: Authenticator) -> None:
        first, second = await owner.begin(), await owner.begin()
        credential = key.get(await options_for_second(owner, first))
        assert problem(await owner.answer(second, passkey=credential)) == WRONG
        assert (await owner.answer(first, passkey=credential)).status_code == 200
        answer = await owner.answer(first, passkey=credential)
        assert problem(answer) == (401, "invalid_mfa_token")

    @DATA_API
    async def test_anothers_passkey_is_wrong(self, owner: Person, join: Join) -> None:
        eve, key = await join(), Authenticator()
        await eve.register(key)
        token = await owner.begin()
        credential = key.get(await options_for_second(owner, token))
        assert problem(await owner.answer(token, passkey=credential)) == WRONG

    @pytest.mark.parametrize(
        "change",
        [
            {"origin": "https://evil.example.com"},
            {"rp_id": "example.com"},
            {"flags": 0},
            {"key": Authenticator().key},
            {"extra": {"challenge": "x" * 43}},
        ],
    )
    @DATA_API
    async def test_anything_else_is_wrong(
        self, owner: Person, key: Authenticator, change: Json
    ) -> None:
        for name, value in change.items():
            setattr(key, name, value)
        token = await owner.begin()
        credential = key.get(await options_for_second(owner, token))
        assert problem(await owner.answer(token, passkey=credential)) == WRONG

    @DATA_API
    async def test_the_options_take_a_token_that_is_good(self, owner: Person) -> None:
        for token in ("x" * 43, "a"):
            answer = await owner.api.post(f"{SECOND}/passkey-options", json={"mfa_token": token})
            assert problem(answer) == (401, "invalid_mfa_token")
        answer = await owner.api.post(f"{SECOND}/passkey-options", json={"mfa_token": ""})
        assert problem(answer) == (422, "validation_failed")

    @DATA_API
    async def test_the_challenge_does_not_tell_the_token(self, owner: Person) -> None:
        token = await owner.begin()
        options = await options_for_second(owner, token)
        assert token not in json.dumps(options)
        assert unbase64url(options["challenge"]) != unbase64url(token)


class TestChange:
    async def test_it_gets_another_name(self, owner: Person) -> None:
        (passkey,) = (await owner.send("GET", f"{MFA}/factors")).json()["passkeys"]
        path = f"{MFA}/passkeys/{passkey['id']}"
        answer = await owner.send("PATCH", path, {"name": "Old key"})
        assert answer.json() == passkey | {"name": "Old key"}
        assert (await owner.send("GET", f"{MFA}/factors")).json()["passkeys"] == [answer.json()]

    @DATA_API
    async def test_a_foreign_or_unknown_one_is_404(self, owner: Person, join: Join) -> None:
        eve = await join()
        (passkey,) = (await owner.send("GET", f"{MFA}/factors")).json()["passkeys"]
        for person, id_ in ((eve, passkey["id"]), (owner, uuid4())):
            path = f"{MFA}/passkeys/{id_}"
            for method, body in (("PATCH", {"name": "Mine"}), ("DELETE", None)):
                answer = await person.send(method, path, body)
                assert problem(answer) == (404, "passkey_not_found")

    @DATA_API
    async def test_what_is_no_id_or_name_is_422(self, owner: Person) -> None:
        (passkey,) = (await owner.send("GET", f"{MFA}/factors")).json()["passkeys"]
        path = f"{MFA}/passkeys"
        answers = [
            await owner.send("PATCH", f"{path}/none", {"name": "Key"}),
            await owner.send("DELETE", f"{path}/none"),
            await owner.send("PATCH", f"{path}/{passkey['id']}", {"name": ""}),
            await owner.send("PATCH", f"{path}/{passkey['id']}", {}),
        ]
        assert [problem(each) for each in answers] == [(422, "validation_failed")] * 4

    async def test_removed_the_password_is_enough_again(self, owner: Person) -> None:
        (passkey,) = (await owner.send("GET", f"{MFA}/factors")).json()["passkeys"]
        answer = await owner.send("DELETE", f"{MFA}/passkeys/{passkey['id']}")
        assert answer.status_code == 204
        assert (await owner.log_in()).status_code == 200
