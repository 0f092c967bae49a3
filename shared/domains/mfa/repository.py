"""Where second factors are kept. Whose they are is in every condition."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, literal, or_, select, union_all, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters.database.violations import violated_constraint
from shared.domains.mfa.errors import PasskeyKnownError
from shared.domains.mfa.models import (
    MfaChallenge,
    MfaConfirmation,
    PasskeyRow,
    RecoveryCode,
    TotpAuthenticator,
)
from shared.domains.mfa.schemas import Method

_AS_IT_IS = {"synchronize_session": False}


async def methods_of(session: AsyncSession, user_id: UUID) -> tuple[Method, ...]:
    """Return what a user can prove who they are with, in the order of `Method`; one statement."""
    has_passkey = (
        select(literal(Method.PASSKEY.value)).where(PasskeyRow.user_id == user_id).limit(1)
    )
    has_totp = select(literal(Method.TOTP.value)).where(
        TotpAuthenticator.user_id == user_id, TotpAuthenticator.confirmed_at.is_not(None)
    )
    has_code = (
        select(literal(Method.RECOVERY_CODE.value))
        .where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
        .limit(1)
    )
    found = set(await session.scalars(union_all(has_passkey, has_totp, has_code)))
    methods = tuple(method for method in Method if method.value in found)
    # Recovery codes alone are no factor: they go with the last one.
    return () if methods == (Method.RECOVERY_CODE,) else methods


async def count_factors(session: AsyncSession, user_id: UUID) -> int:
    """Return how many factors a user has; recovery codes are none."""
    passkeys = select(func.count(PasskeyRow.id)).where(PasskeyRow.user_id == user_id)
    totp = select(func.count(TotpAuthenticator.user_id)).where(
        TotpAuthenticator.user_id == user_id, TotpAuthenticator.confirmed_at.is_not(None)
    )
    both = passkeys.scalar_subquery() + totp.scalar_subquery()
    return await session.scalar(select(both)) or 0


async def add_challenge(session: AsyncSession, challenge: MfaChallenge) -> None:
    """Write a challenge."""
    session.add(challenge)
    await session.flush()


async def find_challenge(
    session: AsyncSession, digest: str, *, purpose: str, at: datetime
) -> MfaChallenge | None:
    """Return a challenge that has not expired, locked until this transaction ends, or None.

    Of two answers to one challenge the second waits for what comes of the first.
    """
    statement = select(MfaChallenge).where(
        MfaChallenge.digest == digest,
        MfaChallenge.purpose == purpose,
        MfaChallenge.expires_at > at,
    )
    return await session.scalar(statement.with_for_update())


async def spend_challenge(
    session: AsyncSession, digest: str, *, purpose: str, at: datetime, user_id: UUID | None = None
) -> bool:
    """Remove a challenge; tell whether it was good, and this user's where it was anybody's."""
    whose = MfaChallenge.user_id.is_(None) if user_id is None else MfaChallenge.user_id == user_id
    spent = (
        delete(MfaChallenge)
        .where(
            MfaChallenge.digest == digest,
            MfaChallenge.purpose == purpose,
            MfaChallenge.expires_at > at,
            whose,
        )
        .returning(MfaChallenge.digest)
        .execution_options(**_AS_IT_IS)
    )
    return (await session.execute(spent)).first() is not None


async def remove_challenge(session: AsyncSession, challenge: MfaChallenge) -> None:
    """Remove a challenge that was answered."""
    await session.delete(challenge)
    await session.flush()


async def forget_expired(session: AsyncSession, *, at: datetime, limit: int) -> int:
    """Delete some challenges that have expired; return how many."""
    expired = (
        select(MfaChallenge.digest)
        .where(MfaChallenge.expires_at < at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    gone = delete(MfaChallenge).where(MfaChallenge.digest.in_(expired))
    result = await session.execute(
        gone.returning(MfaChallenge.digest).execution_options(**_AS_IT_IS)
    )
    return len(result.all())


async def find_totp(
    session: AsyncSession, user_id: UUID, *, for_update: bool = False
) -> TotpAuthenticator | None:
    """Return a user's authenticator application, confirmed or not; no other can change it meanwhile."""
    statement = select(TotpAuthenticator).where(TotpAuthenticator.user_id == user_id)
    return await session.scalar(statement.with_for_update() if for_update else statement)


async def put_totp(
    session: AsyncSession, *, user_id: UUID, sealed_secret: str, at: datetime
) -> bool:
    """Write a secret in place of one that nobody confirmed; tell whether there was no confirmed one."""
    values = {"sealed_secret": sealed_secret, "created_at": at}
    written = (
        insert(TotpAuthenticator)
        .values(user_id=user_id, **values)
        .on_conflict_do_update(
            index_elements=[TotpAuthenticator.user_id],
            set_=values,
            where=TotpAuthenticator.confirmed_at.is_(None),
        )
        .returning(TotpAuthenticator.user_id)
    )
    return (await session.execute(written)).first() is not None


