"""Lambda on this machine: each function in processes of its own, under AWS's runtime client."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from infra_cdk.local.lambda_service.edits import forget_bytecode, watch
from infra_cdk.local.lambda_service.launch import Launch
from infra_cdk.local.lambda_service.outcome import Outcome
from infra_cdk.local.lambda_service.pool import Pool
from infra_cdk.registry import ROOT, Registered

_logger = logging.getLogger(__name__)


class LambdaService:
    """The functions of a checkout, started on demand and reloaded when their files change.

    `environment` gives a function's own variables; Lambda's are added. Its output goes to `log`,
    line by line, after its name. `root` is what the functions are imported from. Start it from the
    main thread: workers die with the thread that started them.
    """

    def __init__(
        self,
        functions: Sequence[Registered],
        environment: Callable[[Registered], Mapping[str, str]],
        *,
        log: Callable[[str], None] = _logger.info,
        root: Path = ROOT,
        bytecode: Path = ROOT / ".local" / "pycache",
    ) -> None:
        self._functions = functions
        self._environment = environment
        self._log = log
        self._root = root.resolve()
        self._bytecode = bytecode
        self._pools: dict[str, Pool] = {}
        self._stopping = asyncio.Event()
        self._watcher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take calls, and watch the code. No process is started yet."""
        for function in self._functions:
            log = partial(self._log_line, function.spec.name)
            self._pools[function.spec.name] = Pool(self._launch(function), log=log)
        self._watcher = asyncio.create_task(
            watch(self._root, tell=self._reload, stop=self._stopping)
        )
        # The watcher's first step registers the folders: an edit from now on is seen.
        await asyncio.sleep(0)

    def warm(self, name: str) -> None:
        """Start a function before its first event comes. Raises KeyError for an unknown function."""
        self._pools[name].warm()

    async def invoke(self, name: str, event: bytes) -> Outcome:
        """Run a function on one event, JSON in UTF-8. Raises KeyError for an unknown function."""
        return await self._pools[name].invoke(event)

    async def stop(self) -> None:
        """End every process and free every port. Calls that still run fail."""
        self._stopping.set()
        await asyncio.gather(*(pool.stop() for pool in self._pools.values()))
        if self._watcher:
            await self._watcher

    def _launch(self, function: Registered) -> Launch:
        return Launch(
            function=function,
            root=self._root,
            bytecode=self._bytecode,
            variables=self._environment(function),
        )

    def _reload(self, edited: frozenset[Path]) -> None:
        forget_bytecode(edited, bytecode=self._bytecode)
        for pool in self._pools.values():
            pool.reload(edited)

    def _log_line(self, name: str, line: str) -> None:
        self._log(f"{name} | {line}")
