"""The Lambda handler of an ASGI application."""

import asyncio
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from mangum import Mangum
from mangum.types import ASGI

type Handler = Callable[[dict[str, Any], Any], dict[str, Any]]

TEXT_TYPES = ["text/", "application/json", "application/javascript", "+json", "+xml"]
"""Bodies that the gateway gets as text; any other goes in base64."""


_HOST = re.compile(r"[A-Za-z0-9._-]+(:[0-9]{1,5})?")


def lambda_handler(app: ASGI) -> Handler:
    """Return the function that Lambda calls with a proxy event of the REST API."""

    @cache
    def adapter() -> Handler:
        return Mangum(app, lifespan="off", text_mime_types=TEXT_TYPES)

    def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
        # Mangum runs on the current loop; in a test process another one may have been that since.
        asyncio.set_event_loop(_event_loop())
        return adapter()(_with_readable_host(event), context)

    return handle


def _with_readable_host(event: dict[str, Any]) -> dict[str, Any]:
    """Return the event with a host that Mangum can take apart: another is one that nobody trusts."""
    named = event.get("multiValueHeaders") or {}
    hosts = {name: values for name, values in named.items() if name.lower() == "host"}
    if all(_HOST.fullmatch(value) for values in hosts.values() for value in values):
        return event
    return event | {"multiValueHeaders": named | {name: [""] for name in hosts}}


@cache
def _event_loop() -> asyncio.AbstractEventLoop:
    """Return the one loop of all invocations: pools and clients that belong to it stay usable."""
    return asyncio.new_event_loop()
