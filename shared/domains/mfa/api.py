"""The face of second factors: TOTP with recovery codes, and passkeys, at login and in a user's hands.

How a login goes on, for whoever logs users in:

    challenge = await challenge_for(session, opening, flow="...")   # None: open the session at once
    opening = await answer(session, given, device=device, flow="...")   # then open this one

`flow` names who began the login: no other can go on with it. The rows that both write must be committed,
and so must those of a refusal that `keeps_changes`.
"""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from shared.core.lazy import lazy_module
from shared.core.pagination import Page
from shared.core.schema import Paging
from shared.domains.mfa.errors import SecondFactorRequiredError
from shared.domains.mfa.schemas import (
    Challenge,
    CreationOptions,
    Enrolment,
    Factors,
    Method,
    NewPasskey,
    Passkey,
    PasskeyChange,
    PasskeyEnrolment,
    PasskeyLogin,
    RequestOptions,
    SecondFactor,
    Totp,
    TotpSecret,
)
from shared.domains.sessions import api as sessions
from shared.domains.sessions.api import Device, Opening, Principal, TokenPair

__all__ = [
    "Challenge",
    "CreationOptions",
    "Method",
    "RequestOptions",
    "SecondFactor",
    "SecondFactorRequiredError",
    "answer",
    "begin_passkey_answer",
    "begin_passkey_login",
    "challenge_for",
    "change_passkey",
    "confirm",
    "confirm_totp",
    "enrol_totp",
    "export_factors",
    "forget_expired",
    "list_factors",
    "log_in_by_passkey",
    "passkey_options",
    "register_passkey",
    "remove_passkey",
    "remove_totp",
    "renew_recovery_codes",
    "sign_in",
]

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from shared.domains.mfa import repository
    from shared.domains.mfa.service import confirmations, factors, login, passkeys, totp
else:
    repository = lazy_module("shared.domains.mfa.repository")
    confirmations = lazy_module("shared.domains.mfa.service.confirmations")
    factors = lazy_module("shared.domains.mfa.service.factors")
    login = lazy_module("shared.domains.mfa.service.login")
    passkeys = lazy_module("shared.domains.mfa.service.passkeys")
    totp = lazy_module("shared.domains.mfa.service.totp")

LOGIN = "login"
"""The flow of the routes by which users log in themselves."""


async def sign_in(session: "AsyncSession", opening: Opening) -> TokenPair:
    """Begin a session where the user has no second factor. Raises SecondFactorRequiredError where they have."""
    challenge = await challenge_for(session, opening)
    if challenge is None:
        return await sessions.open_session(session, opening)
    raise SecondFactorRequiredError(
        mfa_token=challenge.token, methods=challenge.methods, expires_in=challenge.expires_in
    )


async def challenge_for(
    session: "AsyncSession", opening: Opening, *, flow: str = LOGIN
) -> Challenge | None:
    """Keep a session that is to begin until its user has sent their second factor; None where they have none.

    None, too, where `opening.methods` say `mfa` already: its user has proved enough.
    """
    return await login.challenge_for(session, opening, flow=flow)


async def answer(
    session: "AsyncSession", given: SecondFactor, *, device: Device, flow: str = LOGIN
) -> Opening:
    """Return the session that may begin now, `methods` extended by what was proved.

    Raises InvalidMfaTokenError, WrongSecondFactorError; TooManyLoginAttemptsError before anything is looked at.
    """
    return await login.answer(session, given, device=device, flow=flow)


async def begin_passkey_answer(
    session: "AsyncSession", token: str, *, flow: str = LOGIN
) -> RequestOptions:
    """Return what the browser needs to answer a challenge by a passkey. Raises InvalidMfaTokenError."""
    return await login.begin_passkey_answer(session, token, flow=flow)


async def begin_passkey_login(session: "AsyncSession", *, flow: str = LOGIN) -> RequestOptions:
    """Return what the browser needs for a login by a passkey alone."""
    return await login.begin_passkey_login(session, flow=flow)


