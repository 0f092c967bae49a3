"""Users. The same in every version."""

from fastapi import APIRouter

from shared.domains.identity import api as identity
from shared.domains.identity.errors import (
    EmailTakenError,
    NoPasswordError,
    UsernameTakenError,
    WeakPasswordError,
    WrongPasswordError,
)
from shared.domains.identity.schemas import Registration, User, UserChange
from shared.domains.logins.errors import TooManyLoginAttemptsError
from shared.web.auth import CurrentUser, ProfileReader
from shared.web.idempotency import ON_EVERY_KEY, AnyonesIdempotencyKey, IdempotentRoute, replayable
from shared.web.limits import LimitGroup, limited
from shared.web.openapi import FOR_USERS, ON_EVERY_BODY, problems
from shared.web.sessions import ReadSession, WriteSession

router = APIRouter(tags=["users"], route_class=IdempotentRoute)


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


@router.get(
    "/users/me",
    responses=problems(*FOR_USERS),
    openapi_extra=limited(LimitGroup.READ),
)
async def get_own_user(user: ProfileReader, session: ReadSession) -> User:
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
        NoPasswordError,
        TooManyLoginAttemptsError,
    ),
    openapi_extra=limited(LimitGroup.WRITE),
)
async def change_own_user(user: CurrentUser, change: UserChange, session: WriteSession) -> User:
    """Change your own user.

    A new password or e-mail address needs the current password. A new password ends your other sessions, a
    new address is to be verified.
    """
    return await identity.change_user(
        session, user_id=user.user_id, session_id=user.session_id, change=change
    )
