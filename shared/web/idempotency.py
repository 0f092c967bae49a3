"""Requests that are safe to repeat: Idempotency-Key (draft-ietf-httpapi-idempotency-key-header-07).

A route says it in its signature, and its router has the class that keeps the answers:

    router = APIRouter(route_class=IdempotentRoute)

    @router.post("", status_code=201, responses={**problems(*ON_EVERY_KEY), **replayable(201)})
    async def create_item(user: CurrentUser, _: IdempotencyKey, session: WriteSession, ...) -> Item: ...

The same request with the same key is then answered with the first answer again, for 24 hours. Only a
success (2xx) is kept, in the transaction of its effect: an error rolls all back, and the key may be
used again for the mended request. The answer is kept as it was sent: a route whose answer tells a
secret takes no key. The body of the request is read as bytes: a route for forms takes no key either.
"""

import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Header
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from shared.core import errors
from shared.core.errors import ProblemError
from shared.core.lazy import lazy_module
from shared.web.auth import AnyCaller
from shared.web.sessions import WriteSession

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from shared.adapters.idempotency import idempotency
else:
    # SQLAlchemy loads with the first request that has a key
    idempotency = lazy_module("shared.adapters.idempotency.idempotency")

NAME = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"

# A string of RFC 9651 without spaces, or a bare token: the characters of RFC 9110 and `:`, `/`.
_QUOTED = r'"([!#-\[\]-~]|\\["\\]){1,255}"'
_BARE = r"[!#$%&'*+\-.^_`|~0-9A-Za-z:/]{1,255}"
_FORM = rf"^({_QUOTED}|{_BARE})$"

_DESCRIPTION = (
    "Makes the request safe to repeat: with the same key, a string in quotes that is best a UUID, it has "
    f"its effect once, and for 24 hours the first answer is given again, marked `{REPLAYED}`. "
    "An error is not kept: the key may be used again."
)

SentKey = Header(alias=NAME, pattern=_FORM, description=_DESCRIPTION)
"""The header, for the parameter of a dependency that claims keys."""

ON_EVERY_KEY = (
    errors.IdempotencyKeyMalformedError,
    errors.IdempotencyInFlightError,
    errors.IdempotencyKeyReusedError,
)
"""What every route that takes a key may answer; one that requires it also IdempotencyKeyMissingError."""


def replayable(status: int) -> dict[int | str, dict[str, Any]]:
    """Return the part of a route's `responses` that documents the mark of an answer given again."""
    mark = {
        "description": "`true` where the answer is the one to an earlier request with the key.",
        "schema": {"type": "string", "const": "true"},
    }
    return {status: {"headers": {REPLAYED: mark}}}


class IdempotentRoute(APIRoute):
    """A route that records its answer before the unit of work commits, and gives it again."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler around FastAPI's: the sessions of both end after it has returned."""
        handle = super().get_route_handler()

        async def handle_once(request: Request) -> Response:
            try:
                response = await handle(request)
            except _AnsweredBeforeError as before:
                return before.response
            except RequestValidationError as refusal:
                if problem := _problem_of_key(refusal):
                    raise problem from refusal
                raise
            await _record(request, response)
            return response

        return handle_once


async def _claim_for_user(
    request: Request,
    user: AnyCaller,
    session: WriteSession,
    sent: Annotated[str | None, SentKey] = None,
) -> None:
    await claim_key(request, session, scope=idempotency.scope_of_user(user.user_id), sent=sent)


async def _claim_required(
    request: Request, user: AnyCaller, session: WriteSession, sent: Annotated[str, SentKey]
) -> None:
    await claim_key(request, session, scope=idempotency.scope_of_user(user.user_id), sent=sent)


async def _claim_for_anyone(
    request: Request, session: WriteSession, sent: Annotated[str | None, SentKey] = None
) -> None:
    await claim_key(
        request, session, scope=f"anyone:{request.scope['endpoint'].__name__}", sent=sent
    )


IdempotencyKey = Annotated[None, Depends(_claim_for_user)]
"""For routes for logged-in users: the caller may send a key, which is theirs alone."""

RequiredIdempotencyKey = Annotated[None, Depends(_claim_required)]
"""For routes for logged-in users that do nothing without a key."""

AnyonesIdempotencyKey = Annotated[None, Depends(_claim_for_anyone)]
"""For routes for anybody: the caller may send a key. All callers of the route share the keys."""


class _AnsweredBeforeError(Exception):
    """The key has an answer: nothing else of the route runs."""

    def __init__(self, answer: "idempotency.Answer") -> None:
        super().__init__()
        self.response = Response(
            answer.body, status_code=answer.status, headers={**answer.headers, REPLAYED: "true"}
        )


@dataclass(frozen=True)
class _Claimed:
    """A key that the request has taken, and the session whose transaction holds it."""

    session: "AsyncSession"
    claim: "idempotency.Claim"


async def claim_key(
    request: Request, session: "AsyncSession", *, scope: str, sent: str | None
) -> None:
    """Take the key that a request was `sent` with, among the keys of a `scope`; none is taken where none was.

    For dependencies that know callers of another kind, as `shared.web.partner_idempotency` does.
    """
    if not isinstance(request.scope["route"], IdempotentRoute):
        raise TypeError("a route that takes an Idempotency-Key needs route_class=IdempotentRoute")
    if sent is None:
        return
    claim = idempotency.Claim(
        scope=scope, key=_key_in(request), fingerprint=await _fingerprint_of(request)
    )
    if (answer := await idempotency.claim(session, claim)) is not None:
        raise _AnsweredBeforeError(answer)
    request.state.claimed_key = _Claimed(session, claim)


async def _record(request: Request, response: Response) -> None:
    claimed: _Claimed | None = getattr(request.state, "claimed_key", None)
    if claimed is None or not HTTPStatus(response.status_code).is_success:
        return
    names = set(response.headers) - {"content-length"}
    answer = idempotency.Answer(
        status=response.status_code,
        # One line for all of a name means the same (RFC 9110, section 5.3), but for Set-Cookie.
        headers={name: ", ".join(response.headers.getlist(name)) for name in names},
        body=bytes(response.body).decode(),
    )
    await idempotency.record(claimed.session, claimed.claim, answer)


async def _fingerprint_of(request: Request) -> str:
    return await idempotency.fingerprint_of(
        method=request.method,
        path=request.url.path,
        query=request.url.query,
        body=await request.body(),
    )


def _key_in(request: Request) -> str:
    """Return the key itself, without the quotes. Raises IdempotencyKeyMalformedError."""
    sent = request.headers.getlist(NAME)
    if len(sent) > 1:
        raise errors.IdempotencyKeyMalformedError(f"Send one {NAME}, in one line.")
    return re.sub(r"\\(.)", r"\1", sent[0][1:-1]) if sent[0].startswith('"') else sent[0]


def _problem_of_key(refusal: RequestValidationError) -> ProblemError | None:
    """Return the problem of a request whose key is refused, whatever else is wrong with it."""
    kinds = {each["type"] for each in refusal.errors() if each["loc"] == ("header", NAME)}
    if not kinds:
        return None
    if kinds == {"missing"}:
        return errors.IdempotencyKeyMissingError(
            f"This route needs an {NAME}: a new UUID in quotes for each new request."
        )
    return errors.IdempotencyKeyMalformedError(
        f"The {NAME} is no string of 1 to 255 visible ASCII characters in quotes (RFC 9651)."
    )
