"""Codes are kept as long as their replay is looked out for, assertions as long as they could be used."""

import json
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from functions.schedules.expire_grants.handler import handler
from infra_cdk.registry import ROOT
from shared.adapters.database.sessions import unit_of_work
from shared.core.clock import now
from shared.core.ids import new_id
from shared.domains.identity.models import User
from shared.domains.oauth.models import AssertionRow, ClientRow, CodeRow
from shared.worker.loop import run
from tests.lambda_context import LambdaContext

EVENT = json.loads((ROOT / "events/schedule/expire-grants/scheduled.json").read_text())
HOUR = timedelta(hours=1)
AT = now()


@pytest.fixture(autouse=True)
def database(migrated_database_url: str) -> None:
    """An empty one."""


def code(digest: str, expires_at: datetime, *, client: UUID, user: UUID) -> CodeRow:
    return CodeRow(
        digest=digest,
        client_id=client,
        user_id=user,
        redirect_uri="https://app.example.com/",
        challenge="c" * 43,
        scope="items:read",
        methods=["pwd"],
        expires_at=expires_at,
    )


async def add() -> None:
    async with unit_of_work() as session:
        user = User(id=new_id(), username="ada", email="ada@example.com", password_hash="-")
        session.add(user)
        await session.flush()
        client = ClientRow(
            id=new_id(),
            owner_id=user.id,
            name="app",
            auth_method="none",
            redirect_uris=[],
            grant_types=[],
            scope="",
        )
        session.add(client)
        await session.flush()
        session.add_all(
            [
                code("old", AT - 25 * HOUR, client=client.id, user=user.id),
                code("watched", AT - 23 * HOUR, client=client.id, user=user.id),
                code("good", AT + HOUR, client=client.id, user=user.id),
                AssertionRow(digest="expired", expires_at=AT - HOUR),
                AssertionRow(digest="in use", expires_at=AT + HOUR),
            ]
        )


async def left() -> tuple[set[str], set[str]]:
    async with unit_of_work() as session:
        codes = set(await session.scalars(select(CodeRow.digest)))
        return codes, set(await session.scalars(select(AssertionRow.digest)))


def test_what_makes_no_difference_goes_and_the_rest_stays() -> None:
    run(add())
    report = handler(EVENT, LambdaContext())["report"]
    assert report == {"codes": 1, "assertions": 1, "complete": True}
    assert run(left()) == ({"watched", "good"}, {"in use"})


def test_without_time_all_is_left_to_the_next_turn() -> None:
    run(add())
    report = handler(EVENT, LambdaContext(remaining_s=1))["report"]
    assert report == {"codes": 0, "assertions": 0, "complete": False}
    assert run(left()) == ({"old", "watched", "good"}, {"expired", "in use"})
