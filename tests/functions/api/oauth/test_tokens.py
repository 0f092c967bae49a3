"""The token endpoint and its neighbours: what each grant gives, and what is refused in the protocol's words."""

import asyncio
import base64
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from sqlalchemy import select, update

from shared.adapters.database.sessions import autocommit, unit_of_work
from shared.core.clock import now
from shared.domains.audit.models import AuditEntry
from shared.domains.oauth.models import CodeRow
from shared.domains.sessions import api as sessions
from shared.domains.sessions.models import SessionRow
from tests.oauth_fixtures import CLIENTS, App, Pkce, UserAgent, register
from tests.web_fixtures import PUBLIC_URL, Member, SignUp

pytestmark = [
    pytest.mark.anyio,
    # One road is enough here: the code flow goes by both.
    pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True),
]

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TOKEN = "/oauth/token"


@pytest.fixture
async def member(sign_up: SignUp) -> Member:
    return await sign_up()


@pytest.fixture
def pkce() -> Pkce:
    return Pkce()


@pytest.fixture
async def code(confidential: App, user_agent: UserAgent, member: Member, pkce: Pkce) -> str:
    return (await user_agent.authorize(confidential, pkce, member))["code"]


@pytest.fixture
async def tokens(confidential: App, code: str, pkce: Pkce) -> dict[str, Any]:
    answer = await confidential.exchange(code, pkce)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def error_of(answer: httpx.Response) -> tuple[int, str]:
    """Return status and code of an error, which is in the form of RFC 6749, section 5.2."""
    body = answer.json()
    assert body.keys() == {"error", "error_description"}
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.status_code, body["error"]


async def is_live(token: str) -> bool:
    """Whether the session of an access token has not ended; tests of sessions prove what follows from that."""
    sid = UUID((await _claims(token))["sid"])
    async with autocommit() as session:
        return await sessions.find_session(session, sid) is not None


async def _claims(token: str) -> Any:
    from shared.adapters import tokens as signed

    at = int(now().timestamp())
    return await signed.verify(token, issuer=PUBLIC_URL, audience=PUBLIC_URL, now_s=at)