async def spend_step(session: AsyncSession, user_id: UUID, *, step: int, at: datetime) -> bool:
    """Take the code of a time step for used; tell whether it and all later ones were not yet.

    Of two that send one code at once, one gets it.
    """
    unused = or_(TotpAuthenticator.last_step.is_(None), TotpAuthenticator.last_step < step)
    spent = (
        update(TotpAuthenticator)
        .where(
            TotpAuthenticator.user_id == user_id,
            TotpAuthenticator.confirmed_at.is_not(None),
            unused,
        )
        .values(last_step=step, last_used_at=at)
        .returning(TotpAuthenticator.user_id)
        .execution_options(**_AS_IT_IS)
    )
    return (await session.execute(spent)).first() is not None


async def remove_totp(session: AsyncSession, user_id: UUID) -> bool:
    """Remove a user's authenticator application; tell whether there was one that was confirmed."""
    gone = (
        delete(TotpAuthenticator)
        .where(TotpAuthenticator.user_id == user_id, TotpAuthenticator.confirmed_at.is_not(None))
        .returning(TotpAuthenticator.user_id)
        .execution_options(**_AS_IT_IS)
    )
    return (await session.execute(gone)).first() is not None


async def replace_recovery_codes(
    session: AsyncSession, user_id: UUID, digests: Iterable[str], *, at: datetime
) -> None:
    """Forget a user's recovery codes, and write others, if any."""
    gone = delete(RecoveryCode).where(RecoveryCode.user_id == user_id)
    await session.execute(gone.execution_options(**_AS_IT_IS))
    session.add_all(
        RecoveryCode(digest=digest, user_id=user_id, created_at=at) for digest in digests
    )
    await session.flush()


async def spend_recovery_code(
    session: AsyncSession, user_id: UUID, digest: str, *, at: datetime
) -> bool:
    """Take a recovery code for used; tell whether it was good. Of two that send it at once, one gets it."""
    spent = (
        update(RecoveryCode)
        .where(
            RecoveryCode.digest == digest,
            RecoveryCode.user_id == user_id,
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=at)
        .returning(RecoveryCode.digest)
        .execution_options(**_AS_IT_IS)
    )
    return (await session.execute(spent)).first() is not None


async def count_recovery_codes(session: AsyncSession, user_id: UUID) -> int:
    """Return how many recovery codes a user has left."""
    left = select(func.count(RecoveryCode.digest)).where(
        RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None)
    )
    return await session.scalar(left) or 0


async def save_passkey(session: AsyncSession, row: PasskeyRow) -> None:
    """Write a new or changed passkey. Raises PasskeyKnownError."""
    session.add(row)
    try:
        await session.flush()
    except IntegrityError as error:
        if violated_constraint(error) == "uq_passkeys_credential_id":
            raise PasskeyKnownError from error
        raise


async def list_passkeys(session: AsyncSession, user_id: UUID) -> Sequence[PasskeyRow]:
    """Return a user's passkeys, the oldest first."""
    statement = (
        select(PasskeyRow)
        .where(PasskeyRow.user_id == user_id)
        .order_by(PasskeyRow.created_at, PasskeyRow.id)
    )
    return (await session.scalars(statement)).all()


async def find_passkey(
    session: AsyncSession, *, user_id: UUID, passkey_id: UUID
) -> PasskeyRow | None:
    """Return one of a user's passkeys, or None."""
    statement = select(PasskeyRow).where(PasskeyRow.id == passkey_id, PasskeyRow.user_id == user_id)
    return await session.scalar(statement.with_for_update())


async def find_credential(
    session: AsyncSession, credential_id: str, *, user_id: UUID | None
) -> PasskeyRow | None:
    """Return the passkey of a credential, and of a user where that is known; locked until the end."""
    statement = select(PasskeyRow).where(PasskeyRow.credential_id == credential_id)
    if user_id is not None:
        statement = statement.where(PasskeyRow.user_id == user_id)
    return await session.scalar(statement.with_for_update())


async def remove_passkey(session: AsyncSession, *, user_id: UUID, passkey_id: UUID) -> bool:
    """Remove one of a user's passkeys; tell whether there was one."""
    gone = (
        delete(PasskeyRow)
        .where(PasskeyRow.id == passkey_id, PasskeyRow.user_id == user_id)
        .returning(PasskeyRow.id)
        .execution_options(**_AS_IT_IS)
    )
    return (await session.execute(gone)).first() is not None


async def put_confirmation(
    session: AsyncSession, session_id: UUID, *, expires_at: datetime
) -> None:
    """Let a confirmation of a session hold until a time."""
    row = insert(MfaConfirmation).values(session_id=session_id, expires_at=expires_at)
    until = {"expires_at": expires_at}
    await session.execute(
        row.on_conflict_do_update(index_elements=[MfaConfirmation.session_id], set_=until)
    )


async def is_confirmed(session: AsyncSession, session_id: UUID, *, at: datetime) -> bool:
    """Tell whether a session is confirmed at a time."""
    statement = select(MfaConfirmation.session_id).where(
        MfaConfirmation.session_id == session_id, MfaConfirmation.expires_at > at
    )
    return await session.scalar(statement) is not None
