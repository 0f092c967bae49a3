"""Clients of the functions' applications, in process: `pytest_plugins` of tests/conftest.py."""

import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from shared.core.scopes import USER_SCOPES, Scope

PUBLIC_URL = "https://api.example.com"
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
    """Secrets to sign and to hash with. tests/e2e proves that they are read from Secrets Manager."""
    from shared.adapters import digests, secrets, signing_keys
    from shared.config.http import public_settings
    from shared.config.identity import identity_settings, vault_settings

    known = {"test/signing-key": "s" * 64, "test/vault": "v" * 64}
    monkeypatch.setenv("SIGNING_SECRET_ID", "test/signing-key")
    monkeypatch.setenv("VAULT_SECRET_ID", "test/vault")
    monkeypatch.setenv("PUBLIC_URL", PUBLIC_URL)
    monkeypatch.setattr(secrets, "read_secret", known.__getitem__)

    async def newest_text(secret_id: str) -> str:
        return known[secret_id]

    monkeypatch.setattr(secrets, "newest_text", newest_text)
    forget = (
        public_settings.cache_clear,
        identity_settings.cache_clear,
        vault_settings.cache_clear,
        signing_keys.forget_keys,
        digests.forget_keys,
    )
    for each in forget:
        each()
    yield
    for each in forget:
        each()


@pytest.fixture
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 with the least memory: a test has users, and nothing to guard."""
    from argon2 import PasswordHasher

    from shared.adapters import passwords

    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: hasher)


@pytest.fixture
def deny_list(monkeypatch: pytest.MonkeyPatch) -> set[UUID]:
    """The sessions on the deny list: as good as the cache's, for the functions that have one."""
    from shared.adapters import denials

    denied: set[UUID] = set()

    async def is_denied(session_id: UUID) -> bool:
        return session_id in denied

    monkeypatch.setattr(denials, "are_at_hand", lambda: True)
    monkeypatch.setattr(denials, "is_denied", is_denied)
    return denied


@pytest.fixture
async def webapp(
    migrated_database_url: str, signing_secret: None, quick_hashes: None, deny_list: set[UUID]
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


@cache
def _hash_of_nobodys_password() -> str:
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(uuid4().hex)


async def token_of(
    user_id: UUID,
    *,
    scopes: frozenset[Scope] = USER_SCOPES,
    client_id: str | None = None,
) -> str:
    """Return an access token of a user in a new session; the user is made where there is none.

    Their password is nobody's: hashing one would take longer than most tests.
    """
    from shared.adapters.database.sessions import unit_of_work
    from shared.domains.identity.models import User
    from shared.domains.sessions import api as sessions
    from shared.domains.sessions.schemas import Device, Opening

    async with unit_of_work() as session:
        if await session.get(User, user_id) is None:
            name = f"user-{user_id.hex[-8:]}"
            email = f"{name}@example.com"
            hash_ = _hash_of_nobodys_password()
            session.add(User(id=user_id, username=name, email=email, password_hash=hash_))
            await session.flush()
        opening = Opening(
            user_id=user_id,
            device=Device(address="192.0.2.1", user_agent="pytest"),
            methods=("pwd",),
            scopes=scopes,
            client_id=client_id,
        )
        return (await sessions.open_session(session, opening)).access_token


async def log_in(client: httpx.AsyncClient, login: str, password: str = PASSWORD) -> str:
    """Return an access token."""
    form = {"username": login, "password": password}
    answer = await client.post("/v1/webapp/login", data=form)
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["access_token"]
    return token
