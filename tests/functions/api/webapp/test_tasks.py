import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import select, text, update

from shared.adapters.database.sessions import autocommit, unit_of_work
from shared.adapters.outbox.models import OutboxRow
from shared.domains.catalog.schemas import ItemStatus
from shared.domains.tasks import api as tasks
from shared.domains.tasks.models import Task
from shared.domains.tasks.schemas import ExportItems, RowError, TaskState
from tests.bucket import Bucket
from tests.web_fixtures import PASSWORD, Member, SignUp

pytestmark = pytest.mark.anyio

TASKS = "/v2/webapp/tasks"
EXPORT = {"kind": "export_items", "format": "csv"}
DATA_API = pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)

type Calls = Callable[[], AbstractContextManager[list[str]]]


@pytest.fixture(autouse=True)
def bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    return Bucket().install(monkeypatch)


async def queue(member: Member, wanted: Any, *, key: str | None = None) -> httpx.Response:
    headers = {"Idempotency-Key": f'"{key or uuid4()}"'}
    return await member.client.post(TASKS, json=wanted, headers=headers)


async def queued(member: Member, wanted: Any = EXPORT) -> str:
    answer = await queue(member, wanted)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def change(task_id: str, **values: Any) -> None:
    async with unit_of_work() as session:
        await session.execute(update(Task).where(Task.id == UUID(task_id)).values(**values))


async def finish(task_id: str, **values: Any) -> None:
    ended = {"state": TaskState.SUCCEEDED, "finished_at": datetime.now(UTC)}
    await change(task_id, **{**ended, **values})


async def events() -> list[OutboxRow]:
    async with autocommit() as session:
        return list(await session.scalars(select(OutboxRow).order_by(OutboxRow.sequence)))


async def count() -> int:
    async with autocommit() as session:
        found: int = (await session.execute(text("SELECT count(*) FROM tasks"))).scalar_one()
    return found


