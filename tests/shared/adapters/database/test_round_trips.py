"""A value that is written comes back the same, by the Data API as by psycopg."""

import asyncio
import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    ARRAY,
    CHAR,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Float,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    Table,
    Text,
    Time,
    Uuid,
    insert,
    select,
    text,
)
from sqlalchemy import Enum as EnumType
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError, ProgrammingError

from shared.adapters.database.engine import async_engine, sync_engine
from shared.adapters.database.sessions import autocommit, ping, unit_of_work
from shared.adapters.database.violations import violated_constraint


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


METADATA = MetaData()
THINGS = Table(
    "things",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("at", DateTime(timezone=True)),
    Column("naive", DateTime),
    Column("day", Date),
    Column("hour", Time),
    Column("amount", Numeric(30, 10)),
    Column("ratio", Float(53)),
    Column("document", JSONB(none_as_null=True)),
    Column("words", ARRAY(Text)),
    Column("numbers", ARRAY(Integer)),
    Column("ids", ARRAY(Uuid)),
    Column("raw", LargeBinary),
    Column("colour", EnumType(Colour, name="colour")),
    Column("span", Interval),
    Column("note", Text, unique=True),
    Column("zoned", Time(timezone=True)),
    Column("grid", ARRAY(Text, dimensions=2)),
    Column("plain_id", Uuid(native_uuid=False)),
    Column("letters", CHAR(3)),
    Column("small", SmallInteger),
    Column("big", BigInteger),
    Column("flag", Boolean),
)

WRITTEN = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1))
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "at": st.builds(lambda moment, zone: moment.replace(tzinfo=zone), MOMENTS, ZONES),
    "naive": MOMENTS,
    "day": st.dates(date(1, 1, 1), date(9999, 12, 31)),
    "hour": st.times(),
    "amount": st.decimals(-(10**15), 10**15, places=10, allow_nan=False),
    "ratio": st.floats(allow_nan=False),
    "document": st.recursive(
        st.booleans() | st.integers(-(2**53), 2**53) | WRITTEN,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WRITTEN, inner, max_size=3),
        max_leaves=6,
    ),
    "words": st.lists(st.none() | WRITTEN, max_size=4),
    "numbers": st.lists(st.integers(-(2**31), 2**31 - 1), max_size=4),
    "ids": st.lists(st.uuids(), max_size=3),
    "raw": st.binary(max_size=40),
    "colour": st.sampled_from(Colour),
    "zoned": st.builds(lambda hour, zone: hour.replace(tzinfo=zone), st.times(), ZONES),
    "grid": st.lists(st.tuples(WRITTEN, WRITTEN).map(list), min_size=1, max_size=3),
    "plain_id": st.uuids(),
    "letters": st.text("abcé", min_size=3, max_size=3),
    "small": st.integers(-(2**15), 2**15 - 1),
    "big": st.integers(-(2**63), 2**63 - 1),
    "flag": st.booleans(),
    "span": st.timedeltas(timedelta(days=-9999), timedelta(days=9999)),
}


@pytest.fixture
def things(database_url: str) -> str:
    with sync_engine().begin() as connection:
        METADATA.drop_all(connection)
        METADATA.create_all(connection)
    return database_url


def write_and_read(values: dict[str, Any]) -> dict[str, Any]:
    key = uuid4()
    with sync_engine().begin() as connection:
        connection.execute(insert(THINGS).values(id=key, **values))
        row = connection.execute(select(THINGS).where(THINGS.c.id == key)).mappings().one()
    assert row["id"] == key
    assert isinstance(row["id"], UUID)
    return dict(row)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(values=st.fixed_dictionaries({}, optional=VALUES))
def test_every_type_comes_back_as_it_was(things: str, values: dict[str, Any]) -> None:
    row = write_and_read(values)
    for name, value in values.items():
        assert row[name] == value, name
        assert type(row[name]) is type(value), name


@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(values=st.fixed_dictionaries(VALUES))
def test_every_type_comes_back_by_the_asynchronous_engine_too(
    things: str, values: dict[str, Any]
) -> None:
    async def written_and_read() -> dict[str, Any]:
        key = uuid4()
        async with unit_of_work() as session:
            await session.execute(insert(THINGS).values(id=key, **values))
        async with autocommit() as session:
            found = await session.execute(select(THINGS).where(THINGS.c.id == key))
            row = dict(found.mappings().one())
        await async_engine().dispose()
        return row

    row = asyncio.run(written_and_read())
    assert {name: row[name] for name in values} == values


class TestTimestamp:
    def test_an_offset_is_converted_not_dropped(self, things: str) -> None:
        zone = timezone(timedelta(hours=2))
        written = datetime(2026, 11, 24, 10, 0, 0, 123456, tzinfo=zone)
        read = write_and_read({"at": written})["at"]
        assert read == datetime(2026, 11, 24, 8, 0, 0, 123456, tzinfo=UTC)
        assert read.tzinfo is not None


class TestFloat:
    @pytest.mark.parametrize("value", [math.inf, -math.inf])
    def test_infinities_survive(self, things: str, value: float) -> None:
        assert write_and_read({"ratio": value})["ratio"] == value

    def test_nan_survives(self, things: str) -> None:
        assert math.isnan(write_and_read({"ratio": math.nan})["ratio"])


class TestViolations:
    def test_a_double_is_an_integrity_error_that_names_its_constraint(self, things: str) -> None:
        write_and_read({"note": "one"})
        with pytest.raises(IntegrityError) as caught:
            write_and_read({"note": "one"})
        assert violated_constraint(caught.value) == "things_note_key"

    def test_a_wrong_statement_is_a_programming_error(self, things: str) -> None:
        with pytest.raises(ProgrammingError), sync_engine().begin() as connection:
            connection.execute(text("SELECT nothing FROM nowhere"))


class TestUnitOfWork:
    async def count(self) -> int:
        async with autocommit() as session:
            found = await session.execute(text("SELECT count(*) FROM things"))
            return int(found.scalar_one())

    @pytest.mark.anyio
    async def test_it_commits_at_its_end(self, things: str) -> None:
        async with unit_of_work() as session:
            await session.execute(insert(THINGS).values(id=uuid4(), amount=Decimal(1)))
        assert await self.count() == 1
        await async_engine().dispose()

    @pytest.mark.anyio
    async def test_an_error_rolls_it_back(self, things: str) -> None:
        with pytest.raises(ZeroDivisionError):
            async with unit_of_work() as session:
                await session.execute(insert(THINGS).values(id=uuid4(), hour=time(1)))
                raise ZeroDivisionError
        assert await self.count() == 0
        await async_engine().dispose()

    @pytest.mark.anyio
    async def test_the_database_answers_a_ping(self, things: str) -> None:
        await ping(timeout_s=5)
        await async_engine().dispose()
