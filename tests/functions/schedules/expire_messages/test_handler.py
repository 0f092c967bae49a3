"""What is known of handled messages and of runs is forgotten after thirty days, and not before."""

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sqlalchemy import select, update

from functions.schedules.expire_messages.handler import handler
from infra_cdk.registry import ROOT
from shared.adapters.database.sessions import unit_of_work
from shared.adapters.inbox.models import HandledMessage
from shared.adapters.jobs.models import JobRun
from shared.domains.dead_letters import api as dead_letters
from shared.domains.dead_letters.models import DeadLetter
from shared.domains.dead_letters.schemas import DeadLetterState, DeadMessage
from shared.worker.loop import run
from tests.lambda_context import LambdaContext

EVENT = json.loads((ROOT / "events/schedule/expire-messages/scheduled.json").read_text())
OLD, RECENT = timedelta(days=31), timedelta(days=29)


async def add(age: timedelta) -> None:
    moment = datetime.now(UTC) - age
    async with unit_of_work() as session:
        consumer = str(age.days)
        session.add(HandledMessage(consumer=consumer, message_id=uuid4(), handled_at=moment))
        session.add(
            JobRun(
                job=str(age.days),
                scheduled_at=moment,
                started_at=moment,
                finished_at=moment,
                report={},
            )
        )


async def left() -> tuple[list[str], list[str]]:
    async with unit_of_work() as session:
        messages = await session.scalars(select(HandledMessage.consumer))
        runs = await session.scalars(select(JobRun.job).order_by(JobRun.job))
        return list(messages), list(runs)


async def add_letter(decided: timedelta | None) -> None:
    moment = datetime.now(UTC)
    message = DeadMessage(
        queue="mail",
        message_id=str(uuid4()),
        body="{}",
        attributes={},
        message_attributes={},
        sent_at=moment,
        receives=5,
    )
    async with unit_of_work() as session:
        await dead_letters.keep(session, message)
        if decided is not None:
            await session.execute(
                update(DeadLetter)
                .where(DeadLetter.message_id == message.message_id)
                .values(state=DeadLetterState.DISCARDED, decided_at=moment - decided)
            )


async def letters_left() -> int:
    async with unit_of_work() as session:
        return len((await session.scalars(select(DeadLetter.id))).all())


class TestHandler:
    def test_old_ones_go_and_the_others_stay(self, migrated_database_url: str) -> None:
        for age in (OLD, RECENT):
            run(add(age))
        ended = handler(EVENT, LambdaContext())
        assert ended["outcome"] == "ran"
        assert (ended["report"]["messages"], ended["report"]["runs"]) == (1, 1)
        assert ended["report"]["complete"]
        assert run(left()) == (["29"], ["29", "expire-messages"])

    def test_a_dead_letter_goes_long_after_it_was_decided_and_never_before(
        self, migrated_database_url: str
    ) -> None:
        for decided in (None, timedelta(days=89), timedelta(days=91)):
            run(add_letter(decided))
        assert handler(EVENT, LambdaContext())["report"]["dead_letters"] == 1
        assert run(letters_left()) == 2

    def test_without_time_they_are_left_to_the_next_turn(self, migrated_database_url: str) -> None:
        run(add(OLD))
        report = handler(EVENT, LambdaContext(remaining_s=1))["report"]
        assert (report["messages"], report["runs"], report["complete"]) == (0, 0, False)
        assert run(left()) == (["31"], ["31", "expire-messages"])
