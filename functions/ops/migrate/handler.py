"""Brings the database to the newest revision; invoked on every deployment and by `make dev`.

A migration that runs long (a statement over 45 s, or minutes between two) needs a direct connection:
`postgresql+psycopg://` in DATABASE_URL. The Data API ends it, and nothing of it remains.
"""

import logging
from collections.abc import Mapping
from typing import TypedDict

_LOG = logging.getLogger(__name__)


class Migrated(TypedDict):
    """What a run did: the revision before it (None: the database was empty) and after it."""

    before: str | None
    after: str | None


def handler(event: Mapping[str, object], context: object) -> Migrated:  # noqa: ARG001  # Lambda's signature
    """Upgrade to the newest revision. Raises, and changes nothing, where a migration fails.

    A database that newer code has migrated stays as it is. A deployment that fails after its
    migration is rolled back, and the rollback runs the older code's migrations, which must not fail.
    """
    from functions.ops.migrate.migrations import current_revision, is_ahead, lock, upgrade
    from shared.adapters.database.sessions import sync_unit_of_work

    with sync_unit_of_work() as session:
        connection = session.connection()
        lock(connection)
        before = current_revision(connection)
        after = before if is_ahead(connection) else upgrade(connection)
    _LOG.info("migrated from %s to %s", before, after)
    return Migrated(before=before, after=after)
