"""Logging in and out, and the sessions that this makes. The same in every version."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form
from pydantic import BaseModel, ConfigDict

from shared.core.schema import Schema
from shared.domains.identity import api as identity
from shared.domains.identity.errors import InvalidCredentialsError
from shared.domains.identity.schemas import Credentials, GivenPassword, Login
from shared.domains.logins.errors import TooManyLoginAttemptsError
from shared.domains.mfa import api as mfa
from shared.domains.mfa.errors import SecondFactorRequiredError
from shared.domains.sessions import api as sessions
from shared.domains.sessions.errors import InvalidRefreshTokenError, SessionNotFoundError
from shared.domains.sessions.schemas import Opening, Refresh, TokenPair, UserSession
from shared.web.auth import CallingDevice, CurrentUser
from shared.web.limits import LimitGroup, limited
from shared.web.openapi import FOR_USERS, ON_EVERY_BODY, problems
from shared.web.sessions import ReadSession, WriteSession

router = APIRouter(tags=["sessions"])


class LoginForm(BaseModel):
    """The password grant's form (RFC 6749, section 4.3.2), as the documentation page sends it."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    grant_type: Literal["password"] = "password"
    username: Login
    password: GivenPassword


class UserSessions(Schema):
    """All of a user's sessions that have not ended, the one seen last first."""

    items: tuple[UserSession, ...]


@router.post(
    "/login",
    responses=problems(
        *ON_EVERY_BODY,
        InvalidCredentialsError,
        SecondFactorRequiredError,
        TooManyLoginAttemptsError,
    ),
    openapi_extra=limited(LimitGroup.LOGIN, cost=5),
)
async def log_in(
    form: Annotated[LoginForm, Form()], device: CallingDevice, session: WriteSession
) -> TokenPair:
    """Log in with user name or e-mail address and password.

    The access token is good for 15 minutes, the refresh token gets the next one. After five failures logins
    have to wait, longer each time, 15 minutes at most; those from where you logged in before are counted apart.
    With a second factor the answer is `second_factor_required`, and its `mfa_token` is for `login/second-factor`.
    """
    credentials = Credentials(login=form.username, password=form.password, address=device.address)
    user_id = await identity.check_credentials(session, credentials)
    opening = Opening(user_id=user_id, device=device, methods=("pwd",))
    return await mfa.sign_in(session, opening)


@router.post(
    "/refresh",
    responses=problems(*ON_EVERY_BODY, InvalidRefreshTokenError),
    openapi_extra=limited(LimitGroup.LOGIN),
)
async def refresh(body: Refresh, device: CallingDevice, session: WriteSession) -> TokenPair:
    """Get the next access token for a refresh token, and the refresh token after it.

    Several tabs may do so at once: within 10 seconds the same token gives the same successor. Used
    later, it was stolen from one side or the other, and the whole session ends.
    """
    return await sessions.refresh(session, token=body.refresh_token, device=device)


@router.post(
    "/logout",
    status_code=204,
    responses=problems(*FOR_USERS),
    openapi_extra=limited(LimitGroup.WRITE),
)
async def log_out(user: CurrentUser, session: WriteSession) -> None:
    """End the session that this request is made in. Its tokens are good no more within seconds."""
    await sessions.revoke_sessions(
        session, user_id=user.user_id, only=[user.session_id], reason="logged_out"
    )


@router.get(
    "/sessions",
    responses=problems(*FOR_USERS),
    openapi_extra=limited(LimitGroup.READ),
)
async def list_sessions(user: CurrentUser, session: ReadSession) -> UserSessions:
    """List where you are logged in, and what acts for you: 200 sessions at most."""
    found = await sessions.list_sessions(session, user_id=user.user_id, current=user.session_id)
    return UserSessions(items=found)


@router.delete(
    "/sessions",
    status_code=204,
    responses=problems(*FOR_USERS),
    openapi_extra=limited(LimitGroup.WRITE),
)
async def revoke_sessions(user: CurrentUser, session: WriteSession) -> None:
    """End all of your sessions, this one included."""
    await sessions.revoke_sessions(session, user_id=user.user_id, reason="revoked")


@router.delete(
    "/sessions/{session_id}",
    status_code=204,
    responses=problems(*FOR_USERS, SessionNotFoundError),
    openapi_extra=limited(LimitGroup.WRITE),
)
async def revoke_session(user: CurrentUser, session_id: UUID, session: WriteSession) -> None:
    """End one of your sessions."""
    await sessions.revoke_session(session, user_id=user.user_id, session_id=session_id)
