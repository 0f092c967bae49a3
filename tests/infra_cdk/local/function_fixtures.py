"""Functions written for a test, and the Lambda service that runs them."""

import asyncio
import json
import textwrap
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from infra_cdk.local.lambda_service.outcome import Outcome
from infra_cdk.local.lambda_service.service import LambdaService
from infra_cdk.registry import Registered
from shared.manifest.function import Function
from shared.manifest.triggers import Invoke, Trigger

PATIENCE_S = 20.0
"""How long a test waits for what must come, in seconds: generous, for a busy machine."""


@dataclass
class Code:
    """A folder of functions: `write` makes one, `edit` changes a file of it."""

    root: Path
    functions: list[Registered] = field(default_factory=list)

    def write(
        self,
        name: str,
        handler: str,
        *,
        timeout_s: int = 20,
        triggers: tuple[Trigger, ...] = (Invoke(),),
    ) -> Registered:
        self.edit(f"{name}/__init__.py", "")
        self.edit(f"{name}/handler.py", handler)
        spec = Function(name=name, triggers=triggers, timeout_s=timeout_s)
        self.functions.append(Registered(spec=spec, package=name))
        return self.functions[-1]

    def edit(self, path: str, source: str) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(textwrap.dedent(source))


@dataclass
class Running:
    """A Lambda service under test, and the lines that its functions wrote."""

    service: LambdaService
    lines: list[str]

    async def call(self, name: str, event: object = None) -> Any:
        outcome = await self.outcome(name, event)
        assert not outcome.error, outcome.payload
        return json.loads(outcome.payload)

    async def error(self, name: str, event: object = None) -> dict[str, Any]:
        outcome = await self.outcome(name, event)
        assert outcome.error
        error: dict[str, Any] = json.loads(outcome.payload)
        return error

    async def outcome(self, name: str, event: object = None) -> Outcome:
        return await self.service.invoke(name, json.dumps(event).encode())


@pytest.fixture
def code(tmp_path: Path) -> Code:
    root = tmp_path / "code"
    root.mkdir()
    return Code(root)


@pytest.fixture(scope="session")
def bytecode(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store of compiled modules for all tests: only the first start compiles the libraries."""
    return tmp_path_factory.mktemp("bytecode")


@asynccontextmanager
async def running(
    code: Code, *, bytecode: Path, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Running]:
    lines: list[str] = []
    service = LambdaService(
        code.functions,
        lambda _: environment or {},
        log=lines.append,
        root=code.root,
        bytecode=bytecode,
    )
    await service.start()
    try:
        yield Running(service, lines)
    finally:
        await service.stop()


async def until(holds: Callable[[], bool]) -> None:
    """Return once `holds()`; fail where it never does."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110  # another process makes it hold: no event tells
            await asyncio.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that only waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
