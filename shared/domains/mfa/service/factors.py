"""What all second factors have in common: what comes with the first, and what goes with the last."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters import digests, one_time_codes
from shared.core.clock import now
from shared.domains.audit import api as audit
from shared.domains.identity import api as identity
from shared.domains.mail import api as mail
from shared.domains.mail.events import MailTemplate
from shared.domains.mfa import repository
from shared.domains.mfa.errors import NoSecondFactorError
from shared.domains.mfa.schemas import Factors, Method, Passkey, Totp
from shared.domains.sessions import api as sessions
from shared.domains.sessions.api import Principal

RECOVERY_CODES = 10
"""How many recovery codes a user gets at once."""


async def list_factors(session: AsyncSession, user_id: UUID) -> Factors:
    """Return a user's second factors."""
    totp = await repository.find_totp(session, user_id)
    confirmed = totp is not None and totp.confirmed_at is not None
    passkeys = await repository.list_passkeys(session, user_id)
    return Factors(
        totp=Totp.model_validate(totp) if confirmed else None,
        passkeys=tuple(Passkey.model_validate(row) for row in passkeys),
        recovery_codes_left=await repository.count_recovery_codes(session, user_id),
    )


async def added(session: AsyncSession, user: Principal, *, kind: Method) -> tuple[str, ...] | None:
    """See to what follows from a new factor; return recovery codes where it is the first.

    Then the user's other sessions end, too: those who began them had shown one factor only.
    """
    is_first = await repository.count_factors(session, user.user_id) == 1
    await _tell(session, user.user_id, action="factor_added", kind=kind)
    if not is_first:
        return None
    await _end_others(session, user, reason="second_factor_added")
    return await _new_codes(session, user.user_id)


async def removed(session: AsyncSession, user: Principal, *, kind: Method) -> None:
    """See to what follows from the end of a factor: recovery codes go with the last, other sessions always."""
    if not await repository.count_factors(session, user.user_id):
        await repository.replace_recovery_codes(session, user.user_id, (), at=now())
    await _end_others(session, user, reason="second_factor_removed")
    await _tell(session, user.user_id, action="factor_removed", kind=kind)


async def renew_recovery_codes(session: AsyncSession, user_id: UUID) -> tuple[str, ...]:
    """Replace a user's recovery codes; return the new ones. Raises NoSecondFactorError."""
    if not await repository.count_factors(session, user_id):
        raise NoSecondFactorError
    await _tell(session, user_id, action="factor_added", kind=Method.RECOVERY_CODE)
    return await _new_codes(session, user_id)


async def spend_recovery_code(session: AsyncSession, user_id: UUID, typed: str) -> bool:
    """Take a recovery code for used, and tell its user by mail; tell whether it was good."""
    digest = await _digest_of(typed, user_id=user_id)
    if not await repository.spend_recovery_code(session, user_id, digest, at=now()):
        return False
    audit.record(
        session, action="mfa.recovery_code_used", subject=f"user:{user_id}", actor_id=user_id
    )
    left = await repository.count_recovery_codes(session, user_id)
    await _mail(session, user_id, template=MailTemplate.RECOVERY_CODE_USED, left=str(left))
    return True


async def _new_codes(session: AsyncSession, user_id: UUID) -> tuple[str, ...]:
    codes = tuple(one_time_codes.new_recovery_code() for _ in range(RECOVERY_CODES))
    kept = [await _digest_of(code, user_id=user_id) for code in codes]
    await repository.replace_recovery_codes(session, user_id, kept, at=now())
    return codes


async def _digest_of(code: str, *, user_id: UUID) -> str:
    # Keyed, for 60 bits are few enough to be tried against a copy of the table.
    text = f"{user_id}\n{one_time_codes.canonical_recovery_code(code)}"
    return await digests.keyed_hash(text, purpose="recovery code")


async def _end_others(session: AsyncSession, user: Principal, *, reason: str) -> None:
    await sessions.revoke_sessions(
        session, user_id=user.user_id, reason=reason, spare=user.session_id
    )


async def _tell(session: AsyncSession, user_id: UUID, *, action: str, kind: Method) -> None:
    audit.record(
        session,
        action=f"mfa.{action}",
        subject=f"user:{user_id}",
        actor_id=user_id,
        details={"kind": kind.value},
    )
    await _mail(session, user_id, template=MailTemplate(action), kind=kind.value)


async def _mail(
    session: AsyncSession, user_id: UUID, *, template: MailTemplate, **values: str
) -> None:
    if contact := await identity.find_contact(session, user_id):
        await mail.request(
            session,
            to=contact.email,
            template=template,
            locale=contact.locale,
            values={"username": contact.username, **values},
        )
