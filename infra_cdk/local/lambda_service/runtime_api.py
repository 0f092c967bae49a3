"""Lambda's Runtime API on a loopback port: one for each worker, so that the port tells who asks.

Source: AWS, "Using the Lambda runtime API for custom runtimes".
"""

import asyncio
from pathlib import Path
from typing import Protocol

from aiohttp import web

from infra_cdk.local.lambda_service.invocation import Invocation

_SHUTDOWN_S = 0.1


class Runtime(Protocol):
    """What a worker does with what its process says."""

    async def next_call(self) -> tuple[Invocation, dict[str, str]]:
        """Return the next call and its headers."""

    def returned(self, call_id: str, payload: bytes, *, error: bool) -> None:
        """Take a call's result, or its error."""

    def init_failed(self, payload: bytes) -> None:
        """Take the error of an import that failed."""

    def loaded(self, files: frozenset[Path]) -> None:
        """Take the files that the process has loaded so far."""


class RuntimeAPI:
    """The server of one worker."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._http = web.Server(self._answer, access_log=None)
        self._listener: asyncio.Server | None = None

    async def start(self) -> int:
        """Listen, and return the port."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(self._http, "127.0.0.1", 0)
        port: int = self._listener.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        """Free the port and end the connections."""
        if self._listener:
            self._listener.close()
        await self._http.shutdown(_SHUTDOWN_S)

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        match request.path.strip("/").split("/"):
            case [_, "runtime", "invocation", "next"]:
                call, headers = await self._runtime.next_call()
                return web.Response(
                    body=call.event, headers=headers, content_type="application/json"
                )
            case [_, "runtime", "invocation", call_id, "response" | "error" as kind]:
                body = await _body_of(request)
                self._runtime.returned(call_id, body, error=kind == "error")
            case [_, "runtime", "init", "error"]:
                self._runtime.init_failed(await _body_of(request))
            case ["local", "files"]:
                names = (await _body_of(request)).decode().splitlines()
                self._runtime.loaded(frozenset(map(Path, names)))
            case _:
                return web.Response(status=404)
        return web.json_response({"status": "OK"}, status=202)


async def _body_of(request: web.BaseRequest) -> bytes:
    # Not `request.read()`: that refuses what is larger than 1 MiB.
    return b"".join([chunk async for chunk in request.content.iter_any()])
