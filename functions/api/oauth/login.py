"""Who is logged in on the pages of the authorization server: the browser's cookies, and what they prove."""

import hmac
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from shared.core.lazy import lazy_module
from shared.core.opaque_tokens import new_token
from shared.domains.identity import api as identity
from shared.domains.identity.schemas import Credentials
from shared.domains.mfa import api as mfa
from shared.domains.mfa.errors import WrongSecondFactorError
from shared.domains.oauth.schemas import BrowserLogin
from shared.domains.sessions import api as sessions
from shared.domains.sessions.schemas import Device, Opening

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from shared.adapters import digests, vault
else:
    digests = lazy_module("shared.adapters.digests")
    vault = lazy_module("shared.adapters.vault")

LOGIN_COOKIE = "__Host-oauth-login"
BROWSER_COOKIE = "__Host-oauth-browser"

LOGIN_LASTS = timedelta(hours=12)
"""How long a login on these pages is good. It is a session without any scope, which its user sees and can end."""

FLOW = "oauth"
"""What second factors call a login on these pages: no other login can go on with one's token."""

_SEALED = "oauth browser login"


@dataclass(frozen=True, kw_only=True)
class Browser:
    """A browser: the random name that it was given, and the login that it holds, as the cookies have them."""

    name: str
    is_new: bool
    sealed_login: str | None

    async def form_token(self, query: str) -> str:
        """Return what a form of the page for `query` holds, so that no other site can send it for the user."""
        bound = f"{self.name}\n{self.sealed_login or ''}\n{query}"
        return await digests.keyed_hash(bound, purpose="oauth form")

    async def sent(self, token: str | None, *, query: str) -> bool:
        """Tell whether a form came from a page that this browser was shown."""
        expected = (await self.form_token(query)).encode()
        return not self.is_new and hmac.compare_digest(expected, (token or "").encode())


def browser_of(request: Request) -> Browser:
    """Return the browser that sent a request; one without a name gets one."""
    name = _cookie(request, BROWSER_COOKIE)
    return Browser(
        name=name or new_token(), is_new=name is None, sealed_login=_cookie(request, LOGIN_COOKIE)
    )


def name_browser(response: Response, browser: Browser) -> None:
    """Have a browser keep its name until it is closed."""
    if browser.is_new:
        _set_cookie(response, BROWSER_COOKIE, browser.name)


async def prove(
    session: "AsyncSession", credentials: Credentials, *, device: Device
) -> Opening | mfa.Challenge:
    """Return the login that credentials prove, or what else its user has to prove first.

    Raises InvalidCredentialsError, TooManyLoginAttemptsError.
    """
    user_id = await identity.check_credentials(session, credentials)
    opening = Opening(user_id=user_id, device=device, methods=("pwd",), scopes=frozenset())
    return await mfa.challenge_for(session, opening, flow=FLOW) or opening


async def prove_more(session: "AsyncSession", *, token: str, code: str, device: Device) -> Opening:
    """Return the login that a code, or a recovery code, proves the rest of.

    Raises WrongSecondFactorError, InvalidMfaTokenError, TooManyLoginAttemptsError.
    """
    typed = code.strip()
    kind = "code" if re.fullmatch("[0-9]{6}", typed) else "recovery_code"
    try:
        given = mfa.SecondFactor.model_validate({"mfa_token": token, kind: typed})
    except ValidationError:
        raise WrongSecondFactorError from None
    return await mfa.answer(session, given, device=device, flow=FLOW)


async def log_in(session: "AsyncSession", response: Response, opening: Opening) -> None:
    """Begin a login, which the browser keeps until it is closed."""
    begun = await sessions.begin_session(session, opening, lasting=LOGIN_LASTS)
    sealed = await vault.seal(str(begun.id), purpose=_SEALED)
    # A cookie's value has no `=`, which pads base64 at its end.
    _set_cookie(response, LOGIN_COOKIE, sealed.rstrip("="))
    # A name of its own, so that no form of the time before is good any more.
    _set_cookie(response, BROWSER_COOKIE, new_token())


async def find_login(session: "AsyncSession", browser: Browser) -> BrowserLogin | None:
    """Return who is logged in, or None."""
    if browser.sealed_login is None:
        return None
    try:
        sealed = browser.sealed_login + "=" * (-len(browser.sealed_login) % 4)
        session_id = UUID(await vault.unseal(sealed, purpose=_SEALED))
    except ValueError:
        return None
    found = await sessions.find_session(session, session_id)
    if found is None or found.scopes or found.client_id:
        return None
    return BrowserLogin(session_id=found.id, user_id=found.user_id, methods=found.methods)


async def log_out(session: "AsyncSession", response: Response, browser: Browser) -> None:
    """End a browser's login."""
    if login := await find_login(session, browser):
        await sessions.revoke_sessions(
            session, user_id=login.user_id, only=[login.session_id], reason="logged_out"
        )
    response.delete_cookie(LOGIN_COOKIE, path="/", secure=True, httponly=True, samesite="lax")


def _cookie(request: Request, name: str) -> str | None:
    # Several Cookie headers come joined by commas, which Starlette takes for parts of a value.
    sent = ",".join(request.headers.getlist("cookie"))
    found = re.search(rf"(?:^|[;,]) *{re.escape(name)}=([A-Za-z0-9_-]{{1,512}})(?=[;, ]|$)", sent)
    return found[1] if found else None


def _set_cookie(response: Response, name: str, value: str) -> None:
    # The prefix __Host- has browsers refuse it from another host, for another, or without TLS (RFC 6265bis);
    # Lax, for a client's link must find the login, and no other site's form may.
    response.set_cookie(name, value, path="/", secure=True, httponly=True, samesite="lax")
