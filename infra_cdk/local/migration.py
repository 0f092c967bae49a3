"""`python -m infra_cdk.local.migration NAME`: a new revision, from what the models changed.

The models are compared with an empty PostgreSQL that all revisions were brought to, over a direct
connection: the Data API cannot return all that a comparison reads.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from alembic import command
from alembic.operations.ops import MigrationScript
from alembic.script import Script
from sqlalchemy import MetaData, create_engine

from infra_cdk.local.postgres import Postgres, start_postgres
from infra_cdk.local.processes import free_port


def write_revision(
    server: Postgres, *, database: str, message: str, metadata: MetaData
) -> Path | None:
    """Write the revision that brings the newest one to `metadata`; return its file.

    `database` is an empty database of `server`. Returns None where nothing changed. Raises alembic's
    CommandError.
    """
    from functions.ops.migrate.migrations import configuration, upgrade

    url = server.dsn(database).replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(url)
    with engine.begin() as connection:
        upgrade(connection)
        config = configuration(connection, metadata=metadata)
        script = command.revision(
            config, message, autogenerate=True, process_revision_directives=_keep_changes
        )
    engine.dispose()
    return Path(script.path) if isinstance(script, Script) else None


def _keep_changes(_: object, __: object, directives: list[MigrationScript]) -> None:
    directives[:] = [
        each for each in directives if each.upgrade_ops and each.upgrade_ops.as_diffs()
    ]


@contextmanager
def _server() -> Iterator[Postgres]:
    with TemporaryDirectory() as folder:
        place = Path(folder)
        server = start_postgres(place / "data", port=free_port(), log=place / "log")
        try:
            server.wait()
            yield server
        finally:
            server.stop()


def main(arguments: list[str]) -> None:
    """Write a revision, formatted, and print where it is."""
    from shared.domains.tables import Base

    if len(arguments) != 1 or not arguments[0].strip():
        raise SystemExit("usage: make migration NAME=what_changes")
    message = arguments[0].replace("_", " ").strip()
    with _server() as server:
        server.create_database("revision")
        written = write_revision(
            server, database="revision", message=message, metadata=Base.metadata
        )
    if written is None:
        print("Nothing to write: the revisions make all that the models declare.")
        return
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", str(written)], check=True)
    print(f"Wrote {written}. Read it before you commit it.")


if __name__ == "__main__":
    main(sys.argv[1:])
