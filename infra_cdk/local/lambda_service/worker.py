"""One process of a function: started, given one call at a time, ended."""

import asyncio
import contextlib
import os
import signal
import time
import uuid
from collections.abc import AsyncIterator, Callable
from enum import Enum, auto
from pathlib import Path
from typing import Protocol

from infra_cdk.local.lambda_service.invocation import Invocation
from infra_cdk.local.lambda_service.launch import Launch
from infra_cdk.local.lambda_service.outcome import Outcome, failure
from infra_cdk.local.lambda_service.runtime_api import RuntimeAPI
from shared.manifest.limits import LAMBDA_PAYLOAD_BYTES

INIT_TIMEOUT_S = 30.0
"""How long the import of a handler may take, in seconds. AWS gives 10; a busy laptop needs more."""

_LINE_BYTES = 256 * 1024
_DRAIN_S = 1.0


class State(Enum):
    """Where a worker stands."""

    STARTING = auto()
    IDLE = auto()
    BUSY = auto()
    RETURNING = auto()
    """The call is answered; the process has not asked for the next one yet."""
    ENDED = auto()


class Owner(Protocol):
    """Who is told of a worker's life: the function's pool."""

    def worker_is_idle(self) -> None:
        """Hear that a worker waits for a call."""

    def worker_ended(self, worker: "Worker") -> None:
        """Hear that a worker is gone; its process too."""


