"""What the gateway serves below `/_local/`: this machine's own, for whoever sits at it.

- `POST /_local/functions/NAME` runs a function on an event, and returns what it returned.
- `GET /_local/mailbox` and `/_local/mailbox.json` show the mail that was sent.
"""

import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from infra_cdk.local.console.mailbox import CONTENT_SECURITY_POLICY, page_of
from infra_cdk.local.environment import origins_of
from infra_cdk.local.gateway.request import Request
from infra_cdk.local.gateway.response import Response
from infra_cdk.local.lambda_service.outcome import Outcome
from infra_cdk.local.ports import HOST

PREFIX = "/_local/"
FUNCTIONS = "/_local/functions/"
MAILBOX = "/_local/mailbox"

_HTTP_PORT = 80
_JSON = "application/json"
_COMMON = [
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("X-Frame-Options", "DENY"),
]


class Console:
    """Answers requests. `invoke` runs a function; `mails` returns what was sent, newest first."""

    def __init__(
        self,
        functions: Collection[str],
        *,
        invoke: Callable[[str, bytes], Awaitable[Outcome]],
        mails: Callable[[], Awaitable[Sequence[Mapping[str, Any]]]],
    ) -> None:
        self._functions = functions
        self._invoke = invoke
        self._mails = mails

    async def answer(self, request: Request) -> Response:
        """Answer a request of a path below PREFIX."""
        if refusal := _foreign(request):
            return _error(HTTPStatus.FORBIDDEN, refusal)
        if request.path.startswith(FUNCTIONS):
            return await self._run(request, name=request.path.removeprefix(FUNCTIONS))
        if request.path in {MAILBOX, f"{MAILBOX}.json"}:
            return await self._show_mail(request)
        return _error(HTTPStatus.NOT_FOUND, "there is nothing at this path")

    async def _run(self, request: Request, *, name: str) -> Response:
        if request.method != "POST":
            return _not_allowed("POST")
        if name not in self._functions:
            known = ", ".join(sorted(self._functions))
            return _error(HTTPStatus.NOT_FOUND, f"no function is named {name!r}; there are {known}")
        event = request.body or b"{}"
        try:
            json.loads(event)
        except ValueError as error:
            return _error(HTTPStatus.BAD_REQUEST, f"the event is no JSON: {error}")
        outcome = await self._invoke(name, event)
        status = HTTPStatus.BAD_GATEWAY if outcome.error else HTTPStatus.OK
        return _answer(status, outcome.payload, type_=_JSON)

    async def _show_mail(self, request: Request) -> Response:
        if request.method != "GET":
            return _not_allowed("GET")
        mails = await self._mails()
        if request.path.endswith(".json"):
            return _answer(HTTPStatus.OK, json.dumps({"mails": mails}).encode(), type_=_JSON)
        return _answer(
            HTTPStatus.OK,
            page_of(mails).encode(),
            type_="text/html; charset=utf-8",
            Content_Security_Policy=CONTENT_SECURITY_POLICY,
        )


def _foreign(request: Request) -> str | None:
    """Return why a request is refused that a page of some web site may have made, else None."""
    own = {origin.removeprefix("http://") for origin in origins_of(request.port)}
    if request.port == _HTTP_PORT:
        own |= {name.removesuffix(f":{_HTTP_PORT}") for name in own}
    # Else a name of that site's own, made to lead here, would make its pages pass for this origin.
    if (host := request.header("host")) not in own:
        return f"this is for {HOST}:{request.port}, not for {host!r}"
    origin = request.header("origin")
    if origin is not None and origin.removeprefix("http://") not in own:
        return f"pages of {origin!r} may not use this"
    return None


def _answer(status: HTTPStatus, body: bytes, *, type_: str, **headers: str) -> Response:
    more = [(name.replace("_", "-"), text) for name, text in headers.items()]
    return Response(status=status, headers=[("Content-Type", type_), *more, *_COMMON], body=body)


def _error(status: HTTPStatus, detail: str, **headers: str) -> Response:
    problem = {"title": status.phrase, "status": status.value, "detail": detail}
    body = json.dumps(problem).encode()
    return _answer(status, body, type_="application/problem+json", **headers)


def _not_allowed(method: str) -> Response:
    return _error(HTTPStatus.METHOD_NOT_ALLOWED, f"only {method} is served here", Allow=method)
