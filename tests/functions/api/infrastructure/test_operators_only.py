"""Every route below the surface's prefix is for operators, and for those only who are one now."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from shared.adapters.database.sessions import unit_of_work
from shared.domains.identity import api as identity
from shared.domains.identity.schemas import Role
from shared.web.openapi import document_of
from tests.functions.api.infrastructure.conftest import Caller

pytestmark = pytest.mark.anyio

DATA_API = pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)

OPEN = {"/health", "/ready"}


def routes() -> list[tuple[str, str, dict[str, Any]]]:
    """Every operation that is not open to everybody."""
    from functions.api.infrastructure.handler import app

    return [
        (method.upper(), path, operation)
        for path, item in document_of(app)["paths"].items()
        if path not in OPEN
        for method, operation in item.items()
    ]


def body_of(operation: dict[str, Any]) -> dict[str, Any] | None:
    return {"ids": [str(uuid4())], "reason": "none"} if "requestBody" in operation else None


ROUTES = [
    (method, path.format(queue="lanterns", dead_letter_id=uuid4()), body_of(operation))
    for method, path, operation in routes()
]


async def statuses(client: httpx.AsyncClient) -> set[tuple[int, str]]:
    """What every route answers, as status and code."""
    answers = [await client.request(method, path, json=body) for method, path, body in ROUTES]
    return {(answer.status_code, answer.json()["code"]) for answer in answers}


def test_there_are_routes_to_judge() -> None:
    assert len(ROUTES) == 2 * 9


def test_every_route_declares_that_it_is_for_operators() -> None:
    for _, _, operation in routes():
        assert operation["security"] == [{"login": ["account"]}]
        forbidden = operation["responses"]["403"]["content"]["application/problem+json"]
        assert set(forbidden["examples"]) == {"insufficient_scope", "operators_only"}


async def test_without_a_token_every_route_is_401(stranger: httpx.AsyncClient) -> None:
    assert await statuses(stranger) == {(401, "unauthorized")}


@DATA_API
async def test_with_a_token_that_is_none_every_route_is_401(
    stranger: httpx.AsyncClient, user: Caller
) -> None:
    stranger.headers["Authorization"] = "Bearer nothing"
    assert await statuses(stranger) == {(401, "invalid_token")}


@pytest.mark.usefixtures("queue_names")
async def test_for_a_user_every_route_is_403(user: Caller) -> None:
    assert await statuses(user.client) == {(403, "operators_only")}


@DATA_API
@pytest.mark.usefixtures("queue_names")
async def test_who_is_an_operator_no_more_is_403_at_once(operator: Caller) -> None:
    assert (await operator.client.get("/v2/infrastructure/audit")).status_code == 200
    async with unit_of_work() as session:
        await identity.set_role(session, username=operator.username, role=Role.USER)
    assert await statuses(operator.client) == {(403, "operators_only")}


@DATA_API
@pytest.mark.usefixtures("queue_names")
async def test_an_operator_whose_account_is_gone_is_401(operator: Caller) -> None:
    async with unit_of_work() as session:
        await identity.delete_user(session, operator.id)
    assert await statuses(operator.client) == {(401, "invalid_token")}
