"""How a login goes on with a second factor, and a login by a passkey alone. The same in every version."""

from fastapi import APIRouter

from shared.domains.logins.errors import TooManyLoginAttemptsError
from shared.domains.mfa import api as mfa
from shared.domains.mfa.errors import (
    InvalidMfaTokenError,
    InvalidPasskeyError,
    WrongSecondFactorError,
)
from shared.domains.mfa.schemas import MfaToken, PasskeyLogin, RequestOptions, SecondFactor
from shared.domains.sessions import api as sessions
from shared.domains.sessions.schemas import TokenPair
from shared.web.auth import CallingDevice
from shared.web.limits import LimitGroup, limited
from shared.web.openapi import ON_EVERY_BODY, problems
from shared.web.sessions import WriteSession

router = APIRouter(prefix="/login", tags=["sessions"])


@router.post(
    "/second-factor",
    responses=problems(
        *ON_EVERY_BODY, InvalidMfaTokenError, WrongSecondFactorError, TooManyLoginAttemptsError
    ),
    openapi_extra=limited(LimitGroup.LOGIN, cost=5),
)
async def send_second_factor(
    second: SecondFactor, device: CallingDevice, session: WriteSession
) -> TokenPair:
    """Go on with a login that answered `second_factor_required`: within 5 minutes, by 5 tries at most.

    A code works once, in the half minute that it is shown and the ones beside it. After five failures of an
    account the next tries have to wait, longer each time, however many logins they belong to.
    """
    opening = await mfa.answer(session, second, device=device)
    return await sessions.open_session(session, opening)


@router.post(
    "/second-factor/passkey-options",
    responses=problems(*ON_EVERY_BODY, InvalidMfaTokenError),
    openapi_extra=limited(LimitGroup.LOGIN),
)
async def begin_passkey_as_second_factor(body: MfaToken, session: WriteSession) -> RequestOptions:
    """Get what `navigator.credentials.get()` needs to send a passkey as the second factor of a login."""
    return await mfa.begin_passkey_answer(session, body.mfa_token)


@router.post(
    "/passkey/options",
    responses=problems(*ON_EVERY_BODY),
    openapi_extra=limited(LimitGroup.LOGIN),
)
async def begin_passkey_login(session: WriteSession) -> RequestOptions:
    """Get what `navigator.credentials.get()` needs for a login by a passkey alone: good once, for 5 minutes."""
    return await mfa.begin_passkey_login(session)


@router.post(
    "/passkey",
    responses=problems(*ON_EVERY_BODY, InvalidPasskeyError),
    openapi_extra=limited(LimitGroup.LOGIN, cost=5),
)
async def log_in_by_passkey(
    body: PasskeyLogin, device: CallingDevice, session: WriteSession
) -> TokenPair:
    """Log in by a passkey alone, without a name or a password.

    The authenticator must have verified its user, by PIN, finger or face: so it is two factors at once.
    """
    opening = await mfa.log_in_by_passkey(session, body, device=device)
    return await sessions.open_session(session, opening)
