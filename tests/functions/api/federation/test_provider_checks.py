"""Whatever a provider sends, nobody is taken for somebody else, and nothing breaks."""

import base64
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from joserfc import jwt

from shared.adapters import secrets
from shared.adapters.openid import discovery, http
from shared.config.federation import federation_settings
from shared.core.clock import now
from tests.functions.api.federation.conftest import LOGIN, Visitor, declared
from tests.openid_provider import CLIENT_ID, CLIENT_SECRET, Claims, Provider, new_key
from tests.web_fixtures import Log

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True),
]

DOCUMENT = "/.well-known/openid-configuration"
NOT_BELIEVED = (400, "provider_not_believed")
UNAVAILABLE = (503, "provider_unavailable")


def part(content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def hs256(claims: Claims, key: bytes) -> str:
    signed = f"{part({'alg': 'HS256', 'kid': 'first'})}.{part(claims)}"
    digest = hmac.digest(key, signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


async def outcome(visitor: Visitor, name: str = "acme") -> tuple[int, str]:
    """What a sign-in without a page ends with: (200, "") where the provider is believed."""
    begun = await visitor.client.post(f"{LOGIN}/{name}", json={})
    if begun.status_code != 200:
        return begun.status_code, begun.json()["code"]
    visitor.told.append(begun.json()["flow_token"])
    answer = await visitor.follow(visitor.consent(begun.json()))
    return answer.status_code, answer.json().get("code", "")


class TestIdToken:
    @pytest.mark.parametrize(
        "changes",
        [
            {"iss": "https://evil.example.com"},
            {"iss": None},
            {"aud": "another"},
            {"aud": ["another"]},
            {"aud": []},
            {"aud": None},
            {"aud": [CLIENT_ID, "another"]},
            {"aud": [CLIENT_ID, "another"], "azp": "another"},
            {"azp": "another"},
            {"nonce": "another"},
            {"nonce": None},
            {"nonce": 7},
            {"exp": None},
            {"exp": "soon"},
            {"iat": None},
            {"iat": "today"},
            {"sub": None},
            {"sub": ""},
            {"sub": 7},
            {"sub": ["a"]},
            {"sub": "x" * 256},
            {"sub": "a\x00b"},
            {"at_hash": "another"},
            {"at_hash": 7},
            {"at_hash": "é"},
        ],
    )
    async def test_with_wrong_claims_is_not_believed(
        self, visitor: Visitor, changes: Claims
    ) -> None:
        def change(claims: Claims) -> Claims:
            changed = claims | changes
            return {name: value for name, value in changed.items() if value is not None}

        visitor.provider.change = change
        assert await outcome(visitor) == NOT_BELIEVED

    @pytest.mark.parametrize(
        ("claim", "by_s", "believed"),
        [
            ("exp", -330, True),
            ("exp", -420, False),
            ("iat", 30, True),
            ("iat", 120, False),
        ],
    )
    async def test_clocks_may_be_a_minute_apart(
        self, visitor: Visitor, claim: str, by_s: int, *, believed: bool
    ) -> None:
        visitor.provider.change = lambda claims: claims | {claim: claims[claim] + by_s}
        assert await outcome(visitor) == ((200, "") if believed else NOT_BELIEVED)

    @pytest.mark.parametrize(
        "changes",
        [{"aud": [CLIENT_ID]}, {"aud": [CLIENT_ID, "b"], "azp": CLIENT_ID}, {"at_hash": None}],
    )
    async def test_what_the_specification_allows_is_believed(
        self, visitor: Visitor, changes: Claims
    ) -> None:
        visitor.provider.change = lambda claims: {
            name: value for name, value in (claims | changes).items() if value is not None
        }
        assert await outcome(visitor) == (200, "")

    @pytest.mark.parametrize(
        "sign",
        [
            pytest.param(lambda claims: f"{part({'alg': 'none'})}.{part(claims)}.", id="none"),
            pytest.param(lambda claims: hs256(claims, CLIENT_SECRET.encode()), id="secret"),
            pytest.param(lambda _: "x", id="no token"),
            pytest.param(lambda _: "", id="empty"),
            pytest.param(lambda _: "a.b.c", id="no base64"),
            pytest.param(lambda _: ".".join([part([]), part([]), "x"]), id="lists"),
            pytest.param(lambda claims: f"{part({'alg': 'RS256'})}.{part(claims)}.", id="unsigned"),
            pytest.param(lambda claims: f"{part({'kid': 'first'})}.{part(claims)}.x", id="no alg"),
            pytest.param(lambda _: "x" * 20_000, id="long"),
        ],
    )
    async def test_one_that_no_key_of_the_provider_signed_is_not_believed(
        self, visitor: Visitor, sign: Callable[[Claims], str]
    ) -> None:
        visitor.provider.sign = sign
        assert await outcome(visitor) == NOT_BELIEVED

    async def test_the_public_key_is_no_secret_to_sign_with(self, visitor: Visitor) -> None:
        """The confusion of RS256 with HS256."""
        public = visitor.provider.keys[0].as_pem(private=False)
        visitor.provider.sign = lambda claims: hs256(claims, public)
        assert await outcome(visitor) == NOT_BELIEVED

    @pytest.mark.parametrize("kid", ["first", "foreign", None, 7])
    async def test_a_foreign_key_is_not_believed_whatever_it_is_called(
        self, visitor: Visitor, kid: object
    ) -> None:
        foreign = new_key("foreign")
        header = {"alg": "RS256"} | ({} if kid is None else {"kid": kid})

        def sign(claims: Claims) -> str:
            token = jwt.encode({"alg": "RS256"}, claims, foreign)
            return ".".join([part(header), *token.split(".")[1:]])

        visitor.provider.sign = sign
        assert await outcome(visitor) == NOT_BELIEVED

    async def test_an_algorithm_that_the_provider_does_not_name_is_not_believed(
        self, visitor: Visitor
    ) -> None:
        key = visitor.provider.keys[0]
        visitor.provider.sign = lambda claims: jwt.encode(
            {"alg": "PS256", "kid": key.kid}, claims, key, algorithms=["PS256"]
        )
        assert await outcome(visitor) == NOT_BELIEVED
        visitor.provider.metadata = {"id_token_signing_alg_values_supported": ["PS256"]}
        discovery.forget()
        assert await outcome(visitor) == (200, "")

    async def test_without_an_id_the_only_key_is_meant(self, visitor: Visitor) -> None:
        key = visitor.provider.keys[0]
        visitor.provider.sign = lambda claims: jwt.encode({"alg": "RS256"}, claims, key)
        assert await outcome(visitor) == (200, "")
        visitor.provider.keys = [key, new_key("second")]
        discovery.forget()
        assert await outcome(visitor) == NOT_BELIEVED


class TestKeys:
    async def test_a_new_key_is_met_at_once_and_unknown_ones_are_asked_for_once_a_minute(
        self, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert await outcome(visitor) == (200, "")
        visitor.provider.keys = [new_key("second")]
        # Within the minute of the first look.
        assert await outcome(visitor) == NOT_BELIEVED
        assert visitor.provider.seen.count("/jwks") == 1
        later = timedelta(seconds=61)
        monkeypatch.setattr(discovery, "now", lambda: now() + later)
        assert await outcome(visitor) == (200, "")
        visitor.provider.keys = [new_key("third")]
        for _ in range(3):
            assert await outcome(visitor) == NOT_BELIEVED
        assert visitor.provider.seen.count("/jwks") == 2

    async def test_documents_are_fetched_once_an_hour(
        self, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(3):
            assert await outcome(visitor) == (200, "")
        assert [visitor.provider.seen.count(path) for path in (DOCUMENT, "/jwks")] == [1, 1]
        monkeypatch.setattr(discovery, "now", lambda: now() + timedelta(hours=1))
        assert await outcome(visitor) == (200, "")
        assert [visitor.provider.seen.count(path) for path in (DOCUMENT, "/jwks")] == [2, 2]


class TestAnswers:
    @pytest.fixture(autouse=True)
    def impatience(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(http, "TIMEOUT_S", 0.4)

    @pytest.mark.parametrize(
        "fault",
        ["500", "redirect", "huge", "packed", "text", "deep", "list", "null", "silence", "drip"],
    )
    @pytest.mark.parametrize("path", [DOCUMENT, "/token", "/jwks"])
    async def test_one_that_is_of_no_use_is_503(
        self, visitor: Visitor, path: str, fault: str
    ) -> None:
        visitor.provider.faults[path] = fault
        assert await outcome(visitor) == UNAVAILABLE
        assert "/stolen" not in visitor.provider.seen
        del visitor.provider.faults[path]
        assert await outcome(visitor) == (200, "")

    @pytest.mark.parametrize("fault", ["500", "redirect", "huge", "text", "silence", "list"])
    @pytest.mark.parametrize("path", ["/github/token", "/github/user"])
    async def test_so_it_is_of_githubs_likeness(
        self, visitor: Visitor, path: str, fault: str
    ) -> None:
        visitor.provider.faults[path] = fault
        assert await outcome(visitor, "hub") == UNAVAILABLE

    @pytest.mark.parametrize("changes", [{"id": "583231"}, {"id": None}, {"id": True}])
    async def test_githubs_users_have_numbers(self, visitor: Visitor, changes: Claims) -> None:
        visitor.provider.metadata = changes
        assert await outcome(visitor, "hub") == UNAVAILABLE

    @pytest.mark.parametrize(
        "tokens",
        [{"id_token": None}, {"id_token": 7}, {"access_token": None}, {"access_token": "é"}],
    )
    async def test_without_tokens_it_is_503(self, visitor: Visitor, tokens: Claims) -> None:
        visitor.provider.tokens = tokens
        assert await outcome(visitor) == UNAVAILABLE

    @pytest.mark.parametrize(
        "changes",
        [
            {"issuer": "https://evil.example.com"},
            {"issuer": None},
            {"token_endpoint": None},
            {"token_endpoint": "http://192.0.2.1/token"},
            {"jwks_uri": "file:///etc/passwd"},
            {"jwks_uri": "http://169.254.169.254/latest/meta-data"},
            {"jwks_uri": "https://"},
            {"authorization_endpoint": "http://192.0.2.1/authorize"},
            {"authorization_endpoint": "javascript:alert(1)"},
        ],
    )
    async def test_a_document_that_leads_elsewhere_is_of_no_use(
        self, visitor: Visitor, changes: Claims
    ) -> None:
        visitor.provider.metadata = changes
        assert await outcome(visitor) == UNAVAILABLE

    async def test_who_says_that_they_name_themselves_must(self, visitor: Visitor) -> None:
        visitor.provider.metadata = {"authorization_response_iss_parameter_supported": True}
        assert await outcome(visitor) == (200, "")
        location = visitor.consent(await visitor.begin(return_to=None))
        answer = await visitor.follow(location, iss=None)
        assert (answer.status_code, answer.json()["code"]) == NOT_BELIEVED

    async def test_a_provider_that_is_away_is_503(
        self, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gone = Provider(port=1)
        monkeypatch.setenv("OPENID_PROVIDERS", json.dumps(declared(gone)))
        federation_settings.cache_clear()
        assert await outcome(visitor) == UNAVAILABLE

    async def test_on_the_application_s_page_it_is_told_too(self, visitor: Visitor) -> None:
        location = visitor.consent(await visitor.begin())
        visitor.provider.faults["/token"] = "500"
        answer = await visitor.follow(location)
        assert answer.headers["Location"].endswith("#error=provider_unavailable")

    async def test_a_secret_that_cannot_be_read_is_503(
        self, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from botocore.exceptions import EndpointConnectionError

        known = secrets.newest_text

        async def newest_text(secret_id: str) -> str:
            if secret_id == "test/acme":
                raise EndpointConnectionError(endpoint_url="http://nowhere")
            return await known(secret_id)

        monkeypatch.setattr(secrets, "newest_text", newest_text)
        assert await outcome(visitor) == UNAVAILABLE

    async def test_the_log_tells_why(self, visitor: Visitor, log: Log) -> None:
        visitor.provider.change = lambda claims: claims | {"nonce": "another"}
        await outcome(visitor)
        (told,) = [line for line in log() if line["level"] == "WARNING"]
        assert (told["provider"], told["reason"]) == (
            "acme",
            "the ID token is not valid: InvalidClaimError",
        )


class TestUserinfo:
    """Where an ID token names no address, the provider is asked for it."""

    @pytest.fixture(autouse=True)
    def short(self, provider: Provider) -> None:
        provider.change = lambda claims: {
            name: each for name, each in claims.items() if not name.startswith("email")
        }

    async def test_it_is_taken_from_there(self, visitor: Visitor) -> None:
        assert (await visitor.sign_in()).status_code == 200

    async def test_unless_it_is_about_somebody_else(self, visitor: Visitor) -> None:
        visitor.provider.userinfo = visitor.provider.user | {"sub": "another"}
        assert await outcome(visitor) == NOT_BELIEVED


async def test_a_public_client_proves_itself_by_pkce_alone(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme, hub = declared(visitor.provider)
    del acme["secret_id"]
    monkeypatch.setenv("OPENID_PROVIDERS", json.dumps([acme, hub]))
    federation_settings.cache_clear()
    # This provider wants a secret.
    assert await outcome(visitor) == NOT_BELIEVED
    assert "/token" in visitor.provider.seen


async def test_without_any_provider_nobody_is_one(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENID_PROVIDERS", "[]")
    federation_settings.cache_clear()
    assert (await visitor.client.get(LOGIN)).json() == {"items": []}
    answer: httpx.Response = await visitor.client.post(f"{LOGIN}/acme", json={})
    assert (answer.status_code, answer.json()["code"]) == (404, "no_such_provider")
