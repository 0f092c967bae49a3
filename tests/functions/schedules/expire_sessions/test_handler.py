"""Sessions that ended long ago are forgotten with their refresh tokens, and no others."""

import json
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from functions.schedules.expire_sessions.handler import KEPT, handler
from infra_cdk.registry import ROOT
from shared.adapters.database.sessions import unit_of_work
from shared.core.clock import now
from shared.domains.identity.models import User
from shared.domains.sessions.models import RefreshTokenRow, SessionRow
from shared.worker.loop import run
from tests.lambda_context import LambdaContext

EVENT = json.loads((ROOT / "events/schedule/expire-sessions/scheduled.json").read_text())
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def database(migrated_database_url: str) -> None:
    """An empty one."""


async def add(*, expired: timedelta, revoked: timedelta | None = None) -> UUID:
    """Add a session that expired, and was revoked, so long ago."""
    at = now()
    async with unit_of_work() as session:
        user = User(username=f"user-{expired}", email=f"{expired}-{revoked}", password_hash="-")
        user.username = f"{user.username}-{revoked}"
        session.add(user)
        await session.flush()
        row = SessionRow(
            user_id=user.id,
            scope="",
            methods=[],
            device="",
            address="",
            last_seen_at=at,
            expires_at=at - expired,
            revoked_at=None if revoked is None else at - revoked,
        )
        session.add(row)
        await session.flush()
        session.add(RefreshTokenRow(session_id=row.id, digest=str(row.id)))
        return row.id


async def left() -> tuple[list[UUID], list[UUID]]:
    async with unit_of_work() as session:
        sessions = await session.scalars(select(SessionRow.id).order_by(SessionRow.id))
        held = select(RefreshTokenRow.session_id).order_by(RefreshTokenRow.session_id)
        return list(sessions), list(await session.scalars(held))


def test_what_ended_long_ago_goes_and_the_rest_stays() -> None:
    run(add(expired=KEPT + HOUR))
    run(add(expired=-HOUR, revoked=KEPT + HOUR))
    kept = [
        run(add(expired=KEPT - HOUR)),
        run(add(expired=-2 * HOUR, revoked=KEPT - HOUR)),
        run(add(expired=-3 * HOUR)),
    ]
    report = handler(EVENT, LambdaContext())["report"]
    assert (report["complete"], sorted(kept)) == (True, run(left())[0])
    assert run(left())[1] == sorted(kept)
    assert 2 in report.values()


def test_without_time_all_is_left_to_the_next_turn() -> None:
    old = run(add(expired=KEPT + HOUR))
    report = handler(EVENT, LambdaContext(remaining_s=1))["report"]
    assert report["complete"] is False
    assert run(left())[0] == [old]
