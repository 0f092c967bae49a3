"""Clients of the function that manages partners: an operator's, users' and a partner's."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

import httpx
import pytest

from shared.adapters.database.sessions import unit_of_work
from shared.core.ids import new_id
from shared.core.scopes import USER_SCOPES, Scope
from shared.domains.identity import api as identity
from shared.domains.identity.schemas import Role
from tests.partner_fixtures import FakeGateway
from tests.web_fixtures import client_of, token_of

type Join = Callable[..., Awaitable[Caller]]


@dataclass(frozen=True)
class Caller:
    """A client that is logged in as somebody."""

    client: httpx.AsyncClient
    id: UUID


@pytest.fixture
async def join(
    migrated_database_url: str,
    signing_secret: None,
    deny_list: set[UUID],
    gateway: FakeGateway,
) -> AsyncIterator[Join]:
    """Makes one more user, with a role, and a token of some scopes."""
    from functions.api.partner_admin.handler import app

    clients: list[httpx.AsyncClient] = []

    async def join_one(role: Role = Role.USER, *, scopes: frozenset[Scope] = USER_SCOPES) -> Caller:
        id_ = new_id()
        token = await token_of(id_, scopes=scopes)
        if role is Role.OPERATOR:
            async with unit_of_work() as session:
                await identity.set_role(session, username=f"user-{id_.hex[-8:]}", role=role)
        clients.append(client_of(app, Authorization=f"Bearer {token}"))
        return Caller(clients[-1], id_)

    yield join_one
    for each in clients:
        await each.aclose()


@pytest.fixture
async def operator(join: Join) -> Caller:
    return await join(Role.OPERATOR)


@pytest.fixture
async def user(join: Join) -> Caller:
    return await join()


@pytest.fixture
async def stranger(signing_secret: None) -> AsyncIterator[httpx.AsyncClient]:
    from functions.api.partner_admin.handler import app

    async with client_of(app) as client:
        yield client
