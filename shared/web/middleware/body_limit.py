"""Refuses a request body that is larger than the settings allow."""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.config.http import http_settings


class BodyLimit:
    """Counts what arrives; a declared length is refused unread.

    Raises HTTPException 413: of all errors FastAPI lets that one through while it reads a body.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._limit = http_settings().max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal():
            self._refuse_above(int(declared))
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            self._refuse_above(received)
            return message

        await self._app(scope, counted, send)

    def _refuse_above(self, size: int) -> None:
        if size > self._limit:
            raise HTTPException(413)