class TestCodes:
    @pytest.mark.parametrize(
        "spoil",
        [
            lambda code: code[:0],
            lambda code: code[:-1],
            lambda code: code + code,
            lambda code: code.swapcase(),
            lambda code: "x" * len(code),
            lambda code: code + "é\x00",
            lambda code: code * 180,
        ],
        ids=["none", "truncated", "doubled", "altered", "forged", "no text", "over-long"],
    )
    async def test_what_is_not_the_code_is_refused(
        self, confidential: App, code: str, pkce: Pkce, spoil: Any
    ) -> None:
        status, error = error_of(await confidential.exchange(spoil(code), pkce))
        assert (status, error) in {(400, "invalid_grant"), (400, "invalid_request")}
        # It spoils nothing: the client itself still gets its tokens.
        assert (await confidential.exchange(code, pkce)).status_code == 200

    @pytest.mark.parametrize(
        ("changed", "error"),
        [
            ({"code_verifier": "x" * 43}, "invalid_grant"),
            ({"code_verifier": ""}, "invalid_request"),
            ({"code_verifier": "é" * 43}, "invalid_grant"),
            ({"redirect_uri": "https://evil.example/"}, "invalid_grant"),
        ],
    )
    async def test_a_code_is_good_with_its_verifier_and_address_only(
        self, confidential: App, code: str, pkce: Pkce, changed: dict[str, str], error: str
    ) -> None:
        assert error_of(await confidential.exchange(code, pkce, **changed)) == (400, error)

    async def test_the_challenge_is_no_verifier(
        self, confidential: App, code: str, pkce: Pkce
    ) -> None:
        answer = await confidential.exchange(code, Pkce(pkce.challenge))
        assert error_of(answer) == (400, "invalid_grant")

    async def test_a_code_is_its_clients_alone(
        self, public: App, confidential: App, code: str, pkce: Pkce
    ) -> None:
        assert error_of(await public.exchange(code, pkce)) == (400, "invalid_grant")
        assert (await confidential.exchange(code, pkce)).status_code == 200

    async def test_a_code_is_good_for_sixty_seconds(
        self, confidential: App, code: str, pkce: Pkce
    ) -> None:
        async with autocommit() as session:
            row = await session.scalar(select(CodeRow))
        assert row is not None
        assert timedelta(seconds=59) < row.expires_at - row.created_at <= timedelta(seconds=60.1)
        async with unit_of_work() as session:
            await session.execute(update(CodeRow).values(expires_at=now()))
        assert error_of(await confidential.exchange(code, pkce)) == (400, "invalid_grant")

    async def test_a_code_is_kept_as_its_digest_only(self, code: str) -> None:
        async with autocommit() as session:
            row = await session.scalar(select(CodeRow))
        assert row is not None
        assert code not in str(vars(row))

    async def test_a_code_that_comes_again_ends_what_was_made_from_it(
        self,
        confidential: App,
        code: str,
        pkce: Pkce,
        tokens: dict[str, Any],
    ) -> None:
        assert await is_live(tokens["access_token"])
        assert error_of(await confidential.exchange(code, pkce)) == (400, "invalid_grant")
        assert not await is_live(tokens["access_token"])
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        assert error_of(await confidential.post(TOKEN, **form)) == (400, "invalid_grant")
        async with autocommit() as session:
            actions = list(await session.scalars(select(AuditEntry.action)))
        assert "oauth.code_replayed" in actions

    async def test_fifty_exchanges_at_once_give_one_token(
        self, confidential: App, code: str, pkce: Pkce
    ) -> None:
        answers = await asyncio.gather(*(confidential.exchange(code, pkce) for _ in range(50)))
        assert sorted(each.status_code for each in answers) == [200] + [400] * 49
        async with autocommit() as session:
            made = list(
                await session.scalars(
                    select(SessionRow.id).where(SessionRow.client_id == confidential.client_id)
                )
            )
        assert len(made) == 1

    async def test_a_session_says_how_its_user_logged_in_and_who_acts(
        self, confidential: App, member: Member, tokens: dict[str, Any]
    ) -> None:
        listed = (await member.client.get("/v2/webapp/sessions")).json()["items"]
        (found,) = [each for each in listed if each["client_id"] == confidential.client_id]
        assert found["methods"] == ["pwd"]
        assert found["scopes"] == ["items:read", "profile:read"]

    async def test_without_the_grant_there_is_no_refresh_token(
        self,
        developer: httpx.AsyncClient,
        confidential: App,
        user_agent: UserAgent,
        member: Member,
        pkce: Pkce,
    ) -> None:
        made = await register(developer, grant_types=["authorization_code"])
        app = App(confidential.http, made["client_id"], made["client_secret"])
        code = (await user_agent.authorize(app, pkce, member))["code"]
        answer = (await app.exchange(code, pkce)).json()
        assert answer.keys() == {"access_token", "token_type", "expires_in", "scope"}


