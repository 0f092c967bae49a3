"""Expired tasks go with their files, and tasks that stand still are gone on with."""

import json
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from functions.schedules.expire_tasks.handler import handler
from infra_cdk.registry import ROOT
from shared.adapters import files
from shared.adapters.database.sessions import unit_of_work
from shared.adapters.outbox.models import OutboxRow
from shared.domains.identity.models import User
from shared.domains.tasks import api
from shared.domains.tasks.events import TaskContinued
from shared.domains.tasks.models import Task
from shared.domains.tasks.schemas import TaskKind, TaskState
from shared.worker.loop import run
from tests.bucket import Bucket
from tests.lambda_context import LambdaContext

EVENT = json.loads((ROOT / "events/schedule/expire-tasks/scheduled.json").read_text())
MINUTE = timedelta(minutes=1)
OWNER = UUID("01943b1e-5c00-7000-8000-000000000001")


@pytest.fixture
def bucket(migrated_database_url: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    run(add_owner())
    return Bucket().install(monkeypatch)


async def add_owner() -> None:
    async with unit_of_work() as session:
        user = User(username="ada", email="ada@example.com", password_hash="-")
        user.id = OWNER
        session.add(user)


async def add(kind: TaskKind, **values: Any) -> UUID:
    async with unit_of_work() as session:
        task = Task(owner_id=OWNER, kind=kind, **({"parameters": {}} | values))
        session.add(task)
        await session.flush()
        return task.id


async def left() -> list[UUID]:
    async with unit_of_work() as session:
        return list(await session.scalars(select(Task.id).order_by(Task.id)))


async def continued() -> list[str]:
    """The tasks that are gone on with."""
    async with unit_of_work() as session:
        wanted = OutboxRow.type == TaskContinued.type
        return [
            row["task_id"] for row in await session.scalars(select(OutboxRow.data).where(wanted))
        ]


def key_of(bucket: Bucket, upload: UUID) -> str:
    """Upload a file, and return where it is kept."""
    key = api.upload_key(owner_id=OWNER, upload_id=upload)
    bucket.kept[key] = b"name"
    return key


def ended(expires_in: timedelta) -> dict[str, Any]:
    at = datetime.now(UTC)
    finished = {"state": TaskState.SUCCEEDED, "started_at": at, "finished_at": at}
    return finished | {"expires_at": at + expires_in}


class TestHandler:
    def test_expired_tasks_and_their_files_go_and_the_others_stay(self, bucket: Bucket) -> None:
        mine = {each: key_of(bucket, each) for each in (uuid4(), uuid4())}
        old, recent = ({"upload_id": str(each)} for each in mine)
        run(add(TaskKind.IMPORT_ITEMS, parameters=old, **ended(-MINUTE)))
        kept = run(add(TaskKind.IMPORT_ITEMS, parameters=recent, **ended(MINUTE)))
        report = handler(EVENT, LambdaContext())["report"]
        assert report == {"requeued": 0, "forgotten": 1, "complete": True}
        assert list(bucket.kept) == list(mine.values())[1:]
        assert run(left()) == [kept]

    def test_a_task_whose_files_cannot_be_removed_is_kept_for_the_next_turn(
        self, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        task = run(add(TaskKind.IMPORT_ITEMS, **ended(-MINUTE)))

        async def fail(_: Collection[str]) -> None:
            raise ConnectionError

        with monkeypatch.context() as patch, pytest.raises(ConnectionError):
            patch.setattr(files, "remove", fail)
            handler(EVENT, LambdaContext())
        assert run(left()) == [task]
        assert handler(EVENT, LambdaContext())["report"]["forgotten"] == 1
        assert run(left()) == []

    def test_tasks_that_stand_still_are_gone_on_with_and_the_others_are_let_be(
        self, bucket: Bucket
    ) -> None:
        long_ago = datetime.now(UTC) - timedelta(hours=1)
        stuck = run(add(TaskKind.EXPORT_ITEMS, updated_at=long_ago))
        run(add(TaskKind.EXPORT_ITEMS, updated_at=datetime.now(UTC) - MINUTE))
        report = handler(EVENT, LambdaContext())["report"]
        assert report == {"requeued": 1, "forgotten": 0, "complete": True}
        assert run(continued()) == [str(stuck)]

    def test_without_time_all_is_left_to_the_next_turn(self, bucket: Bucket) -> None:
        task = run(add(TaskKind.IMPORT_ITEMS, **ended(-MINUTE)))
        report = handler(EVENT, LambdaContext(remaining_s=1))["report"]
        assert report == {"requeued": 0, "forgotten": 0, "complete": False}
        assert run(left()) == [task]
