"""What a browser is answered: a page, or where to go on."""

from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from functions.api.oauth.login import name_browser
from functions.api.oauth.texts import LANGUAGES
from functions.api.oauth.visits import Visit, language_in
from shared.config.http import public_settings
from shared.core.errors import ForbiddenError, ProblemError
from shared.core.lazy import lazy_module
from shared.core.redirect_uris import csp_source, place_of
from shared.domains.logins.errors import TooManyLoginAttemptsError
from shared.domains.mfa.errors import InvalidMfaTokenError, WrongSecondFactorError
from shared.domains.oauth.errors import InvalidRequestError
from shared.domains.oauth.schemas import AuthorizationRequest

if TYPE_CHECKING:
    from functions.api.oauth import rendering
else:
    rendering = lazy_module("functions.api.oauth.rendering")


class StaleFormError(ForbiddenError):
    """A form came from no page that this browser was shown, or from one of long ago."""

    code = "stale_form"
    title = "Stale form"

    def __init__(self) -> None:
        super().__init__("The form came from no page that this browser was shown.")


async def login_page(
    visit: Visit, asked: AuthorizationRequest, *, problem: ProblemError | None = None
) -> Response:
    """Return the page that asks for name and password, with what was wrong with the last ones."""
    return await _form_page(
        "login",
        visit,
        asked,
        problem=problem,
        username=visit.form.get("username", ""),
    )


async def code_page(
    visit: Visit, asked: AuthorizationRequest, *, token: str, problem: ProblemError | None = None
) -> Response:
    """Return the page that asks for a second factor."""
    return await _form_page("code", visit, asked, problem=problem, mfa_token=token)


async def consent_page(visit: Visit, asked: AuthorizationRequest, *, username: str) -> Response:
    """Return the page that asks whether a client may act."""
    return await _form_page(
        "consent",
        visit,
        asked,
        scopes=sorted(asked.scopes),
        place=place_of(asked.redirect_uri),
        username=username,
    )


async def _form_page(
    page: str,
    visit: Visit,
    asked: AuthorizationRequest,
    *,
    problem: ProblemError | None = None,
    **values: object,
) -> Response:
    response = rendering.render(
        page,
        language=visit.language,
        status=_status_of(problem),
        leads_to=csp_source(asked.redirect_uri),
        client=asked.client.name,
        query=visit.query,
        form_token=await visit.browser.form_token(visit.query),
        problem=_words_of(problem, language=visit.language),
        **values,
    )
    name_browser(response, visit.browser)
    return response


def _status_of(problem: ProblemError | None) -> int:
    match problem:
        case None:
            return HTTPStatus.OK
        case TooManyLoginAttemptsError():
            return HTTPStatus.TOO_MANY_REQUESTS
        case _:
            # 401 is for what a header proves (RFC 9110, section 15.5.2).
            return HTTPStatus.BAD_REQUEST


def _words_of(problem: ProblemError | None, *, language: str) -> str:
    texts = LANGUAGES[language]
    match problem:
        case None:
            return ""
        case TooManyLoginAttemptsError():
            return texts["too_many_attempts"].format(seconds=problem.headers["Retry-After"])
        case WrongSecondFactorError():
            return texts["wrong_code"]
        case InvalidMfaTokenError():
            return texts["login_over"]
        case _:
            return texts["wrong_credentials"]


def go_on(query: str) -> Response:
    """Send the browser to the next page of a request."""
    # 303: no browser sends the form, which holds a password, to the next address (RFC 9700, section 4.12).
    return RedirectResponse(f"authorize?{query}", status_code=HTTPStatus.SEE_OTHER)


def answer_client(
    asked: AuthorizationRequest, *, code: str | None = None, error: str | None = None
) -> Response:
    """Send the browser to the client with a code or an error, with who it is from (RFC 9207)."""
    from authlib.common.urls import add_params_to_uri

    answers = {"code": code, "error": error, "state": asked.state}
    given = [(name, value) for name, value in answers.items() if value is not None]
    issuer = ("iss", public_settings().public_url)
    address = add_params_to_uri(asked.redirect_uri, [*given, issuer])
    return RedirectResponse(address, status_code=HTTPStatus.SEE_OTHER)


async def answer_page_error(request: Request, error: ProblemError) -> Response:
    """Answer an error that a person sees, in their language."""
    language = language_in(request)
    match error:
        case InvalidRequestError():
            key, detail = "invalid_request", error.detail
        case StaleFormError():
            key, detail = "stale_form", ""
        case _:
            key, detail = "unavailable", ""
    message = LANGUAGES[language][key]
    return rendering.render(
        "error", language=language, status=error.status, message=message, detail=detail
    )