class TestQueue:
    async def test_it_is_accepted_and_can_be_looked_at(self, sign_up: SignUp) -> None:
        member = await sign_up()
        answer = await queue(member, EXPORT)
        task = answer.json()
        assert (answer.status_code, answer.headers["Location"]) == (202, f"tasks/{task['id']}")
        assert (task["kind"], task["state"]) == ("export_items", "queued")
        assert task["progress"] == {"done": 0, "total": None}
        got = await member.client.get(f"{TASKS}/{task['id']}")
        assert got.json() == task | {"download_url": None, "download_expires_at": None}

    @DATA_API
    async def test_whoever_does_it_is_told_with_it(self, sign_up: SignUp) -> None:
        member = await sign_up()
        task_id = await queued(member, EXPORT | {"status": "active", "tag": "brass"})
        event = (await events())[-1]
        assert (event.type, event.aggregate) == ("tasks.task_queued", f"task:{task_id}")
        assert event.data == {"task_id": task_id, "owner_id": member.id, "kind": "export_items"}
        async with autocommit() as session:
            task = await session.get_one(Task, UUID(task_id))
        assert task.parameters == {"format": "csv", "status": "active", "tag": "brass"}

    @DATA_API
    async def test_the_same_request_again_queues_nothing_more(self, sign_up: SignUp) -> None:
        member = await sign_up()
        first, second = [await queue(member, EXPORT, key="one") for _ in range(2)]
        assert first.json() == second.json()
        assert second.headers["Idempotent-Replayed"] == "true"
        assert second.headers["Location"] == first.headers["Location"]
        assert await count() == 1

    @DATA_API
    async def test_without_a_key_it_is_400(self, sign_up: SignUp) -> None:
        answer = await (await sign_up()).client.post(TASKS, json=EXPORT)
        assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")
        assert await count() == 0

    @pytest.mark.parametrize(
        "wanted",
        [
            {},
            {"kind": "count_items"},
            {"kind": "export_items"},
            {"kind": "export_items", "format": "xml"},
            {"kind": "export_items", "format": "csv", "status": "sold"},
            {"kind": "import_items"},
            {"kind": "import_items", "upload_id": "../x"},
            {"kind": "export_account", "format": "csv"},
            {"kind": "delete_account"},
        ],
    )
    @DATA_API
    async def test_what_makes_no_sense_is_422(self, sign_up: SignUp, wanted: Any) -> None:
        answer = await queue(await sign_up(), wanted)
        assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
        assert await count() == 0

    @DATA_API
    async def test_an_import_needs_an_uploaded_file(self, sign_up: SignUp, bucket: Bucket) -> None:
        member, other = await sign_up(), await sign_up()
        upload_id = str(uuid4())
        wanted = {"kind": "import_items", "upload_id": upload_id}
        bucket.kept[f"uploads/{other.id}/{upload_id}"] = b"name\r\n"
        answer = await queue(member, wanted)
        assert (answer.status_code, answer.json()["code"]) == (422, "no_such_upload")
        bucket.kept[f"uploads/{member.id}/{upload_id}"] = b"name\r\n"
        assert (await queue(member, wanted)).status_code == 202

    async def test_a_user_has_at_most_five_unfinished(self, sign_up: SignUp) -> None:
        member, other = await sign_up(), await sign_up()
        answers = await asyncio.gather(*(queue(member, EXPORT) for _ in range(8)))
        assert sorted(each.status_code for each in answers) == [202] * 5 + [409] * 3
        assert {each.json().get("code") for each in answers} == {None, "too_many_tasks"}
        await queued(other)
        done = next(each.json()["id"] for each in answers if each.status_code == 202)
        await finish(done)
        await queued(member)

    @DATA_API
    async def test_to_delete_an_account_needs_its_password(self, sign_up: SignUp) -> None:
        member = await sign_up()
        wanted = {"kind": "delete_account", "current_password": "quite another one"}
        answer = await queue(member, wanted)
        assert (answer.status_code, answer.json()["code"]) == (422, "wrong_password")
        assert await count() == 0

    @DATA_API
    async def test_a_password_is_kept_nowhere(self, sign_up: SignUp) -> None:
        member = await sign_up()
        await queued(member, {"kind": "delete_account", "current_password": PASSWORD})
        async with autocommit() as session:
            for table in ("tasks", "outbox", "idempotency_keys"):
                rows = await session.execute(
                    text(f"SELECT CAST(to_jsonb(t) AS text) FROM {table} AS t")  # noqa: S608
                )
                assert [row for row in rows.scalars() if PASSWORD in row] == []

    @DATA_API
    async def test_while_an_account_is_deleted_nothing_else_begins(self, sign_up: SignUp) -> None:
        member = await sign_up()
        deletion = {"kind": "delete_account", "current_password": PASSWORD}
        task_id = await queued(member, deletion)
        for wanted in (EXPORT, deletion):
            answer = await queue(member, wanted)
            assert (answer.status_code, answer.json()["code"]) == (409, "account_closing")
        assert (await member.client.post(f"{TASKS}/{task_id}/cancel")).status_code == 200
        await queued(member)

    @DATA_API
    async def test_an_account_is_deleted_however_many_tasks_are_unfinished(
        self, sign_up: SignUp
    ) -> None:
        member = await sign_up()
        for _ in range(5):
            await queued(member)
        await queued(member, {"kind": "delete_account", "current_password": PASSWORD})

    @DATA_API
    async def test_without_a_user_it_is_401(self, webapp: httpx.AsyncClient) -> None:
        headers = {"Idempotency-Key": '"one"'}
        assert (await webapp.post(TASKS, json=EXPORT, headers=headers)).status_code == 401

    @pytest.mark.parametrize("kind", ["export_items", "delete_account"])
    @DATA_API
    async def test_whose_user_is_gone_gets_401(self, sign_up: SignUp, kind: str) -> None:
        member = await sign_up()
        async with unit_of_work() as session:
            await session.execute(text("DELETE FROM users"))
        deletion = {"kind": "delete_account", "current_password": PASSWORD}
        answer = await queue(member, EXPORT if kind == "export_items" else deletion)
        assert answer.status_code == 401

    def test_an_export_knows_the_states_of_items(self) -> None:
        named = get_args(get_args(ExportItems.model_fields["status"].annotation)[0])
        assert set(named) == {status.value for status in ItemStatus}


