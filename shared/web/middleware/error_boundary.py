"""The last resort: whatever was raised becomes a problem document, and is logged."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.adapters.logging import logger
from shared.web.problems import InternalError, problem_of, respond


class ErrorBoundary:
    """Answers what no handler did. An error after the answer has begun goes on, for the server."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        begun = False

        async def send_noting(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        except Exception as exception:
            problem = problem_of(exception)
            if isinstance(problem, InternalError):
                logger().exception("unhandled error")
            if begun:
                raise
            await respond(problem)(scope, receive, send)
