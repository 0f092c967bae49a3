"""A new revision holds what the models changed, and there is none where they did not."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.config import Config
from sqlalchemy import Column, Connection, Integer, MetaData, Table, create_engine, inspect

from functions.ops.migrate import migrations
from infra_cdk.local.migration import write_revision
from infra_cdk.local.postgres import Postgres
from shared.domains.tables import Base
from tests.database_fixtures import database_url_of

ORIGINAL = Path(migrations.__file__).parent
NAME = "revision_of_a_test"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migrations, used in their place."""
    copy = shutil.copytree(ORIGINAL, tmp_path / "migrate")
    configuration = migrations.configuration

    def elsewhere(connection: Connection, *, metadata: object = None) -> Config:
        config = configuration(connection, metadata=metadata)
        config.set_main_option("script_location", str(copy))
        return config

    monkeypatch.setattr(migrations, "configuration", elsewhere)
    return copy / "versions"


@pytest.fixture
def database(postgres: Postgres) -> Iterator[str]:
    postgres.create_database(NAME)
    yield NAME
    postgres.drop_database(NAME)


def changed() -> MetaData:
    """The models and one table more."""
    metadata = MetaData(naming_convention=Base.metadata.naming_convention)
    for table in Base.metadata.sorted_tables:
        table.to_metadata(metadata)
    Table("additions", metadata, Column("id", Integer, primary_key=True))
    return metadata


def test_a_new_table_is_written_and_the_revision_runs(
    postgres: Postgres, folder: Path, database: str
) -> None:
    written = write_revision(
        postgres, database=database, message="add additions", metadata=changed()
    )
    assert written is not None
    assert written.parent == folder
    assert written.name.endswith("_add_additions.py")
    engine = create_engine(database_url_of("psycopg", postgres=postgres, name=database))
    with engine.begin() as connection:
        migrations.upgrade(connection)
        assert "additions" in inspect(connection).get_table_names()
    engine.dispose()


def test_nothing_is_written_where_nothing_changed(
    postgres: Postgres, folder: Path, database: str
) -> None:
    before = sorted(folder.iterdir())
    found = write_revision(postgres, database=database, message="none", metadata=Base.metadata)
    assert found is None
    assert sorted(folder.iterdir()) == before
