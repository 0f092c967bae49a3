"""The REST API's gateway on this machine: HTTP in, proxy events out, and back."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from multidict import CIMultiDict

from infra_cdk.local.console.console import PREFIX, Console
from infra_cdk.local.gateway.errors import GatewayError, answer_of
from infra_cdk.local.gateway.event import event_of
from infra_cdk.local.gateway.keys import NO_KEY, Admit, Caller, KeysUnknownError
from infra_cdk.local.gateway.request import Request
from infra_cdk.local.gateway.response import MalformedResponseError, Response, response_from
from infra_cdk.local.gateway.routes import Route, Routes
from infra_cdk.local.lambda_service.outcome import Outcome
from infra_cdk.registry import Registered
from shared.manifest.gateway import DEFAULT_4XX, DEFAULT_5XX, response_of
from shared.manifest.limits import (
    GATEWAY_HEADER_BYTES,
    GATEWAY_PAYLOAD_BYTES,
    GATEWAY_TIMEOUT_S,
    LAMBDA_PAYLOAD_BYTES,
)

_logger = logging.getLogger(__name__)
_PARSER_BYTES = 64 * 1024
_SHUTDOWN_S = 1.0
_SERVER_ERROR = 500


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the gateway refuses, in seconds and bytes; AWS's own limits unless a test says less."""

    timeout_s: float = GATEWAY_TIMEOUT_S
    payload_bytes: int = GATEWAY_PAYLOAD_BYTES
    event_bytes: int = LAMBDA_PAYLOAD_BYTES
    header_bytes: int = GATEWAY_HEADER_BYTES


class Gateway:
    """The HTTP server. `invoke` runs a function, by name, on an event.

    `admit` says who a key belongs to, where functions want keys: ValueError without it. `console` answers
    requests below its prefix, which are no part of the API.
    """

    def __init__(
        self,
        functions: Sequence[Registered],
        invoke: Callable[[str, bytes], Awaitable[Outcome]],
        *,
        limits: Limits = Limits(),
        admit: Admit | None = None,
        console: Console | None = None,
    ) -> None:
        self.port = 0
        self._routes = Routes(functions)
        if self._routes.want_keys and admit is None:
            raise ValueError("functions want API keys, and nobody says whose a key is")
        self._invoke = invoke
        self._admit = admit
        self._limits = limits
        self._console = console
        self._http = _Server(
            self._answer,
            access_log=None,
            auto_decompress=False,  # a body is the function's, byte for byte
            max_line_size=_PARSER_BYTES,
            max_field_size=_PARSER_BYTES,
        )
        self._listener: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen; port 0 is any free one. Raises OSError where the port is taken."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(self._http, host, port)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Free the port and end the connections."""
        if self._listener:
            self._listener.close()
        await self._http.shutdown(_SHUTDOWN_S)

    async def _answer(self, received: web.BaseRequest) -> web.Response:
        began = time.perf_counter()
        request = _request_of(received, port=self.port)
        try:
            response = await self._handle(request, received)
        except GatewayError as error:
            _logger.warning("%s %s: %s", request.method, request.path, error)
            response = answer_of(error.response, request_id=request.id)
        took_ms = (time.perf_counter() - began) * 1000
        _logger.info("%s %s %d %.0f ms", request.method, request.path, response.status, took_ms)
        return _sent(response, request=request)

    async def _handle(self, request: Request, received: web.BaseRequest) -> Response:
        if (size := _header_bytes_of(request)) > self._limits.header_bytes:
            raise _too_large(f"request line and headers have {size} bytes")
        if self._console and request.path.startswith(PREFIX):
            sent = await _body_of(received, limit=self._limits.event_bytes)
            return await self._console.answer(replace(request, body=sent))
        route = self._routes.find(request.path)
        if route is None:
            missing = response_of("MISSING_AUTHENTICATION_TOKEN")
            raise GatewayError(missing, reason="no resource has this path")
        caller = await self._caller_of(request, route=route)
        body = await _body_of(received, limit=self._limits.payload_bytes)
        event = event_of(replace(request, body=body), route=route, caller=caller)
        if len(event) > self._limits.event_bytes:
            raise _too_large(f"the event has {len(event)} bytes")
        return _response_from(await self._outcome_of(route.function, event=event))

    async def _caller_of(self, request: Request, *, route: Route) -> Caller | None:
        """Return whose key a request has, where one is wanted. Raises GatewayError to refuse it."""
        if not route.api_key or self._admit is None:
            return None
        key = request.header("x-api-key")
        try:
            verdict = await self._admit(key) if key else NO_KEY
        except KeysUnknownError as error:
            raise GatewayError(DEFAULT_5XX, reason=f"no word on the API key: {error}") from error
        if key is None or verdict.refusal:
            who = verdict.key_id or "nobody known"
            reason = f"the API key of {who} is refused: {verdict.refusal}"
            raise GatewayError(response_of(verdict.refusal), reason=reason)
        return Caller(key=key, key_id=verdict.key_id)

    async def _outcome_of(self, function: str, *, event: bytes) -> Outcome:
        try:
            async with asyncio.timeout(self._limits.timeout_s):
                return await self._invoke(function, event)
        except TimeoutError as error:
            reason = f"{function} did not answer in {self._limits.timeout_s:g} s"
            raise GatewayError(response_of("INTEGRATION_TIMEOUT"), reason=reason) from error


