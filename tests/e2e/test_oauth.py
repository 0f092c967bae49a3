"""Every flow through the gateway, by two client libraries of different houses: Authlib and requests-oauthlib."""

import html
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin
from uuid import uuid4

import httpx
import pytest
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import ECKey
from oauthlib.oauth2 import BackendApplicationClient, InvalidGrantError, OAuth2Error
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from tests.cloud_fixtures import Cloud
from tests.oauth_fixtures import CALLBACK, Pkce
from tests.web_fixtures import PASSWORD

pytestmark = pytest.mark.xdist_group("cloud")

SCOPE = "items:read profile:read"
SOON_S = 10
"""Within how many seconds a revoked token must be refused; it is about one."""


@dataclass
class Person:
    """A user with a browser that takes this machine's plain HTTP for safe, as browsers do."""

    url: str
    name: str = field(default_factory=lambda: f"user-{uuid4().hex[:8]}")
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def bearer(self) -> dict[str, str]:
        form = {"username": self.name, "password": PASSWORD}
        answer = httpx.post(f"{self.url}/v2/webapp/login", data=form, timeout=60)
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def allow(self, link: str) -> str:
        """Follow a client's link, log in, allow it; return the address that the browser ends at."""
        page, address = self._go("GET", link)
        if "login?" in page.text:
            page, address = self._submit(
                page, address, "login", username=self.name, password=PASSWORD
            )
        if page.status_code == 200:
            page, address = self._submit(page, address, "consent", decision="approve")
        return page.headers["location"]

    def _submit(
        self, page: httpx.Response, address: str, action: str, **fields: str
    ) -> tuple[httpx.Response, str]:
        found = re.search(rf'action="({action}\?[^"]*)"', page.text)
        token = re.search(r'name="form_token" value="([^"]*)"', page.text)
        assert found
        assert token
        target = urljoin(address, html.unescape(found[1]))
        return self._go("POST", target, data={"form_token": token[1], **fields})

    def _go(self, method: str, address: str, **request: Any) -> tuple[httpx.Response, str]:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Cookie": cookie} if cookie else {}
        answer = httpx.request(method, address, headers=headers, timeout=60, **request)
        for each in answer.headers.get_list("set-cookie"):
            name, _, value = each.partition(";")[0].partition("=")
            self.cookies[name] = value
        target = urljoin(address, answer.headers.get("location", ""))
        if answer.is_redirect and target.startswith(f"{self.url}/"):
            return self._go("GET", target)
        return answer, address


@pytest.fixture
def person(cloud: Cloud) -> Person:
    made = Person(cloud.url)
    user = {"username": made.name, "email": f"{made.name}@example.com", "password": PASSWORD}
    answer = httpx.post(f"{cloud.url}/v2/webapp/users", json=user, timeout=60)
    assert answer.status_code == 201, answer.text
    return made


@pytest.fixture
def metadata(cloud: Cloud) -> dict[str, Any]:
    """What a client learns of the server by itself."""
    answer = httpx.get(f"{cloud.url}/.well-known/oauth-authorization-server", timeout=60)
    told: dict[str, Any] = answer.json()
    assert told["issuer"] == cloud.url
    return told


@pytest.fixture(autouse=True)
def plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both libraries insist on TLS, which nothing on this machine has."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")


