"""Problem documents (RFC 9457): the one form in which every error is answered.

FastAPI's own errors are in `validation.py`: a function without FastAPI does not load it for these.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from shared.core import errors
from shared.core.errors import FieldError, ProblemError
from shared.core.problems import document_of

MEDIA_TYPE = "application/problem+json"

RETRY_AFTER_S = 5
"""When a client may try again after a 503, in seconds."""

_UNREADABLE = FieldError(
    location=("body",), code="unreadable", message="It is no text in UTF-8, or nested too deep."
)
_BY_STATUS: Mapping[int, ProblemError] = {
    400: errors.MalformedBodyError("The request body cannot be read.", errors=[_UNREADABLE]),
    404: errors.NotFoundError("No route has this path."),
    405: errors.MethodNotAllowedError("This path does not have this method: see Allow."),
    413: errors.PayloadTooLargeError("The request body is larger than this service accepts."),
}
"""What Starlette and FastAPI raise by themselves."""


class InternalError(ProblemError):
    """Something failed that should not: the log has it, under the request id."""


def respond(error: ProblemError, *, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer to an error, with the headers that its status asks for."""
    # ASCII: a field's name may hold what UTF-8 cannot (a lone surrogate).
    body = json.dumps(document_of(error), separators=(",", ":"))
    return Response(
        body,
        status_code=error.status,
        media_type=MEDIA_TYPE,
        headers={**_headers_of(error), **(headers or {})},
    )


async def answer_problem(_: Request, exception: Exception) -> Response:
    """Answer an exception with its problem document."""
    return respond(problem_of(exception), headers=getattr(exception, "headers", None))


def problem_of(exception: Exception) -> ProblemError:
    """Return the problem that an exception means to the caller; what is unforeseen tells nothing."""
    match exception:
        case ProblemError():
            return exception
        case HTTPException() if exception.status_code in _BY_STATUS:
            return _BY_STATUS[exception.status_code]
        case _:
            return InternalError("The service failed. Report the request id if it persists.")


def _headers_of(error: ProblemError) -> dict[str, str]:
    match error.status:
        case HTTPStatus.UNAUTHORIZED:
            # RFC 6750, section 3: no error attribute where no token was sent at all.
            return {"WWW-Authenticate": getattr(error, "challenge", "Bearer")}
        case HTTPStatus.FORBIDDEN if challenge := getattr(error, "challenge", None):
            return {"WWW-Authenticate": challenge}
        case HTTPStatus.SERVICE_UNAVAILABLE:
            return {"Retry-After": str(RETRY_AFTER_S)}
        case _:
            return {}