class TestRefresh:
    async def refresh(self, app: App, token: str, **other: str) -> httpx.Response:
        return await app.post(TOKEN, grant_type="refresh_token", refresh_token=token, **other)

    async def test_it_may_ask_for_less_and_never_for_more(
        self, confidential: App, tokens: dict[str, Any]
    ) -> None:
        less = await self.refresh(confidential, tokens["refresh_token"], scope="items:read")
        assert less.json()["scope"] == "items:read"
        assert (await _claims(less.json()["access_token"]))["scope"] == "items:read"
        token = less.json()["refresh_token"]
        more = await self.refresh(confidential, token, scope="items:read items:write")
        assert error_of(more) == (400, "invalid_scope")
        assert (await self.refresh(confidential, token)).json()["scope"] == tokens["scope"]

    async def test_another_client_gets_nothing_for_it(
        self, public: App, confidential: App, tokens: dict[str, Any]
    ) -> None:
        assert error_of(await self.refresh(public, tokens["refresh_token"])) == (
            400,
            "invalid_grant",
        )
        assert (await self.refresh(confidential, tokens["refresh_token"])).status_code == 200

    async def test_a_users_own_refresh_token_is_none_of_a_clients(
        self, confidential: App, member: Member, webapp: httpx.AsyncClient
    ) -> None:
        from tests.web_fixtures import PASSWORD

        form = {"username": member.username, "password": PASSWORD}
        own = (await webapp.post("/v1/webapp/login", data=form)).json()["refresh_token"]
        assert error_of(await self.refresh(confidential, own)) == (400, "invalid_grant")

    async def test_one_that_was_spent_ends_the_session(
        self, confidential: App, tokens: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from shared.domains.sessions import service

        newest = (await self.refresh(confidential, tokens["refresh_token"])).json()
        monkeypatch.setattr(service, "now", lambda: now() + timedelta(seconds=11))
        spent = await self.refresh(confidential, tokens["refresh_token"])
        assert error_of(spent) == (400, "invalid_grant")
        again = await self.refresh(confidential, newest["refresh_token"])
        assert error_of(again) == (400, "invalid_grant")

    @pytest.mark.parametrize("token", ["x", "x" * 8000, "é", "a b"])
    async def test_what_is_no_refresh_token_is_refused(self, confidential: App, token: str) -> None:
        assert error_of(await self.refresh(confidential, token)) == (400, "invalid_grant")


class TestClientCredentials:
    async def test_it_acts_on_what_is_its_owners_as_itself(
        self, developer: httpx.AsyncClient, oauth_server: httpx.AsyncClient, member: Member
    ) -> None:
        made = await register(
            developer,
            redirect_uris=[],
            grant_types=["client_credentials"],
            scopes=["items:read", "profile:read"],
        )
        app = App(oauth_server, made["client_id"], made["client_secret"])
        answer = await app.post(TOKEN, grant_type="client_credentials", scope="items:read")
        assert answer.json()["scope"] == "items:read"
        assert "refresh_token" not in answer.json()
        claims = await _claims(answer.json()["access_token"])
        assert claims["sub"] == claims["client_id"] == app.client_id != claims["owner"]

    async def test_who_is_not_registered_for_it_is_refused(self, confidential: App) -> None:
        answer = await confidential.post(TOKEN, grant_type="client_credentials")
        assert error_of(answer) == (400, "unauthorized_client")

    @pytest.mark.parametrize("scope", ["account", "items:write", "usage:read", "webhooks", "x"])
    async def test_it_gets_no_scope_that_it_is_not_registered_for(
        self, developer: httpx.AsyncClient, oauth_server: httpx.AsyncClient, scope: str
    ) -> None:
        made = await register(developer, redirect_uris=[], grant_types=["client_credentials"])
        app = App(oauth_server, made["client_id"], made["client_secret"])
        answer = await app.post(TOKEN, grant_type="client_credentials", scope=scope)
        assert error_of(answer) == (400, "invalid_scope")


class TestClientAuthentication:
    FORM: ClassVar = {"grant_type": "refresh_token", "refresh_token": "x"}

    @pytest.mark.parametrize("change", ["wrong", "none", "post", "id only", "both", "other"])
    async def test_a_secret_comes_in_the_header_and_is_the_right_one(
        self, confidential: App, public: App, change: str
    ) -> None:
        http, id_, secret = confidential.http, confidential.client_id, str(confidential.secret)
        in_form = {**self.FORM, "client_id": id_, "client_secret": secret}
        answer = await {
            "wrong": lambda: http.post(TOKEN, data=self.FORM, auth=(id_, secret[:-1])),
            "none": lambda: http.post(TOKEN, data=self.FORM, auth=(id_, "")),
            "post": lambda: http.post(TOKEN, data=in_form),
            "id only": lambda: http.post(TOKEN, data={**self.FORM, "client_id": id_}),
            "both": lambda: http.post(TOKEN, data=in_form, auth=(id_, secret)),
            "other": lambda: http.post(
                TOKEN, data={**self.FORM, "client_id": public.client_id}, auth=(id_, secret)
            ),
        }[change]()
        assert error_of(answer) == (401, "invalid_client")
        assert answer.headers["WWW-Authenticate"] == 'Basic realm="oauth"'

    @pytest.mark.parametrize(
        "header",
        ["Basic", "Basic !", "Basic YQ==", "Bearer x", "Basic " + "A" * 5000, "Basic 4pyTOg=="],
    )
    async def test_a_header_that_says_nothing_proves_nothing(
        self, confidential: App, header: str
    ) -> None:
        answer = await confidential.http.post(
            TOKEN, data=self.FORM, headers={"Authorization": header}
        )
        assert error_of(answer) == (401, "invalid_client")

    async def test_a_public_client_has_no_secret_to_prove_anything_by(self, public: App) -> None:
        answer = await public.http.post(TOKEN, data=self.FORM, auth=(public.client_id, "x"))
        assert error_of(answer) == (401, "invalid_client")

    async def test_nobody_is_nobody(self, public: App) -> None:
        assert error_of(await public.http.post(TOKEN, data=self.FORM)) == (401, "invalid_client")

    @pytest.mark.parametrize(
        ("content", "type_"),
        [
            (b'{"grant_type": "x"}', "application/json"),
            (b"grant_type=x&grant_type=y", "application/x-www-form-urlencoded"),
            (b"grant_type=%ff", "application/x-www-form-urlencoded"),
            (b"\xff", "application/x-www-form-urlencoded"),
            (b"&".join(b"p%d=1" % n for n in range(40)), "application/x-www-form-urlencoded"),
            (b"", "application/x-www-form-urlencoded"),
            (b"grant_type=" + b"x" * 9000, "application/x-www-form-urlencoded"),
        ],
    )
    async def test_a_form_that_cannot_be_read_is_an_invalid_request(
        self, confidential: App, content: bytes, type_: str
    ) -> None:
        answer = await confidential.http.post(
            TOKEN,
            content=content,
            headers={"Content-Type": type_},
            auth=(confidential.client_id, str(confidential.secret)),
        )
        assert error_of(answer) == (400, "invalid_request")

    @pytest.mark.parametrize("grant", ["password", "implicit", "x"])
    async def test_there_is_no_other_grant(self, confidential: App, grant: str) -> None:
        answer = await confidential.post(TOKEN, grant_type=grant)
        assert error_of(answer) == (400, "unsupported_grant_type")


class TestAssertions:
    @pytest.fixture
    def key(self) -> ECKey:
        return ECKey.generate_key("P-256", {"kid": "one"})

    @pytest.fixture
    async def client_id(self, developer: httpx.AsyncClient, key: ECKey) -> str:
        made = await register(
            developer,
            auth_method="private_key_jwt",
            redirect_uris=[],
            grant_types=["client_credentials"],
            jwks={"keys": [key.as_dict(private=False)]},
        )
        assert made["client_secret"] is None
        return str(made["client_id"])

    def assertion(
        self, client_id: str, key: Any, *, alg: str = "ES256", kid: str = "one", **claims: Any
    ) -> str:
        at = int(now().timestamp())
        made = {
            "iss": client_id,
            "sub": client_id,
            "aud": PUBLIC_URL,
            "exp": at + 60,
            "iat": at,
            "jti": "an id",
        } | claims
        kept = {name: value for name, value in made.items() if value is not None}
        return jwt.encode({"alg": alg, "kid": kid}, kept, key, algorithms=[alg])

    async def send(self, http: httpx.AsyncClient, assertion: str, **other: str) -> httpx.Response:
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": JWT_BEARER,
            "client_assertion": assertion,
        } | other
        return await http.post(TOKEN, data=form)

    @pytest.mark.parametrize("audience", [PUBLIC_URL, f"{PUBLIC_URL}/oauth/token", [PUBLIC_URL]])
    async def test_a_key_proves_a_client(
        self, oauth_server: httpx.AsyncClient, client_id: str, key: ECKey, audience: Any
    ) -> None:
        answer = await self.send(oauth_server, self.assertion(client_id, key, aud=audience))
        assert answer.status_code == 200, answer.text

    async def test_an_assertion_is_good_once_whatever_comes_of_it(
        self, oauth_server: httpx.AsyncClient, client_id: str, key: ECKey
    ) -> None:
        assertion = self.assertion(client_id, key)
        refused = await self.send(oauth_server, assertion, scope="x")
        assert error_of(refused) == (400, "invalid_scope")
        assert error_of(await self.send(oauth_server, assertion)) == (401, "invalid_client")
        other = self.assertion(client_id, key, jti="another")
        assert (await self.send(oauth_server, other)).status_code == 200

    async def test_of_many_at_once_one_is_taken(
        self, oauth_server: httpx.AsyncClient, client_id: str, key: ECKey
    ) -> None:
        assertion = self.assertion(client_id, key)
        answers = await asyncio.gather(*(self.send(oauth_server, assertion) for _ in range(20)))
        assert sorted(each.status_code for each in answers) == [200] + [401] * 19

    @pytest.mark.parametrize(
        "claims",
        [
            {"aud": "https://other.example"},
            {"aud": [PUBLIC_URL, "https://other.example"]},
            {"aud": None},
            {"aud": {"x": 1}},
            {"iss": "somebody"},
            {"iss": None},
            {"jti": None},
            {"jti": ""},
            {"jti": "x" * 256},
            {"jti": 7},
            {"exp": None},
            {"exp": "soon"},
            {"exp": 2**62},
        ],
    )
    async def test_claims_that_are_not_for_here_and_now_prove_nothing(
        self,
        oauth_server: httpx.AsyncClient,
        client_id: str,
        key: ECKey,
        claims: dict[str, Any],
    ) -> None:
        answer = await self.send(oauth_server, self.assertion(client_id, key, **claims))
        assert error_of(answer) == (401, "invalid_client")

    @pytest.mark.parametrize(("off_s", "status"), [(-60, 200), (60, 200), (-125, 401), (125, 401)])
    async def test_a_clock_may_be_off_by_a_minute(
        self,
        oauth_server: httpx.AsyncClient,
        client_id: str,
        key: ECKey,
        off_s: int,
        status: int,
    ) -> None:
        at = int(now().timestamp()) + off_s
        made = self.assertion(client_id, key, iat=at, nbf=at, exp=at + 60)
        assert (await self.send(oauth_server, made)).status_code == status

    async def test_an_assertion_that_lasts_for_ever_is_none(
        self, oauth_server: httpx.AsyncClient, client_id: str, key: ECKey
    ) -> None:
        made = self.assertion(client_id, key, exp=int(now().timestamp()) + 7200)
        assert error_of(await self.send(oauth_server, made)) == (401, "invalid_client")

    async def test_another_key_or_algorithm_proves_nothing(
        self, oauth_server: httpx.AsyncClient, client_id: str, key: ECKey
    ) -> None:
        public = key.as_dict(private=False)
        header = base64.urlsafe_b64encode(b'{"alg":"none","kid":"one"}').rstrip(b"=").decode()
        good = self.assertion(client_id, key)
        forged = [
            self.assertion(client_id, ECKey.generate_key("P-256")),
            self.assertion(client_id, RSAKey.generate_key(2048), alg="RS256"),
            self.assertion(client_id, key, kid="two"),
            f"{header}.{good.split('.')[1]}.",
            good[:-2],
            good + good,
            good + "A" * 5000,
            "x.y.z",
            "",
            str(public),
        ]
        for each in forged:
            answer = await self.send(oauth_server, each)
            assert error_of(answer)[0] in {400, 401}

    async def test_only_in_the_registered_way(
        self, oauth_server: httpx.AsyncClient, client_id: str, confidential: App, key: ECKey
    ) -> None:
        form = {"grant_type": "client_credentials"}
        answer = await oauth_server.post(TOKEN, data=form, auth=(client_id, "x"))
        assert error_of(answer) == (401, "invalid_client")
        answer = await oauth_server.post(TOKEN, data={**form, "client_id": client_id})
        assert error_of(answer) == (401, "invalid_client")
        answer = await self.send(oauth_server, self.assertion(confidential.client_id, key))
        assert error_of(answer) == (401, "invalid_client")
        named = self.assertion(client_id, key)
        answer = await self.send(oauth_server, named, client_id=confidential.client_id)
        assert error_of(answer) == (401, "invalid_client")
        answer = await self.send(oauth_server, named, client_assertion_type="x")
        assert error_of(answer) == (400, "invalid_request")

    async def test_keys_are_replaced_side_by_side(
        self,
        developer: httpx.AsyncClient,
        oauth_server: httpx.AsyncClient,
        client_id: str,
        key: ECKey,
    ) -> None:
        new = RSAKey.generate_key(2048, {"kid": "two"})
        keys = [key.as_dict(private=False), {**new.as_dict(private=False), "alg": "PS256"}]
        path = f"{CLIENTS}/{client_id}"
        changed = await developer.patch(path, json={"jwks": {"keys": keys}})
        assert changed.status_code == 200, changed.text
        old = self.assertion(client_id, key, jti="1")
        assert (await self.send(oauth_server, old)).status_code == 200
        made = self.assertion(client_id, new, alg="PS256", kid="two", jti="2")
        assert (await self.send(oauth_server, made)).status_code == 200
        swapped = self.assertion(client_id, new, alg="RS256", kid="two", jti="3")
        assert (await self.send(oauth_server, swapped)).status_code == 401