class TestList:
    async def test_one_sees_ones_own_newest_first_a_page_at_a_time(self, sign_up: SignUp) -> None:
        member, other = await sign_up(), await sign_up()
        await queued(other)
        mine = [await queued(member) for _ in range(3)]
        first = (await member.client.get(TASKS, params={"limit": 2})).json()
        rest = await member.client.get(TASKS, params={"limit": 2, "cursor": first["next_cursor"]})
        found = [*first["items"], *rest.json()["items"]]
        assert [task["id"] for task in found] == mine[::-1]
        assert rest.json()["next_cursor"] is None

    @DATA_API
    async def test_by_state_and_kind(self, sign_up: SignUp) -> None:
        member = await sign_up()
        export, account = await queued(member), await queued(member, {"kind": "export_account"})
        await finish(account)

        async def ids(**query: str) -> list[str]:
            answer = await member.client.get(TASKS, params=query)
            return [task["id"] for task in answer.json()["items"]]

        assert await ids(state="queued") == [export]
        assert await ids(kind="export_account") == [account]
        assert await ids(kind="export_account", state="queued") == []

    @DATA_API
    async def test_it_is_one_call(self, sign_up: SignUp, data_api_calls: Calls) -> None:
        member = await sign_up()
        await queued(member)
        with data_api_calls() as calls:
            await member.client.get(TASKS)
        assert calls == ["Execute"]

    @pytest.mark.parametrize("query", [{"state": "lost"}, {"kind": "x"}, {"cursor": "abc"}])
    @DATA_API
    async def test_a_bad_question_is_422(self, sign_up: SignUp, query: dict[str, str]) -> None:
        answer = await (await sign_up()).client.get(TASKS, params=query)
        assert answer.status_code == 422


class TestGet:
    async def test_a_file_has_a_new_link_each_time_and_its_place_is_not_told(
        self, sign_up: SignUp
    ) -> None:
        member = await sign_up()
        task_id = await queued(member)
        key = f"exports/{member.id}/{task_id}.csv"
        file = {"key": key, "name": "items.csv", "size_bytes": 3}
        await finish(task_id, result={"rows": 1, "file": file})
        before = datetime.now(UTC)
        task = (await member.client.get(f"{TASKS}/{task_id}")).json()
        assert task["result"] == {"rows": 1, "file": {"name": "items.csv", "size_bytes": 3}}
        assert task["download_url"] == f"https://files.example.com/{key}?items.csv&900"
        expires_at = datetime.fromisoformat(task["download_expires_at"])
        assert timedelta(0) <= expires_at - before - timedelta(minutes=15) < timedelta(minutes=1)

    @DATA_API
    async def test_a_failed_one_tells_its_problem(self, sign_up: SignUp) -> None:
        member = await sign_up()
        task_id = await queued(member)
        problem = {
            "type": "urn:switchyard:problem:too_wide",
            "title": "Too wide",
            "status": 422,
            "detail": "A line has 7,000 columns.",
            "code": "too_wide",
            "request_id": "r",
            "errors": [{"location": ["line", 7], "code": "wide", "message": "Too wide."}],
        }
        await finish(task_id, state=TaskState.FAILED, problem=problem)
        task = (await member.client.get(f"{TASKS}/{task_id}")).json()
        assert (task["state"], task["problem"], task["result"]) == ("failed", problem, None)

    @DATA_API
    async def test_a_foreign_or_unknown_one_is_404(self, sign_up: SignUp) -> None:
        member, other = await sign_up(), await sign_up()
        for task_id in (await queued(other), uuid4()):
            for path in (f"{TASKS}/{task_id}", f"{TASKS}/{task_id}/errors"):
                answer = await member.client.get(path)
                assert (answer.status_code, answer.json()["code"]) == (404, "task_not_found")

    @DATA_API
    async def test_one_of_a_kind_that_is_no_more_can_be_read(self, sign_up: SignUp) -> None:
        member = await sign_up()
        task_id = await queued(member)
        await change(task_id, kind="print_items")
        assert (await member.client.get(f"{TASKS}/{task_id}")).json()["kind"] == "print_items"


