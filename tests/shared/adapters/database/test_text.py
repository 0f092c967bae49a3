"""Text that PostgreSQL cannot hold is a DataError by either road, and nothing else goes wrong."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import ARRAY, Column, Integer, MetaData, Table, Text, insert, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DataError

from shared.adapters.database.engine import async_engine, sync_engine
from shared.adapters.database.sessions import autocommit, unit_of_work

METADATA = MetaData()
TEXTS = Table(
    "texts",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("one", Text),
    Column("many", ARRAY(Text)),
    Column("document", JSONB),
)
BAD = {"NUL": "a\0b", "surrogate": "a\ud800b"}
VALUES: dict[str, dict[str, Any]] = {
    f"{kind} in {column}": {column: wrapped}
    for kind, text in BAD.items()
    for column, wrapped in {"one": text, "many": [text], "document": {"key": text}}.items()
}


@pytest.fixture(autouse=True)
def texts(database_url: str) -> None:
    with sync_engine().begin() as connection:
        METADATA.drop_all(connection)
        METADATA.create_all(connection)


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES.keys())
def test_writing_it_is_a_data_error(values: dict[str, Any]) -> None:
    async def write() -> None:
        async with unit_of_work() as session:
            await session.execute(insert(TEXTS).values(id=1))
            await session.execute(insert(TEXTS).values(id=2, **values))

    async def both() -> list[int]:
        with pytest.raises(DataError):
            await write()
        async with autocommit() as session:
            found = list(await session.scalars(select(TEXTS.c.id)))
        await async_engine().dispose()
        return found

    assert asyncio.run(both()) == []
    with pytest.raises(DataError), sync_engine().begin() as connection:
        connection.execute(insert(TEXTS).values(id=1, **values))


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_looking_for_it_is_a_data_error(text: str) -> None:
    with pytest.raises(DataError), sync_engine().connect() as connection:
        connection.execute(select(TEXTS).where(TEXTS.c.one == text))
