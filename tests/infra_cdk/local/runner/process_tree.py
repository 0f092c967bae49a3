"""What runs on this machine, read from /proc: so that a test sees what a runner left behind."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

_SERVERS = ("postgres", "valkey-server", "local.aws", "data_api")
_LISTENING = "0A"


def descendants_of(pid: int) -> set[int]:
    """The children of a process, and theirs."""
    found, known = {pid}, list(_parents())
    while more := {child for child, parent in known if parent in found} - found:
        found |= more
    return found - {pid}


def alive(pids: set[int]) -> set[int]:
    """Those of the processes that still run; one that only waits to be reaped does not."""
    states = {pid: fields[0] for pid, fields in _stats().items()}
    return {pid for pid in pids if states.get(pid, "Z") != "Z"}


def servers_among(pids: set[int]) -> dict[str, int]:
    """The servers among some processes; of several processes of one, the first."""
    commands = {pid: command_of(pid) for pid in sorted(pids, reverse=True)}
    return {word: pid for pid, command in commands.items() for word in _SERVERS if word in command}


def command_of(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


def listening_addresses_of(pids: set[int]) -> set[str]:
    """Where some processes listen, as the kernel writes it: `0100007F:1F90`."""
    sockets = _sockets_of(pids)
    rows = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    return {row[1] for row in rows if row[3] == _LISTENING and f"socket:[{row[9]}]" in sockets}


def eventually(holds: Callable[[], bool], *, within_s: float) -> bool:
    """Whether something comes to hold in time."""
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _parents() -> Iterator[tuple[int, int]]:
    for pid, fields in _stats().items():
        yield pid, int(fields[1])


def _stats() -> dict[int, list[str]]:
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            # The name in parentheses may hold spaces: what follows it is what counts.
            found[int(path.parent.name)] = path.read_text().rpartition(")")[2].split()
    return found


def _sockets_of(pids: set[int]) -> set[str]:
    found = set()
    for path in (path for pid in pids for path in Path(f"/proc/{pid}/fd").iterdir()):
        with suppress(FileNotFoundError):
            found.add(str(path.readlink()))
    return found
