"""Whatever ends the service leaves no process and no port."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from infra_cdk.local.processes import accepts_connections
from infra_cdk.registry import ROOT
from tests.infra_cdk.local.function_fixtures import PATIENCE_S, Code, is_alive, running, until

pytestmark = pytest.mark.anyio

HANDLER = """
import os, subprocess, time

def handler(event, context):
    child = subprocess.Popen(["sleep", "60"])
    port = int(os.environ["AWS_LAMBDA_RUNTIME_API"].rpartition(":")[2])
    if event:
        print(f"busy {os.getpid()}", flush=True)
        time.sleep(60)
    return {"pids": [os.getpid(), child.pid], "port": port}
"""

RUNNER = """
import asyncio, json, pathlib, sys
from infra_cdk.local.lambda_service.service import LambdaService
from infra_cdk.registry import Registered
from shared.manifest.function import Function
from shared.manifest.triggers import Invoke

async def main():
    function = Registered(spec=Function(name="demo", triggers=(Invoke(),)), package="demo")
    root, bytecode = map(pathlib.Path, sys.argv[1:])
    def log(line):
        print(line.partition("busy ")[2], flush=True)
    service = LambdaService([function], lambda _: {}, root=root, bytecode=bytecode, log=log)
    await service.start()
    await service.invoke("demo", b"true")

asyncio.run(main())
"""


async def test_stopping_ends_workers_their_children_and_their_ports(
    code: Code, bytecode: Path
) -> None:
    code.write("demo", HANDLER)
    async with running(code, bytecode=bytecode) as run:
        answer = await run.call("demo")
        assert all(is_alive(pid) for pid in answer["pids"])
        assert accepts_connections(answer["port"])
    await until(lambda: not any(is_alive(pid) for pid in answer["pids"]))
    assert not accepts_connections(answer["port"])


async def test_stopping_fails_a_running_call(code: Code, bytecode: Path) -> None:
    code.write("demo", HANDLER)
    async with running(code, bytecode=bytecode) as run:
        held = asyncio.create_task(run.error("demo", "wait"))
        await until(lambda: any("busy" in line for line in run.lines))
    assert (await held)["errorType"] == "Runtime.ExitError"


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
async def test_workers_end_with_a_runner_that_is_killed(code: Code, bytecode: Path) -> None:
    code.write("demo", HANDLER)
    command = [sys.executable, "-c", RUNNER, str(code.root), str(bytecode)]
    runner = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    assert runner.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            worker = int(await runner.stdout.readline())
        assert is_alive(worker)
    finally:
        runner.send_signal(signal.SIGKILL)
        await runner.wait()
    await until(lambda: not is_alive(worker))
