"""Whoever may invoke it says who is an operator; each change is in the audit trail, once."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import select

from functions.ops.operators.handler import handler
from infra_cdk.registry import ROOT
from shared.adapters.database.sessions import autocommit, unit_of_work
from shared.domains.audit.models import AuditEntry
from shared.domains.identity.errors import NoSuchUserError
from shared.domains.identity.models import User
from shared.domains.identity.schemas import Role
from shared.worker.loop import run

MAKE_OPERATOR = json.loads((ROOT / "events/invoke/operators/make_operator.json").read_text())
MAKE_USER = MAKE_OPERATOR | {"role": "user"}

pytestmark = pytest.mark.usefixtures("migrated_database_url")


@dataclass(frozen=True)
class Context:
    aws_request_id: str = "3f1c9a52-0b7d-4e0e-9d55-7a7f1c2b4e10"


@pytest.fixture
def ada(migrated_database_url: str) -> User:
    user = User(username="Ada", email="ada@example.com", password_hash="-")

    async def add() -> None:
        async with unit_of_work() as session:
            session.add(user)

    run(add())
    return user


def roles() -> dict[str, Role]:
    async def read() -> dict[str, Role]:
        async with autocommit() as session:
            rows = await session.execute(select(User.username, User.role))
            return {row.username: row.role for row in rows}

    return run(read())


def entries() -> list[AuditEntry]:
    async def read() -> list[AuditEntry]:
        async with autocommit() as session:
            return list(await session.scalars(select(AuditEntry).order_by(AuditEntry.id)))

    return run(read())


class TestChange:
    def test_a_user_becomes_an_operator_and_a_user_again(self, ada: User) -> None:
        assert handler(MAKE_OPERATOR, Context()) == {"username": "Ada", "role": "operator"}
        assert roles() == {"Ada": Role.OPERATOR}
        assert handler(MAKE_USER, Context()) == {"username": "Ada", "role": "user"}
        assert roles() == {"Ada": Role.USER}

    def test_each_change_is_in_the_audit_trail(self, ada: User) -> None:
        handler(MAKE_OPERATOR, Context())
        handler(MAKE_USER, Context())
        made, unmade = entries()
        assert (made.action, made.subject) == ("identity.role_changed", f"user:{ada.id}")
        assert (made.actor_id, made.correlation_id) == (None, Context().aws_request_id)
        assert made.details == {"username": "Ada", "from": "user", "to": "operator"}
        assert unmade.details == {"username": "Ada", "from": "operator", "to": "user"}

    def test_said_again_it_changes_nothing(self, ada: User) -> None:
        for _ in range(2):
            assert handler(MAKE_OPERATOR, Context())["role"] == "operator"
        assert len(entries()) == 1


class TestRefusal:
    def test_a_user_whom_nobody_knows_is_named(self, ada: User) -> None:
        with pytest.raises(NoSuchUserError, match="'grace'"):
            handler({"username": "grace", "role": "operator"}, Context())
        assert entries() == []

    def test_an_event_that_makes_no_sense_is_told_why(self, ada: User) -> None:
        wrong: list[tuple[dict[str, Any], str]] = [
            ({}, "username"),
            ({"username": "ada"}, "role"),
            ({"username": "ada", "role": "admin"}, "'user' or 'operator'"),
            ({"username": "a'; --", "role": "operator"}, "pattern"),
            ({"username": None, "role": "operator"}, "username"),
            ({"username": "ada", "role": "operator", "by": "me"}, "by"),
        ]
        for event, told in wrong:
            with pytest.raises(ValidationError, match=told):
                handler(event, Context())
        assert roles() == {"Ada": Role.USER}