class Worker:
    """A process under AWS's runtime client, with the Runtime API that it alone talks to."""

    def __init__(self, launch: Launch, *, owner: Owner, log: Callable[[str], None]) -> None:
        self.state = State.STARTING
        self.retiring = False
        self.start_error: Outcome | None = None
        self._launch = launch
        self._owner = owner
        self._log = log
        self._files: frozenset[Path] = frozenset()
        self._edited: set[Path] = set()
        self._process: asyncio.subprocess.Process | None = None
        self._call: Invocation | None = None
        self._next: asyncio.Future[Invocation] | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Live from the start of the process to its end; then the port is free again."""
        api = RuntimeAPI(self)
        try:
            await self._run_process(port=await api.start())
        except OSError as error:
            self.start_error = failure("Runtime.StartError", f"The worker did not start: {error}")
        finally:
            self.kill()
            await api.stop()
            self._owner.worker_ended(self)

    def give(self, call: Invocation) -> None:
        """Hand a call to an idle worker; the function's time-out begins."""
        if self._next is None or self.state is not State.IDLE:
            raise RuntimeError("only an idle worker takes a call")
        self.state, self._call = State.BUSY, call
        self._edited.clear()
        self._limit(self._launch.function.spec.timeout_s, self._time_out)
        self._next.set_result(call)

    def kill(self) -> None:
        """End the process and its whole group at once; a running call fails."""
        self._stop_timer()
        self.state = State.ENDED
        if self._process:
            # Also where the process has ended by itself: its own children may live on.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._fail_call("Runtime.ExitError", f"Runtime exited with error: {self._ending()}")

    def retire_if_stale(self, edited: frozenset[Path]) -> bool:
        """Tell whether the process holds one of the edited files; if so it gets no further call.

        A running call is let finish. A worker that has not told its files yet may hold any.
        """
        if self.retiring or self.state is State.ENDED:
            return False
        self._edited |= edited
        stale = self.state is State.STARTING or bool(self._files & edited)
        if stale:
            self._retire()
        return stale

    async def next_call(self) -> tuple[Invocation, dict[str, str]]:
        """Answer `/next`: wait for a call."""
        if self.retiring:
            self.kill()
        self._stop_timer()
        self._next = asyncio.get_running_loop().create_future()
        if self.state is not State.ENDED:
            self.state = State.IDLE
            self._owner.worker_is_idle()
        call = await self._next
        return call, self._headers_of(call)

    def returned(self, call_id: str, payload: bytes, *, error: bool) -> None:
        """Answer `/response` and `/error`."""
        call = self._call
        if call is None or call.id != call_id:
            return
        self.state, self._call = State.RETURNING, None
        self._stop_timer()
        if len(payload) > LAMBDA_PAYLOAD_BYTES:
            limit = f"maximum allowed payload size ({LAMBDA_PAYLOAD_BYTES} bytes)."
            message = f"Response payload size ({len(payload)} bytes) exceeded {limit}"
            call.settle(failure("Function.ResponseSizeTooLarge", message))
        else:
            call.settle(Outcome(payload=payload, error=error))

    def init_failed(self, payload: bytes) -> None:
        """Answer `/init/error`; the process ends by itself."""
        self.start_error = Outcome(payload=payload, error=True)

    def loaded(self, files: frozenset[Path]) -> None:
        """Answer the report of loaded files."""
        self._files |= files
        # What was edited during the call that loaded it may be there in its old form.
        if files & self._edited:
            self._retire()

    async def _run_process(self, *, port: int) -> None:
        stream = f"{time.strftime('%Y/%m/%d', time.gmtime())}/[$LATEST]{uuid.uuid4().hex}"
        self._process = await self._launch.start(port=port, stream=stream)
        if self.state is State.ENDED:  # it was retired while it was being started
            return
        self._limit(INIT_TIMEOUT_S, self._init_time_out)
        logs = asyncio.create_task(self._forward_log(self._process))
        await self._process.wait()
        if self.state is State.STARTING and self.start_error is None:
            message = f"Runtime exited during its start: {self._ending()}"
            self.start_error = failure("Runtime.ExitError", message)
        self.kill()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(logs, _DRAIN_S)

    async def _forward_log(self, process: asyncio.subprocess.Process) -> None:
        if process.stdout is None:
            raise RuntimeError("the process was started without a pipe")
        async for line in _lines_of(process.stdout):
            self._log(line)

    def _headers_of(self, call: Invocation) -> dict[str, str]:
        now = time.time()
        deadline_ms = int((now + self._launch.function.spec.timeout_s) * 1000)
        trace = f"Root=1-{int(now):08x}-{uuid.uuid4().hex[:24]};Sampled=0"
        return {
            "Lambda-Runtime-Aws-Request-Id": call.id,
            "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": self._launch.arn,
            "Lambda-Runtime-Trace-Id": trace,
        }

    def _retire(self) -> None:
        self.retiring = True
        if self.state in {State.STARTING, State.IDLE}:
            self.kill()

    def _time_out(self) -> None:
        seconds = self._launch.function.spec.timeout_s
        message = f"Task timed out after {seconds:.2f} seconds"
        self._log(message)
        self._fail_call("Sandbox.Timedout", message, timed_out=True)
        self.kill()

    def _init_time_out(self) -> None:
        message = f"The handler was not imported in {INIT_TIMEOUT_S:g} seconds"
        self.start_error = failure("Sandbox.Timedout", message, timed_out=True)
        self.kill()

    def _fail_call(self, kind: str, message: str, *, timed_out: bool = False) -> None:
        call, self._call = self._call, None
        if call:
            call.fail(kind, message, timed_out=timed_out)

    def _ending(self) -> str:
        code = self._process.returncode if self._process else None
        if code is None:
            return "it was ended"
        return f"exit status {code}" if code >= 0 else f"signal: {signal.Signals(-code).name}"

    def _limit(self, seconds: float, then: Callable[[], None]) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(seconds, then)

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None


async def _lines_of(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    """Yield lines, however long; awslambdaric ends the lines of its tracebacks with CR."""
    rest = b""
    while chunk := await stream.read(_LINE_BYTES):
        *lines, rest = (rest + chunk).replace(b"\r", b"\n").split(b"\n")
        if len(rest) > _LINE_BYTES:
            lines, rest = [*lines, rest], b""
        for line in filter(None, lines):
            yield line.decode(errors="replace")
    if rest:
        yield rest.decode(errors="replace")
