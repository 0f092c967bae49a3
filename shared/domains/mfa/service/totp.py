"""Authenticator applications: TOTP (RFC 6238)."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters import one_time_codes, vault
from shared.core.clock import now
from shared.domains.identity import api as identity
from shared.domains.mfa import repository
from shared.domains.mfa.errors import TotpEnrolledError, TotpNotFoundError, WrongCodeError
from shared.domains.mfa.schemas import Enrolment, Method, TotpSecret
from shared.domains.mfa.service import factors
from shared.domains.sessions.api import Principal

ISSUER = "Switchyard"
"""What applications show beside the account."""

_SEAL = "totp secret"


async def enrol(session: AsyncSession, user_id: UUID) -> TotpSecret:
    """Give a user a new secret, in place of one that was not confirmed. Raises TotpEnrolledError."""
    user = await identity.get_user(session, user_id)
    secret = one_time_codes.new_secret()
    sealed = await vault.seal(secret, purpose=_SEAL)
    if not await repository.put_totp(session, user_id=user_id, sealed_secret=sealed, at=now()):
        raise TotpEnrolledError
    uri = one_time_codes.provisioning_uri(secret, account=user.username, issuer=ISSUER)
    return TotpSecret(secret=secret, uri=uri)


async def confirm(session: AsyncSession, user: Principal, *, code: str) -> Enrolment:
    """Make an application a factor by its first code. Raises TotpNotFoundError, WrongCodeError."""
    row = await repository.find_totp(session, user.user_id, for_update=True)
    if row is None or row.confirmed_at is not None:
        raise TotpNotFoundError
    at = now()
    secret = await vault.unseal(row.sealed_secret, purpose=_SEAL)
    step = one_time_codes.step_of(secret, code, at=at, after=None)
    if step is None:
        raise WrongCodeError
    row.confirmed_at, row.last_step = at, step
    await session.flush()
    return Enrolment(recovery_codes=await factors.added(session, user, kind=Method.TOTP))


async def spend_code(session: AsyncSession, user_id: UUID, code: str) -> bool:
    """Take a code for used; tell whether it was good. None is good twice (RFC 6238, section 5.2)."""
    row = await repository.find_totp(session, user_id)
    if row is None or row.confirmed_at is None:
        return False
    at = now()
    secret = await vault.unseal(row.sealed_secret, purpose=_SEAL)
    step = one_time_codes.step_of(secret, code, at=at, after=row.last_step)
    return step is not None and await repository.spend_step(session, user_id, step=step, at=at)


async def remove(session: AsyncSession, user: Principal) -> None:
    """Remove a user's application. Raises TotpNotFoundError."""
    if not await repository.remove_totp(session, user.user_id):
        raise TotpNotFoundError
    await factors.removed(session, user, kind=Method.TOTP)