async def log_in_by_passkey(
    session: "AsyncSession", given: PasskeyLogin, *, device: Device, flow: str = LOGIN
) -> Opening:
    """Return the session that may begin now. Raises InvalidPasskeyError."""
    return await login.log_in_by_passkey(session, given, device=device, flow=flow)


async def confirm(session: "AsyncSession", user: Principal, *, password: str) -> None:
    """Let a session change how its user logs in, for 10 minutes.

    Raises ConfirmationFailedError, NoPasswordError, TooManyLoginAttemptsError, InvalidAccessTokenError.
    """
    await confirmations.confirm(session, user, password=password)


async def list_factors(session: "AsyncSession", user_id: UUID) -> Factors:
    """Return a user's second factors."""
    return await factors.list_factors(session, user_id)


async def export_factors(session: "AsyncSession", user_id: UUID, _: Paging) -> Page[Totp | Passkey]:
    """Return all of a user's second factors, without what they prove anything by, as one page."""
    found = await factors.list_factors(session, user_id)
    return Page(items=[*([found.totp] if found.totp else []), *found.passkeys])


async def enrol_totp(session: "AsyncSession", user: Principal) -> TotpSecret:
    """Give a user a secret for an authenticator application, which a first code is to confirm.

    Raises ConfirmationRequiredError, TotpEnrolledError.
    """
    await confirmations.require(session, user)
    return await totp.enrol(session, user.user_id)


async def confirm_totp(session: "AsyncSession", user: Principal, *, code: str) -> Enrolment:
    """Make an authenticator application a factor. The user's other sessions end where it is the first.

    Raises ConfirmationRequiredError, TotpNotFoundError, WrongCodeError.
    """
    await confirmations.require(session, user)
    return await totp.confirm(session, user, code=code)


async def remove_totp(session: "AsyncSession", user: Principal) -> None:
    """Remove a user's authenticator application, and end their other sessions.

    Raises ConfirmationRequiredError, TotpNotFoundError.
    """
    await confirmations.require(session, user)
    await totp.remove(session, user)


async def renew_recovery_codes(session: "AsyncSession", user: Principal) -> tuple[str, ...]:
    """Replace a user's recovery codes; return the new ones.

    Raises ConfirmationRequiredError, NoSecondFactorError.
    """
    await confirmations.require(session, user)
    return await factors.renew_recovery_codes(session, user.user_id)


async def passkey_options(session: "AsyncSession", user: Principal) -> CreationOptions:
    """Return what the browser needs to make a passkey.

    Raises ConfirmationRequiredError, TooManyPasskeysError.
    """
    await confirmations.require(session, user)
    return await passkeys.creation_options(session, user.user_id)


async def register_passkey(
    session: "AsyncSession", user: Principal, new: NewPasskey
) -> PasskeyEnrolment:
    """Register a passkey. The user's other sessions end where it is their first factor.

    Raises ConfirmationRequiredError, PasskeyRefusedError, PasskeyKnownError, TooManyPasskeysError.
    """
    await confirmations.require(session, user)
    return await passkeys.register(session, user, new)


async def change_passkey(
    session: "AsyncSession", *, user_id: UUID, passkey_id: UUID, change: PasskeyChange
) -> Passkey:
    """Give a passkey another name. Raises PasskeyNotFoundError."""
    return await passkeys.rename(session, user_id=user_id, passkey_id=passkey_id, name=change.name)


async def remove_passkey(session: "AsyncSession", user: Principal, passkey_id: UUID) -> None:
    """Remove a passkey, and end the user's other sessions.

    Raises ConfirmationRequiredError, PasskeyNotFoundError.
    """
    await confirmations.require(session, user)
    await passkeys.remove(session, user, passkey_id)


async def forget_expired(session: "AsyncSession", *, at: datetime, limit: int) -> int:
    """Delete some challenges that have expired; return how many."""
    return await repository.forget_expired(session, at=at, limit=limit)
