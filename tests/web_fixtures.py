"""Clients of the functions' applications, in process: `pytest_plugins` of tests/conftest.py."""

import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest

PASSWORD = "correct-switch-yard-42"

type Log = Callable[[], list[dict[str, Any]]]
type SignUp = Callable[[], Awaitable[Member]]


@dataclass(frozen=True)
class Member:
    """A registered user, and a client that is logged in as them."""

    client: httpx.AsyncClient
    id: str
    username: str
    email: str


def client_of(app: Any, **headers: str) -> httpx.AsyncClient:
    """Return a client of an ASGI application; what it raises goes through."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="https://api.example.com", headers=headers
    )


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    """What was logged so far, line by line: `log()`."""
    from shared.adapters.logging import logger

    written = io.StringIO()
    monkeypatch.setattr(logger().registered_handler, "stream", written)
    return lambda: [json.loads(line) for line in written.getvalue().splitlines()]


@pytest.fixture
def signing_secret(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A secret to sign with. tests/e2e proves that it is read from Secrets Manager."""
    from shared.adapters import secrets
    from shared.config.identity import identity_settings
    from shared.domains.identity import service

    monkeypatch.setenv("SIGNING_SECRET_ID", "test/signing-key")
    monkeypatch.setattr(secrets, "read_secret", {"test/signing-key": "s" * 64}.__getitem__)
    identity_settings.cache_clear()
    service._loaded_key.cache_clear()
    yield
    identity_settings.cache_clear()
    service._loaded_key.cache_clear()


@pytest.fixture
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 with the least memory: a test has users, and nothing to guard."""
    from argon2 import PasswordHasher

    from shared.adapters import passwords

    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: hasher)


@pytest.fixture
async def webapp(
    migrated_database_url: str, signing_secret: None, quick_hashes: None
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the webapp function over an empty database, by each driver in turn."""
    from functions.api.webapp.handler import app

    async with client_of(app) as client:
        yield client


@pytest.fixture
async def sign_up(webapp: httpx.AsyncClient) -> AsyncIterator[SignUp]:
    """Registers one more user and logs them in."""
    from functions.api.webapp.handler import app

    members: list[Member] = []

    async def sign_up_one() -> Member:
        name = f"user-{uuid4().hex[:8]}"
        user = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
        registered = await webapp.post("/v1/webapp/users", json=user)
        assert registered.status_code == 201, registered.text
        token = await log_in(webapp, name)
        client = client_of(app, Authorization=f"Bearer {token}")
        members.append(Member(client, registered.json()["id"], name, user["email"]))
        return members[-1]

    yield sign_up_one
    for member in members:
        await member.client.aclose()


async def log_in(client: httpx.AsyncClient, login: str, password: str = PASSWORD) -> str:
    """Return an access token."""
    form = {"username": login, "password": password}
    answer = await client.post("/v1/webapp/login", data=form)
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["access_token"]
    return token