class TestRevocation:
    @pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
    async def test_a_token_ends_with_all_that_belongs_to_it(
        self, confidential: App, tokens: dict[str, Any], kind: str
    ) -> None:
        answer = await confidential.post("/oauth/revoke", token=tokens[kind])
        assert answer.status_code == 200
        assert not await is_live(tokens["access_token"])

    async def test_anothers_token_is_left_alone(
        self,
        confidential: App,
        public: App,
        tokens: dict[str, Any],
        member: Member,
    ) -> None:
        own = member.client.headers["authorization"].removeprefix("Bearer ")
        for token in (tokens["refresh_token"], tokens["access_token"], own, "x", "x" * 5000):
            answer = await public.post("/oauth/revoke", token=token)
            assert answer.status_code == 200
        assert await is_live(tokens["access_token"])
        assert await is_live(own)

    async def test_it_needs_a_client_and_a_token(self, confidential: App) -> None:
        nobody = await confidential.http.post("/oauth/revoke", data={"token": "x"})
        assert error_of(nobody) == (401, "invalid_client")
        assert error_of(await confidential.post("/oauth/revoke")) == (400, "invalid_request")


class TestIntrospection:
    async def test_a_client_is_told_what_its_tokens_are(
        self, confidential: App, tokens: dict[str, Any], member: Member
    ) -> None:
        told = (await confidential.post("/oauth/introspect", token=tokens["access_token"])).json()
        assert told["active"] is True
        assert (told["sub"], told["client_id"]) == (member.id, confidential.client_id)
        assert (told["iss"], told["aud"], told["token_type"]) == (PUBLIC_URL, PUBLIC_URL, "Bearer")
        assert told["scope"] == tokens["scope"]
        told = (await confidential.post("/oauth/introspect", token=tokens["refresh_token"])).json()
        assert (told["active"], told["token_type"]) == (True, "refresh_token")

    async def test_of_any_other_it_is_told_nothing(
        self,
        confidential: App,
        tokens: dict[str, Any],
        developer: httpx.AsyncClient,
        member: Member,
    ) -> None:
        made = await register(developer)
        other = App(confidential.http, made["client_id"], made["client_secret"])
        own = member.client.headers["authorization"].removeprefix("Bearer ")
        for token in (tokens["access_token"], tokens["refresh_token"], own, "x", "x" * 5000):
            answer = await other.post("/oauth/introspect", token=token)
            assert answer.json() == {"active": False}

    async def test_what_was_revoked_is_not_active_at_once(
        self, confidential: App, tokens: dict[str, Any], deny_list: set[UUID]
    ) -> None:
        await confidential.post("/oauth/revoke", token=tokens["refresh_token"])
        deny_list.add(UUID((await _claims(tokens["access_token"]))["sid"]))
        for kind in ("access_token", "refresh_token"):
            answer = await confidential.post("/oauth/introspect", token=tokens[kind])
            assert answer.json() == {"active": False}

    async def test_it_is_for_clients_that_authenticate(self, public: App) -> None:
        answer = await public.post("/oauth/introspect", token="x")
        assert error_of(answer) == (401, "invalid_client")


class TestMetadata:
    async def test_it_names_what_there_is(self, oauth_server: httpx.AsyncClient) -> None:
        from authlib.oauth2.rfc8414 import AuthorizationServerMetadata

        answer = await oauth_server.get("/.well-known/oauth-authorization-server")
        told = answer.json()
        AuthorizationServerMetadata(told).validate()
        assert told["issuer"] == PUBLIC_URL
        assert told["code_challenge_methods_supported"] == ["S256"]
        assert told["response_types_supported"] == ["code"]
        assert "account" not in told["scopes_supported"]
        assert told["authorization_response_iss_parameter_supported"] is True
        assert "registration_endpoint" not in told
        assert answer.headers["Cache-Control"] == "public, max-age=3600"

    @pytest.mark.parametrize("path", ["/oauth/register", "/oauth/device", "/oauth/userinfo"])
    async def test_there_is_no_other_endpoint(
        self, oauth_server: httpx.AsyncClient, path: str
    ) -> None:
        assert (await oauth_server.post(path, data={"x": "y"})).status_code == 404
