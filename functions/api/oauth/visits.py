"""One visit to a page: what was asked for, by which browser, in which language."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends
from starlette.requests import Request

from functions.api.oauth.forms import read_form, read_parameters
from functions.api.oauth.login import Browser, browser_of
from functions.api.oauth.texts import language_of
from shared.domains.oauth.errors import InvalidRequestError
from shared.domains.oauth.schemas import AuthorizationParameters

LONGEST_QUERY = 6144
"""The bytes of a query that is looked at at all."""

_ANSWERED = frozenset({"client_id", "redirect_uri"})
_KNOWN = frozenset(AuthorizationParameters.model_fields) - {"repeated"}


@dataclass(frozen=True, kw_only=True)
class Visit:
    """A request for a page. `query` is the authorization request, which every form carries on."""

    query: str
    parameters: AuthorizationParameters
    browser: Browser
    language: str
    form: Mapping[str, str]


async def visit_of(request: Request) -> Visit:
    """Return a visit. Raises InvalidRequestError where what it asks for cannot be read."""
    query = request.scope["query_string"].decode("latin-1")
    if len(query) > LONGEST_QUERY:
        raise InvalidRequestError("The request is too long.")
    parameters = _parameters(query)
    form = await read_form(request) if request.method == "POST" else {}
    return Visit(
        # As it came, but for what could end an attribute or a header.
        query=quote(query, safe="%&=+-._~!$'()*,;:@/?"),
        parameters=parameters,
        browser=browser_of(request),
        language=language_in(request),
        form=form,
    )


def language_in(request: Request) -> str:
    """Return the language that a request is answered in."""
    return language_of(
        ui_locales=request.query_params.get("ui_locales", ""),
        accept_language=request.headers.get("accept-language", ""),
    )


def _parameters(query: str) -> AuthorizationParameters:
    found, repeated = read_parameters(query)
    if repeated & _ANSWERED:
        # Which of two addresses would be the one to answer?
        raise InvalidRequestError("client_id or redirect_uri came more than once.")
    known = {name: value for name, value in found.items() if name in _KNOWN}
    return AuthorizationParameters(**known, repeated=bool(repeated))


PageVisit = Annotated[Visit, Depends(visit_of)]
"""The visit that a page answers."""
