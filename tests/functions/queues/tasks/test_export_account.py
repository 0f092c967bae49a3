"""A user gets all that is kept about them, in one file of JSON, however much it is."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from functions.queues.tasks import export_account
from functions.queues.tasks.runner import PostponedError, Turn, work_on
from shared.adapters.database.sessions import unit_of_work
from shared.core.clock import now
from shared.domains.mfa.models import PasskeyRow, TotpAuthenticator
from tests import bucket as bucket_module
from tests.authorization import things
from tests.bucket import Bucket
from tests.web_fixtures import Member, SignUp

pytestmark = pytest.mark.anyio

DATA_API = pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)
TASKS = "/v2/webapp/tasks"


@pytest.fixture(autouse=True)
def bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    for module, name in ((export_account, "PART_BYTES"), (bucket_module, "SMALLEST_PART")):
        monkeypatch.setattr(module, name, 700)
    monkeypatch.setattr(export_account, "PAGE", 2)
    return Bucket().install(monkeypatch)


async def post(member: Member, path: str, wanted: Any) -> dict[str, Any]:
    headers = {"Idempotency-Key": f'"{uuid4()}"'}
    answer = await member.client.post(f"/v2/webapp/{path}", json=wanted, headers=headers)
    assert answer.is_success, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def work(task: dict[str, Any], *, steps: int = 1000) -> None:
    left = iter(range(steps - 1))
    turn = Turn(message_id=uuid4(), leaves=lambda _: next(left, None) is not None)
    kinds = {"export_account": export_account.KIND}
    await work_on(UUID(task["id"]), turn=turn, kinds=kinds)


def file_of(task: dict[str, Any], member: Member, bucket: Bucket) -> Any:
    return json.loads(bucket.kept[f"exports/{member.id}/{task['id']}.json"])


async def add_factors(user_id: UUID) -> tuple[str, str]:
    """Give a user both kinds of second factors; return what is not for an export."""
    secret, key = "sealed-secret", "public-key"
    at = now()
    async with unit_of_work() as session:
        session.add(
            TotpAuthenticator(user_id=user_id, sealed_secret=secret, created_at=at, confirmed_at=at)
        )
        session.add(
            PasskeyRow(
                user_id=user_id,
                credential_id="id",
                public_key=key,
                sign_count=0,
                name="Laptop",
                transports=[],
                aaguid="00000000-0000-0000-0000-000000000000",
                synced=False,
                backed_up=False,
            )
        )
    return secret, key


class TestExport:
    async def test_it_holds_all_that_is_kept_about_them(
        self, sign_up: SignUp, bucket: Bucket
    ) -> None:
        member, other = await sign_up(), await sign_up()
        items = [
            await post(member, "items", {"name": f"Lämp {n}", "tags": ["a"]}) for n in range(5)
        ]
        foreign = await post(other, "items", {"name": "Wheel"})
        posts = [
            await post(member, "posts", {"item_id": each["id"], "body": "It shines."})
            for each in (items[0], foreign, items[1])
        ]
        await post(other, "posts", {"item_id": items[0]["id"], "body": "Not mine."})
        secret, key = await add_factors(UUID(member.id))
        link_id = await things.link(UUID(member.id), things.NOTHING)
        client_id = await things.client(UUID(member.id), things.NOTHING)
        endpoint_id = await things.endpoint(UUID(member.id))
        await things.endpoint(UUID(other.id))
        task = await post(member, "tasks", {"kind": "export_account"})
        await work(task)
        exported = file_of(task, member, bucket)
        assert [each["kind"] for each in exported["second_factors"]] == ["totp", "passkey"]
        assert not any(each in str(exported) for each in (secret, key))
        assert exported["user"] == (await member.client.get("/v2/webapp/users/me")).json()
        assert exported["items"] == items
        assert exported["posts"] == posts[::-1]
        assert [each["id"] for each in exported["tasks"]] == [task["id"]]
        got = (await member.client.get(f"{TASKS}/{task['id']}")).json()
        (own,) = (await member.client.get("/v2/webapp/sessions")).json()["items"]
        assert exported["sessions"] == [own | {"current": False}]
        assert [each["id"] for each in exported["external_logins"]] == [link_id]
        for section in ("oauth_clients", "oauth_grants"):
            assert [each["client_id"] for each in exported[section]] == [client_id]
        (endpoint,) = exported["webhooks"]
        assert (endpoint["id"], endpoint["header_names"]) == (endpoint_id, ["X-Key"])
        assert "secrets" not in endpoint
        assert not any(each in str(exported) for each in (things.HEADER, "whsec_"))
        assert got["result"]["rows"] == 5 + 3 + 1 + 2 + 1 + 3 + 1
        size_bytes = len(bucket.kept[f"exports/{member.id}/{task['id']}.json"])
        assert got["result"]["file"] == {"name": "account.json", "size_bytes": size_bytes}
        assert got["download_url"].startswith("https://")

    @DATA_API
    async def test_of_nothing_there_is_a_file_too(self, sign_up: SignUp, bucket: Bucket) -> None:
        member = await sign_up()
        task = await post(member, "tasks", {"kind": "export_account"})
        await work(task)
        exported = file_of(task, member, bucket)
        assert (exported["items"], exported["posts"], len(exported["tasks"])) == ([], [], 1)
        assert exported["second_factors"] == []

    @DATA_API
    async def test_it_goes_on_wherever_an_invocation_ended(
        self, sign_up: SignUp, bucket: Bucket
    ) -> None:
        member = await sign_up()
        items = [await post(member, "items", {"name": f"Lamp {n}"}) for n in range(12)]
        task = await post(member, "tasks", {"kind": "export_account"})
        for _ in range(4):
            await work(task, steps=1)
            assert bucket.kept == {}
        await work(task)
        assert file_of(task, member, bucket)["items"] == items

    @pytest.mark.parametrize("lost", ["begin_upload", "put_part", "finish_upload"])
    @DATA_API
    async def test_what_was_done_outside_and_could_not_be_kept_is_done_once(
        self, sign_up: SignUp, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, lost: str
    ) -> None:
        member = await sign_up()
        items = [await post(member, "items", {"name": f"Lamp {n}"}) for n in range(12)]
        task = await post(member, "tasks", {"kind": "export_account"})
        done = getattr(bucket, lost)

        async def do_and_fail(*given: Any, **more: Any) -> None:
            await done(*given, **more)
            raise OSError

        with monkeypatch.context() as patch:
            patch.setattr(f"shared.adapters.files.{lost}", do_and_fail)
            with pytest.raises(PostponedError):
                await work(task)
        await work(task)
        assert file_of(task, member, bucket)["items"] == items
