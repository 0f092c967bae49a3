"""Gives every request its id, keeps the caller's trace, and logs one line about the answer."""

import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.adapters.logging import logger
from shared.core.correlation import (
    Correlation,
    correlated,
    well_formed_request_id,
    well_formed_traceparent,
)


class Correlate:
    """Accepts a well-formed X-Request-ID, else takes the gateway's; returns it with the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        correlation = _correlation_of(scope)
        started = time.perf_counter()
        status = 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = correlation.request_id
            await send(message)

        with correlated(correlation):
            await self._app(scope, receive, send_with_id)
            elapsed_ms = round((time.perf_counter() - started) * 1000, 1)
            logger().info("request", extra=_line_of(scope, status=status, elapsed_ms=elapsed_ms))


def _correlation_of(scope: Scope) -> Correlation:
    headers = Headers(scope=scope)
    sent = headers.get("x-request-id", "")
    traceparent = headers.get("traceparent", "")
    return Correlation(
        request_id=sent if well_formed_request_id(sent) else _gateway_id(scope) or str(uuid4()),
        traceparent=traceparent if well_formed_traceparent(traceparent) else None,
    )


def _gateway_id(scope: Scope) -> str | None:
    # The same id then stands in the gateway's access log.
    event: Mapping[str, Any] = scope.get("aws.event", {})
    found = event.get("requestContext", {}).get("requestId")
    return found if isinstance(found, str) else None


def _line_of(scope: Scope, *, status: int, elapsed_ms: float) -> dict[str, Any]:
    # Neither query nor headers: they hold what callers search for and prove themselves with.
    return {
        "method": scope["method"],
        "path": scope["path"],
        "route": _template_of(scope),
        "status": status,
        "elapsed_ms": elapsed_ms,
        "gateway_request_id": _gateway_id(scope),
    }


def _template_of(scope: Scope) -> str | None:
    """Return the path with its parameters' names for their values; None where no route has it."""
    if "endpoint" not in scope:
        return None
    template: str = scope["path"]
    for name, value in scope.get("path_params", {}).items():
        template = template.replace(str(value), f"{{{name}}}")
    return template
