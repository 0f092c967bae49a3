"""An event sends its mail once; one whose address was not sealed here becomes a dead letter."""

import json
from typing import Any

import pytest
from sqlalchemy import select

from functions.queues.password_resets.handler import handler
from infra_cdk.registry import ROOT
from shared.adapters import vault
from shared.adapters.database.sessions import autocommit, unit_of_work
from shared.adapters.outbox.models import OutboxRow
from shared.domains.identity import api as identity
from shared.domains.identity.schemas import ExternalRegistration
from shared.worker.loop import run
from tests.lambda_context import LambdaContext
from tests.web_fixtures import Log

TEXT = (ROOT / "events/sqs/password-resets/requested.json").read_text()
ADDRESS = "ada@example.com"


async def seal(address: str, *, purpose: str = "password reset") -> str:
    return await vault.seal(address, purpose=purpose)


async def add_ada() -> None:
    async with unit_of_work() as session:
        await identity.register_external(session, ExternalRegistration(name="ada", email=ADDRESS))


async def resets() -> list[str]:
    async with autocommit() as session:
        kept = await session.scalars(select(OutboxRow.data))
        return [each["to"] for each in kept if each.get("template") == "reset_password"]


def deliver(sealed: str) -> list[dict[str, Any]]:
    answer = handler(json.loads(TEXT.replace("SEALED", sealed)), LambdaContext())
    failed: list[dict[str, Any]] = answer["batchItemFailures"]
    return failed


@pytest.fixture(autouse=True)
def database(migrated_database_url: str, signing_secret: None) -> None:
    """An empty database, and keys to seal with."""


def test_who_has_the_address_gets_one_mail_however_often_the_event_comes() -> None:
    run(add_ada())
    sealed = run(seal(ADDRESS.upper()))
    assert [deliver(sealed) for _ in range(2)] == [[], []]
    assert run(resets()) == [ADDRESS]


def test_nobody_gets_none_and_the_event_is_done() -> None:
    assert deliver(run(seal(ADDRESS))) == []
    assert run(resets()) == []


@pytest.mark.parametrize("purpose", ["mail", "webhook"])
def test_what_was_sealed_for_something_else_fails_and_is_not_logged(log: Log, purpose: str) -> None:
    run(add_ada())
    assert len(deliver(run(seal(ADDRESS, purpose=purpose)))) == 1
    assert log()
    assert ADDRESS not in str(log())
    assert run(resets()) == []
