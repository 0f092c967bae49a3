"""`python -m tests.benchmarks`: starts, answers, sizes and events, each beside a baseline of this run.

Trust the ratios: milliseconds are the machine's.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from sqlalchemy import create_engine

from functions.ops.migrate.migrations import upgrade
from infra_cdk.bundle import MIB, Bundle
from infra_cdk.local.data_api.server import DataAPIServer
from infra_cdk.local.data_api.service import DataAPI
from infra_cdk.local.environment import DATABASE, Settings
from infra_cdk.local.postgres import start_postgres
from infra_cdk.local.processes import free_port
from infra_cdk.registry import ROOT
from tests.benchmarks.cold_start import (
    Start,
    functions,
    nowhere,
    start_function,
    start_hello,
)
from tests.benchmarks.events import report_events
from tests.benchmarks.latency import report_latency
from tests.benchmarks.webhooks import report_webhooks

RUNS = 7
REPEATS = 500
LOGIN = "http/webapp/login"
"""An event that reads the database, and hashes a password."""


@contextmanager
def migrated_database(place: Path) -> Iterator[Settings]:
    """Settings that lead to a PostgreSQL of this run with all tables, through the Data API."""
    server = start_postgres(place / "data", port=free_port(), log=place / "log")
    try:
        server.wait()
        server.create_database(DATABASE)
        data_api = DataAPIServer(DataAPI(server.dsn("postgres"))).start()
        try:
            engine = create_engine(server.dsn(DATABASE).replace("://", "+psycopg://"))
            with engine.begin() as connection:
                upgrade(connection)
            engine.dispose()
            yield replace(nowhere(), data_api_url=f"http://127.0.0.1:{data_api.port}")
        finally:
            data_api.stop()
    finally:
        server.stop()


def least(starts: list[Start]) -> float:
    """The least processor time of a start: the one that the machine disturbed least."""
    return min(each.cpu_s for each in starts)


def size_of(name: str) -> str:
    """The sizes of a bundle in `build/`, or that there is none."""
    bundle = Bundle(folder=ROOT / "build" / name, archive=ROOT / "build" / f"{name}.zip")
    if not bundle.archive.exists():
        return "run `make bundle`"
    return f"{bundle.unzipped_bytes / MIB:.1f} MiB, zipped {bundle.zipped_bytes / MIB:.1f}"


def measure(place: Path, *, settings: Settings) -> tuple[list[Start], dict[str, list[Start]]]:
    """Return the starts of the baseline and of each kind; they alternate, to be disturbed alike."""
    bytecode = place / "bytecode"
    kinds = {name: partial(start_function, name) for name in sorted(functions())}
    kinds["webapp, login"] = partial(start_function, "webapp", event=LOGIN, settings=settings)
    hello: list[Start] = []
    starts: dict[str, list[Start]] = {kind: [] for kind in kinds}
    for run in range(RUNS + 1):
        # The first run only writes the .pyc files.
        baseline = start_hello(bytecode=bytecode)
        others = {kind: begin(bytecode=bytecode) for kind, begin in kinds.items()}
        if run:
            hello.append(baseline)
            for kind, start in others.items():
                starts[kind].append(start)
    return hello, starts


def report(hello: list[Start], starts: dict[str, list[Start]]) -> None:
    """Print the starts and the sizes."""
    base = least(hello)
    print(f"{'cold start':16} {'CPU ms':>7} {'x hello':>8}  bundle")
    print(f"{'hello-world':16} {base * 1000:7.0f} {1:8.2f}")
    for kind, each in starts.items():
        size = size_of(kind) if kind in functions() else "with its first queries"
        print(f"{kind:16} {least(each) * 1000:7.0f} {least(each) / base:8.2f}  {size}")


def report_warm(place: Path) -> None:
    """Print the median of a warm answer, of the baseline and of each function behind the API."""
    bytecode = place / "bytecode"
    base = start_hello(bytecode=bytecode, repeats=REPEATS).warm_s
    print(f"\n{'warm answer':16} {'us':>7} {'x hello':>8}")
    print(f"{'hello-world':16} {base * 1e6:7.0f} {1:8.2f}")
    for name, each in functions().items():
        if each.spec.http:
            warm = start_function(name, bytecode=bytecode, repeats=REPEATS).warm_s
            print(f"{name:16} {warm * 1e6:7.0f} {warm / base:8.2f}")


def main() -> None:
    """Measure, and print one table."""
    with tempfile.TemporaryDirectory() as folder, migrated_database(Path(folder)) as settings:
        report(*measure(Path(folder), settings=settings))
        report_warm(Path(folder))
        report_events(Path(folder) / "events")
        report_webhooks(Path(folder) / "webhooks")
        report_latency(Path(folder) / "cloud")


if __name__ == "__main__":
    main()
