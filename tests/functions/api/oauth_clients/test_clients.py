"""Users manage their own clients and what they granted; nobody else's are there for them."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, RSAKey
from sqlalchemy import select

from shared.adapters.database.sessions import autocommit
from shared.domains.audit.models import AuditEntry
from shared.domains.oauth.models import ClientRow
from shared.domains.sessions.models import SessionRow
from tests.oauth_fixtures import CLIENTS, App, Pkce, UserAgent, register
from tests.web_fixtures import Member, SignUp, client_of, token_of

pytestmark = [
    pytest.mark.anyio,
    # One road is enough here: the code flow goes by both.
    pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True),
]

GRANTS = "/v2/webapp/oauth/grants"


@pytest.fixture
async def stranger(webapp: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """Another user."""
    from functions.api.oauth_clients.handler import app

    token = await token_of(uuid4())
    async with client_of(app, Authorization=f"Bearer {token}") as client:
        yield client


@pytest.fixture
async def third_party(webapp: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """A client that a user let do all that one may."""
    from functions.api.oauth_clients.handler import app
    from shared.core.scopes import GRANTABLE_SCOPES

    token = await token_of(uuid4(), scopes=GRANTABLE_SCOPES, client_id="app")
    async with client_of(app, Authorization=f"Bearer {token}") as client:
        yield client


async def revoked_of(client_id: str) -> list[str | None]:
    async with autocommit() as session:
        rows = select(SessionRow.revoked_because).where(SessionRow.client_id == client_id)
        return list(await session.scalars(rows))


class TestCreate:
    async def test_a_secret_is_told_once_and_kept_as_its_digest(
        self, developer: httpx.AsyncClient
    ) -> None:
        made = await register(developer)
        assert len(made["client_secret"]) == 43
        assert made["type"] == "confidential"
        got = (await developer.get(f"{CLIENTS}/{made['client_id']}")).json()
        assert got == {name: value for name, value in made.items() if name != "client_secret"}
        async with autocommit() as session:
            row = await session.scalar(select(ClientRow))
        assert row is not None
        assert made["client_secret"] not in str(vars(row))

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"redirect_uris": []}, "redirect_uris"),
            ({"redirect_uris": ["http://app.example.com/"]}, "redirect_uris"),
            ({"redirect_uris": ["javascript:alert(1)"]}, "redirect_uris"),
            ({"grant_types": ["refresh_token"]}, "grant_types"),
            ({"grant_types": ["client_credentials", "refresh_token"]}, "grant_types"),
            (
                {"auth_method": "none", "grant_types": ["client_credentials"]},
                "grant_types",
            ),
            ({"auth_method": "private_key_jwt"}, "jwks"),
            ({"jwks": {"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]}}, "jwks"),
            (
                {
                    "auth_method": "private_key_jwt",
                    "jwks": {"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]},
                },
                "jwks",
            ),
        ],
    )
    async def test_what_does_not_go_together_is_named(
        self, developer: httpx.AsyncClient, values: dict[str, Any], field: str
    ) -> None:
        new = {
            "name": "x",
            "auth_method": "client_secret_basic",
            "redirect_uris": ["https://app.example.com/"],
            "scopes": ["items:read"],
        }
        answer = await developer.post(CLIENTS, json=new | values)
        assert answer.status_code == 422
        assert answer.json()["code"] == "invalid_client_metadata"
        assert [each["location"] for each in answer.json()["errors"]] == [["body", field]]

    @pytest.mark.parametrize(
        "values",
        [
            {"scopes": ["account"]},
            {"scopes": ["usage:read"]},
            {"scopes": ["webhooks"]},
            {"scopes": []},
            {"grant_types": ["password"]},
            {"auth_method": "client_secret_post"},
            {"redirect_uris": ["https://*.example.com/"]},
            {"redirect_uris": ["https://a.example/\n"]},
            {"redirect_uris": ["https://a.example/#x"]},
            {"name": ""},
            {"owner_id": "x"},
        ],
    )
    async def test_what_no_client_may_have_is_refused(
        self, developer: httpx.AsyncClient, values: dict[str, Any]
    ) -> None:
        new = {
            "name": "x",
            "auth_method": "none",
            "redirect_uris": ["https://app.example.com/"],
            "scopes": ["items:read"],
        }
        answer = await developer.post(CLIENTS, json=new | values)
        assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")

    async def test_a_private_or_small_key_is_refused(self, developer: httpx.AsyncClient) -> None:
        new = {
            "name": "x",
            "auth_method": "private_key_jwt",
            "grant_types": ["client_credentials"],
            "scopes": ["items:read"],
        }
        private = ECKey.generate_key("P-256").as_dict(private=True)
        with pytest.warns(SecurityWarning):
            small = RSAKey.generate_key(1024).as_dict(private=False)
        for key in (private, small):
            answer = await developer.post(CLIENTS, json={**new, "jwks": {"keys": [key]}})
            assert answer.status_code == 422
            assert str(key.get("d", "no such part")) not in answer.text

    async def test_a_user_has_twenty_at_most(self, developer: httpx.AsyncClient) -> None:
        for _ in range(20):
            await register(developer)
        new = {
            "name": "x",
            "auth_method": "none",
            "redirect_uris": ["https://app.example.com/"],
            "scopes": ["items:read"],
        }
        answer = await developer.post(CLIENTS, json=new)
        assert (answer.status_code, answer.json()["code"]) == (409, "too_many_clients")
        assert len((await developer.get(CLIENTS)).json()["items"]) == 20


class TestOwnership:
    @pytest.mark.parametrize(
        ("method", "suffix", "body"),
        [
            ("GET", "", None),
            ("PATCH", "", {"name": "mine"}),
            ("POST", "/secret", None),
            ("DELETE", "", None),
        ],
    )
    async def test_anothers_client_is_not_there(
        self,
        developer: httpx.AsyncClient,
        stranger: httpx.AsyncClient,
        method: str,
        suffix: str,
        body: dict[str, str] | None,
    ) -> None:
        made = await register(developer)
        path = f"{CLIENTS}/{made['client_id']}{suffix}"
        answer = await stranger.request(method, path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (404, "client_not_found")
        assert (await stranger.get(CLIENTS)).json() == {"items": []}
        got = (await developer.get(f"{CLIENTS}/{made['client_id']}")).json()
        assert got["updated_at"] == made["updated_at"]

    @pytest.mark.parametrize("path", [CLIENTS, GRANTS])
    async def test_no_third_party_gets_there(
        self, third_party: httpx.AsyncClient, path: str
    ) -> None:
        answer = await third_party.get(path)
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")

    async def test_nobody_gets_there_without_a_token(self, developer: httpx.AsyncClient) -> None:
        answer = await developer.get(CLIENTS, headers={"Authorization": ""})
        assert answer.status_code == 401


class TestChange:
    async def test_another_secret_replaces_the_first_at_once(
        self, developer: httpx.AsyncClient, confidential: App
    ) -> None:
        path = f"{CLIENTS}/{confidential.client_id}/secret"
        rotated = await developer.post(path)
        assert rotated.status_code == 201
        form = {"token": "x"}
        old = await confidential.post("/oauth/revoke", **form)
        assert old.status_code == 401
        new = App(confidential.http, confidential.client_id, rotated.json()["client_secret"])
        assert (await new.post("/oauth/revoke", **form)).status_code == 200

    async def test_a_public_client_has_no_secret_to_replace(
        self, developer: httpx.AsyncClient, public: App
    ) -> None:
        answer = await developer.post(f"{CLIENTS}/{public.client_id}/secret")
        assert (answer.status_code, answer.json()["code"]) == (409, "no_client_secret")

    async def test_one_that_may_do_less_begins_anew(
        self,
        developer: httpx.AsyncClient,
        confidential: App,
        user_agent: UserAgent,
        sign_up: SignUp,
    ) -> None:
        pkce, member = Pkce(), await sign_up()
        code = (await user_agent.authorize(confidential, pkce, member))["code"]
        tokens = (await confidential.exchange(code, pkce)).json()
        path = f"{CLIENTS}/{confidential.client_id}"
        assert (await developer.patch(path, json={"name": "Another"})).status_code == 200
        assert await revoked_of(confidential.client_id) == [None]
        assert (await developer.patch(path, json={"scopes": ["items:read"]})).status_code == 200
        assert await revoked_of(confidential.client_id) == ["client_restricted"]
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        assert (await confidential.post("/oauth/token", **form)).status_code == 400

    async def test_a_change_that_does_not_go_together_changes_nothing(
        self, developer: httpx.AsyncClient, confidential: App
    ) -> None:
        path = f"{CLIENTS}/{confidential.client_id}"
        answer = await developer.patch(path, json={"name": "x", "redirect_uris": []})
        assert answer.status_code == 422
        assert (await developer.get(path)).json()["name"] == "Lantern Reader"

    async def test_what_is_deleted_acts_for_nobody_any_more(
        self,
        developer: httpx.AsyncClient,
        confidential: App,
        user_agent: UserAgent,
        sign_up: SignUp,
    ) -> None:
        pkce, member = Pkce(), await sign_up()
        code = (await user_agent.authorize(confidential, pkce, member))["code"]
        await confidential.exchange(code, pkce)
        path = f"{CLIENTS}/{confidential.client_id}"
        assert (await developer.delete(path)).status_code == 204
        assert await revoked_of(confidential.client_id) == ["client_deleted"]
        assert (await confidential.post("/oauth/revoke", token="x")).status_code == 401
        assert (await developer.get(path)).status_code == 404
        async with autocommit() as session:
            actions = list(await session.scalars(select(AuditEntry.action)))
        assert {"oauth.client_created", "oauth.client_deleted"} <= set(actions)


class TestGrants:
    @pytest.fixture
    async def member(self, sign_up: SignUp) -> Member:
        return await sign_up()

    @pytest.fixture
    async def own(self, member: Member) -> AsyncIterator[httpx.AsyncClient]:
        from functions.api.oauth_clients.handler import app

        token = await token_of(UUID(member.id))
        async with client_of(app, Authorization=f"Bearer {token}") as client:
            yield client

    async def test_a_user_sees_what_they_granted_and_takes_it_back(
        self,
        own: httpx.AsyncClient,
        stranger: httpx.AsyncClient,
        confidential: App,
        user_agent: UserAgent,
        member: Member,
    ) -> None:
        pkce = Pkce()
        code = (await user_agent.authorize(confidential, pkce, member, scope="items:read"))["code"]
        await confidential.exchange(code, pkce)
        unspent = (await user_agent.authorize(confidential, pkce, member, scope="items:read"))[
            "code"
        ]
        (grant,) = (await own.get(GRANTS)).json()["items"]
        assert grant["client_name"] == "Lantern Reader"
        assert grant["scopes"] == ["items:read"]

        path = f"{GRANTS}/{confidential.client_id}"
        assert (await stranger.delete(path)).json()["code"] == "grant_not_found"
        assert await revoked_of(confidential.client_id) == [None]
        assert (await own.delete(path)).status_code == 204
        assert await revoked_of(confidential.client_id) == ["grant_revoked"]
        assert (await confidential.exchange(unspent, pkce)).status_code == 400
        assert (await own.get(GRANTS)).json() == {"items": []}
        page = await user_agent.open(confidential.request(Pkce(), scope="items:read"))
        assert 'action="consent?' in page.text
