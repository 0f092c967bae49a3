"""Clients of the infrastructure function: an operator's, a user's and a stranger's."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import select

from shared.adapters.database.sessions import autocommit, unit_of_work
from shared.domains.audit.models import AuditEntry
from shared.domains.dead_letters import api as dead_letters
from shared.domains.dead_letters.models import DeadLetter
from shared.domains.dead_letters.schemas import DeadMessage
from shared.domains.identity import api as identity
from shared.domains.identity.models import User
from shared.domains.identity.schemas import Role
from tests.web_fixtures import client_of, token_of

type Die = Callable[..., Awaitable[str]]
type Trail = Callable[[], Awaitable[list[AuditEntry]]]


@dataclass(frozen=True)
class Caller:
    """A client of the infrastructure function that is logged in as somebody."""

    client: httpx.AsyncClient
    id: UUID
    username: str


async def caller_of(role: Role) -> Caller:
    """Return somebody whose password nobody knows: hashing one would take longer than most tests."""
    from functions.api.infrastructure.handler import app

    name = f"user-{uuid4().hex[:8]}"
    user = User(username=name, email=f"{name}@example.com", password_hash="-")
    async with unit_of_work() as session:
        session.add(user)
    async with unit_of_work() as session:
        await identity.set_role(session, username=name, role=role)
    client = client_of(app, Authorization=f"Bearer {await token_of(user.id)}")
    return Caller(client, user.id, name)


@pytest.fixture
async def operator(
    migrated_database_url: str, signing_secret: None, deny_list: set[UUID]
) -> AsyncIterator[Caller]:
    caller = await caller_of(Role.OPERATOR)
    yield caller
    await caller.client.aclose()


@pytest.fixture
async def user(
    migrated_database_url: str, signing_secret: None, deny_list: set[UUID]
) -> AsyncIterator[Caller]:
    caller = await caller_of(Role.USER)
    yield caller
    await caller.client.aclose()


@pytest.fixture
async def stranger() -> AsyncIterator[httpx.AsyncClient]:
    from functions.api.infrastructure.handler import app

    async with client_of(app) as client:
        yield client


@pytest.fixture
def die(migrated_database_url: str, queue_names: None) -> Die:
    """Makes a dead letter of a queue, and returns its id."""

    async def one(
        body: str = "lit",
        *,
        queue: str = "lanterns",
        message_attributes: Mapping[str, Any] | None = None,
    ) -> str:
        message = DeadMessage(
            queue=queue,
            message_id=str(uuid4()),
            body=body,
            attributes={"ApproximateReceiveCount": "4"},
            message_attributes=message_attributes or {},
            sent_at=datetime(2026, 1, 6, 10, tzinfo=UTC),
            receives=4,
        )
        async with autocommit() as session:
            assert await dead_letters.keep(session, message)
            named = select(DeadLetter.id).where(DeadLetter.message_id == message.message_id)
            return str(await session.scalar(named))

    return one


@pytest.fixture
def trail(migrated_database_url: str) -> Trail:
    """Reads what was done to dead letters and events, in its order."""

    async def read() -> list[AuditEntry]:
        done = select(AuditEntry).where(AuditEntry.action != "identity.role_changed")
        async with autocommit() as session:
            return list(await session.scalars(done.order_by(AuditEntry.created_at, AuditEntry.id)))

    return read
