"""The pages by which users let clients act: log in, allow or deny (OAuth 2.1, section 4.1.1)."""

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response

from functions.api.oauth import login
from functions.api.oauth.forms import read_form
from functions.api.oauth.texts import LANGUAGES
from functions.api.oauth.visits import PageVisit, Visit, language_in
from shared.config.http import public_settings
from shared.core.errors import ForbiddenError, ProblemError
from shared.core.lazy import lazy_module
from shared.core.redirect_uris import csp_source, place_of
from shared.domains.identity import api as identity
from shared.domains.identity.errors import InvalidCredentialsError
from shared.domains.identity.schemas import Credentials
from shared.domains.logins.errors import TooManyLoginAttemptsError
from shared.domains.oauth import api as oauth
from shared.domains.oauth.errors import AccessDeniedError, InvalidRequestError
from shared.domains.oauth.schemas import AuthorizationRequest, BrowserLogin
from shared.domains.sessions.schemas import Device
from shared.web.auth import CallingDevice
from shared.web.sessions import WriteSession

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from functions.api.oauth import rendering
else:
    rendering = lazy_module("functions.api.oauth.rendering")

router = APIRouter(include_in_schema=False)


class StaleFormError(ForbiddenError):
    """A form came from no page that this browser was shown, or from one of long ago."""

    code = "stale_form"
    title = "Stale form"

    def __init__(self) -> None:
        super().__init__("The form came from no page that this browser was shown.")


@router.get("/oauth/authorize")
async def show_request(visit: PageVisit, session: WriteSession) -> Response:
    """Ask a user to log in, then whether the client may act; or answer the client at once."""
    asked = await oauth.read_request(session, visit.parameters)
    user = await login.find_login(session, visit.browser)
    return await _next_page(session, visit, asked=asked, user=user)


@router.post("/oauth/authorize")
async def take_request(request: Request) -> Response:
    """Take an authorization request as a form (RFC 6749, section 3.1): it is shown like one that is a link."""
    return _go_on(urlencode(await read_form(request)))


async def _next_page(
    session: "AsyncSession",
    visit: Visit,
    *,
    asked: AuthorizationRequest,
    user: BrowserLogin | None,
) -> Response:
    # Whatever is wrong with the request, nobody is sent away who is not logged in: else any registered
    # client could have this site's links lead where it likes (RFC 9700, section 4.11.2).
    if user is None:
        return await _login_page(visit, asked)
    if asked.refusal:
        return _answer_client(asked, error=asked.refusal)
    if await oauth.needs_consent(session, asked, user_id=user.user_id):
        return await _consent_page(session, visit, asked=asked, user=user)
    code = await oauth.issue_code(session, asked, login=user)
    return _answer_client(asked, code=code)


@router.post("/oauth/login")
async def log_in(visit: PageVisit, device: CallingDevice) -> Response:
    """Log a user in, and go on with the request."""
    await _require_own_form(visit)
    return await _try_login(visit, device)


async def _try_login(visit: Visit, device: Device) -> Response:
    from shared.adapters.database.sessions import unit_of_work

    response = _go_on(visit.query)
    try:
        # Each a transaction of its own: that a login failed is counted, and the page is shown all the same.
        async with unit_of_work() as session:
            opening = await login.prove(session, _credentials(visit, device), device=device)
            await login.log_in(session, response, opening)
    except (InvalidCredentialsError, TooManyLoginAttemptsError) as problem:
        async with unit_of_work() as session:
            asked = await oauth.read_request(session, visit.parameters)
        return await _login_page(visit, asked, problem=problem)
    return response


def _credentials(visit: Visit, device: Device) -> Credentials:
    try:
        return Credentials(
            login=visit.form.get("username", ""),
            password=visit.form.get("password", ""),
            address=device.address,
        )
    except ValidationError:
        raise InvalidCredentialsError from None


