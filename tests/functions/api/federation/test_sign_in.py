"""Who signs in by a provider is who it says, in the browser that began it, once; and nobody else's account."""

import asyncio
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pytest
from sqlalchemy import func, select, text

from shared.adapters.database.sessions import autocommit, unit_of_work
from shared.adapters.outbox.models import OutboxRow
from shared.core.clock import now
from shared.domains.audit.models import AuditEntry
from shared.domains.federation import service
from shared.domains.federation.models import ExternalLink
from shared.domains.identity.models import User
from shared.domains.mfa.models import TotpAuthenticator
from shared.domains.sessions.models import SessionRow
from tests.functions.api.federation.conftest import APP, LOGIN, Visitor
from tests.openid_provider import fragment_of
from tests.web_fixtures import Member, SignUp

pytestmark = pytest.mark.anyio

DATA_API = pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)
ME = "/v2/webapp/users/me"
BOTH = pytest.mark.parametrize("name", ["acme", "hub"])


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


INVALID = (400, "invalid_sign_in")


def bearer(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def count(model: Any) -> int:
    async with autocommit() as session:
        return await session.scalar(select(func.count()).select_from(model)) or 0


async def actions() -> list[str]:
    async with autocommit() as session:
        told = select(AuditEntry.action).order_by(AuditEntry.created_at, AuditEntry.id)
        return list(await session.scalars(told))


async def templates_to(address: str) -> list[str]:
    async with autocommit() as session:
        wanted = OutboxRow.type == "mail.mail_requested"
        rows = await session.scalars(
            select(OutboxRow.data).where(wanted).order_by(OutboxRow.sequence)
        )
        return [each["template"] for each in rows if each["to"] == address]


async def rename(member: Member, *, verified: bool, email: str = "ada@example.com") -> None:
    """Give a member the address that the provider names."""
    async with unit_of_work() as session:
        user = await session.scalar(select(User).where(User.username == member.username))
        assert user
        user.email, user.email_verified_at = email, now() if verified else None


class TestProviders:
    @DATA_API
    @pytest.mark.parametrize("version", ["v1", "v2"])
    async def test_all_are_listed_and_nothing_of_what_is_the_services_own(
        self, visitor: Visitor, version: str
    ) -> None:
        answer = await visitor.client.get(f"/{version}/webapp/external-login")
        named = [{"id": "acme", "name": "Acme"}, {"id": "hub", "name": "Hub"}]
        assert (answer.status_code, answer.json()) == (200, {"items": named})

    @DATA_API
    @pytest.mark.parametrize("name", ["nobody", "ACME", "a" * 300, "%00"])
    async def test_another_is_404(self, visitor: Visitor, name: str) -> None:
        begun = await visitor.client.post(f"{LOGIN}/{name}", json={})
        answered = await visitor.client.get(f"{LOGIN}/{name}/callback?state=a&code=b")
        assert refusal(begun) == refusal(answered) == (404, "no_such_provider")


class TestSignIn:
    @BOTH
    async def test_a_newcomer_gets_an_account_with_a_verified_address_and_no_password(
        self, visitor: Visitor, webapp: httpx.AsyncClient, name: str
    ) -> None:
        answer = await visitor.sign_in(name)
        me = (await webapp.get(ME, headers=bearer(answer))).json()
        wanted = {"acme": "ada", "hub": "ada-l"}[name]
        assert (me["username"], me["email"]) == (wanted, "ada@example.com")
        assert me["email_verified"] is True
        assert await templates_to("ada@example.com") == ["welcome"]
        assert await actions() == ["federation.registered"]
        (session,) = (await webapp.get("/v2/webapp/sessions", headers=bearer(answer))).json()[
            "items"
        ]
        assert session["methods"] == ["fed"]

    @BOTH
    async def test_who_comes_again_is_the_same_whatever_their_address_is_now(
        self, visitor: Visitor, webapp: httpx.AsyncClient, name: str
    ) -> None:
        first = await webapp.get(ME, headers=bearer(await visitor.sign_in(name)))
        visitor.provider.user |= {"email": "new@example.com", "email_verified": False}
        visitor.provider.emails = []
        second = await webapp.get(ME, headers=bearer(await visitor.sign_in(name)))
        assert first.json()["id"] == second.json()["id"]
        assert (await count(User), await count(ExternalLink)) == (1, 1)

    @BOTH
    async def test_who_has_an_account_with_that_address_verified_gets_into_it_and_is_told(
        self, visitor: Visitor, webapp: httpx.AsyncClient, sign_up: SignUp, name: str
    ) -> None:
        member = await sign_up()
        await rename(member, verified=True, email="ADA@example.com")
        me = await webapp.get(ME, headers=bearer(await visitor.sign_in(name)))
        assert me.json()["id"] == member.id
        assert await templates_to("ADA@example.com") == ["login_linked"]
        assert await actions() == ["federation.linked"]
        await visitor.sign_in(name)
        assert await templates_to("ADA@example.com") == ["login_linked"]

    @BOTH
    async def test_an_account_whose_address_nobody_verified_is_not_touched(
        self, visitor: Visitor, sign_up: SignUp, name: str
    ) -> None:
        """It may be a stranger's, who waits for its owner with a password in hand."""
        await rename(await sign_up(), verified=False)
        assert refusal(await visitor.sign_in(name)) == (409, "account_unverified")
        assert (await count(ExternalLink), await actions()) == (0, [])

    @DATA_API
    @pytest.mark.parametrize(
        "said",
        [
            {"email_verified": False},
            {"email_verified": 1},
            {"email_verified": "yes"},
            {"email_verified": None},
            {"email": "ada"},
            {"email": ["ada@example.com"]},
            {"email": "ada@example.com\x00"},
            {"email": None},
        ],
    )
    async def test_an_address_that_the_provider_did_not_verify_is_none(
        self, visitor: Visitor, sign_up: SignUp, said: dict[str, Any]
    ) -> None:
        await rename(await sign_up(), verified=True)
        visitor.provider.user |= said
        assert refusal(await visitor.sign_in()) == (403, "email_not_vouched_for")
        assert (await count(User), await count(ExternalLink)) == (1, 0)

    @DATA_API
    @pytest.mark.parametrize(
        "emails",
        [
            [],
            {},
            None,
            "text",
            [7, None],
            [{"email": "ada@example.com", "primary": True, "verified": False}],
            [{"email": "ada@example.com", "primary": False, "verified": True}],
            [{"email": "ada@example.com", "primary": True, "verified": "yes"}],
            [{"email": ["ada@example.com"], "primary": True, "verified": True}],
        ],
    )
    async def test_of_githubs_addresses_the_primary_verified_one_counts(
        self, visitor: Visitor, emails: Any
    ) -> None:
        visitor.provider.emails = emails if emails is not None else [None]
        assert refusal(await visitor.sign_in("hub")) == (403, "email_not_vouched_for")

    @DATA_API
    async def test_two_providers_that_vouch_for_one_address_lead_to_one_account(
        self, visitor: Visitor
    ) -> None:
        assert (await visitor.sign_in("acme")).status_code == 200
        assert (await visitor.sign_in("hub")).status_code == 200
        assert (await count(User), await count(ExternalLink)) == (1, 2)

    @DATA_API
    async def test_another_account_of_the_provider_with_the_same_address_is_refused(
        self, visitor: Visitor
    ) -> None:
        await visitor.sign_in()
        visitor.provider.user["sub"] = "another"
        assert refusal(await visitor.sign_in()) == (409, "linked_elsewhere")

    @DATA_API
    async def test_a_name_that_is_taken_is_changed(
        self, visitor: Visitor, webapp: httpx.AsyncClient, sign_up: SignUp
    ) -> None:
        visitor.provider.user["preferred_username"] = (await sign_up()).username
        me = await webapp.get(ME, headers=bearer(await visitor.sign_in()))
        assert me.json()["username"].startswith(visitor.provider.user["preferred_username"])


class TestBegin:
    @DATA_API
    async def test_the_provider_is_asked_with_state_nonce_and_pkce(self, visitor: Visitor) -> None:
        first, second = [await visitor.begin() for _ in range(2)]
        asked = parse_qs(urlsplit(first["authorization_url"]).query)
        callback = "https://api.example.com/v2/webapp/external-login/acme/callback"
        assert asked["redirect_uri"] == [callback]
        assert asked["scope"] == ["openid email profile"]
        assert asked["code_challenge_method"] == ["S256"]
        other = parse_qs(urlsplit(second["authorization_url"]).query)
        for name in ("state", "nonce", "code_challenge"):
            assert len(asked[name][0]) >= 43
            assert asked[name] != other[name]
        assert first["expires_in"] == 600

    @DATA_API
    async def test_the_database_knows_digests_only(self, visitor: Visitor) -> None:
        begun = await visitor.begin()
        told = [*visitor.told, await visitor.handover(begun), "ada@example.com"]
        asked = parse_qs(urlsplit(begun["authorization_url"]).query)
        told += asked["nonce"]
        async with autocommit() as session:
            rows = await session.scalars(
                text("SELECT CAST(to_jsonb(t) AS text) FROM external_flows AS t")
            )
            kept = " ".join(rows)
        assert "acme" in kept
        assert [each for each in [*told, *visitor.told] if each in kept] == []

    @DATA_API
    @pytest.mark.parametrize(
        "page",
        [
            "https://evil.example.com/",
            "https://app.example.com.evil.example/",
            "https://app.example.com@evil.example/",
            "https://app.example.com:444/",
            "http://app.example.com/",
            "https://app.example.com\\@evil.example/",
            "https://app.example.com/#handover=forged",
            "https://app.example.com/#",
            "https://[::1/",
            "HTTPS://APP.EXAMPLE.COM.evil/",
            "javascript:alert(1)",
            "//evil.example.com",
            "",
            "https://app.example.com/ x",
            "https://app.example.com/\r\nSet-Cookie: a=b",
            "https://app.example.com/" + "x" * 1100,
        ],
    )
    async def test_nobody_is_sent_to_a_page_of_another_origin(
        self, visitor: Visitor, page: str
    ) -> None:
        answer = await visitor.client.post(f"{LOGIN}/acme", json={"return_to": page})
        assert answer.status_code == 422
        assert answer.json()["code"] in {"return_address_refused", "validation_failed"}

    @DATA_API
    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"return_to": 7}', b'{"extra": 1}'])
    async def test_what_is_no_beginning_is_a_clear_refusal(
        self, visitor: Visitor, body: bytes
    ) -> None:
        headers = {"Content-Type": "application/json"}
        answer = await visitor.client.post(f"{LOGIN}/acme", content=body, headers=headers)
        assert answer.status_code in {400, 422}


