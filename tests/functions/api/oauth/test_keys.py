"""Whoever has the published keys can verify an access token, and nobody can make one with them."""

from collections.abc import AsyncIterator

import httpx
import pytest
from botocore.exceptions import EndpointConnectionError
from joserfc import jwt
from joserfc.jwk import KeySet

from functions.api.oauth.handler import app
from shared.adapters import secrets, tokens
from tests.web_fixtures import client_of

pytestmark = pytest.mark.anyio

JWKS = "/.well-known/jwks.json"


@pytest.fixture
async def anyone(signing_secret: None) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as client:
        yield client


async def test_a_token_is_verified_by_what_is_published(anyone: httpx.AsyncClient) -> None:
    token = await tokens.sign({"sub": "ada"})
    keys = KeySet.import_key_set((await anyone.get(JWKS)).json())
    assert jwt.decode(token, keys, algorithms=["ES256"]).claims == {"sub": "ada"}


async def test_it_may_be_kept_for_less_than_a_new_key_waits(anyone: httpx.AsyncClient) -> None:
    answer = await anyone.get(JWKS)
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert answer.headers["Content-Type"] == "application/json"


async def test_it_holds_nothing_private(anyone: httpx.AsyncClient) -> None:
    (key,) = (await anyone.get(JWKS)).json()["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "use", "alg", "kid"}


async def test_without_secrets_manager_it_is_503(
    anyone: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_: str) -> str:
        raise EndpointConnectionError(endpoint_url="https://secretsmanager")

    monkeypatch.setattr(secrets, "newest_text", fail)
    answer = await anyone.get(JWKS)
    assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
