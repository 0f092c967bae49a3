"""The Lambda handler of an ASGI application."""

import asyncio
from collections.abc import Callable
from functools import cache
from typing import Any

from mangum import Mangum
from mangum.types import ASGI

type Handler = Callable[[dict[str, Any], Any], dict[str, Any]]

TEXT_TYPES = ["text/", "application/json", "application/javascript", "+json", "+xml"]
"""Bodies that the gateway gets as text; any other goes in base64."""


def lambda_handler(app: ASGI) -> Handler:
    """Return the function that Lambda calls with a proxy event of the REST API."""

    @cache
    def adapter() -> Handler:
        return Mangum(app, lifespan="off", text_mime_types=TEXT_TYPES)

    def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
        # Mangum runs on the current loop; in a test process another one may have been that since.
        asyncio.set_event_loop(_event_loop())
        return adapter()(event, context)

    return handle


@cache
def _event_loop() -> asyncio.AbstractEventLoop:
    """Return the one loop of all invocations: pools and clients that belong to it stay usable."""
    return asyncio.new_event_loop()
