"""Pages together are the whole list, in order, each row once: by the Data API as by psycopg."""

import asyncio
import string
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Numeric, Text, delete, event, func, insert, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.adapters.database.base import Base
from shared.adapters.database.engine import async_engine, sync_engine
from shared.adapters.database.pagination import Key, ascending, descending, paginate
from shared.adapters.database.sessions import autocommit
from shared.core.errors import ValidationFailedError
from shared.core.pagination import Page


class Own(DeclarativeBase):
    type_annotation_map = Base.type_annotation_map


class Kind(StrEnum):
    ONE = "one"


class Note(Own):
    __tablename__ = "notes"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    title: Mapped[str]
    rank: Mapped[int]
    at: Mapped[datetime]
    price: Mapped[Decimal | None] = mapped_column(Numeric(12, 2))
    kind: Mapped[Kind] = mapped_column(default=Kind.ONE)
    blob: Mapped[str] = mapped_column(default="")


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "title": st.text(string.ascii_letters + "éß ", max_size=3),
            "rank": st.integers(-2, 2),
            "at": st.sampled_from([datetime(2026, 1, day, 0, 0, 0, day, UTC) for day in (1, 2, 3)]),
            "price": st.none() | st.decimals(0, 3, places=2),
        }
    ),
    max_size=9,
)
ORDERS: list[Sequence[Key]] = [
    (ascending(Note.id),),
    (ascending(Note.title), ascending(Note.id)),
    (descending(Note.at), descending(Note.id)),
    (descending(Note.rank), ascending(Note.title), descending(Note.id)),
    (ascending(Note.price), ascending(Note.id)),
    (descending(Note.price), descending(Note.at), ascending(Note.id)),
    (ascending(func.lower(Note.title, type_=Text)), ascending(Note.id)),
]
PAGED = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def notes(database_url: str) -> str:
    with sync_engine().begin() as connection:
        Own.metadata.drop_all(connection)
        Own.metadata.create_all(connection)
    return database_url


def fill(rows: Sequence[dict[str, Any]]) -> None:
    with sync_engine().begin() as connection:
        connection.execute(delete(Note))
        if rows:
            connection.execute(insert(Note), list(rows))


def note(**values: Any) -> dict[str, Any]:
    return {
        "title": "t",
        "rank": 0,
        "at": datetime(2026, 1, 1, tzinfo=UTC),
        "price": None,
        **values,
    }


async def fetch(order: Sequence[Key], cursor: str | None, *, limit: int) -> Page[Note]:
    async with autocommit() as session:
        return await paginate(session, select(Note), order=order, cursor=cursor, limit=limit)


def run[T](work: Coroutine[Any, Any, T]) -> T:
    async def whole() -> T:
        try:
            return await work
        finally:
            # Each asyncio.run is a loop of its own, and a pool belongs to one.
            await async_engine().dispose()

    return asyncio.run(whole())


def page(order: Sequence[Key], cursor: str | None = None, *, limit: int = 2) -> Page[Note]:
    return run(fetch(order, cursor, limit=limit))


async def all_pages(order: Sequence[Key], *, limit: int) -> list[list[UUID]]:
    pages, cursor = [], None
    while True:
        got = await fetch(order, cursor, limit=limit)
        pages.append([each.id for each in got.items])
        if (cursor := got.next_cursor) is None:
            return pages


def statements() -> list[str]:
    """The statements that the asynchronous engine sends from now on."""
    seen: list[str] = []
    event.listen(
        async_engine().sync_engine,
        "before_cursor_execute",
        lambda *arguments: seen.append(str(arguments[2])),
    )
    return seen


@PAGED
@given(rows=ROWS, limit=st.integers(1, 4), order=st.sampled_from(ORDERS))
def test_the_pages_are_the_whole_list(
    notes: str, rows: list[dict[str, Any]], limit: int, order: Sequence[Key]
) -> None:
    fill(rows)
    pages = run(all_pages(order, limit=limit))
    with sync_engine().connect() as connection:
        whole = connection.scalars(select(Note.id).order_by(*(key.ordering() for key in order)))
        assert [each for some in pages for each in some] == list(whole)
    assert all(len(some) == limit for some in pages[:-1])


class TestCursor:
    def test_one_of_another_order_is_refused_by_name(self, notes: str) -> None:
        fill([note(), note(), note()])
        first = page([ascending(Note.id)])
        with pytest.raises(ValidationFailedError) as caught:
            page([descending(Note.id)], first.next_cursor)
        assert caught.value.errors[0].location == ("query", "cursor")

    def test_one_of_another_filter_is_refused(self, notes: str) -> None:
        fill([note(), note(), note()])

        async def filtered(cursor: str | None, rank: int) -> Page[Note]:
            async with autocommit() as session:
                return await paginate(
                    session,
                    select(Note),
                    order=[ascending(Note.id)],
                    cursor=cursor,
                    limit=1,
                    filters={"rank": rank},
                )

        first = run(filtered(None, 0))
        assert run(filtered(first.next_cursor, 0)).items
        with pytest.raises(ValidationFailedError):
            run(filtered(first.next_cursor, 1))

    def test_a_row_written_meanwhile_shifts_nothing(self, notes: str) -> None:
        fill([note(rank=rank) for rank in (1, 2, 3)])
        order = [ascending(Note.rank), ascending(Note.id)]
        first = page(order)
        with sync_engine().begin() as connection:
            connection.execute(insert(Note).values(note(rank=0)))
        second = page(order, first.next_cursor)
        assert [each.rank for each in second.items] == [3]
        assert second.next_cursor is None


class TestSize:
    def test_a_page_is_cut_where_the_result_would_be_too_large(self, notes: str) -> None:
        fill([note(rank=rank, blob="x" * 60_000) for rank in range(40)])
        order = [ascending(Note.rank), ascending(Note.id)]
        seen: list[UUID] = []
        got = page(order, limit=39)
        seen += [each.id for each in got.items]
        while got.next_cursor:
            got = page(order, got.next_cursor, limit=39)
            seen += [each.id for each in got.items]
        assert len(seen) == len(set(seen)) == 40

    def test_a_page_costs_one_statement(self, notes: str) -> None:
        fill([note()] * 3)
        seen = statements()
        page([ascending(Note.id)])
        assert len(seen) == 1


class TestOrder:
    @pytest.mark.parametrize(
        "order", [[], [ascending(Note.title)], [ascending(Note.id), ascending(Note.price)]]
    )
    def test_one_that_leaves_rows_equal_is_refused(self, notes: str, order: list[Key]) -> None:
        with pytest.raises(ValueError, match="last sort key"):
            page(order)

    def test_an_enum_is_refused_before_the_first_page(self, notes: str) -> None:
        with pytest.raises(TypeError, match="Kind"):
            page([ascending(Note.kind), ascending(Note.id)])

    def test_a_page_of_nothing_is_refused(self, notes: str) -> None:
        with pytest.raises(ValueError, match="limit"):
            page([ascending(Note.id)], limit=0)

    def test_keys_of_one_direction_are_one_range_of_an_index(self, notes: str) -> None:
        fill([note(), note(), note()])
        order = [descending(Note.at), descending(Note.id)]
        first = page(order)
        seen = statements()
        page(order, first.next_cursor)
        assert "(notes.at, notes.id) <" in " ".join(seen)
