"""The authorization server, in process, with a browser before it: `pytest_plugins` of tests/conftest.py."""

import base64
import hashlib
import html
import re
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pytest

from tests.web_fixtures import PASSWORD, PUBLIC_URL, Member, client_of

CALLBACK = "https://app.example.com/callback"
CLIENTS = "/v2/webapp/oauth/clients"


@dataclass(frozen=True)
class Pkce:
    """A verifier, and the challenge that S256 makes of it (RFC 7636)."""

    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    @property
    def challenge(self) -> str:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass(frozen=True)
class App:
    """A registered client, its secret, and how it calls the token endpoint."""

    http: httpx.AsyncClient
    client_id: str
    secret: str | None
    redirect_uri: str = CALLBACK

    def request(self, pkce: Pkce, **other: str) -> dict[str, str]:
        """The parameters of an authorization request; `other` ones come in their place."""
        return {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "state": "a state",
            "code_challenge": pkce.challenge,
            "code_challenge_method": "S256",
        } | other

    async def post(self, path: str, **form: str) -> httpx.Response:
        """Call an endpoint as this client."""
        if self.secret is None:
            return await self.http.post(path, data={"client_id": self.client_id, **form})
        return await self.http.post(path, data=form, auth=(self.client_id, self.secret))

    async def exchange(self, code: str, pkce: Pkce, **other: str) -> httpx.Response:
        form = {"redirect_uri": self.redirect_uri, "code_verifier": pkce.verifier, **other}
        return await self.post("/oauth/token", grant_type="authorization_code", code=code, **form)


@dataclass(frozen=True)
class UserAgent:
    """A browser: it keeps cookies, follows redirects within the server, and sends the forms of its pages."""

    http: httpx.AsyncClient

    async def open(self, parameters: Mapping[str, str]) -> httpx.Response:
        return await self.follow(await self.http.get("/oauth/authorize", params=parameters))

    async def send(self, page: httpx.Response, action: str, **fields: str) -> httpx.Response:
        """Send the form of a page that leads to an action, its hidden fields included."""
        form = form_of(page, action)
        fields = {"form_token": form["form_token"], **fields}
        answer = await self.http.post(page.url.join(form["action"]), data=fields)
        return await self.follow(answer)

    async def log_in(
        self, page: httpx.Response, member: Member, password: str = PASSWORD
    ) -> httpx.Response:
        return await self.send(page, "login", username=member.username, password=password)

    async def follow(self, answer: httpx.Response) -> httpx.Response:
        while (
            answer.is_redirect
            and urlsplit(str(answer.next_request and answer.next_request.url))[:2]
            == urlsplit(PUBLIC_URL)[:2]
        ):
            assert answer.next_request
            answer = await self.http.send(answer.next_request)
        return answer

    async def authorize(self, app: App, pkce: Pkce, member: Member, **other: str) -> dict[str, str]:
        """Log in where it must be, allow what is asked, and return what the client is answered."""
        page = await self.open(app.request(pkce, **other))
        if 'action="login?' in page.text:
            page = await self.log_in(page, member)
        if page.status_code == 200:
            page = await self.send(page, "consent", decision="approve")
        return answer_in(page)


def form_of(page: httpx.Response, action: str) -> dict[str, str]:
    found = re.search(rf'<form method="post" action="({action}\?[^"]*)"', page.text)
    assert found, page.text
    token = re.search(r'name="form_token" value="([0-9a-f]{64})"', page.text)
    assert token, page.text
    return {"action": html.unescape(found[1]), "form_token": token[1]}


def answer_in(response: httpx.Response) -> dict[str, str]:
    """Return the parameters that a redirect brings the client: each is there once."""
    assert response.status_code == 303, response.text
    query = urlsplit(response.headers["location"]).query
    return {name: value for name, (value,) in parse_qs(query, strict_parsing=True).items()}


@pytest.fixture
async def oauth_server(webapp: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the oauth function, over the database of the webapp function."""
    from functions.api.oauth.handler import app

    async with client_of(app) as client:
        yield client


@pytest.fixture
async def user_agent(webapp: httpx.AsyncClient) -> AsyncIterator[UserAgent]:
    from functions.api.oauth.handler import app

    async with client_of(app) as client:
        yield UserAgent(client)


@pytest.fixture
async def developer(webapp: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """A user who makes clients."""
    from functions.api.oauth_clients.handler import app
    from shared.core.ids import new_id
    from tests.web_fixtures import token_of

    token = await token_of(UUID(str(new_id())))
    async with client_of(app, Authorization=f"Bearer {token}") as client:
        yield client


async def register(developer: httpx.AsyncClient, **values: Any) -> dict[str, Any]:
    """Return a new client, as its developer is told of it."""
    new = {
        "name": "Lantern Reader",
        "auth_method": "client_secret_basic",
        "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code", "refresh_token"],
        "scopes": ["items:read", "profile:read"],
    }
    answer = await developer.post(CLIENTS, json=new | values)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


@pytest.fixture
async def confidential(oauth_server: httpx.AsyncClient, developer: httpx.AsyncClient) -> App:
    made = await register(developer)
    return App(oauth_server, made["client_id"], made["client_secret"])


@pytest.fixture
async def public(oauth_server: httpx.AsyncClient, developer: httpx.AsyncClient) -> App:
    made = await register(developer, name="Pocket Lantern", auth_method="none")
    return App(oauth_server, made["client_id"], None)
