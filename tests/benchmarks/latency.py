"""From commit to effect on this machine: a registration, and the welcome mail that it asks for.

The whole road is real but for AWS: gateway, Lambda service, outbox, relay, bus, queue, consumer, by the
local cloud as `make dev` runs it. moto's bus and queues take most of the time.
"""

import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg

from tests.cloud_fixtures import Cloud, running_cloud

REGISTRATIONS = 60
WARM = 5
"""Registrations before it is measured: each function has been started then."""

MAILS = 2
"""Mails that a registration asks for: a greeting, and one that verifies the address."""

PATIENCE_S = 60.0
PASSWORD = "seven lanterns by the turntable"

_EFFECTS = """
SELECT extract(epoch FROM handled_at) FROM inbox WHERE consumer = 'mail' ORDER BY handled_at
"""
_COMMITS = "SELECT extract(epoch FROM created_at) FROM users ORDER BY created_at"


def report_latency(state: Path) -> None:
    """Print how long after its commit an event has its effect, beside the request that caused it."""
    state.parent.mkdir(parents=True, exist_ok=True)
    with running_cloud(state) as cloud, psycopg.connect(dsn_of(cloud), autocommit=True) as database:
        before = len(database.execute(_EFFECTS).fetchall())
        requests = [
            register(cloud, database, wait_for=before + MAILS * (n + 1))
            for n in range(REGISTRATIONS)
        ]
        # Each registration waited for both of its own: the first of a pair is the sooner one.
        effects = times(database, _EFFECTS)[-REGISTRATIONS * MAILS :: MAILS]
        commits = times(database, _COMMITS)[-REGISTRATIONS:]
    delays = [effect - commit for effect, commit in zip(effects, commits, strict=True)][WARM:]
    print(f"\n{'from commit to effect':28} {'p50 ms':>9} {'p99 ms':>9}")
    print_row("the request itself", requests[WARM:])
    print_row("the mail that it asks for", delays)


def dsn_of(cloud: Cloud) -> str:
    """Return the address of the cloud's database, which its terminal shows."""
    (line,) = [each for each in cloud.terminal().splitlines() if "postgresql://" in each]
    return line.split()[-1]


def register(cloud: Cloud, database: psycopg.Connection[Any], *, wait_for: int) -> float:
    """Register somebody, wait until so many mails were sent, and return the request's time in seconds."""
    name = f"bench-{uuid4().hex[:12]}"
    user = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
    began = time.perf_counter()
    answer = httpx.post(f"{cloud.url}/v2/webapp/users", json=user)
    took = time.perf_counter() - began
    answer.raise_for_status()
    deadline = time.monotonic() + PATIENCE_S
    while len(database.execute(_EFFECTS).fetchall()) < wait_for:
        if time.monotonic() > deadline:
            raise TimeoutError("the mail was never sent")
        time.sleep(0.005)
    return took


def times(database: psycopg.Connection[Any], sql: str) -> list[float]:
    """Return the moments of a query, in seconds since 1970."""
    return [float(moment) for (moment,) in database.execute(sql.encode()).fetchall()]


def print_row(name: str, seconds: Sequence[float]) -> None:
    """Print the median and the 99th percentile of durations, in milliseconds."""
    last = statistics.quantiles(seconds, n=100)[98]
    print(f"{name:28} {statistics.median(seconds) * 1000:9.0f} {last * 1000:9.0f}")
