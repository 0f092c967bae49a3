"""What of API Gateway must outlive moto: the keys, the plans they are on, and what each of them used.

A key's id stands in the application's database, and its value with a partner: neither may be another
one tomorrow. One file of SQLite, which nobody else may read; without a path it is kept in memory only.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from infra_cdk.local.state import API_GATEWAY

_SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, value TEXT NOT NULL, enabled INTEGER NOT NULL,
    created INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS places (
    key_id TEXT NOT NULL, plan TEXT NOT NULL, PRIMARY KEY (key_id, plan)
) STRICT;
CREATE TABLE IF NOT EXISTS uses (
    plan TEXT NOT NULL, key_id TEXT NOT NULL, day TEXT NOT NULL, used INTEGER NOT NULL,
    PRIMARY KEY (plan, key_id, day)
) STRICT;
"""


@dataclass(frozen=True, kw_only=True)
class KeptKey:
    """A key; `plans` by their names, for their ids are others after each start."""

    id: str
    name: str
    value: str
    enabled: bool
    created: int
    plans: tuple[str, ...]


class Ledger:
    """For one thread at a time."""

    def __init__(self, place: Path | None) -> None:
        path = ":memory:" if place is None else str(_private(place / API_GATEWAY))
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        # What the machine itself loses when it fails is a count of its own last moment.
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def kept_keys(self) -> list[KeptKey]:
        """Return the keys that were kept last."""
        on: dict[str, list[str]] = {}
        for key_id, plan in self._database.execute("SELECT key_id, plan FROM places"):
            on.setdefault(key_id, []).append(plan)
        rows = self._database.execute("SELECT id, name, value, enabled, created FROM keys")
        return [
            KeptKey(
                id=id_,
                name=name,
                value=value,
                enabled=bool(enabled),
                created=created,
                plans=tuple(on.get(id_, ())),
            )
            for id_, name, value, enabled, created in rows
        ]

    def keep(self, keys: Iterable[KeptKey]) -> None:
        """Keep these keys, and none beside them."""
        kept = list(keys)
        rows = [(key.id, key.name, key.value, int(key.enabled), key.created) for key in kept]
        places = [(key.id, plan) for key in kept for plan in key.plans]
        self._database.execute("BEGIN")
        self._database.execute("DELETE FROM keys")
        self._database.execute("DELETE FROM places")
        self._database.executemany("INSERT INTO keys VALUES (?, ?, ?, ?, ?)", rows)
        self._database.executemany("INSERT INTO places VALUES (?, ?)", places)
        self._database.execute("COMMIT")

    def count(self, key_id: str, *, plan: str, day: date) -> None:
        """Count one request."""
        self._database.execute(
            "INSERT INTO uses VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET used = used + 1",
            (plan, key_id, day.isoformat()),
        )

    def used(self, key_id: str, *, plan: str, since: date, until: date) -> int:
        """Return how many requests were counted on the days from `since` to `until`, both included."""
        (used,) = self._database.execute(
            "SELECT coalesce(sum(used), 0) FROM uses"
            " WHERE plan = ? AND key_id = ? AND day BETWEEN ? AND ?",
            (plan, key_id, since.isoformat(), until.isoformat()),
        ).fetchone()
        return int(used)

    def forget_uses(self, *, before: date) -> None:
        """Forget what was counted before a day."""
        self._database.execute("DELETE FROM uses WHERE day < ?", (before.isoformat(),))


def _private(path: Path) -> Path:
    path.touch(mode=0o600)
    return path
