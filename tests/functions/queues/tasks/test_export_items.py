"""An export holds every item once, as a file that is read again without loss."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from functions.queues.tasks import export_items
from functions.queues.tasks.runner import PostponedError
from shared.adapters import files
from shared.adapters.database.sessions import unit_of_work
from shared.core.clock import now
from shared.core.money import Money
from shared.domains.catalog import api as catalog
from shared.domains.catalog.schemas import ItemDraft, ItemStatus
from tests.files_fixtures import FileStore
from tests.functions.queues.tasks.item_tasks import (
    items_of,
    kept,
    make_owner,
    make_task,
    work,
    work_to_the_end,
)
from tests.web_fixtures import SignUp

pytestmark = pytest.mark.anyio

DATA_API = pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)
EVIL = ["=1+1", "'=1", "''@a", "-b", "a\u2028b", 'Say "no"', "a,b;c|d\\e"]


@pytest.fixture
async def owner_id(migrated_database_url: str) -> UUID:
    return await make_owner()


async def add_items(owner_id: UUID, drafts: list[ItemDraft]) -> None:
    async with unit_of_work() as session:
        await catalog.import_items(session, owner_id=owner_id, drafts=drafts)


async def add_lamps(owner_id: UUID, count: int) -> None:
    await add_items(owner_id, [ItemDraft(name=f"Lamp {n}") for n in range(count)])


async def exported(owner_id: UUID, store: FileStore, **parameters: str) -> tuple[bytes, Any]:
    """Export items; return the file, and the task."""
    task_id = await make_task(owner_id, kind="export_items", **parameters)
    await work(task_id)
    task = await kept(task_id)
    assert task.state == "succeeded", task.problem
    return store.get(task.result["file"]["key"]), task


async def names_in_json(owner_id: UUID, store: FileStore, **filters: str) -> list[str]:
    body, _ = await exported(owner_id, store, format="json", **filters)
    return [item["name"] for item in json.loads(body)]


class TestCsv:
    async def test_its_lines_are_the_items(self, owner_id: UUID, file_store: FileStore) -> None:
        draft = ItemDraft(
            name="Lämp",
            description="It burns,\r\nand shines.",
            price=Money(amount="12.5", currency="EUR"),
            tags=("brass", "a|b"),
            status=ItemStatus.DRAFT,
        )
        await add_items(owner_id, [draft, ItemDraft(name="=1+1")])
        body, task = await exported(owner_id, file_store, format="csv")
        assert body.decode() == (
            "\ufeffname,description,price_amount,price_currency,tags,status\r\n"
            'Lämp,"It burns,\r\nand shines.",12.50,EUR,brass|a\\|b,draft\r\n'
            "'=1+1,,,,,active\r\n"
        )
        key = f"exports/{owner_id}/{task.id}.csv"
        assert task.result == {
            "rows": 2,
            "file": {
                "key": key,
                "name": "items.csv",
                "size_bytes": len(body),
                "content_type": "text/csv; charset=utf-8",
            },
        }
        head = file_store.client.head_object(Bucket=file_store.bucket, Key=key)
        assert head["ContentType"] == "text/csv; charset=utf-8"

    @DATA_API
    async def test_of_nothing_there_is_a_header(
        self, owner_id: UUID, file_store: FileStore
    ) -> None:
        body, task = await exported(owner_id, file_store, format="csv")
        assert body.decode().splitlines() == [
            "\ufeffname,description,price_amount,price_currency,tags,status"
        ]
        assert (task.result["rows"], task.done, task.total) == (0, 0, 0)

    async def test_an_import_makes_the_same_items_of_it(
        self, owner_id: UUID, file_store: FileStore
    ) -> None:
        drafts = [
            ItemDraft(
                name=evil,
                description=f"{evil}\r\n\t'{evil}",
                price=Money(amount=f"{place}.1234", currency="JPY") if place % 2 else None,
                tags=(evil, f"{evil}|\\"),
                status=list(ItemStatus)[place % 3],
            )
            for place, evil in enumerate(EVIL)
        ]
        await add_items(owner_id, drafts)
        body, _ = await exported(owner_id, file_store, format="csv")
        other_id, upload_id = await make_owner(), uuid4()
        file_store.put(f"uploads/{other_id}/{upload_id}", body)
        task_id = await make_task(other_id, kind="import_items", upload_id=str(upload_id))
        await work(task_id)
        assert (await kept(task_id)).result["imported"] == len(EVIL)
        assert await told(other_id) == await told(owner_id)
        again, _ = await exported(other_id, file_store, format="csv")
        assert again == body


async def told(owner_id: UUID) -> list[dict[str, Any]]:
    """What items are, by which one would tell them apart."""
    told_by = set(ItemDraft.model_fields)
    return [item.model_dump(include=told_by) for item in await items_of(owner_id)]


class TestJson:
    @DATA_API
    async def test_it_is_what_the_api_shows(self, sign_up: SignUp, file_store: FileStore) -> None:
        member = await sign_up()
        for name in ("Lämp", "Wheel"):
            item = {"name": name, "price": {"amount": "1.5", "currency": "EUR"}, "tags": ["a"]}
            headers = {"Idempotency-Key": f'"{uuid4()}"'}
            await member.client.post("/v2/webapp/items", json=item, headers=headers)
        body, task = await exported(UUID(member.id), file_store, format="json")
        listed = await member.client.get("/v2/webapp/items", params={"sort": "created_at"})
        assert json.loads(body) == listed.json()["items"]
        assert json.loads(body)[0]["price"] == {"amount": "1.50", "currency": "EUR"}
        assert task.result["file"]["name"] == "items.json"
        assert task.result["file"]["content_type"] == "application/json"

    @DATA_API
    async def test_of_nothing_it_is_an_empty_array(
        self, owner_id: UUID, file_store: FileStore
    ) -> None:
        assert await names_in_json(owner_id, file_store) == []


class TestWhich:
    @DATA_API
    async def test_only_those_that_were_asked_for(
        self, owner_id: UUID, file_store: FileStore
    ) -> None:
        await add_lamps(await make_owner(), 1)
        drafts = [
            ItemDraft(name="one", tags=("a",), status=ItemStatus.DRAFT),
            ItemDraft(name="two", tags=("a", "b")),
            ItemDraft(name="three", description="one more"),
        ]
        await add_items(owner_id, drafts)
        assert await names_in_json(owner_id, file_store) == ["one", "two", "three"]
        assert await names_in_json(owner_id, file_store, tag="a") == ["one", "two"]
        assert await names_in_json(owner_id, file_store, status="active") == ["two", "three"]
        assert await names_in_json(owner_id, file_store, search="ONE") == ["one", "three"]
        assert await names_in_json(owner_id, file_store, status="draft", tag="b") == []

    async def test_what_is_made_meanwhile_is_left_out(
        self, owner_id: UUID, file_store: FileStore
    ) -> None:
        await add_lamps(owner_id, 3)
        task_id = await make_task(owner_id, kind="export_items", format="json")
        await work(task_id, steps=1)
        await add_items(owner_id, [ItemDraft(name="too late")])
        await work(task_id)
        key = (await kept(task_id)).result["file"]["key"]
        names = [item["name"] for item in json.loads(file_store.get(key))]
        assert names == ["Lamp 0", "Lamp 1", "Lamp 2"]


class TestGoingOn:
    @pytest.fixture(autouse=True)
    def small_parts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(export_items, "PAGE", 2)
        monkeypatch.setattr(export_items, "PART_BYTES", 100)
        monkeypatch.setattr("moto.s3.models.S3_UPLOAD_PART_MIN_SIZE", 100)

    @pytest.mark.parametrize(("steps", "reading_s"), [(1, 8), (1, 0), (2, 0)])
    @DATA_API
    async def test_wherever_an_invocation_ends_the_next_goes_on(
        self,
        owner_id: UUID,
        file_store: FileStore,
        monkeypatch: pytest.MonkeyPatch,
        steps: int,
        reading_s: float,
    ) -> None:
        monkeypatch.setattr(export_items, "READING_S", reading_s)
        await add_lamps(owner_id, 30)
        task_id = await make_task(owner_id, kind="export_items", format="csv")
        assert await work_to_the_end(task_id, steps=steps) > 2
        task = await kept(task_id)
        assert names_in(file_store, task) == [f"Lamp {n}" for n in range(30)]
        assert task.result["rows"] == 30
        assert len(task.checkpoint["etags"]) > 3
        assert file_store.keys() == [task.result["file"]["key"]]

    @pytest.mark.parametrize(
        ("lost", "nth"),
        [("begin_upload", 1), ("finish_upload", 1)]
        + [(lost, nth) for lost in ("write", "put_part") for nth in (1, 2, 3)],
    )
    @DATA_API
    async def test_what_was_done_outside_and_could_not_be_kept_is_done_once(
        self,
        owner_id: UUID,
        file_store: FileStore,
        monkeypatch: pytest.MonkeyPatch,
        lost: str,
        nth: int,
    ) -> None:
        monkeypatch.setattr(export_items, "READING_S", 0)
        done, calls = getattr(files, lost), list[int]()

        async def do_and_fail(*given: Any, **more: Any) -> Any:
            result = await done(*given, **more)
            calls.append(1)
            if len(calls) == nth:
                raise OSError
            return result

        monkeypatch.setattr(files, lost, do_and_fail)
        await add_lamps(owner_id, 30)
        task_id = await make_task(owner_id, kind="export_items", format="csv")
        with pytest.raises(PostponedError):
            await work(task_id)
        await work(task_id)
        assert names_in(file_store, await kept(task_id)) == [f"Lamp {n}" for n in range(30)]

    @DATA_API
    async def test_what_was_set_aside_and_is_not_there_any_more_is_not_left_out(
        self, owner_id: UUID, file_store: FileStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(export_items, "READING_S", 0)
        await add_lamps(owner_id, 30)
        task_id = await make_task(owner_id, kind="export_items", format="csv")
        await work(task_id, steps=2)
        (key,) = file_store.keys()
        file_store.put(key, b"something else")
        with pytest.raises(PostponedError) as raised:
            await work(task_id)
        assert isinstance(raised.value.__cause__, files.FileChangedError)


def names_in(store: FileStore, task: Any) -> list[str]:
    body = store.get(task.result["file"]["key"]).decode()
    return [line.partition(",")[0] for line in body.splitlines()[1:]]


def test_the_moment_is_kept_to_the_microsecond() -> None:
    until = now() + timedelta(microseconds=1)
    place = export_items.Checkpoint(upload="u", until=until)
    assert export_items.Checkpoint.model_validate(place.model_dump(mode="json")).until == until
