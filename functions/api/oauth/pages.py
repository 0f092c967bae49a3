"""The pages by which users let clients act: log in, allow or deny (OAuth 2.1, section 4.1.1)."""

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from functions.api.oauth import login
from functions.api.oauth.answers import (
    StaleFormError,
    answer_client,
    code_page,
    consent_page,
    go_on,
    login_page,
)
from functions.api.oauth.forms import read_form
from functions.api.oauth.visits import PageVisit, Visit
from shared.core.lazy import lazy_module
from shared.domains.identity import api as identity
from shared.domains.identity.errors import InvalidCredentialsError
from shared.domains.identity.schemas import Credentials
from shared.domains.logins.errors import TooManyLoginAttemptsError
from shared.domains.mfa.errors import InvalidMfaTokenError, WrongSecondFactorError
from shared.domains.mfa.schemas import Challenge
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


@router.get("/oauth/authorize")
async def show_request(visit: PageVisit, session: WriteSession) -> Response:
    """Ask a user to log in, then whether the client may act; or answer the client at once."""
    asked = await oauth.read_request(session, visit.parameters)
    user = await login.find_login(session, visit.browser)
    return await _next_page(session, visit, asked=asked, user=user)


@router.post("/oauth/authorize")
async def take_request(request: Request) -> Response:
    """Take an authorization request as a form (RFC 6749, section 3.1): it is shown like one that is a link."""
    return go_on(urlencode(await read_form(request)))


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
        return await login_page(visit, asked)
    if asked.refusal:
        return answer_client(asked, error=asked.refusal)
    if await oauth.needs_consent(session, asked, user_id=user.user_id):
        contact = await identity.find_contact(session, user.user_id)
        return await consent_page(visit, asked, username=contact.username if contact else "")
    code = await oauth.issue_code(session, asked, login=user)
    return answer_client(asked, code=code)


@router.post("/oauth/login")
async def log_in(visit: PageVisit, device: CallingDevice) -> Response:
    """Log a user in, or ask for their second factor."""
    await _require_own_form(visit)
    return await _try_login(visit, device)


async def _try_login(visit: Visit, device: Device) -> Response:
    from shared.adapters.database.sessions import unit_of_work

    asked = await _asked(visit)
    try:
        # A transaction of its own: a failure is counted, and the page is shown all the same.
        async with unit_of_work() as session:
            proved = await login.prove(session, _credentials(visit, device), device=device)
            if not isinstance(proved, Challenge):
                response = go_on(visit.query)
                await login.log_in(session, response, proved)
                return response
    except (InvalidCredentialsError, TooManyLoginAttemptsError) as problem:
        return await login_page(visit, asked, problem=problem)
    return await code_page(visit, asked, token=proved.token)


def _credentials(visit: Visit, device: Device) -> Credentials:
    try:
        return Credentials(
            login=visit.form.get("username", ""),
            password=visit.form.get("password", ""),
            address=device.address,
        )
    except ValidationError:
        raise InvalidCredentialsError from None


@router.post("/oauth/code")
async def send_code(visit: PageVisit, device: CallingDevice) -> Response:
    """Log a user in who has shown their second factor."""
    await _require_own_form(visit)
    return await _try_code(visit, device)


async def _try_code(visit: Visit, device: Device) -> Response:
    from shared.adapters.database.sessions import unit_of_work

    asked, token = await _asked(visit), visit.form.get("mfa_token", "")
    response = go_on(visit.query)
    try:
        async with unit_of_work() as session:
            opening = await login.prove_more(
                session, token=token, code=visit.form.get("code", ""), device=device
            )
            await login.log_in(session, response, opening)
    except (WrongSecondFactorError, TooManyLoginAttemptsError) as problem:
        return await code_page(visit, asked, token=token, problem=problem)
    except InvalidMfaTokenError as problem:
        return await login_page(visit, asked, problem=problem)
    return response


async def _asked(visit: Visit) -> AuthorizationRequest:
    from shared.adapters.database.sessions import autocommit

    async with autocommit() as session:
        return await oauth.read_request(session, visit.parameters)


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
    if user is None or asked.refusal:
        return await _next_page(session, visit, asked=asked, user=user)
    match visit.form.get("decision"):
        case "approve":
            code = await oauth.approve(session, asked, login=user)
            return answer_client(asked, code=code)
        case "deny":
            return answer_client(asked, error=AccessDeniedError.code)
        case _:
            raise InvalidRequestError("The form says neither yes nor no.")


@router.post("/oauth/logout")
async def log_out(visit: PageVisit, session: WriteSession) -> Response:
    """Log a user out, and let another log in for the same request."""
    await _require_own_form(visit)
    response = go_on(visit.query)
    await login.log_out(session, response, visit.browser)
    return response


@router.get("/oauth/style.css")
async def get_style() -> Response:
    """Get how the pages look."""
    headers = {"Cache-Control": "public, max-age=3600"}
    return Response(rendering.style(), media_type="text/css", headers=headers)


async def _require_own_form(visit: Visit) -> None:
    """Make sure that a form is one of the page that this browser was shown. Raises StaleFormError."""
    if not await visit.browser.sent(visit.form.get("form_token"), query=visit.query):
        raise StaleFormError
