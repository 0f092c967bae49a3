"""A user's second factors: authenticator application and recovery codes. The same in every version."""

from fastapi import APIRouter

from shared.domains.identity.errors import NoPasswordError
from shared.domains.logins.errors import TooManyLoginAttemptsError
from shared.domains.mfa import api as mfa
from shared.domains.mfa.errors import (
    ConfirmationFailedError,
    ConfirmationRequiredError,
    NoSecondFactorError,
    TotpEnrolledError,
    TotpNotFoundError,
    WrongCodeError,
)
from shared.domains.mfa.schemas import (
    Enrolment,
    Factors,
    RecoveryCodes,
    SessionConfirmation,
    TotpCode,
    TotpSecret,
)
from shared.web.auth import CurrentUser
from shared.web.limits import SHOWN_ONCE, LimitGroup, limited
from shared.web.openapi import FOR_USERS, ON_EVERY_BODY, problems
from shared.web.sessions import ReadSession, WriteSession

router = APIRouter(prefix="/mfa", tags=["second factors"])


@router.get(
    "/factors",
    responses=problems(*FOR_USERS),
    openapi_extra=limited(LimitGroup.READ),
)
async def list_factors(user: CurrentUser, session: ReadSession) -> Factors:
    """List your second factors, and how many recovery codes are left."""
    return await mfa.list_factors(session, user.user_id)


@router.post(
    "/confirmation",
    status_code=204,
    responses=problems(
        *ON_EVERY_BODY,
        *FOR_USERS,
        ConfirmationFailedError,
        NoPasswordError,
        TooManyLoginAttemptsError,
    ),
    openapi_extra=limited(LimitGroup.LOGIN, cost=5),
)
async def confirm_session(
    user: CurrentUser, body: SessionConfirmation, session: WriteSession
) -> None:
    """Show that you know your password, so that this session may change second factors for 10 minutes.

    A session that was begun less than 10 minutes ago needs no confirmation.
    """
    await mfa.confirm(session, user, password=body.current_password)


@router.post(
    "/totp",
    status_code=201,
    responses=problems(*FOR_USERS, ConfirmationRequiredError, TotpEnrolledError),
    openapi_extra=limited(LimitGroup.LOGIN) | {SHOWN_ONCE: True},
)
async def enrol_totp(user: CurrentUser, session: WriteSession) -> TotpSecret:
    """Get the secret for an authenticator application. It counts once you have sent its first code.

    Asked for again, there is another secret, and the one before is forgotten.
    """
    return await mfa.enrol_totp(session, user)


@router.post(
    "/totp/confirmation",
    responses=problems(
        *ON_EVERY_BODY, *FOR_USERS, ConfirmationRequiredError, TotpNotFoundError, WrongCodeError
    ),
    openapi_extra=limited(LimitGroup.LOGIN) | {SHOWN_ONCE: True},
)
async def confirm_totp(user: CurrentUser, body: TotpCode, session: WriteSession) -> Enrolment:
    """Send the first code of your authenticator application: from then on logging in takes one.

    With the first of your factors you get ten recovery codes, shown this once, and your other sessions end.
    """
    return await mfa.confirm_totp(session, user, code=body.code)


@router.delete(
    "/totp",
    status_code=204,
    responses=problems(*FOR_USERS, ConfirmationRequiredError, TotpNotFoundError),
    openapi_extra=limited(LimitGroup.LOGIN),
)
async def remove_totp(user: CurrentUser, session: WriteSession) -> None:
    """Remove your authenticator application. Your other sessions end; with the last factor recovery codes go."""
    await mfa.remove_totp(session, user)


@router.post(
    "/recovery-codes",
    responses=problems(*FOR_USERS, ConfirmationRequiredError, NoSecondFactorError),
    openapi_extra=limited(LimitGroup.LOGIN) | {SHOWN_ONCE: True},
)
async def renew_recovery_codes(user: CurrentUser, session: WriteSession) -> RecoveryCodes:
    """Get ten new recovery codes, shown this once. All earlier ones are good no more."""
    return RecoveryCodes(recovery_codes=await mfa.renew_recovery_codes(session, user))
