"""All workers of one function: calls wait here, workers are started as calls need them."""

import asyncio
import os
from collections import deque
from collections.abc import Callable
from pathlib import Path

from infra_cdk.local.lambda_service.invocation import Invocation
from infra_cdk.local.lambda_service.launch import Launch
from infra_cdk.local.lambda_service.outcome import Outcome, failure
from infra_cdk.local.lambda_service.worker import State, Worker

MOST_WORKERS = 8
"""Most workers of one function at a time; further calls wait for one of them."""

MOST_STARTING = os.cpu_count() or 1
"""Most workers that start at a time: an import keeps a whole core busy."""


class Pool:
    """The workers of one function and the calls that wait for one."""

    def __init__(self, launch: Launch, *, log: Callable[[str], None]) -> None:
        self._launch = launch
        self._log = log
        self._workers: list[Worker] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: deque[Invocation] = deque()
        self._broken = False
        self._stopped = False

    async def invoke(self, event: bytes) -> Outcome:
        """Run the handler on one event. A caller that leaves does not stop a call that runs."""
        if self._stopped:
            return failure("Runtime.ExitError", "The Lambda service has been stopped.")
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        call = Invocation(event=event, outcome=future)
        self._waiting.append(call)
        self._dispatch()
        try:
            return await future
        finally:
            if call in self._waiting:
                self._waiting.remove(call)

    def warm(self) -> None:
        """Start a process for a call that will come, unless there is one."""
        if not self._workers:
            self._start_worker()

    def reload(self, edited: frozenset[Path]) -> None:
        """Retire the workers that hold an edited file, and warm one that holds the new."""
        stale = [worker for worker in self._workers if worker.retire_if_stale(edited)]
        # A handler that cannot be imported holds no file: any edit may have mended it.
        if stale or self._broken:
            self._broken = False
            self._start_worker()

    async def stop(self) -> None:
        """End every worker; calls that wait or run fail."""
        self._stopped = True
        for worker in list(self._workers):
            worker.kill()
        self._fail_waiting(failure("Runtime.ExitError", "The Lambda service was stopped."))
        await asyncio.gather(*self._tasks)

    def worker_is_idle(self) -> None:
        """Give the worker a call that waits."""
        self._broken = False
        self._dispatch()

    def worker_ended(self, worker: Worker) -> None:
        """Forget the worker. One that never started fails what waits, or it would start for ever."""
        self._workers.remove(worker)
        if worker.start_error:
            self._broken = True
            self._log(f"did not start: {worker.start_error.payload.decode(errors='replace')}")
            self._fail_waiting(worker.start_error)
        self._dispatch()

    def _dispatch(self) -> None:
        for worker in [each for each in self._workers if each.state is State.IDLE]:
            if not self._waiting:
                return
            worker.give(self._waiting.popleft())
        if not self._stopped:
            for _ in range(self._wanted()):
                self._start_worker()

    def _wanted(self) -> int:
        live = [worker.state for worker in self._workers if not worker.retiring]
        starting = live.count(State.STARTING)
        room = min(MOST_WORKERS - len(live), MOST_STARTING - starting)
        return min(len(self._waiting) - starting - live.count(State.RETURNING), room)

    def _start_worker(self) -> None:
        worker = Worker(self._launch, owner=self, log=self._log)
        self._workers.append(worker)
        task = asyncio.create_task(worker.run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _fail_waiting(self, outcome: Outcome) -> None:
        while self._waiting:
            self._waiting.popleft().settle(outcome)
