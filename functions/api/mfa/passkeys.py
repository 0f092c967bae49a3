"""A user's passkeys. The same in every version."""

from uuid import UUID

from fastapi import APIRouter

from shared.domains.mfa import api as mfa
from shared.domains.mfa.errors import (
    ConfirmationRequiredError,
    PasskeyKnownError,
    PasskeyNotFoundError,
    PasskeyRefusedError,
    TooManyPasskeysError,
)
from shared.domains.mfa.schemas import (
    CreationOptions,
    NewPasskey,
    Passkey,
    PasskeyChange,
    PasskeyEnrolment,
)
from shared.web.auth import CurrentUser
from shared.web.limits import SHOWN_ONCE, LimitGroup, limited
from shared.web.openapi import FOR_USERS, ON_EVERY_BODY, problems
from shared.web.sessions import WriteSession

router = APIRouter(prefix="/mfa/passkeys", tags=["second factors"])


@router.post(
    "/options",
    responses=problems(*FOR_USERS, ConfirmationRequiredError, TooManyPasskeysError),
    openapi_extra=limited(LimitGroup.LOGIN),
)
async def begin_passkey(user: CurrentUser, session: WriteSession) -> CreationOptions:
    """Get what `navigator.credentials.create()` needs to make a passkey: good once, for 5 minutes."""
    return await mfa.passkey_options(session, user)


@router.post(
    "",
    status_code=201,
    responses=problems(
        *ON_EVERY_BODY,
        *FOR_USERS,
        ConfirmationRequiredError,
        PasskeyRefusedError,
        PasskeyKnownError,
        TooManyPasskeysError,
    ),
    openapi_extra=limited(LimitGroup.LOGIN) | {SHOWN_ONCE: True},
)
async def register_passkey(
    user: CurrentUser, new: NewPasskey, session: WriteSession
) -> PasskeyEnrolment:
    """Register a passkey: you can log in with it alone, or send it as the second factor after your password.

    With the first of your factors you get ten recovery codes, shown this once, and your other sessions end.
    """
    return await mfa.register_passkey(session, user, new)


@router.patch(
    "/{passkey_id}",
    responses=problems(*ON_EVERY_BODY, *FOR_USERS, PasskeyNotFoundError),
    openapi_extra=limited(LimitGroup.WRITE),
)
async def change_passkey(
    user: CurrentUser, passkey_id: UUID, change: PasskeyChange, session: WriteSession
) -> Passkey:
    """Give a passkey another name."""
    return await mfa.change_passkey(
        session, user_id=user.user_id, passkey_id=passkey_id, change=change
    )


@router.delete(
    "/{passkey_id}",
    status_code=204,
    responses=problems(*FOR_USERS, ConfirmationRequiredError, PasskeyNotFoundError),
    openapi_extra=limited(LimitGroup.LOGIN),
)
async def remove_passkey(user: CurrentUser, passkey_id: UUID, session: WriteSession) -> None:
    """Remove a passkey. Your other sessions end; with the last factor recovery codes go."""
    await mfa.remove_passkey(session, user, passkey_id)
