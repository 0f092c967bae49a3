"""Writes items into a CSV or JSON file, a part of an upload at a time.

S3 takes parts of 5 MiB, which may be so many items that it takes minutes to read them. So a step ends
before, and sets what it has of a part aside, in a file that the next one takes up.

The oldest come first, up to the moment when the export began: what is made meanwhile is not in it. A CSV
file begins with a byte order mark, without which Excel takes UTF-8 for an older encoding, and its
lines end with CR LF (RFC 4180); an import reads it as it is. JSON is an array of items as version 2 of
the API shows them.
"""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from functions.queues.tasks.item_rows import header, write_row
from functions.queues.tasks.kinds import Kind, Progress, Step, TaskInHand
from shared.adapters import files
from shared.core.clock import now
from shared.core.pagination import Page
from shared.core.schema import Schema
from shared.domains.catalog import api as catalog
from shared.domains.catalog.schemas import Item, ItemFilter
from shared.domains.tasks import api as tasks

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

PART_BYTES = 5 * 1024 * 1024
"""Least size of every part of an upload but the last. Source: AWS, "Amazon S3 multipart upload limits"."""

READING_S = 8.0
"""How long a step reads items, in seconds; it ends with the page that it then reads."""

PAGE = 500
"""How many items are read at once; of long ones the database gives fewer."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """How a file is written: `between` stands between two items."""

    extension: str
    content_type: str
    before: str
    between: str
    after: str
    write: Callable[[Item], str]


FORMATS: Mapping[str, Format] = {
    "csv": Format(
        extension="csv",
        content_type="text/csv; charset=utf-8",
        before="\N{BYTE ORDER MARK}" + header(),
        between="",
        after="",
        write=write_row,
    ),
    "json": Format(
        extension="json",
        content_type="application/json",
        before="[\n",
        between=",\n",
        after="\n]\n",
        write=Item.model_dump_json,
    ),
}
"""By the names that a task is asked for with."""


class Aside(Schema):
    """A part that is not long enough yet: the file that it is kept in, one of two in turn."""

    number: int
    size_bytes: int
    etag: str


class Checkpoint(Schema):
    """Where an export stands: after which item, and whether all are written.

    `upload` is S3's id of the upload, `etags` are its parts so far and `aside` is what there is of the next
    one. Items of a moment after `until` are not exported.
    """

    upload: str
    until: datetime
    etags: tuple[str, ...] = ()
    cursor: str | None = None
    rows: int = 0
    size_bytes: int = 0
    whole: bool = False
    aside: Aside | None = None


@asynccontextmanager
async def begin(_: TaskInHand) -> AsyncIterator[Step]:
    """Give the step: there is nothing to open."""
    yield _write_some


async def _write_some(session: "AsyncSession", task: TaskInHand) -> Progress:
    if task.checkpoint is None:
        return await _open(task)
    place = Checkpoint.model_validate(task.checkpoint)
    if place.whole:
        return await _close(task, place)
    return await _write_part(session, task, place)


async def _open(task: TaskInHand) -> Progress:
    content_type = _format_of(task).content_type
    upload = await files.begin_upload(_key_of(task), content_type=content_type)
    return _progress(Checkpoint(upload=upload, until=now()))


async def _write_part(session: "AsyncSession", task: TaskInHand, place: Checkpoint) -> Progress:
    body = bytearray(await _beginning(task, place))
    begun_at, kind = time.monotonic(), _format_of(task)
    after = place
    while not after.whole and len(body) < PART_BYTES and (after is place or not _over(begun_at)):
        page = await _next_page(session, task, after)
        between = kind.between if after.rows and page.items else ""
        body += (between + kind.between.join(map(kind.write, page.items))).encode()
        after = _moved(after, page)
    if after.whole:
        body += kind.after.encode()
    keep = _put if after.whole or len(body) >= PART_BYTES else _set_aside
    return _progress(await keep(task, after, body=bytes(body)))


async def _beginning(task: TaskInHand, place: Checkpoint) -> bytes:
    if aside := place.aside:
        file = files.StoredFile(size_bytes=aside.size_bytes, etag=aside.etag)
        chunks = files.stream(_aside_key(task, aside.number), file=file)
        return b"".join([chunk async for chunk in chunks])
    return b"" if place.etags else _format_of(task).before.encode()


async def _next_page(session: "AsyncSession", task: TaskInHand, place: Checkpoint) -> Page[Item]:
    return await catalog.list_items_made_until(
        session,
        owner_id=task.owner_id,
        which=_filter_of(task),
        until=place.until,
        limit=PAGE,
        cursor=place.cursor,
    )


def _moved(place: Checkpoint, page: Page[Item]) -> Checkpoint:
    rows, whole = place.rows + len(page.items), page.next_cursor is None
    return place.model_copy(update={"cursor": page.next_cursor, "rows": rows, "whole": whole})


async def _put(task: TaskInHand, place: Checkpoint, *, body: bytes) -> Checkpoint:
    # Its number is the same when it is written again: what is there already is replaced.
    number = len(place.etags) + 1
    etag = await files.put_part(_key_of(task), upload=place.upload, number=number, body=body)
    size_bytes = place.size_bytes + len(body)
    kept = {"etags": (*place.etags, etag), "size_bytes": size_bytes, "aside": None}
    return place.model_copy(update=kept)


async def _set_aside(task: TaskInHand, place: Checkpoint, *, body: bytes) -> Checkpoint:
    # Never in the place of the one before: should this step be undone, that is taken up again.
    number = 1 - place.aside.number if place.aside else 0
    content_type = _format_of(task).content_type
    file = await files.write(_aside_key(task, number), body=body, content_type=content_type)
    aside = Aside(number=number, size_bytes=file.size_bytes, etag=file.etag)
    return place.model_copy(update={"aside": aside})


async def _close(task: TaskInHand, place: Checkpoint) -> Progress:
    key, kind = _key_of(task), _format_of(task)
    if await files.size_of(key) is None:
        # It is there where this step was done before and could not say so.
        await files.finish_upload(key, upload=place.upload, etags=place.etags)
    await files.remove([_aside_key(task, number) for number in range(2)])
    file = {
        "key": key,
        "name": f"items.{kind.extension}",
        "size_bytes": place.size_bytes,
        "content_type": kind.content_type,
    }
    return Progress(
        checkpoint=place.model_dump(mode="json"),
        done=place.rows,
        total=place.rows,
        result={"rows": place.rows, "file": file},
    )


def _progress(place: Checkpoint) -> Progress:
    return Progress(checkpoint=place.model_dump(mode="json"), done=place.rows, total=None)


def _filter_of(task: TaskInHand) -> ItemFilter:
    wanted = {name: task.parameters.get(name) for name in ("status", "tag", "search")}
    return ItemFilter.model_validate({**wanted, "sort": "created_at"})


def _format_of(task: TaskInHand) -> Format:
    return FORMATS[task.parameters["format"]]


def _aside_key(task: TaskInHand, number: int) -> str:
    return f"{_key_of(task)}.aside-{number}"


def _over(begun_at: float) -> bool:
    return time.monotonic() - begun_at >= READING_S


def _key_of(task: TaskInHand) -> str:
    extension = _format_of(task).extension
    return tasks.export_key(owner_id=task.owner_id, task_id=task.id, extension=extension)


KIND = Kind(begin=begin)
