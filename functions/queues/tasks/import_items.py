"""Makes items of the rows of a CSV file: reads it whole first, and then again, some rows at a time.

The first reading counts the rows, so that a file that cannot be read to its end, has none or too many is
refused before anything is written. The second keeps good rows and says of others what is wrong with them.
"""

import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING
from uuid import UUID

from functions.queues.tasks.item_rows import RefusedRowError, read_columns, read_row
from functions.queues.tasks.kinds import Kind, Progress, Step, TaskInHand
from shared.adapters import files
from shared.core.csv_records import (
    DELIMITERS,
    EndlessRecordError,
    Header,
    MalformedRecordError,
    Record,
    RecordReader,
    fields_of,
    read_header,
)
from shared.core.schema import Schema
from shared.domains.catalog import api as catalog
from shared.domains.catalog.errors import (
    EmptyFileError,
    FileReplacedError,
    TooManyRowsError,
    UnreadableFileError,
)
from shared.domains.catalog.schemas import ItemDraft
from shared.domains.tasks import api as tasks
from shared.domains.tasks.errors import NoSuchUploadError
from shared.domains.tasks.schemas import RowError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

MOST_ROWS = 1_000_000
"""How many rows a file may have, its header not counted."""

MOST_ERRORS = 10_000
"""How many row errors are kept; the others are counted."""

ROWS = 1000
"""How many rows a step makes items of."""

ROWS_BYTES = 256 * 1024
"""How long the rows of a step are, in bytes; the last may begin before and end behind it."""

READING_S = 4.0
"""How long a step reads, in seconds: even of 256 MiB without a row there is an end."""

MOST_BLANK_BYTES = 1024 * 1024
"""How many empty lines may be before the header, in bytes."""

PIECE_BYTES = 64 * 1024
"""How much is cut into records at once: of two bytes each these are 32,768."""


class Checkpoint(Schema):
    """Where an import stands. `offset` and `line` are where the next record begins.

    `size_bytes` and `etag` tell the file from one that is put in its place. `rows` is the number of rows
    that were counted so far, `total` that of all, None until it is known.
    """

    size_bytes: int
    etag: str
    delimiter: str
    columns: tuple[str, ...]
    first_offset: int
    first_line: int
    offset: int
    line: int
    rows: int = 0
    total: int | None = None
    imported: int = 0
    failed: int = 0


@asynccontextmanager
async def begin(task: TaskInHand) -> AsyncIterator[Step]:
    """Give the step; the records are read on from one to the next."""
    work = _Import(task)
    try:
        yield work.take_step
    finally:
        await work.stop_reading()


class _Import:
    """The steps of one invocation."""

    def __init__(self, task: TaskInHand) -> None:
        upload_id = UUID(task.parameters["upload_id"])
        self._key = tasks.upload_key(owner_id=task.owner_id, upload_id=upload_id)
        self._reading: _Reading | None = None

    async def take_step(self, session: "AsyncSession", task: TaskInHand) -> Progress:
        """Read the header, count rows or make items of some."""
        if task.checkpoint is None:
            return _progress(await _look_into(self._key))
        place = Checkpoint.model_validate(task.checkpoint)
        self._reading = self._reading or _Reading(self._key, place=place)
        with _refusing(place):
            if place.total is None:
                return await self._count(self._reading, place)
            return await _add(session, task, reading=self._reading, place=place)

    async def stop_reading(self) -> None:
        """Forget where the reading is, so that it begins anew."""
        if self._reading:
            await self._reading.close()
        self._reading = None

    async def _count(self, reading: "_Reading", place: Checkpoint) -> Progress:
        rows, is_all = await reading.count(place.rows)
        if not is_all:
            return _progress(_moved(place, rows=rows, **reading.place()))
        if not rows:
            raise EmptyFileError
        await self.stop_reading()
        first = {"offset": place.first_offset, "line": place.first_line}
        return _progress(_moved(place, rows=rows, total=rows, **first))


async def _look_into(key: str) -> Checkpoint:
    file = await files.find(key)
    if file is None:
        raise NoSuchUploadError
    with _refusing(None):
        first = await _first_record(key, file=file)
        header = _header_of(first)
        return Checkpoint(
            size_bytes=file.size_bytes,
            etag=file.etag,
            delimiter=header.delimiter,
            columns=read_columns(header.names),
            first_offset=first.end,
            first_line=first.next_line,
            offset=first.end,
            line=first.next_line,
        )


def _header_of(record: Record) -> Header:
    try:
        return read_header(record.raw)
    except MalformedRecordError as error:
        raise UnreadableFileError(line=record.line, code=error.code, message=str(error)) from error


async def _first_record(key: str, *, file: files.StoredFile) -> Record:
    reader = RecordReader(delimiters=DELIMITERS)
    async with aclosing(_batches(key, file=file, reader=reader)) as batches:
        async for records in batches:
            if records:
                return records[0]
            if reader.offset > MOST_BLANK_BYTES:
                break
    raise EmptyFileError