@router.post("/oauth/consent")
async def decide(visit: PageVisit, session: WriteSession) -> Response:
    """Answer the client with a code, or that the user denied it."""
    await _require_own_form(visit)
    asked = await oauth.read_request(session, visit.parameters)
    user = await login.find_login(session, visit.browser)
    return await _decided(session, visit, asked=asked, user=user)


async def _decided(
    session: "AsyncSession",
    visit: Visit,
    *,
    asked: AuthorizationRequest,
    user: BrowserLogin | None,
) -> Response:
    match visit.form.get("decision"):
        case _ if user is None or asked.refusal:
            return await _next_page(session, visit, asked=asked, user=user)
        case "approve" if user:
            code = await oauth.approve(session, asked, login=user)
            return _answer_client(asked, code=code)
        case "deny":
            return _answer_client(asked, error=AccessDeniedError.code)
        case _:
            raise InvalidRequestError("The form says neither yes nor no.")


@router.post("/oauth/logout")
async def log_out(visit: PageVisit, session: WriteSession) -> Response:
    """Log a user out, and let another log in for the same request."""
    await _require_own_form(visit)
    response = _go_on(visit.query)
    await login.log_out(session, response, visit.browser)
    return response


@router.get("/oauth/style.css")
async def get_style() -> Response:
    """Get how the pages look."""
    path = rendering.FOLDER / "style.css"
    return FileResponse(
        path, media_type="text/css", headers={"Cache-Control": "public, max-age=3600"}
    )


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


async def _login_page(
    visit: Visit,
    asked: AuthorizationRequest,
    *,
    problem: InvalidCredentialsError | TooManyLoginAttemptsError | None = None,
) -> Response:
    response = rendering.render(
        "login",
        language=visit.language,
        status=_status_of(problem),
        leads_to=csp_source(asked.redirect_uri),
        client=asked.client.name,
        problem=_words_of(problem, language=visit.language),
        query=visit.query,
        form_token=await visit.browser.form_token(visit.query),
        username=visit.form.get("username", ""),
    )
    login.name_browser(response, visit.browser)
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


def _words_of(
    problem: InvalidCredentialsError | TooManyLoginAttemptsError | None, *, language: str
) -> str:
    texts = LANGUAGES[language]
    match problem:
        case None:
            return ""
        case TooManyLoginAttemptsError():
            return texts["too_many_attempts"].format(seconds=problem.headers["Retry-After"])
        case _:
            return texts["wrong_credentials"]


async def _consent_page(
    session: "AsyncSession", visit: Visit, *, asked: AuthorizationRequest, user: BrowserLogin
) -> Response:
    contact = await identity.find_contact(session, user.user_id)
    response = rendering.render(
        "consent",
        language=visit.language,
        leads_to=csp_source(asked.redirect_uri),
        client=asked.client.name,
        scopes=sorted(asked.scopes),
        place=place_of(asked.redirect_uri),
        query=visit.query,
        form_token=await visit.browser.form_token(visit.query),
        username=contact.username if contact else "",
    )
    login.name_browser(response, visit.browser)
    return response


async def _require_own_form(visit: Visit) -> None:
    """Make sure that a form is one of the page that this browser was shown. Raises StaleFormError."""
    if not await visit.browser.sent(visit.form.get("form_token"), query=visit.query):
        raise StaleFormError


def _go_on(query: str) -> Response:
    # 303: no browser sends the form, which holds a password, to the next address (RFC 9700, section 4.12).
    return RedirectResponse(f"authorize?{query}", status_code=303)


def _answer_client(
    asked: AuthorizationRequest, *, code: str | None = None, error: str | None = None
) -> Response:
    """Send the browser to the client with a code or an error, with who it is from (RFC 9207)."""
    from authlib.common.urls import add_params_to_uri

    answers = {"code": code, "error": error, "state": asked.state}
    given = [(name, value) for name, value in answers.items() if value is not None]
    issuer = ("iss", public_settings().public_url)
    return RedirectResponse(
        add_params_to_uri(asked.redirect_uri, [*given, issuer]), status_code=303
    )
