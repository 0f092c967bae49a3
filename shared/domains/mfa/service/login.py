"""How a login goes on where its user has a second factor, and a login by a passkey alone."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters import passkeys as authenticators
from shared.config.passkeys import relying_party_id
from shared.core.clock import now
from shared.core.opaque_tokens import digest_of, new_token
from shared.domains.logins import api as logins
from shared.domains.mfa import repository
from shared.domains.mfa.errors import (
    InvalidMfaTokenError,
    InvalidPasskeyError,
    WrongSecondFactorError,
)
from shared.domains.mfa.models import MfaChallenge, PasskeyRow
from shared.domains.mfa.schemas import Challenge, PasskeyLogin, RequestOptions, SecondFactor
from shared.domains.mfa.service import factors, passkeys, totp
from shared.domains.sessions.api import Device, Opening

MOST_ATTEMPTS = 5
"""How often a challenge can be answered wrongly: then the login begins anew."""

SEVERAL_FACTORS = "mfa"
"""What RFC 8176 calls it where more than one factor was shown."""


async def challenge_for(session: AsyncSession, opening: Opening, *, flow: str) -> Challenge | None:
    """Keep a session that is to begin until its user has sent their second factor."""
    if SEVERAL_FACTORS in opening.methods:
        return None
    methods = await repository.methods_of(session, opening.user_id)
    if not methods:
        return None
    token = new_token()
    row = MfaChallenge(
        digest=digest_of(token),
        purpose=_second_factor(flow),
        user_id=opening.user_id,
        opening=opening.model_dump(mode="json"),
        expires_at=now() + passkeys.CHALLENGE_LIFE,
    )
    await repository.add_challenge(session, row)
    seconds = int(passkeys.CHALLENGE_LIFE.total_seconds())
    return Challenge(token=token, methods=methods, expires_in=seconds)


async def answer(
    session: AsyncSession, given: SecondFactor, *, device: Device, flow: str
) -> Opening:
    """Return the session that may begin now.

    Raises InvalidMfaTokenError, WrongSecondFactorError; TooManyLoginAttemptsError before anything is looked at.
    """
    challenge, opening = await _waiting(session, given.mfa_token, flow=flow, at=now())
    user_id = opening.user_id
    # Counted apart from passwords: who knows one of those could make failures here forgotten by it.
    attempt = logins.Attempt(
        user_id=user_id, login=str(user_id), address=device.address, factor="second factor"
    )
    admitted = await logins.admit(session, attempt)
    shown = await _shown(session, given, user_id=user_id)
    if not shown:
        challenge.attempts += 1
        await logins.fail(session, admitted)
        raise WrongSecondFactorError
    await logins.succeed(session, admitted)
    await repository.remove_challenge(session, challenge)
    methods = (*opening.methods, *shown, SEVERAL_FACTORS)
    return opening.model_copy(update={"device": device, "methods": methods})


async def begin_passkey_answer(session: AsyncSession, token: str, *, flow: str) -> RequestOptions:
    """Return what the browser needs to answer a challenge by a passkey. Raises InvalidMfaTokenError."""
    _, opening = await _waiting(session, token, flow=flow, at=now())
    known = await repository.list_passkeys(session, opening.user_id)
    return RequestOptions(
        challenge=authenticators.derived_challenge(token),
        timeout=authenticators.TIMEOUT_MS,
        rp_id=relying_party_id(),
        allow_credentials=passkeys.descriptors_of(list(known)),
        user_verification="preferred",
    )


async def begin_passkey_login(session: AsyncSession, *, flow: str) -> RequestOptions:
    """Return what the browser needs for a login by a passkey alone."""
    return RequestOptions(
        challenge=await passkeys.new_challenge(session, purpose=_alone(flow), user_id=None),
        timeout=authenticators.TIMEOUT_MS,
        rp_id=relying_party_id(),
        user_verification="required",
    )


async def log_in_by_passkey(
    session: AsyncSession, given: PasskeyLogin, *, device: Device, flow: str
) -> Opening:
    """Return the session that may begin now. Raises InvalidPasskeyError."""
    try:
        challenge = authenticators.challenge_in(given.passkey.response.client_data_json)
    except authenticators.RefusedError as error:
        raise InvalidPasskeyError from error
    spent = await repository.spend_challenge(
        session, digest_of(challenge), purpose=_alone(flow), at=now()
    )
    row = spent and await passkeys.use(
        session, given.passkey, challenge=challenge, user_id=None, alone=True
    )
    if not row:
        raise InvalidPasskeyError
    methods = (_kind_of(row), "user", SEVERAL_FACTORS)
    return Opening(user_id=row.user_id, device=device, methods=methods)


async def _waiting(
    session: AsyncSession, token: str, *, flow: str, at: datetime
) -> tuple[MfaChallenge, Opening]:
    """Return a challenge that can be answered, and what waits for it. Raises InvalidMfaTokenError."""
    purpose = _second_factor(flow)
    found = await repository.find_challenge(session, digest_of(token), purpose=purpose, at=at)
    if found is None or found.attempts >= MOST_ATTEMPTS:
        raise InvalidMfaTokenError
    return found, Opening.model_validate(found.opening)


async def _shown(session: AsyncSession, given: SecondFactor, *, user_id: UUID) -> tuple[str, ...]:
    """Return what a second factor proves (RFC 8176); nothing where it is wrong."""
    if given.code is not None:
        return ("otp",) if await totp.spend_code(session, user_id, given.code) else ()
    if given.recovery_code is not None:
        spent = await factors.spend_recovery_code(session, user_id, given.recovery_code)
        return ("otp",) if spent else ()
    if given.passkey is None:
        return ()
    challenge = authenticators.derived_challenge(given.mfa_token)
    row = await passkeys.use(
        session, given.passkey, challenge=challenge, user_id=user_id, alone=False
    )
    return (_kind_of(row),) if row else ()


def _kind_of(row: PasskeyRow) -> str:
    # RFC 8176: a key that may be copied to other devices is no hardware's.
    return "swk" if row.synced else "hwk"


def _second_factor(flow: str) -> str:
    return f"second factor of {flow}"


def _alone(flow: str) -> str:
    return f"passkey alone of {flow}"