class _Server(web.Server):
    """aiohttp's server, its own errors in the gateway's format."""

    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=asyncio.get_running_loop(), **self._kwargs)


class _Connection(RequestHandler):
    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = _SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if status >= _SERVER_ERROR or request.writer.output_size:
            # The library logs it, and raises where an answer is under way already.
            super().handle_error(request, status, exc, message)
        else:
            _logger.warning("no HTTP from %s: %s", request.remote, str(exc).partition("\n")[0])
        kind = DEFAULT_5XX if status >= _SERVER_ERROR else DEFAULT_4XX
        nothing = _request_of(request, port=0)
        response = _sent(answer_of(kind, request_id=nothing.id), request=nothing)
        response.force_close()
        return response


def _request_of(received: web.BaseRequest, *, port: int) -> Request:
    target = received.raw_path
    if not target.startswith("/"):  # a proxy's form: http://host/path
        target = urlsplit(target)._replace(scheme="", netloc="").geturl()
    path, _, query = target.partition("?")
    version = received.version
    return Request(
        method=received.method,
        path=path,
        query=query,
        protocol=f"HTTP/{version.major}.{version.minor}",
        # Bytes become characters one to one: a header need not be UTF-8.
        headers=[(n.decode("latin-1"), v.decode("latin-1")) for n, v in received.raw_headers],
        client=received.remote or "",
        port=port,
    )


def _header_bytes_of(request: Request) -> int:
    line = len(request.method) + len(request.path) + len(request.query) + len(request.protocol)
    return line + sum(len(value) for _, value in request.headers)


async def _body_of(received: web.BaseRequest, *, limit: int) -> bytes:
    """Read the body. Raises GatewayError once it is larger than `limit`, in bytes."""
    if (received.content_length or 0) > limit:
        raise _too_large(f"the body has {received.content_length} bytes")
    if received.headers.get("Expect", "").lower() == "100-continue":
        await received.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        received.writer.output_size = 0  # this was no part of the answer
    body = bytearray()
    async for chunk in received.content.iter_any():
        body += chunk
        if len(body) > limit:
            raise _too_large(f"the body has more than {limit} bytes")
    return bytes(body)


def _too_large(reason: str) -> GatewayError:
    return GatewayError(response_of("REQUEST_TOO_LARGE"), reason=reason)


def _response_from(outcome: Outcome) -> Response:
    """Return the function's answer. Raises GatewayError for an error or what is no answer."""
    failed = response_of("INTEGRATION_FAILURE")
    if outcome.error:
        raise GatewayError(failed, reason=outcome.payload.decode(errors="replace"))
    try:
        return response_from(outcome.payload)
    except MalformedResponseError as error:
        raise GatewayError(failed, reason=f"malformed Lambda proxy response: {error}") from error


def _sent(response: Response, *, request: Request) -> web.Response:
    headers = CIMultiDict(response.headers)
    headers["x-amzn-RequestId"] = request.id
    headers["x-amz-apigw-id"] = request.extended_id
    return web.Response(status=response.status, headers=headers, body=response.body)
