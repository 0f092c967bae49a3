"""Alembic by program: where the revisions are, and how they are brought to a database."""

import random
import time
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

LOCK_TIMEOUT_S = 600.0
"""How long a migration waits for another one to end, in seconds; below the function's own."""

LOCK_KEY: Final = 0x5357_4954_4348
"""The number of the advisory lock: any constant that nothing else locks."""

_PAUSE_S = 0.2
_TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(CAST(:key AS bigint))")
_NO_TIMEOUT = text("SET LOCAL statement_timeout = 0")


class MigrationLockedError(Exception):
    """Another migration held the lock all the time."""


def configuration(connection: Connection, *, metadata: object = None) -> Config:
    """Return Alembic's configuration, without an ini file, on one connection.

    `metadata` is what a new revision is compared with; bringing a database up to date needs none.
    """
    config = Config(attributes={"connection": connection, "metadata": metadata})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.set_main_option(
        "file_template", "%%(year)d_%%(month).2d_%%(day).2d_%%(hour).2d%%(minute).2d_%%(slug)s"
    )
    return config


def current_revision(connection: Connection) -> str | None:
    """Return the revision that a database is at, or None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def is_ahead(connection: Connection) -> bool:
    """Tell whether newer code, with revisions that are none of these files, has been here."""
    known = ScriptDirectory.from_config(configuration(connection)).walk_revisions()
    return current_revision(connection) not in {None, *(each.revision for each in known)}


def upgrade(connection: Connection, *, revision: str = "head") -> str | None:
    """Bring a database to `revision`, in the transaction of `connection`; return where it is then.

    All or nothing: PostgreSQL's DDL is transactional. Raises MigrationLockedError.
    """
    lock(connection)
    command.upgrade(configuration(connection), revision)
    return current_revision(connection)


def downgrade(connection: Connection, *, revision: str) -> str | None:
    """Take a database back to `revision` (`base` is empty); return where it is then.

    Raises MigrationLockedError.
    """
    lock(connection)
    command.downgrade(configuration(connection), revision)
    return current_revision(connection)


def lock(connection: Connection, *, timeout_s: float = LOCK_TIMEOUT_S) -> None:
    """Keep other migrations out until the transaction of `connection` ends.

    A transaction that has the lock already keeps it. Raises MigrationLockedError.
    """
    # Two deployments may overlap. The lock belongs to the transaction, because the Data API keeps no
    # session; it is asked for again and again, because a statement that waited there would be ended
    # after 45 s, and a transaction without a statement after 180 s.
    deadline = time.monotonic() + timeout_s
    while not connection.execute(_TRY_LOCK, {"key": LOCK_KEY}).scalar_one():
        if time.monotonic() > deadline:
            raise MigrationLockedError(f"another migration ran for more than {timeout_s:g} s")
        time.sleep(_PAUSE_S * random.uniform(0.5, 1.5))  # noqa: S311  # jitter, no secret
    # The limit of a request's statements is not one of a migration's.
    connection.execute(_NO_TIMEOUT)