class TestErrors:
    async def test_they_come_by_line_a_page_at_a_time(self, sign_up: SignUp) -> None:
        member = await sign_up()
        task_id = await queued(member)
        errors = [
            RowError(line=line, field="name", code="missing", message="A name is needed.")
            for line in (30, 4, 200)
        ]
        async with unit_of_work() as session:
            await tasks.add_row_errors(session, task_id=UUID(task_id), row_errors=errors)
            await tasks.add_row_errors(session, task_id=UUID(task_id), row_errors=errors[:1])
            await tasks.add_row_errors(session, task_id=UUID(task_id), row_errors=[])
        path = f"{TASKS}/{task_id}/errors"
        first = (await member.client.get(path, params={"limit": 2})).json()
        rest = await member.client.get(path, params={"limit": 2, "cursor": first["next_cursor"]})
        found = [*first["items"], *rest.json()["items"]]
        assert [each["line"] for each in found] == [4, 30, 200]
        assert found[0] == errors[1].model_dump()


class TestCancel:
    async def test_a_queued_one_is_canceled_at_once_and_no_mail_tells_it(
        self, sign_up: SignUp
    ) -> None:
        member = await sign_up()
        task_id = await queued(member)
        answer = await member.client.post(f"{TASKS}/{task_id}/cancel")
        assert (answer.status_code, answer.json()["state"]) == (200, "canceled")
        assert answer.json()["finished_at"] < answer.json()["expires_at"]
        told = [(event.type, event.data.get("template")) for event in await events()]
        assert told == [
            ("mail.mail_requested", "welcome"),
            ("mail.mail_requested", "verify_email"),
            ("tasks.task_queued", None),
            ("tasks.task_finished", None),
        ]

    @DATA_API
    async def test_a_running_one_too(self, sign_up: SignUp) -> None:
        member = await sign_up()
        task_id = await queued(member)
        await change(task_id, state=TaskState.RUNNING, done=3)
        task = (await member.client.post(f"{TASKS}/{task_id}/cancel")).json()
        assert (task["state"], task["progress"]["done"]) == ("canceled", 3)

    @DATA_API
    async def test_a_finished_one_is_409(self, sign_up: SignUp) -> None:
        member = await sign_up()
        task_id = await queued(member)
        await finish(task_id)
        answer = await member.client.post(f"{TASKS}/{task_id}/cancel")
        assert (answer.status_code, answer.json()["code"]) == (409, "task_finished")

    @DATA_API
    async def test_half_an_account_is_not_left(self, sign_up: SignUp) -> None:
        member = await sign_up()
        task_id = await queued(member, {"kind": "delete_account", "current_password": PASSWORD})
        await change(task_id, state=TaskState.RUNNING)
        answer = await member.client.post(f"{TASKS}/{task_id}/cancel")
        assert (answer.status_code, answer.json()["code"]) == (409, "task_unstoppable")

    @DATA_API
    async def test_a_foreign_or_unknown_one_is_404(self, sign_up: SignUp) -> None:
        member, other = await sign_up(), await sign_up()
        foreign = await queued(other)
        for task_id in (foreign, uuid4()):
            answer = await member.client.post(f"{TASKS}/{task_id}/cancel")
            assert answer.status_code == 404
        got = await other.client.get(f"{TASKS}/{foreign}")
        assert got.json()["state"] == "queued"
