"""Children of the local runner: started in a group of their own, logged to a file, always ended.

On Linux a child dies with its parent even when the parent is killed (`PR_SET_PDEATHSIG`).
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

STOP_TIMEOUT_S = 10.0
"""How long a child may take to end by itself, in seconds, before it is killed."""

_LOG_TAIL_LINES = 20


class StartError(Exception):
    """A child did not start; the message says which, why, and shows the end of its log."""


def free_port() -> int:
    """Return a TCP port of the loopback interface that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def accepts_connections(port: int) -> bool:
    """Tell whether something listens on a loopback port."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def dying_with_parent(command: Sequence[str]) -> list[str]:
    """Return `command` such that the kernel kills it when the thread that started it ends.

    Start such a child from the main thread: the kernel counts a thread's end as the parent's.
    """
    if sys.platform == "linux" and (setpriv := shutil.which("setpriv")):
        return [setpriv, "--pdeathsig", "KILL", *command]
    return list(command)


def unprivileged(command: Sequence[str]) -> list[str]:
    """Return `command` such that it does not run as root: for programs that refuse to.

    A user namespace serves as another user, because files below a private home stay readable.
    """
    if os.geteuid() != 0:
        return dying_with_parent(command)
    unshare = shutil.which("unshare")
    if unshare is None:
        raise StartError(
            f"{Path(command[0]).name} does not run as root and unshare (util-linux) is missing: "
            "install it, or run as an ordinary user"
        )
    user = ["--user", "--map-user=1000", "--map-group=1000"]
    return [unshare, *user, *dying_with_parent(command)]


@dataclass
class Child:
    """A running program with its log."""

    name: str
    log: Path
    process: subprocess.Popen[bytes]
    stop_signal: signal.Signals = field(default=signal.SIGTERM)

    def tail(self) -> str:
        """Return the last lines of the log."""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-_LOG_TAIL_LINES:])

    def wait_until(self, ready: Callable[[], bool], *, timeout_s: float = 30.0) -> None:
        """Return once `ready()` holds. Raises StartError when the child ends or time runs out."""
        deadline = time.monotonic() + timeout_s
        while not ready():
            if self.process.poll() is not None:
                raise StartError(
                    f"{self.name} ended with {self.process.returncode}:\n{self.tail()}"
                )
            if time.monotonic() > deadline:
                self.stop()
                raise StartError(f"{self.name} was not ready in {timeout_s:g} s:\n{self.tail()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End the child and all of its group; returns when it is gone."""
        if self.process.poll() is None:
            self._signal(self.stop_signal)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_TIMEOUT_S)
        self._signal(signal.SIGKILL)
        self.process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)


def start(
    name: str,
    command: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
) -> Child:
    """Start a program in a session of its own, its output in `log`.

    Raises StartError where the program cannot be started at all.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if environment is None else dict(environment),
                start_new_session=True,
            )
        except OSError as error:
            raise StartError(f"{name} cannot be started: {error}") from error
    return Child(name=name, log=log, process=process, stop_signal=stop_signal)
