"""The federation function in process, and an OpenID provider and GitHub's likeness on loopback."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

from shared.adapters import secrets
from shared.adapters.openid import discovery
from shared.config.federation import federation_settings
from shared.config.http import http_settings
from tests.openid_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    GITHUB_SECRET,
    Provider,
    fragment_of,
    running_provider,
)
from tests.web_fixtures import Log, client_of

APP = "https://app.example.com/signed-in"
LOGIN = "/v2/webapp/external-login"
_SECRETS = {"test/acme": CLIENT_SECRET, "test/hub": GITHUB_SECRET}


@dataclass
class Visitor:
    """A browser with the application in it; `told` are the secrets that it met."""

    client: httpx.AsyncClient
    provider: Provider
    told: list[str] = field(default_factory=list)

    async def begin(
        self, name: str = "acme", *, return_to: str | None = APP, headers: Any = None, **more: str
    ) -> dict[str, Any]:
        body = more if return_to is None else {"return_to": return_to, **more}
        path = f"{LOGIN}/{'links/' if headers else ''}{name}"
        answer = await self.client.post(path, json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        begun: dict[str, Any] = answer.json()
        self.told.append(begun["flow_token"])
        return begun

    def consent(self, begun: dict[str, Any]) -> str:
        """Consent at the provider; return where that sends the browser."""
        location = self.provider.consent(begun["authorization_url"])
        query = dict(parse_qsl(urlsplit(location).query))
        self.told += [query["state"], query["code"]]
        return location

    async def follow(self, location: str, **changes: str | None) -> httpx.Response:
        """Go where the provider sends the browser, with other parameters."""
        parts = urlsplit(location)
        query = dict(parse_qsl(parts.query)) | changes
        kept = {name: value for name, value in query.items() if value is not None}
        return await self.client.get(f"{parts.path}?{urlencode(kept)}")

    async def handover(self, begun: dict[str, Any]) -> str:
        answer = await self.follow(self.consent(begun))
        assert answer.status_code == 303, answer.text
        told = fragment_of(answer.headers["Location"])
        self.told.append(told["handover"])
        return told["handover"]

    async def complete(self, handover: str, flow_token: str) -> httpx.Response:
        body = {"handover": handover, "flow_token": flow_token}
        return await self.client.post(f"{LOGIN}/handover", json=body)

    async def sign_in(self, name: str = "acme") -> httpx.Response:
        """Do all of it."""
        begun = await self.begin(name)
        return await self.complete(await self.handover(begun), begun["flow_token"])


@pytest.fixture(scope="session")
def running() -> Iterator[Provider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture
def provider(running: Provider, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """The provider as it is when nobody has changed it, declared as `acme` and `hub`."""
    fresh = Provider(keys=[running.keys[0]])
    for name in ("user", "keys", "change", "sign", "metadata", "tokens", "userinfo"):
        setattr(running, name, getattr(fresh, name))
    running.emails, running.faults = None, {}
    running.seen.clear()
    monkeypatch.setenv("OPENID_PROVIDERS", json.dumps(declared(running)))
    monkeypatch.setenv("CORS_ORIGINS", "https://app.example.com")
    federation_settings.cache_clear()
    http_settings.cache_clear()
    discovery.forget()
    yield running
    federation_settings.cache_clear()
    http_settings.cache_clear()
    discovery.forget()


def declared(provider: Provider) -> list[dict[str, Any]]:
    url = provider.url
    acme = {
        "id": "acme",
        "name": "Acme",
        "issuer": url,
        "client_id": CLIENT_ID,
        "secret_id": "test/acme",
    }
    hub = {
        "id": "hub",
        "name": "Hub",
        "kind": "github",
        "issuer": f"{url}/github",
        "client_id": CLIENT_ID,
        "secret_id": "test/hub",
        "authorization_endpoint": f"{url}/github/authorize",
        "token_endpoint": f"{url}/github/token",
        "userinfo_endpoint": f"{url}/github/user",
        "emails_endpoint": f"{url}/github/emails",
    }
    return [acme, hub]


@pytest.fixture
async def visitor(
    webapp: httpx.AsyncClient, provider: Provider, monkeypatch: pytest.MonkeyPatch, log: Log
) -> AsyncIterator[Visitor]:
    """A visitor of the federation function; at the end no secret that they met stands in the log."""
    from functions.api.federation.handler import app

    known = secrets.newest_text

    async def newest_text(secret_id: str) -> str:
        return _SECRETS.get(secret_id) or await known(secret_id)

    monkeypatch.setattr(secrets, "newest_text", newest_text)
    async with client_of(app) as client:
        visitor = Visitor(client, provider)
        yield visitor
    written = str(log())
    assert [each for each in [*visitor.told, *_SECRETS.values()] if each in written] == []
