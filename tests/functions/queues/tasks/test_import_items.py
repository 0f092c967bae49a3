"""Good rows become items, bad ones are told by their line, and of a file that makes no sense nothing is kept."""

import asyncio
import json
import re
import sys
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from functions.queues.tasks import import_items
from functions.queues.tasks.runner import PostponedError
from shared.adapters import files
from shared.adapters.database.sessions import autocommit
from shared.core.money import Money
from shared.domains.catalog.schemas import ItemStatus
from shared.domains.tasks import api as tasks
from tests.files_fixtures import FileStore
from tests.functions.queues.tasks.item_tasks import (
    items_of,
    kept,
    make_owner,
    make_task,
    row_errors_of,
    work,
    work_to_the_end,
)

pytestmark = pytest.mark.anyio

MIB = 1024 * 1024
MOST_KIB = 256 * 1024
DATA_API = pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)


@pytest.fixture
async def owner_id(migrated_database_url: str) -> UUID:
    return await make_owner()


async def begin(owner_id: UUID, store: FileStore, body: bytes | None) -> UUID:
    """Upload a file and queue its import."""
    upload_id = uuid4()
    if body is not None:
        store.put(f"uploads/{owner_id}/{upload_id}", body)
    return await make_task(owner_id, kind="import_items", upload_id=str(upload_id))


async def imported(owner_id: UUID, store: FileStore, body: bytes) -> tuple[Any, UUID]:
    """Import a file; return what the task tells of it, and the task's id."""
    task_id = await begin(owner_id, store, body)
    await work(task_id)
    task = await kept(task_id)
    assert task.state == "succeeded", task.problem
    return task.result, task_id


async def refused(owner_id: UUID, store: FileStore, body: bytes | None) -> dict[str, Any]:
    """Import a file that is refused; return the problem, no item being there."""
    task_id = await begin(owner_id, store, body)
    await work(task_id)
    task = await kept(task_id)
    assert (task.state, task.result) == ("failed", None)
    assert await items_of(owner_id) == []
    problem: dict[str, Any] = task.problem
    return problem


def rows(*names: str) -> bytes:
    return "\n".join(("name", *names)).encode()


