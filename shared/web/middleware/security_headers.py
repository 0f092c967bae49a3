"""Headers that keep a browser from doing what an API never asks of it."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.manifest.headers import SECURITY_HEADERS

DEFAULTS = {
    **SECURITY_HEADERS,
    # RFC 9111: an answer to one caller is for no store, unless its route says otherwise.
    "Cache-Control": "no-store",
}


class SecurityHeaders:
    """Sets each header that a route has not set itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in DEFAULTS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)