def register(person: Person, **values: Any) -> dict[str, Any]:
    new = {
        "name": "Lantern Reader",
        "auth_method": "client_secret_basic",
        "redirect_uris": [CALLBACK],
        "scopes": SCOPE.split(),
    }
    answer = httpx.post(
        f"{person.url}/v2/webapp/oauth/clients",
        json=new | values,
        headers=person.bearer,
        timeout=60,
    )
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def me(url: str, token: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{url}/v2/webapp/users/me", headers=headers, timeout=60)


class TestAuthlib:
    @pytest.mark.parametrize("method", ["client_secret_basic", "none"])
    def test_a_code_is_exchanged_refreshed_introspected_and_revoked(
        self, person: Person, metadata: dict[str, Any], method: str
    ) -> None:
        made = register(person, auth_method=method)
        pkce = Pkce()
        with AuthlibSession(
            made["client_id"],
            made["client_secret"],
            token_endpoint_auth_method=method,
            revocation_endpoint_auth_method=method,
            redirect_uri=CALLBACK,
            scope=SCOPE,
            code_challenge_method="S256",
        ) as client:
            link, state = client.create_authorization_url(
                metadata["authorization_endpoint"], code_verifier=pkce.verifier
            )
            token = client.fetch_token(
                metadata["token_endpoint"],
                authorization_response=person.allow(link),
                state=state,
                code_verifier=pkce.verifier,
            )
            assert me(person.url, token["access_token"]).json()["username"] == person.name
            again = client.refresh_token(metadata["token_endpoint"])
            assert again["refresh_token"] != token["refresh_token"]
            if method != "none":
                told = client.introspect_token(
                    metadata["introspection_endpoint"], token=again["access_token"]
                ).json()
                assert told["active"] is True
            revoked = client.revoke_token(
                metadata["revocation_endpoint"], token=again["refresh_token"]
            )
            assert revoked.status_code == 200
        began = time.monotonic()
        while me(person.url, again["access_token"]).status_code == 200:
            assert time.monotonic() - began < SOON_S
            time.sleep(0.1)  # asked again, for there is no event of it to wait for

    def test_a_client_acts_for_itself(self, person: Person, metadata: dict[str, Any]) -> None:
        made = register(person, redirect_uris=[], grant_types=["client_credentials"])
        with AuthlibSession(
            made["client_id"], made["client_secret"], scope="profile:read"
        ) as client:
            token = client.fetch_token(metadata["token_endpoint"])
        assert me(person.url, token["access_token"]).json()["username"] == person.name

    @pytest.mark.parametrize("audience", ["issuer", "token_endpoint"])
    def test_a_client_proves_itself_by_its_key(
        self, person: Person, metadata: dict[str, Any], audience: str
    ) -> None:
        key = ECKey.generate_key("P-256", {"kid": "one"})
        made = register(
            person,
            auth_method="private_key_jwt",
            redirect_uris=[],
            grant_types=["client_credentials"],
            jwks={"keys": [key.as_dict(private=False)]},
        )
        with AuthlibSession(
            made["client_id"], key, token_endpoint_auth_method="private_key_jwt"
        ) as client:
            signed = PrivateKeyJWT(metadata[audience], alg="ES256", headers={"kid": "one"})
            client.register_client_auth_method(signed)
            token = client.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
        assert token["scope"] == SCOPE


class TestRequestsOauthlib:
    def test_a_code_is_exchanged_and_refreshed(
        self, person: Person, metadata: dict[str, Any]
    ) -> None:
        made = register(person)
        auth = HTTPBasicAuth(made["client_id"], made["client_secret"])
        session = OAuth2Session(
            made["client_id"], redirect_uri=CALLBACK, scope=SCOPE.split(), pkce="S256"
        )
        with session:
            link, _ = session.authorization_url(metadata["authorization_endpoint"])
            token = session.fetch_token(
                metadata["token_endpoint"], authorization_response=person.allow(link), auth=auth
            )
            assert session.get(f"{person.url}/v2/webapp/users/me").json()["username"] == person.name
            again = session.refresh_token(metadata["token_endpoint"], auth=auth)
            assert again["refresh_token"] != token["refresh_token"]

    def test_a_public_client_needs_no_secret(
        self, person: Person, metadata: dict[str, Any]
    ) -> None:
        made = register(person, auth_method="none", redirect_uris=["http://127.0.0.1/callback"])
        with OAuth2Session(
            made["client_id"],
            redirect_uri="http://127.0.0.1:49152/callback",
            scope=["items:read"],
            pkce="S256",
        ) as session:
            link, _ = session.authorization_url(metadata["authorization_endpoint"])
            token = session.fetch_token(
                metadata["token_endpoint"],
                authorization_response=person.allow(link),
                include_client_id=True,
            )
        assert token["scope"] == ["items:read"]

    def test_without_pkce_nothing_is_granted(
        self, person: Person, metadata: dict[str, Any]
    ) -> None:
        made = register(person)
        with OAuth2Session(made["client_id"], redirect_uri=CALLBACK) as session:
            link, _ = session.authorization_url(metadata["authorization_endpoint"])
            answer = person.allow(link)
            with pytest.raises(OAuth2Error) as refused:
                session.fetch_token(metadata["token_endpoint"], authorization_response=answer)
        assert refused.value.error == "invalid_request"

    def test_a_wrong_verifier_is_understood(self, person: Person, metadata: dict[str, Any]) -> None:
        made = register(person)
        with OAuth2Session(made["client_id"], redirect_uri=CALLBACK, pkce="S256") as session:
            link, _ = session.authorization_url(metadata["authorization_endpoint"])
            answer = person.allow(link)
            session._code_verifier = "x" * 43
            with pytest.raises(InvalidGrantError):
                session.fetch_token(
                    metadata["token_endpoint"],
                    authorization_response=answer,
                    auth=HTTPBasicAuth(made["client_id"], made["client_secret"]),
                )

    def test_a_client_acts_for_itself(self, person: Person, metadata: dict[str, Any]) -> None:
        made = register(person, redirect_uris=[], grant_types=["client_credentials"])
        client = BackendApplicationClient(client_id=made["client_id"])
        with OAuth2Session(client=client) as session:
            token = session.fetch_token(
                metadata["token_endpoint"],
                auth=HTTPBasicAuth(made["client_id"], made["client_secret"]),
            )
        assert token["scope"] == SCOPE.split()


def test_exchanges_at_once_by_several_processes_give_one_token(
    person: Person, metadata: dict[str, Any]
) -> None:
    made, pkce = register(person), Pkce()
    with AuthlibSession(made["client_id"], redirect_uri=CALLBACK, scope=SCOPE) as client:
        link, _ = client.create_authorization_url(
            metadata["authorization_endpoint"],
            code_challenge=pkce.challenge,
            code_challenge_method="S256",
        )
    code = httpx.URL(person.allow(link)).params["code"]
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": pkce.verifier}

    def exchange(_: int) -> int:
        auth = (made["client_id"], made["client_secret"])
        return httpx.post(metadata["token_endpoint"], data=form, auth=auth, timeout=120).status_code

    with ThreadPoolExecutor(16) as threads:
        answers = sorted(threads.map(exchange, range(50)))
    assert answers == [200] + [400] * 49
