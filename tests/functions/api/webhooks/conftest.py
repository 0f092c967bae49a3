"""Owners of webhooks on each surface."""

from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest

from shared.adapters import queues
from shared.adapters.database.sessions import unit_of_work
from shared.core.ids import new_id
from shared.core.scopes import USER_SCOPES, Scope
from shared.domains.identity import api as identity
from shared.domains.identity.schemas import Role
from tests.partner_fixtures import FakeGateway, new_key, new_partner
from tests.web_fixtures import client_of, token_of
from tests.webhook_fixtures import Caller, Join


@pytest.fixture
async def join(
    migrated_database_url: str, signing_secret: None, deny_list: set[UUID], gateway: FakeGateway
) -> AsyncIterator[Join]:
    """Makes one more user, or operator, with webhooks: `join()`, `join(Role.OPERATOR)`."""
    from functions.api.webhooks.handler import app

    clients: list[httpx.AsyncClient] = []

    async def join_one(role: Role = Role.USER, *, scopes: frozenset[Scope] = USER_SCOPES) -> Caller:
        id_ = new_id()
        token = await token_of(id_, scopes=scopes)
        clients.append(client_of(app, Authorization=f"Bearer {token}"))
        if role is Role.USER:
            return Caller(clients[-1], "/v2/webapp/webhooks", id_)
        async with unit_of_work() as session:
            await identity.set_role(session, username=f"user-{id_.hex[-8:]}", role=role)
        return Caller(clients[-1], "/v2/infrastructure/webhooks", None)

    yield join_one
    for each in clients:
        await each.aclose()


@pytest.fixture
async def user(join: Join) -> Caller:
    return await join()


@pytest.fixture
async def stranger(join: Join) -> Caller:
    return await join()


@pytest.fixture
async def operator(join: Join) -> Caller:
    return await join(Role.OPERATOR)


@pytest.fixture
async def partner(
    migrated_database_url: str, signing_secret: None, gateway: FakeGateway
) -> AsyncIterator[Caller]:
    """A partner with a key for webhooks."""
    from functions.api.webhooks.handler import app
    from shared.domains.partners import api as partners

    key = (await new_key(await new_partner(), "webhooks")).key
    account_id = (await partners.authenticate(key, address="192.0.2.1")).account_id
    async with client_of(app, **{"x-api-key": key}) as client:
        yield Caller(client, "/v2/partner/webhooks", account_id)


@pytest.fixture
def nudges(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The queues whose functions were told that there is something to do."""
    sent: list[str] = []

    async def send(url: str, _: str, *, delay_s: int = 0) -> None:
        sent.append(url.rpartition("/")[2])

    monkeypatch.setattr(queues, "send", send)
    return sent