async def _add(
    session: "AsyncSession", task: TaskInHand, *, reading: "_Reading", place: Checkpoint
) -> Progress:
    records = await reading.take()
    drafts, row_errors = _read(records, place=place)
    await catalog.import_items(session, owner_id=task.owner_id, drafts=drafts)
    room = max(MOST_ERRORS - place.failed, 0)
    await tasks.add_row_errors(session, task_id=task.id, row_errors=row_errors[:room])
    counts = {"imported": place.imported + len(drafts), "failed": place.failed + len(row_errors)}
    after = _moved(place, **counts, **reading.place())
    if after == place:
        # All was read and yet not all was found.
        raise files.FileChangedError
    return _progress(after)


def _read(
    records: Iterable[Record], *, place: Checkpoint
) -> tuple[list[ItemDraft], list[RowError]]:
    drafts, row_errors = [], []
    for record in records:
        try:
            cells = fields_of(record.raw, delimiter=place.delimiter)
            drafts.append(read_row(cells, columns=place.columns))
        except RefusedRowError as error:
            row_errors.append(_row_error(record, error, field=error.field))
        except MalformedRecordError as error:
            row_errors.append(_row_error(record, error, field=""))
    return drafts, row_errors


def _row_error(
    record: Record, error: RefusedRowError | MalformedRecordError, *, field: str
) -> RowError:
    return RowError(line=record.line, field=field, code=error.code, message=str(error))


def _progress(place: Checkpoint) -> Progress:
    done, result = place.imported + place.failed, None
    if done == place.total:
        kept = min(place.failed, MOST_ERRORS)
        counts = {"imported": place.imported, "failed": place.failed}
        result = {"rows": done, **counts, "errors_kept": kept}
    return Progress(
        checkpoint=place.model_dump(mode="json"), done=done, total=place.total, result=result
    )


def _moved(place: Checkpoint, **changes: int) -> Checkpoint:
    return place.model_copy(update=changes)


@contextmanager
def _refusing(place: Checkpoint | None) -> Iterator[None]:
    """Tell the owner what their file is like: raises UnreadableFileError, FileReplacedError."""
    try:
        yield
    except EndlessRecordError as error:
        message = "A line is longer than 64 KiB, or a quote is never closed."
        raise UnreadableFileError(line=error.line, code="endless", message=message) from error
    except files.FileChangedError as error:
        raise FileReplacedError(imported=place.imported if place else 0) from error


class _Reading:
    """The records of a file from a place on, which one step after the other takes."""

    def __init__(self, key: str, *, place: Checkpoint) -> None:
        self._reader = RecordReader(
            delimiters=place.delimiter, offset=place.offset, line=place.line
        )
        file = files.StoredFile(size_bytes=place.size_bytes, etag=place.etag)
        self._batches = _batches(key, file=file, reader=self._reader)
        self._cut: deque[Record] = deque()
        self._taken: Record | None = None

    def place(self) -> dict[str, int]:
        """Return where the first record begins that was not taken."""
        if self._cut and self._taken:
            return {"offset": self._taken.end, "line": self._taken.next_line}
        return {"offset": self._reader.offset, "line": self._reader.line}

    async def count(self, rows: int) -> tuple[int, bool]:
        """Count on from `rows`, until the end or for some time; return how many, and if that is all."""
        begun_at, began = time.monotonic(), self._reader.offset
        async for records in self._batches:
            rows += len(records)
            if rows > MOST_ROWS:
                raise TooManyRowsError(MOST_ROWS)
            # Not without having come further: a step must leave another place than it found.
            if _over(begun_at) and self._reader.offset > began:
                return rows, False
        return rows, True

    async def take(self) -> list[Record]:
        """Return the records of a step; none where there are no more, or none in the time."""
        taken, size = list[Record](), 0
        begun_at, began = time.monotonic(), self.place()["offset"]
        while len(taken) < ROWS and size < ROWS_BYTES and await self._cut_more(begun_at, began):
            self._taken = self._cut.popleft()
            taken.append(self._taken)
            size += len(self._taken.raw)
        return taken

    async def _cut_more(self, begun_at: float, began: int) -> bool:
        while not self._cut:
            if _over(begun_at) and self._reader.offset > began:
                return False
            batch = await anext(self._batches, None)
            if batch is None:
                return False
            self._cut.extend(batch)
        return True

    async def close(self) -> None:
        """Read no more."""
        await self._batches.aclose()


async def _batches(
    key: str, *, file: files.StoredFile, reader: RecordReader
) -> AsyncGenerator[list[Record]]:
    chunks = files.stream(key, file=file, offset=reader.offset)
    async with aclosing(chunks):
        async for chunk in chunks:
            for start in range(0, len(chunk), PIECE_BYTES):
                yield reader.feed(chunk[start : start + PIECE_BYTES])
    yield reader.finish()


def _over(begun_at: float) -> bool:
    return time.monotonic() - begun_at >= READING_S


KIND = Kind(begin=begin)
