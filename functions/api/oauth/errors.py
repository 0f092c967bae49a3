"""The form of RFC 6749, section 5.2, for errors of the protocol: what every OAuth client reads."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from shared.core.schema import Schema
from shared.domains.oauth.errors import OAuthError


class OAuthProblem(Schema):
    """What went wrong, in the protocol's own words: `error` is stable, branch on it."""

    error: str
    error_description: str


async def answer_oauth_error(_: Request, exception: Exception) -> Response:
    """Answer an error of the protocol, which is no problem document: clients know this form only."""
    if not isinstance(exception, OAuthError):
        raise exception
    challenge = getattr(exception, "challenge", None)
    return JSONResponse(
        {"error": exception.code, "error_description": exception.detail},
        status_code=exception.status,
        headers={"WWW-Authenticate": challenge} if challenge else None,
    )


def oauth_errors(*raised: type[OAuthError]) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route: the errors of the protocol that it may answer, by status and code."""
    found: dict[int | str, dict[str, Any]] = {}
    for error in raised:
        codes = found.setdefault(error.status, {"model": OAuthProblem, "description": ""})
        codes["description"] = "; ".join(filter(None, (codes["description"], error.code)))
    return found
