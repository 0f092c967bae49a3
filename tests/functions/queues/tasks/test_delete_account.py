"""A user who wants to be gone is gone: with all that is theirs, and nothing of anybody else's."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text

from functions.queues.tasks import delete_account
from functions.queues.tasks.runner import Turn, work_on
from shared.adapters.database.sessions import autocommit
from shared.adapters.outbox.models import OutboxRow, PublicEventRow
from shared.domains.webhooks.models import AttemptRow, EndpointRow
from tests.authorization import things
from tests.bucket import Bucket
from tests.web_fixtures import PASSWORD, Member, SignUp
from tests.webhook_fixtures import sent

pytestmark = pytest.mark.anyio

DATA_API = pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)


@pytest.fixture(autouse=True)
def bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    monkeypatch.setattr(delete_account, "CHUNK", 2)
    return Bucket().install(monkeypatch)


async def post(member: Member, path: str, wanted: Any) -> str:
    headers = {"Idempotency-Key": f'"{uuid4()}"'}
    answer = await member.client.post(f"/v2/webapp/{path}", json=wanted, headers=headers)
    assert answer.is_success, answer.text
    return str(answer.json()["id"])


async def queue_deletion(member: Member) -> UUID:
    deletion = {"kind": "delete_account", "current_password": PASSWORD}
    return UUID(await post(member, "tasks", deletion))


async def work(task_id: UUID, *, steps: int = 1000) -> None:
    left = iter(range(steps - 1))
    turn = Turn(message_id=uuid4(), leaves=lambda _: next(left, None) is not None)
    await work_on(task_id, turn=turn, kinds={"delete_account": delete_account.KIND})


async def counts() -> dict[str, int]:
    async with autocommit() as session:
        return {
            table: (await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()  # noqa: S608
            for table in ("users", "items", "posts", "tasks")
        }


async def events() -> list[OutboxRow]:
    async with autocommit() as session:
        return list(await session.scalars(select(OutboxRow).order_by(OutboxRow.sequence)))


class TestDelete:
    async def test_all_that_is_theirs_goes_and_nothing_else(
        self, sign_up: SignUp, bucket: Bucket
    ) -> None:
        leaving, staying = await sign_up(), await sign_up()
        items = [await post(leaving, "items", {"name": f"Lamp {n}"}) for n in range(3)]
        other = await post(staying, "items", {"name": "Wheel"})
        for item_id in (items[0], other):
            for member in (leaving, staying):
                await post(member, "posts", {"item_id": item_id, "body": "It shines."})
        for member in (leaving, staying):
            await post(member, "tasks", {"kind": "export_account"})
        bucket.kept = {
            f"{kind}/{member.id}/{n}": b""
            for kind in ("uploads", "exports")
            for member in (leaving, staying)
            for n in range(3)
        }
        await work(await queue_deletion(leaving))
        assert await counts() == {"users": 1, "items": 1, "posts": 1, "tasks": 1}
        assert {key.split("/")[1] for key in bucket.kept} == {staying.id}
        assert len(bucket.kept) == 6

    async def test_their_webhooks_go_with_log_and_journal_a_little_at_a_time(
        self, sign_up: SignUp
    ) -> None:
        leaving, staying = await sign_up(), await sign_up()
        for member in (leaving, staying):
            for _ in range(3):
                endpoint_id = await things.endpoint(UUID(member.id))
                await sent(endpoint_id, UUID(member.id))
            await post(member, "items", {"name": "Lamp"})
        await work(await queue_deletion(leaving))
        async with autocommit() as session:
            endpoints = list(await session.scalars(select(EndpointRow.owner_id)))
            attempts = list(await session.scalars(select(AttemptRow.id)))
            kept = select(PublicEventRow.owner_id, PublicEventRow.type)
            journal = {(str(owner), type_) for owner, type_ in await session.execute(kept)}
        assert endpoints == [UUID(staying.id)] * 3
        assert len(attempts) == 3
        # That the account is gone is told last, and to the installation only: nobody else is left.
        assert journal == {(staying.id, "item.created"), (leaving.id, "task.finished")}

    @DATA_API
    async def test_it_is_told_and_written_to_who_is_gone(self, sign_up: SignUp) -> None:
        member = await sign_up()
        await work(await queue_deletion(member))
        told = {event.type: event.data for event in await events()}
        assert told["identity.user_deleted"] == {"user_id": member.id}
        assert told["tasks.task_finished"]["state"] == "succeeded"
        *_, mail = (event.data for event in await events() if event.type == "mail.mail_requested")
        assert mail == {
            "to": member.email,
            "template": "account_deleted",
            "locale": "en",
            "values": {"username": member.username},
        }

    @DATA_API
    async def test_it_goes_on_wherever_an_invocation_ended(self, sign_up: SignUp) -> None:
        member = await sign_up()
        for number in range(5):
            await post(member, "items", {"name": f"Lamp {number}"})
        task_id = await queue_deletion(member)
        for _ in range(9):
            assert (await counts())["users"] == 1
            await work(task_id, steps=1)
        await work(task_id)
        assert await counts() == {"users": 0, "items": 0, "posts": 0, "tasks": 0}

    @DATA_API
    async def test_first_their_other_tasks_are_stopped(self, sign_up: SignUp) -> None:
        member = await sign_up()
        export = await post(member, "tasks", {"kind": "export_account"})
        await work(await queue_deletion(member), steps=1)
        answer = await member.client.get(f"/v2/webapp/tasks/{export}")
        assert answer.json()["state"] == "canceled"

    @DATA_API
    async def test_answers_that_were_kept_for_them_go_too(self, sign_up: SignUp) -> None:
        leaving, staying = await sign_up(), await sign_up()
        for member in (leaving, staying):
            await post(member, "items", {"name": "Lamp"})
        await work(await queue_deletion(leaving))
        async with autocommit() as session:
            scopes = await session.scalars(text("SELECT scope FROM idempotency_keys"))
        assert list(scopes) == [f"user:{staying.id}"]

    async def test_whoever_is_gone_can_do_nothing_more(self, sign_up: SignUp) -> None:
        member = await sign_up()
        await work(await queue_deletion(member))
        assert (await member.client.get("/v2/webapp/users/me")).status_code == 401
        answer = await member.client.post("/v2/webapp/items", json={"name": "Lamp"})
        assert answer.status_code == 401
