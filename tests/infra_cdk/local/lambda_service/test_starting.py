"""How many workers a function gets, and what comes of one that cannot start."""

import asyncio
from pathlib import Path

import pytest

from infra_cdk.local.lambda_service import pool, worker
from tests.infra_cdk.local.function_fixtures import Code, running, until

pytestmark = pytest.mark.anyio

MEETING = """
import os, pathlib, time

def handler(event, context):
    place = pathlib.Path(event["place"])
    (place / context.aws_request_id).touch()
    deadline = time.monotonic() + 15
    while len(list(place.iterdir())) < event["guests"] and time.monotonic() < deadline:
        time.sleep(0.01)
    return os.getpid()
"""
PID = "import os\ndef handler(event, context):\n    return os.getpid()\n"


async def test_no_process_is_started_before_the_first_event(code: Code, bytecode: Path) -> None:
    code.write("demo", "print('imported')\n" + PID)
    async with running(code, bytecode=bytecode) as run:
        assert run.lines == []
        await run.call("demo")
    assert run.lines == ["demo | imported"]


async def test_calls_at_one_time_get_a_process_each(
    code: Code, bytecode: Path, tmp_path: Path
) -> None:
    code.write("demo", MEETING)
    (place := tmp_path / "place").mkdir()
    event = {"place": str(place), "guests": 4}
    async with running(code, bytecode=bytecode) as run:
        # Each call returns only once all four run: one process could never serve them.
        pids = await asyncio.gather(*(run.call("demo", event) for _ in range(4)))
    assert len(set(pids)) == 4


async def test_calls_beyond_the_cap_wait_for_a_worker(
    code: Code, bytecode: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "MOST_WORKERS", 2)
    code.write("demo", PID)
    async with running(code, bytecode=bytecode) as run:
        pids = await asyncio.gather(*(run.call("demo") for _ in range(30)))
    assert len(pids) == 30
    assert len(set(pids)) <= 2


async def test_an_import_that_fails_fails_every_waiting_call(code: Code, bytecode: Path) -> None:
    code.write("demo", "print('tried')\nimport no_such_module\n")
    async with running(code, bytecode=bytecode) as run:
        errors = await asyncio.gather(*(run.error("demo") for _ in range(5)))
        assert {error["errorType"] for error in errors} == {"Runtime.ImportModuleError"}
        assert "no_such_module" in errors[0]["errorMessage"]
        await until(lambda: "demo | tried" in run.lines)
    assert run.lines.count("demo | tried") <= pool.MOST_STARTING


async def test_an_exit_at_import_fails_the_call_and_starts_nothing_again(
    code: Code, bytecode: Path
) -> None:
    code.write("demo", "import sys\nprint('tried')\nsys.exit(4)\n")
    async with running(code, bytecode=bytecode) as run:
        error = await run.error("demo")
    assert error["errorType"] == "Runtime.ExitError"
    assert "exit status 4" in error["errorMessage"]
    assert run.lines.count("demo | tried") == 1


async def test_an_import_that_hangs_is_ended(
    code: Code, bytecode: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "INIT_TIMEOUT_S", 0.5)
    code.write("demo", "import time\ntime.sleep(60)\n")
    async with running(code, bytecode=bytecode) as run:
        outcome = await run.outcome("demo")
    assert outcome.timed_out
    assert b"was not imported in 0.5 seconds" in outcome.payload
