"""Idempotency keys are forgotten once they expire, and not before."""

import json
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from functions.schedules.expire_idempotency_keys.handler import handler
from infra_cdk.registry import ROOT
from shared.adapters.database.sessions import unit_of_work
from shared.adapters.idempotency.models import IdempotencyRow
from shared.worker import job
from shared.worker.loop import run
from tests.lambda_context import LambdaContext

EVENT = json.loads((ROOT / "events/schedule/expire-idempotency-keys/scheduled.json").read_text())


async def add(*ages: timedelta) -> None:
    """Add keys that expired so long ago."""
    async with unit_of_work() as session:
        for number, age in enumerate(ages):
            session.add(
                IdempotencyRow(
                    scope="user",
                    key=str(number),
                    fingerprint="f",
                    status=201,
                    headers={},
                    body="{}",
                    expires_at=datetime.now(UTC) - age,
                )
            )


async def left() -> list[str]:
    async with unit_of_work() as session:
        return list(await session.scalars(select(IdempotencyRow.key).order_by(IdempotencyRow.key)))


class TestHandler:
    def test_expired_keys_go_and_the_others_stay(self, migrated_database_url: str) -> None:
        minute = timedelta(minutes=1)
        run(add(minute, -minute, 3 * minute))
        ended = handler(EVENT, LambdaContext())
        assert (ended["outcome"], ended["report"]) == ("ran", {"done": 2, "complete": True})
        assert run(left()) == ["1"]

    def test_many_go_in_chunks(self, migrated_database_url: str) -> None:
        run(add(*[timedelta(minutes=1)] * (job.CHUNK + 1)))
        assert handler(EVENT, LambdaContext())["report"] == {
            "done": job.CHUNK + 1,
            "complete": True,
        }

    def test_without_time_they_are_left_to_the_next_turn(self, migrated_database_url: str) -> None:
        run(add(timedelta(minutes=1)))
        ended = handler(EVENT, LambdaContext(remaining_s=1))
        assert ended["report"] == {"done": 0, "complete": False}
        later = EVENT | {"scheduled_at": "2025-01-06T04:10:00Z"}
        assert handler(later, LambdaContext())["report"] == {"done": 1, "complete": True}