class TestImport:
    async def test_rows_become_items_in_their_order(
        self, owner_id: UUID, file_store: FileStore
    ) -> None:
        body = (
            "name,price_amount,price_currency,tags,status,description\r\n"
            'Lämp ✓,12.50,EUR,brass|old,draft,"It ""burns"",\r\nand shines."\r\n'
            "Wheel,,,,,\r\n"
            "=1+1,3,JPY,brass|brass,archived,'=1\r\n"
        )
        result, task_id = await imported(owner_id, file_store, body.encode())
        assert result == {"rows": 3, "imported": 3, "failed": 0, "errors_kept": 0}
        lamp, wheel, formula = await items_of(owner_id)
        assert (lamp.name, lamp.description) == ("Lämp ✓", 'It "burns",\r\nand shines.')
        assert lamp.price == Money(amount="12.50", currency="EUR")
        assert (lamp.tags, lamp.status) == (("brass", "old"), ItemStatus.DRAFT)
        assert (wheel.name, wheel.description, wheel.price) == ("Wheel", "", None)
        assert (wheel.tags, wheel.status, wheel.version) == ((), ItemStatus.ACTIVE, 1)
        assert (formula.name, formula.description, formula.tags) == ("=1+1", "=1", ("brass",))
        task = await kept(task_id)
        assert (task.done, task.total) == (3, 3)

    async def test_good_rows_are_kept_and_bad_ones_told_by_their_line(
        self, owner_id: UUID, file_store: FileStore
    ) -> None:
        body = (
            b"name,status\n"
            b"one,active\n"
            b"\n"
            b'"two\n",active\n'
            b"three,sold\n"
            b"four\n"
            b"fi\xffve,active\n"
            b"si\0x,active\n"
            b'"sev"en,active\n'
            b"eight,draft\n"
        )
        result, task_id = await imported(owner_id, file_store, body)
        assert result == {"rows": 8, "imported": 2, "failed": 6, "errors_kept": 6}
        assert [item.name for item in await items_of(owner_id)] == ["one", "eight"]
        told = await row_errors_of(owner_id, task_id)
        assert [(each.line, each.field, each.code) for each in told] == [
            (4, "name", "string_pattern_mismatch"),
            (6, "status", "enum"),
            (7, "", "field_count"),
            (8, "", "encoding"),
            (9, "", "nul"),
            (10, "", "quotes"),
        ]

    @pytest.mark.parametrize(
        "body",
        [
            b"\xef\xbb\xbfname,tags\r\nLamp,a\r\nWheel,b",
            b"name;tags\rLamp;a\nWheel;b\r\n",
            b'\n\n"Tags"\t" NAME "\na\tLamp\n\nb\tWheel\n\n',
        ],
        ids=["a mark", "semicolons and mixed line ends", "tabs, quotes and empty lines"],
    )
    @DATA_API
    async def test_what_spreadsheets_write_is_read(
        self, owner_id: UUID, file_store: FileStore, body: bytes
    ) -> None:
        await imported(owner_id, file_store, body)
        found = [(item.name, item.tags) for item in await items_of(owner_id)]
        assert found == [("Lamp", ("a",)), ("Wheel", ("b",))]

    @DATA_API
    async def test_of_many_errors_the_first_are_kept_and_all_are_counted(
        self, owner_id: UUID, file_store: FileStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(import_items, "MOST_ERRORS", 5)
        monkeypatch.setattr(import_items, "ROWS", 3)
        result, task_id = await imported(owner_id, file_store, rows(*[" "] * 10, "good"))
        assert result == {"rows": 11, "imported": 1, "failed": 10, "errors_kept": 5}
        assert [each.line for each in await row_errors_of(owner_id, task_id)] == [2, 3, 4, 5, 6]

    @DATA_API
    async def test_long_rows_make_short_steps(
        self, owner_id: UUID, file_store: FileStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Of the characters that JSON writes the longest, in as many rows as a step can have.
        worst = "\x01" * 5000
        body = "name,description\n" + f"Lamp,{worst}\n" * 200
        result, _ = await imported(owner_id, file_store, body.encode())
        assert result["imported"] == 200
        assert {item.description for item in await items_of(owner_id)} == {worst}


class TestRefusal:
    @pytest.mark.parametrize(
        ("body", "code", "told"),
        [
            (None, "no_such_upload", "uploaded no file"),
            (b"", "empty_file", "no rows"),
            (b"\xef\xbb\xbf\r\n\r\n", "empty_file", "no rows"),
            (b"name,tags\r\n", "empty_file", "no rows"),
            (b"name\n\n\r\n", "empty_file", "no rows"),
            ("name\nLamp\n".encode("utf-16"), "unreadable_file", "UTF-16"),
            ("näme\nLamp\n".encode("latin-1"), "unreadable_file", "line 1 on.*not UTF-8"),
            (b"\n\0name\nLamp\n", "unreadable_file", "line 2 on.*NUL"),
            (b'"na"me\nLamp\n', "unreadable_file", "closing quote"),
            (b'name\nLamp\n"Wheel\nTrain\n', "unreadable_file", "line 3 on"),
            (b'name\nLamp\n"Wheel\n' + b"Train\n" * 50_000, "unreadable_file", "line 3 on"),
            (b"name\nLamp\n" + b"x" * 200_000, "unreadable_file", "line 3 on"),
            (b"x" * 200_000, "unreadable_file", "line 1 on"),
            (b"\n" * 2_000_000, "empty_file", "no rows"),
            (b"title\nLamp\n", "wrong_columns", "columns"),
            (b"name,name\nLamp,a\n", "wrong_columns", "columns"),
        ],
        ids=[
            "no file",
            "nothing",
            "a mark alone",
            "a header alone",
            "a header and empty lines",
            "UTF-16",
            "Latin-1",
            "NUL",
            "a malformed header",
            "an open quote",
            "an open quote far from the end",
            "a long line",
            "one line",
            "empty lines",
            "no name",
            "a column twice",
        ],
    )
    @DATA_API
    async def test_nothing_is_kept_of_a_file_that_makes_no_sense(
        self, owner_id: UUID, file_store: FileStore, body: bytes | None, code: str, told: str
    ) -> None:
        problem = await refused(owner_id, file_store, body)
        assert (problem["code"], problem["status"]) == (code, 422)
        assert re.search(told, problem["detail"])

    @DATA_API
    async def test_wrong_columns_are_named(self, owner_id: UUID, file_store: FileStore) -> None:
        problem = await refused(owner_id, file_store, b"title,tags,Tags\nLamp,a,b\n")
        assert [(each["location"], each["code"]) for each in problem["errors"]] == [
            (["file", "name"], "missing"),
            (["file", "title"], "unknown"),
            (["file", "tags"], "doubled"),
        ]

    @DATA_API
    async def test_a_file_of_one_row_too_many_is_refused(
        self, owner_id: UUID, file_store: FileStore
    ) -> None:
        problem = await refused(owner_id, file_store, b"name\n" + b"a\n" * 1_000_001)
        assert problem["code"] == "too_many_rows"
        assert "1,000,000" in problem["detail"]

    @DATA_API
    async def test_one_of_as_many_as_there_may_be_is_not(
        self, owner_id: UUID, file_store: FileStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(import_items, "MOST_ROWS", 5)
        assert (await refused(owner_id, file_store, rows(*"abcdef")))["code"] == "too_many_rows"
        result, _ = await imported(owner_id, file_store, rows(*"abcde"))
        assert result["imported"] == 5

    @DATA_API
    async def test_a_file_of_another_user_is_not_found(
        self, owner_id: UUID, file_store: FileStore
    ) -> None:
        upload_id = uuid4()
        file_store.put(f"uploads/{await make_owner()}/{upload_id}", rows("Lamp"))
        task_id = await make_task(owner_id, kind="import_items", upload_id=str(upload_id))
        await work(task_id)
        assert (await kept(task_id)).problem["code"] == "no_such_upload"


class TestGoingOn:
    @pytest.fixture(autouse=True)
    def small_steps(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in (("ROWS", 3), ("PIECE_BYTES", 7), ("READING_S", 0)):
            monkeypatch.setattr(import_items, name, value)

    @pytest.mark.parametrize("steps", [1, 2, 5])
    @DATA_API
    async def test_wherever_an_invocation_ends_the_next_goes_on(
        self, owner_id: UUID, file_store: FileStore, steps: int
    ) -> None:
        names = [f"Lamp\n{n}" if n % 4 == 0 else f"Lamp {n}" for n in range(20)]
        body = rows(*(f'"{name}"\n' for name in names))
        task_id = await begin(owner_id, file_store, body)
        assert await work_to_the_end(task_id, steps=steps) > 2
        good = [name for name in names if "\n" not in name]
        assert [item.name for item in await items_of(owner_id)] == good
        # Each fourth takes two lines, and behind each is an empty one.
        lines = [each.line for each in await row_errors_of(owner_id, task_id)]
        assert lines == [2, 11, 20, 29, 38]

    @DATA_API
    async def test_no_two_steps_leave_the_same_checkpoint(
        self, owner_id: UUID, file_store: FileStore
    ) -> None:
        body = rows("one", "\n" * 50 + "a lamp with a long name", "two", "three", "\n" * 50)
        task_id = await begin(owner_id, file_store, body)
        seen = list[Any]()
        while (task := await kept(task_id)).finished_at is None:
            assert task.checkpoint not in seen
            seen.append(task.checkpoint)
            await work(task_id, steps=1)
        assert (await kept(task_id)).result["imported"] == 4

    @pytest.mark.parametrize("failing", [1, 2, 3])
    async def test_a_step_that_fails_is_as_if_it_had_not_been(
        self,
        owner_id: UUID,
        file_store: FileStore,
        monkeypatch: pytest.MonkeyPatch,
        failing: int,
    ) -> None:
        add, calls = tasks.add_row_errors, list[int]()

        async def add_and_fail(*given: Any, **more: Any) -> None:
            await add(*given, **more)
            calls.append(1)
            if len(calls) == failing:
                raise OSError

        monkeypatch.setattr(tasks, "add_row_errors", add_and_fail)
        task_id = await begin(owner_id, file_store, rows(*"abcd", " ", *"efg"))
        with pytest.raises(PostponedError):
            await work(task_id)
        await work(task_id)
        assert [item.name for item in await items_of(owner_id)] == list("abcdefg")
        assert [each.line for each in await row_errors_of(owner_id, task_id)] == [6]

    @pytest.mark.parametrize("gone", ["removed", "replaced"])
    @DATA_API
    async def test_a_file_that_is_replaced_meanwhile_is_not_read_on(
        self, owner_id: UUID, file_store: FileStore, gone: str
    ) -> None:
        task_id = await begin(owner_id, file_store, rows(*"abcdefgh"))
        while (await kept(task_id)).done < 6:
            await work(task_id, steps=1)
        (key,) = file_store.keys()
        await files.remove([key])
        if gone == "replaced":
            file_store.put(key, rows(*"ABCDEFGH"))
        await work(task_id)
        task = await kept(task_id)
        assert (task.state, task.problem["code"]) == ("failed", "file_replaced")
        assert "6 of its rows" in task.problem["detail"]
        assert len(await items_of(owner_id)) == 6


class TestSize:
    """A process of its own does the work, so that what it needs can be told from what the tests need."""

    ROWS = 100_000

    @pytest.mark.timeout(300)
    @DATA_API
    async def test_100_000_rows_are_imported_in_256_mib_by_several_invocations(
        self, owner_id: UUID, file_store: FileStore
    ) -> None:
        line = "Signal lantern {0},It burns paraffin.,{0}.50,EUR,brass|signal,active\n"
        body = "name,description,price_amount,price_currency,tags,status\n" + "".join(
            line.format(number) for number in range(self.ROWS)
        )
        task_id = await begin(owner_id, file_store, body.encode())
        told = await in_a_process(task_id, seconds=1)
        counts = {"rows": self.ROWS, "imported": self.ROWS, "failed": 0, "errors_kept": 0}
        assert (await kept(task_id)).result == counts
        assert await count_items() == self.ROWS
        assert told["invocations"] > 3
        assert told["peak_kib"] <= MOST_KIB

    @DATA_API
    async def test_so_is_a_long_file_refused_that_makes_no_sense(
        self, owner_id: UUID, file_store: FileStore
    ) -> None:
        long = 5 * MIB
        bodies = [b"x" * long, b"name\n" + b"x" * long, b"name" + b"\n" * long, b'"' + b"\n" * long]
        task_ids = [await begin(owner_id, file_store, body) for body in bodies]
        told = await in_a_process(*task_ids, seconds=60)
        assert [(await kept(task_id)).state for task_id in task_ids] == ["failed"] * 4
        assert told["peak_kib"] <= MOST_KIB


async def in_a_process(*task_ids: UUID, seconds: float) -> dict[str, int]:
    """Work on tasks in a process of its own; return what that tells of itself."""
    command = [sys.executable, "-m", "tests.functions.queues.tasks.import_process", str(seconds)]
    process = await asyncio.create_subprocess_exec(
        *command, *map(str, task_ids), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    told: dict[str, int] = json.loads(out.splitlines()[-1])
    return told


async def count_items() -> int:
    async with autocommit() as session:
        counted = await session.execute(text("SELECT count(*) FROM items"))
    number: int = counted.scalar_one()
    return number
