"""What makes no difference any more, or has expired, is forgotten, and nothing else."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from functions.schedules.expire_logins.handler import handler
from infra_cdk.registry import ROOT
from shared.adapters.database.sessions import unit_of_work
from shared.core.clock import now
from shared.domains.federation.models import ExternalFlow
from shared.domains.identity.models import EmailToken, User
from shared.domains.identity.schemas import EmailPurpose
from shared.domains.logins.models import LoginCounter
from shared.domains.mfa.models import MfaChallenge
from shared.worker.loop import run
from tests.lambda_context import LambdaContext

EVENT = json.loads((ROOT / "events/schedule/expire-logins/scheduled.json").read_text())
HOUR = timedelta(hours=1)
AT = now()


@pytest.fixture(autouse=True)
def database(migrated_database_url: str) -> None:
    """An empty one."""


async def add(*rows: Any) -> None:
    async with unit_of_work() as session:
        user = User(username="ada", email="ada@example.com", password_hash="-")
        session.add(user)
        await session.flush()
        for row in rows:
            if isinstance(row, EmailToken):
                row.user_id = user.id
        session.add_all(rows)


def counter(key: str, **values: Any) -> LoginCounter:
    return LoginCounter(key=key, **{"failures": 1, "updated_at": AT - 2 * HOUR} | values)


def token(digest: str, expires_in: timedelta) -> EmailToken:
    return EmailToken(
        purpose=EmailPurpose.VERIFY,
        email="ada@example.com",
        digest=digest,
        expires_at=AT + expires_in,
    )


def flow(digest: str, expires_in: timedelta) -> ExternalFlow:
    return ExternalFlow(
        provider="acme", token_digest=digest, state_digest=digest, expires_at=AT + expires_in
    )


def challenge(digest: str, expires_in: timedelta) -> MfaChallenge:
    return MfaChallenge(digest=digest, purpose="registration", expires_at=AT + expires_in)


async def left() -> tuple[set[str], ...]:
    columns = (LoginCounter.key, EmailToken.digest, MfaChallenge.digest, ExternalFlow.state_digest)
    async with unit_of_work() as session:
        return tuple([set(await session.scalars(select(column))) for column in columns])


def test_what_makes_no_difference_goes_and_the_rest_stays() -> None:
    run(
        add(
            counter("stale"),
            counter("once blocked", blocked_until=AT - HOUR),
            counter("once known", known_until=AT - HOUR),
            counter("recent", updated_at=AT),
            counter("blocked", blocked_until=AT + HOUR),
            counter("known", known_until=AT + HOUR),
            token("expired", -HOUR),
            token("good", HOUR),
            challenge("late", -HOUR),
            challenge("waiting", HOUR),
            flow("over", -HOUR),
            flow("begun", HOUR),
        )
    )
    report = handler(EVENT, LambdaContext())["report"]
    assert report == {"counters": 3, "tokens": 1, "challenges": 1, "flows": 1, "complete": True}
    assert run(left()) == ({"recent", "blocked", "known"}, {"good"}, {"waiting"}, {"begun"})


def test_without_time_all_is_left_to_the_next_turn() -> None:
    run(
        add(
            counter("stale"), token("expired", -HOUR), challenge("late", -HOUR), flow("over", -HOUR)
        )
    )
    report = handler(EVENT, LambdaContext(remaining_s=1))["report"]
    assert report == {"counters": 0, "tokens": 0, "challenges": 0, "flows": 0, "complete": False}
    assert run(left()) == ({"stale"}, {"expired"}, {"late"}, {"over"})
