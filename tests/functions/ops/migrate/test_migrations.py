"""The revisions make exactly the models' tables, by either road, once, and can be taken back."""

import logging
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, inspect, text
from sqlalchemy.exc import DBAPIError

from functions.ops.migrate import migrations
from functions.ops.migrate.handler import handler
from functions.ops.migrate.migrations import (
    MigrationLockedError,
    configuration,
    current_revision,
    downgrade,
    lock,
    upgrade,
)
from infra_cdk.local.postgres import Postgres
from shared.adapters.database.engine import sync_engine
from shared.domains.tables import Base
from tests.database_fixtures import database_url_of

FOLDER = Path(migrations.__file__).parent

FAILING = '''
"""Begin something and fail."""
import sqlalchemy as sa
from alembic import op

revision = "fails"
down_revision = "{head}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("half", sa.Column("id", sa.Integer(), primary_key=True))
    op.execute("{statement}")
'''


@pytest.fixture
def empty(postgres: Postgres, database_name: str, database_url: str) -> str:
    """A database without tables, whatever the test before left there."""
    engine = create_engine(database_url_of("psycopg", postgres=postgres, name=database_name))
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return database_url


@pytest.fixture
def direct(postgres: Postgres, database_name: str) -> Iterator[Engine]:
    engine = create_engine(database_url_of("psycopg", postgres=postgres, name=database_name))
    yield engine
    engine.dispose()


def newest() -> str | None:
    return ScriptDirectory(str(FOLDER)).get_current_head()


def tables_of(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        return set(inspect(connection).get_table_names())


def enumerations(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        found = connection.execute(text("SELECT typname FROM pg_type WHERE typtype = 'e'"))
        return list(found.scalars())


def add_failing_revision(folder: Path, *, statement: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "fails.py").write_text(FAILING.format(head=newest(), statement=statement))

    def extended(connection: Connection) -> Config:
        config = configuration(connection)
        places = os.pathsep.join([str(FOLDER / "versions"), str(folder)])
        config.set_main_option("version_locations", places)
        return config

    monkeypatch.setattr(migrations, "configuration", extended)


class TestRevisions:
    def test_they_make_what_the_models_declare(self, empty: str, direct: Engine) -> None:
        handler({}, None)
        assert set(Base.metadata.tables) < tables_of(direct)
        with direct.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_server_default": True})
            assert compare_metadata(context, Base.metadata) == []
            command.check(configuration(connection, metadata=Base.metadata))

    def test_they_can_be_taken_back_to_nothing_and_made_again(
        self, empty: str, direct: Engine
    ) -> None:
        handler({}, None)
        with sync_engine().begin() as connection:
            assert downgrade(connection, revision="base") is None
        assert tables_of(direct) == {"alembic_version"}
        assert enumerations(direct) == []
        assert handler({}, None)["after"] == newest()

    def test_they_are_one_line_of_files_that_begin_with_a_date(self) -> None:
        assert len(ScriptDirectory(str(FOLDER)).get_heads()) == 1
        names = [path.name for path in (FOLDER / "versions").glob("*.py")]
        assert names
        assert all(name[:10].replace("_", "").isdigit() for name in names)


class TestHandler:
    def test_it_says_where_the_database_was_and_is(
        self, empty: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.INFO, logger="functions.ops.migrate"):
            assert handler({}, None) == {"before": None, "after": newest()}
        assert f"migrated from None to {newest()}" in caplog.messages

    def test_a_second_run_changes_nothing(self, empty: str) -> None:
        handler({}, None)
        assert handler({}, None) == {"before": newest(), "after": newest()}

    def test_a_database_that_newer_code_has_migrated_stays_as_it_is(
        self, empty: str, direct: Engine
    ) -> None:
        """Else a rollback, which runs the older code's migrations, could not end."""
        handler({}, None)
        before = tables_of(direct)
        with direct.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = 'newer'"))
        assert handler({}, None) == {"before": "newer", "after": "newer"}
        assert tables_of(direct) == before

    def test_two_at_once_migrate_once(self, empty: str) -> None:
        with ThreadPoolExecutor(2) as pool:
            results = list(pool.map(lambda _: handler({}, None), range(2)))
        assert sorted(str(each["before"]) for each in results) == sorted(["None", str(newest())])
        assert {each["after"] for each in results} == {newest()}

    @pytest.mark.parametrize("statement", ["SELECT 1/0", "SELECT 1; SELECT nothing"])
    def test_a_failing_revision_leaves_nothing_behind(
        self,
        statement: str,
        empty: str,
        direct: Engine,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        add_failing_revision(tmp_path, statement=statement, monkeypatch=monkeypatch)
        with pytest.raises(DBAPIError):
            handler({}, None)
        assert tables_of(direct) == set()

    def test_a_failing_revision_leaves_the_database_where_it_was(
        self, empty: str, direct: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        handler({}, None)
        before = tables_of(direct)
        add_failing_revision(tmp_path, statement="SELECT 1/0", monkeypatch=monkeypatch)
        with pytest.raises(DBAPIError):
            handler({}, None)
        assert tables_of(direct) == before
        with direct.connect() as connection:
            assert current_revision(connection) == newest()


class TestLock:
    def test_one_that_waits_too_long_gives_up(self, empty: str, direct: Engine) -> None:
        with direct.begin() as holder, sync_engine().begin() as connection:
            lock(holder)
            with pytest.raises(MigrationLockedError, match="another migration"):
                lock(connection, timeout_s=0.1)

    def test_it_ends_with_the_transaction(self, empty: str, direct: Engine) -> None:
        with direct.begin() as holder:
            lock(holder)
        with sync_engine().begin() as connection:
            lock(connection, timeout_s=0)

    def test_a_migration_has_no_statement_timeout(self, empty: str) -> None:
        with sync_engine().begin() as connection:
            upgrade(connection)
            assert connection.execute(text("SHOW statement_timeout")).scalar_one() == "0"


def test_an_empty_database_has_no_revision(empty: str) -> None:
    with sync_engine().connect() as connection:
        assert current_revision(connection) is None
