"""Every route is for whom its document says, and for nobody else."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from shared.adapters.database.sessions import unit_of_work
from shared.core.scopes import GRANTABLE_SCOPES
from shared.domains.identity.models import User
from shared.web.openapi import document_of
from tests.functions.api.partner_admin.conftest import Caller, Join

pytestmark = pytest.mark.anyio

DATA_API = pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)

BODIES: dict[str, Any] = {
    "create_partner": {"name": "x", "plan": "free", "contact": "x"},
    "change_partner": {},
    "issue": {"name": "x", "scopes": ["items:read"]},
    "rotate": {"grace_s": 0},
}


def routes(surface: str) -> list[tuple[str, str, dict[str, Any]]]:
    from functions.api.partner_admin.handler import app

    return [
        (
            method.upper(),
            path.format(partner_id=uuid4(), key_id=uuid4()),
            operation,
        )
        for path, item in document_of(app)["paths"].items()
        if path.split("/")[2] == surface
        for method, operation in item.items()
    ]


async def statuses(client: httpx.AsyncClient, surface: str) -> set[tuple[int, str]]:
    """What every route of a surface answers, as status and code; a success is its status alone."""
    found = set()
    for method, path, operation in routes(surface):
        named = operation["operationId"].partition("_")[2]
        body = next((body for name, body in BODIES.items() if named.startswith(name)), None)
        answer = await client.request(method, path, json=body)
        code = answer.json()["code"] if answer.is_error else ""
        found.add((answer.status_code, code))
    return found


@pytest.mark.parametrize(
    ("surface", "number", "security"),
    [
        ("infrastructure", 10, {"login": ["account"]}),
        ("webapp", 7, {"login": ["account"]}),
        ("partner", 1, {"api_key": ["usage:read"]}),
    ],
)
def test_every_route_declares_who_may_call(
    surface: str, number: int, security: dict[str, list[str]]
) -> None:
    found = routes(surface)
    assert len(found) == 2 * number
    assert {str(operation["security"]) for _, _, operation in found} == {str([security])}


SURFACES = pytest.mark.parametrize("surface", ["infrastructure", "webapp"])


@SURFACES
async def test_without_a_token_every_route_is_401(
    stranger: httpx.AsyncClient, surface: str
) -> None:
    assert await statuses(stranger, surface) == {(401, "unauthorized")}


@DATA_API
@SURFACES
async def test_a_third_partys_token_is_403_everywhere(join: Join, surface: str) -> None:
    caller = await join(scopes=GRANTABLE_SCOPES)
    assert await statuses(caller.client, surface) == {(403, "insufficient_scope")}


@DATA_API
async def test_for_a_user_the_operators_routes_are_403(user: Caller) -> None:
    assert await statuses(user.client, "infrastructure") == {(403, "operators_only")}


@DATA_API
async def test_a_user_without_partners_finds_an_empty_list_and_nothing_else(user: Caller) -> None:
    assert await statuses(user.client, "webapp") == {(200, ""), (404, "partner_not_found")}


@DATA_API
async def test_a_revoked_session_is_401_everywhere(user: Caller, deny_list: set[UUID]) -> None:
    async with unit_of_work() as session:
        await session.delete(await session.get_one(User, user.id))
    assert await statuses(user.client, "infrastructure") == {(401, "invalid_token")}