class TestCallback:
    @DATA_API
    async def test_without_a_page_the_answer_is_json(self, visitor: Visitor) -> None:
        begun = await visitor.begin(return_to=None)
        answer = await visitor.follow(visitor.consent(begun))
        assert (answer.status_code, answer.json()["expires_in"]) == (200, 60)
        assert answer.headers["Cache-Control"] == "no-store"
        done = await visitor.complete(answer.json()["handover"], begun["flow_token"])
        assert done.status_code == 200

    @DATA_API
    async def test_a_pages_own_query_stays_and_no_token_is_in_the_address(
        self, visitor: Visitor
    ) -> None:
        begun = await visitor.begin(return_to=f"{APP}?tab=2")
        answer = await visitor.follow(visitor.consent(begun))
        location = answer.headers["Location"]
        assert location.startswith(f"{APP}?tab=2#handover=")
        assert set(fragment_of(location)) == {"handover"}
        assert answer.headers["Referrer-Policy"] == "no-referrer"

    @DATA_API
    @pytest.mark.parametrize("state", ["", "x" * 43, "x" * 129, "é", "a b", None])
    async def test_a_state_that_nobody_was_given_is_refused(
        self, visitor: Visitor, state: str | None
    ) -> None:
        location = visitor.consent(await visitor.begin())
        answer = await visitor.follow(location, state=state)
        assert answer.status_code == (400 if state == "x" * 43 else 422)
        assert "/token" not in visitor.provider.seen

    @DATA_API
    async def test_a_state_works_once(self, visitor: Visitor) -> None:
        location = visitor.consent(await visitor.begin())
        assert (await visitor.follow(location)).status_code == 303
        assert refusal(await visitor.follow(location)) == INVALID

    async def test_of_parallel_answers_to_one_state_one_is_taken(self, visitor: Visitor) -> None:
        begun = await visitor.begin()
        location = visitor.consent(begun)
        answers = await asyncio.gather(*(visitor.follow(location) for _ in range(8)))
        assert sorted(each.status_code for each in answers) == [303] + [400] * 7
        (taken,) = [each for each in answers if each.status_code == 303]
        handover = fragment_of(taken.headers["Location"])["handover"]
        done = await asyncio.gather(
            *(visitor.complete(handover, begun["flow_token"]) for _ in range(8))
        )
        assert sorted(each.status_code for each in done) == [200] + [400] * 7
        assert await count(SessionRow) == 1

    @DATA_API
    async def test_after_ten_minutes_it_is_over(
        self, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        location = visitor.consent(await visitor.begin())
        late = service.FLOW_LIFE + timedelta(seconds=1)
        monkeypatch.setattr(service, "now", lambda: now() + late)
        assert refusal(await visitor.follow(location)) == INVALID

    @DATA_API
    async def test_a_state_of_one_provider_is_none_at_anothers_address(
        self, visitor: Visitor
    ) -> None:
        location = visitor.consent(await visitor.begin("acme"))
        answer = await visitor.follow(location.replace("/acme/", "/hub/"))
        assert refusal(answer) == INVALID

    @DATA_API
    @pytest.mark.parametrize("name", ["acme", "hub"])
    async def test_an_answer_that_says_it_is_anothers_is_not_believed(
        self, visitor: Visitor, name: str
    ) -> None:
        location = visitor.consent(await visitor.begin(name))
        answer = await visitor.follow(location, iss="https://evil.example.com")
        assert fragment_of(answer.headers["Location"]) == {"error": "provider_not_believed"}
        assert "/token" not in visitor.provider.seen

    @DATA_API
    async def test_a_refusal_is_told_on_the_page_or_as_a_problem(self, visitor: Visitor) -> None:
        for page in (APP, None):
            location = visitor.consent(await visitor.begin(return_to=page))
            answer = await visitor.follow(location, code=None, error="access_denied")
            if page:
                assert answer.headers["Location"] == f"{APP}#error=sign_in_declined"
            else:
                assert refusal(answer) == (400, "sign_in_declined")

    @DATA_API
    @pytest.mark.parametrize("code", ["x", "x" * 4096, "a&b=c%00", None])
    async def test_a_forged_code_is_not_believed(self, visitor: Visitor, code: str | None) -> None:
        location = visitor.consent(await visitor.begin(return_to=None))
        answer = await visitor.follow(location, code=code)
        assert answer.status_code == 400

    @DATA_API
    async def test_an_endless_one_is_422(self, visitor: Visitor) -> None:
        location = visitor.consent(await visitor.begin())
        assert (await visitor.follow(location, code="x" * 5000)).status_code == 422


class TestHandover:
    """What another's browser was sent with is worth nothing there, and nothing here."""

    @DATA_API
    async def test_without_the_token_of_its_flow_it_is_refused(self, visitor: Visitor) -> None:
        """A victim who is sent to an attacker's callback does not become the attacker, nor the reverse."""
        begun, other = await visitor.begin(), await visitor.begin()
        handover = await visitor.handover(begun)
        assert refusal(await visitor.complete(handover, other["flow_token"])) == INVALID
        assert refusal(await visitor.complete(other["flow_token"], handover)) == INVALID
        assert (await visitor.complete(handover, begun["flow_token"])).status_code == 200

    @DATA_API
    async def test_it_works_once(self, visitor: Visitor) -> None:
        begun = await visitor.begin()
        handover = await visitor.handover(begun)
        assert (await visitor.complete(handover, begun["flow_token"])).status_code == 200
        assert refusal(await visitor.complete(handover, begun["flow_token"])) == INVALID

    @DATA_API
    async def test_for_a_minute(self, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
        begun = await visitor.begin()
        handover = await visitor.handover(begun)
        monkeypatch.setattr(service, "now", lambda: now() + timedelta(seconds=61))
        assert refusal(await visitor.complete(handover, begun["flow_token"])) == INVALID

    @DATA_API
    @pytest.mark.parametrize("value", ["", "é", "x" * 129, None, 7])
    async def test_what_is_none_is_422(self, visitor: Visitor, value: object) -> None:
        body = {"handover": value, "flow_token": "x"}
        answer = await visitor.client.post(f"{LOGIN}/handover", json=body)
        assert answer.status_code == 422

    @DATA_API
    async def test_before_the_provider_answered_there_is_none(self, visitor: Visitor) -> None:
        begun = await visitor.begin()
        state = parse_qs(urlsplit(begun["authorization_url"]).query)["state"][0]
        assert refusal(await visitor.complete(state, begun["flow_token"])) == INVALID

    async def test_two_newcomers_of_one_address_at_once_are_one(self, visitor: Visitor) -> None:
        begun = [await visitor.begin() for _ in range(4)]
        handovers = [await visitor.handover(each) for each in begun]
        pairs = zip(handovers, begun, strict=True)
        answers = await asyncio.gather(
            *(visitor.complete(handover, each["flow_token"]) for handover, each in pairs)
        )
        statuses = sorted(each.status_code for each in answers)
        assert statuses[0] == 200
        assert set(statuses) <= {200, 409}
        assert (await count(User), await count(ExternalLink)) == (1, 1)


class TestSecondFactor:
    @DATA_API
    async def test_who_has_one_is_asked_for_it(
        self, visitor: Visitor, webapp: httpx.AsyncClient
    ) -> None:
        headers = bearer(await visitor.sign_in())
        me = (await webapp.get(ME, headers=headers)).json()
        at = now()
        async with unit_of_work() as session:
            session.add(
                TotpAuthenticator(
                    user_id=UUID(me["id"]), sealed_secret="-", created_at=at, confirmed_at=at
                )
            )
        answer = await visitor.sign_in()
        assert refusal(answer) == (403, "second_factor_required")
        assert answer.json()["methods"] == ["totp"]
        assert await count(SessionRow) == 1
