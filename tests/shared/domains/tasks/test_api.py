"""What becomes of tasks whose message is lost, and of those that are over."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text

from shared.adapters.database.sessions import autocommit, unit_of_work
from shared.adapters.outbox.models import OutboxRow, PublicEventRow
from shared.core.errors import ValidationFailedError
from shared.core.ids import new_id
from shared.domains.tasks import api as tasks
from shared.domains.tasks.models import Task
from shared.domains.tasks.schemas import RowError, TaskState, Work
from tests.bucket import Bucket

pytestmark = pytest.mark.anyio

DATA_API = pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)
NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(hours=2)


@pytest.fixture(autouse=True)
def bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    return Bucket().install(monkeypatch)


@pytest.fixture
async def owner(migrated_database_url: str) -> UUID:
    user_id = new_id()
    async with unit_of_work() as session:
        await session.execute(
            text(
                "INSERT INTO users"
                " (id, username, email, password_hash, locale, created_at, updated_at)"
                " VALUES (CAST(:id AS uuid), 'ada', 'ada@example.com', '', 'de', now(), now())"
            ),
            {"id": str(user_id)},
        )
    return user_id


async def a_task(owner: UUID, **values: Any) -> UUID:
    given = {"kind": "export_items", "parameters": {}, "updated_at": NOW}
    async with unit_of_work() as session:
        task = Task(id=new_id(), owner_id=owner, **{**given, **values})
        session.add(task)
    return task.id


async def taken(task_id: UUID, session: Any) -> Work:
    work = await tasks.take(session, task_id)
    assert work is not None
    return work


async def task_ids() -> set[UUID]:
    async with autocommit() as session:
        return set(await session.scalars(select(Task.id)))


async def events(type_: str) -> list[dict[str, Any]]:
    async with autocommit() as session:
        rows = await session.scalars(select(OutboxRow).order_by(OutboxRow.sequence))
        return [row.data for row in rows if row.type == type_]


class TestRequeueStuck:
    async def requeue(self, *, limit: int = 10) -> int:
        async with unit_of_work() as session:
            return await tasks.requeue_stuck(session, before=NOW - timedelta(hours=1), limit=limit)

    async def test_who_stands_still_is_gone_on_with_once(self, owner: UUID) -> None:
        stuck = {
            await a_task(owner, updated_at=LONG_AGO),
            await a_task(owner, updated_at=LONG_AGO, state=TaskState.RUNNING),
        }
        await a_task(owner)
        await a_task(owner, updated_at=LONG_AGO, finished_at=LONG_AGO, state=TaskState.FAILED)
        assert (await self.requeue(), await self.requeue()) == (2, 0)
        told = await events("tasks.task_continued")
        assert {each["task_id"] for each in told} == {str(id_) for id_ in stuck}

    @DATA_API
    async def test_at_most_as_many_as_are_asked_for(self, owner: UUID) -> None:
        for _ in range(3):
            await a_task(owner, updated_at=LONG_AGO)
        assert [await self.requeue(limit=2) for _ in range(3)] == [2, 1, 0]

    async def test_one_whose_step_runs_is_not_stuck(self, owner: UUID) -> None:
        task_id = await a_task(owner, updated_at=LONG_AGO)
        async with unit_of_work() as session:
            await taken(task_id, session)
            assert await self.requeue() == 0


class TestForgetExpired:
    async def forget(self, *, limit: int = 10) -> list[UUID]:
        async with unit_of_work() as session:
            return await tasks.forget_expired(session, before=NOW, limit=limit)

    async def expired(self, owner: UUID, **values: Any) -> UUID:
        return await a_task(owner, finished_at=LONG_AGO, expires_at=LONG_AGO, **values)

    async def test_it_goes_with_its_files_and_errors(self, owner: UUID, bucket: Bucket) -> None:
        upload_id = new_id()
        mine = {f"exports/{owner}/x.csv", f"uploads/{owner}/{upload_id}"}
        bucket.kept = dict.fromkeys([*mine, f"exports/{owner}/y.csv"], b"")
        file = {"key": f"exports/{owner}/x.csv", "name": "x.csv"}
        gone = {
            await self.expired(owner, result={"rows": 1, "file": file}),
            await self.expired(owner, parameters={"upload_id": str(upload_id)}),
            await self.expired(owner, result={"rows": 1}),
        }
        (one, *_) = gone
        async with unit_of_work() as session:
            error = RowError(line=2, field="name", code="missing", message="")
            await tasks.add_row_errors(session, task_id=one, row_errors=[error])
        kept = {
            await a_task(owner),
            await a_task(owner, finished_at=NOW, expires_at=NOW + timedelta(days=7)),
        }
        assert set(await self.forget()) == gone
        assert (await task_ids(), set(bucket.kept)) == (kept, {f"exports/{owner}/y.csv"})
        assert await self.forget() == []

    @DATA_API
    async def test_at_most_as_many_as_are_asked_for(self, owner: UUID) -> None:
        for _ in range(3):
            await self.expired(owner)
        assert [len(await self.forget(limit=2)) for _ in range(3)] == [2, 1, 0]

    @DATA_API
    async def test_whose_files_cannot_be_removed_is_forgotten_later(
        self, owner: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def fail(_: Any) -> None:
            raise ConnectionError("no store")

        task_id = await self.expired(owner)
        with monkeypatch.context() as patch:
            patch.setattr("shared.adapters.files.remove", fail)
            with pytest.raises(ConnectionError):
                await self.forget()
        assert await task_ids() == {task_id}
        assert await self.forget() == [task_id]


class TestMail:
    @pytest.mark.parametrize(
        ("kind", "template", "told"),
        [
            ("import_items", "import_finished", {"imported": "9", "failed": "3"}),
            ("export_items", "export_ready", {"rows": "12"}),
            ("export_account", "export_ready", {"rows": "12"}),
        ],
    )
    @DATA_API
    async def test_the_end_is_told_to_its_owner(
        self, owner: UUID, kind: str, template: str, told: dict[str, str]
    ) -> None:
        task_id = await a_task(owner, kind=kind)
        result = {"rows": 12, "imported": 9, "failed": 3, "file": {"key": "exports/x"}}
        async with unit_of_work() as session:
            await tasks.succeed(session, await taken(task_id, session), result=result)
        (mail,) = await events("mail.mail_requested")
        assert mail == {
            "to": "ada@example.com",
            "template": template,
            "locale": "de",
            "values": {"username": "ada", "task_id": str(task_id), **told},
        }

    @DATA_API
    async def test_a_failure_is_told_with_its_reason(self, owner: UUID) -> None:
        task_id = await a_task(owner)
        async with unit_of_work() as session:
            problem = ValidationFailedError("It has no header.")
            await tasks.fail(session, await taken(task_id, session), problem=problem)
        (mail,) = await events("mail.mail_requested")
        assert mail["template"] == "task_failed"
        assert mail["values"] == {
            "username": "ada",
            "task_id": str(task_id),
            "kind": "export_items",
            "code": "validation_failed",
            "detail": "It has no header.",
        }


class TestTold:
    @pytest.mark.parametrize("end", ["succeeded", "failed", "canceled"])
    async def test_every_end_is_told_to_the_servers_of_its_owner(
        self, owner: UUID, end: str
    ) -> None:
        task_id = await a_task(owner)
        async with unit_of_work() as session:
            match end:
                case "succeeded":
                    work = await taken(task_id, session)
                    await tasks.succeed(session, work, result={"rows": 1, "file": {"key": "x"}})
                case "failed":
                    work = await taken(task_id, session)
                    await tasks.fail(session, work, problem=ValidationFailedError("It is odd."))
                case _:
                    await tasks.cancel(session, owner_id=owner, task_id=task_id)
        async with autocommit() as session:
            (told,) = (await session.scalars(select(PublicEventRow))).all()
        assert (told.type, told.owner_id, told.aggregate) == (
            "task.finished",
            owner,
            f"task:{task_id}",
        )
        assert told.data == {
            "task_id": str(task_id),
            "owner_id": str(owner),
            "kind": "export_items",
            "state": end,
            "problem": "validation_failed" if end == "failed" else None,
        }
        assert await events("tasks.task_finished") == [told.data]


class TestOthers:
    async def test_all_but_one_are_canceled_and_deleted_a_few_at_a_time(self, owner: UUID) -> None:
        one, *others = [await a_task(owner) for _ in range(4)]
        async with unit_of_work() as session:
            await tasks.cancel_others(session, owner_id=owner, task_id=one)
        told = await events("tasks.task_finished")
        assert {each["task_id"] for each in told} == {str(id_) for id_ in others}
        assert {each["state"] for each in told} == {"canceled"}
        for expected in (2, 1, 0):
            async with unit_of_work() as session:
                deleted = await tasks.delete_others(session, owner_id=owner, task_id=one, limit=2)
            assert deleted == expected
        assert await task_ids() == {one}
