"""Users and their login. The same in every version."""

from typing import Annotated, Literal

from fastapi import APIRouter, Form
from pydantic import BaseModel, ConfigDict

from shared.domains.identity import api as identity
from shared.domains.identity.errors import (
    EmailTakenError,
    InvalidCredentialsError,
    UsernameTakenError,
    WeakPasswordError,
    WrongPasswordError,
)
from shared.domains.identity.schemas import (
    AccessToken,
    GivenPassword,
    Login,
    Registration,
    User,
    UserChange,
)
from shared.web.auth import CurrentUser
from shared.web.idempotency import ON_EVERY_KEY, AnyonesIdempotencyKey, IdempotentRoute, replayable
from shared.web.limits import LimitGroup, limited
from shared.web.openapi import FOR_USERS, ON_EVERY_BODY, problems
from shared.web.sessions import ReadSession, WriteSession

router = APIRouter(tags=["users"], route_class=IdempotentRoute)


class LoginForm(BaseModel):
    """The password grant's form (RFC 6749, section 4.3.2), as the documentation page sends it."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    grant_type: Literal["password"] = "password"
    username: Login
    password: GivenPassword


@router.post(
    "/users",
    status_code=201,
    responses={
        **problems(
            *ON_EVERY_BODY, UsernameTakenError, EmailTakenError, WeakPasswordError, *ON_EVERY_KEY
        ),
        **replayable(201),
    },
    openapi_extra=limited(LimitGroup.LOGIN, cost=5),
)
async def register_user(
    _: AnyonesIdempotencyKey, registration: Registration, session: WriteSession
) -> User:
    """Register.

    The password is at least 15 characters long and no common one; otherwise it is yours to choose.
    """
    return await identity.register(session, registration)


@router.post(
    "/login",
    responses=problems(*ON_EVERY_BODY, InvalidCredentialsError),
    openapi_extra=limited(LimitGroup.LOGIN, cost=5),
)
async def log_in(form: Annotated[LoginForm, Form()], session: ReadSession) -> AccessToken:
    """Log in with user name or e-mail address and password, and get an access token for 15 minutes."""
    return await identity.log_in(session, login=form.username, password=form.password)


@router.get(
    "/users/me",
    responses=problems(*FOR_USERS),
    openapi_extra=limited(LimitGroup.READ),
)
async def get_own_user(user: CurrentUser, session: ReadSession) -> User:
    """Get your own user."""
    return await identity.get_user(session, user.user_id)


@router.patch(
    "/users/me",
    responses=problems(
        *ON_EVERY_BODY,
        *FOR_USERS,
        UsernameTakenError,
        EmailTakenError,
        WeakPasswordError,
        WrongPasswordError,
    ),
    openapi_extra=limited(LimitGroup.WRITE),
)
async def change_own_user(user: CurrentUser, change: UserChange, session: WriteSession) -> User:
    """Change your own user. A new password needs the current one."""
    return await identity.change_user(session, user_id=user.user_id, change=change)
