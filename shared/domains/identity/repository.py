"""Where users are kept."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from shared.adapters.database.violations import violated_constraint
from shared.domains.identity.errors import EmailTakenError, UsernameTakenError
from shared.domains.identity.models import EmailToken, User
from shared.domains.identity.schemas import EmailPurpose, Role

_TAKEN = {"uq_users_username": UsernameTakenError, "uq_users_email": EmailTakenError}


async def save(session: AsyncSession, user: User) -> None:
    """Write a new or changed user. Raises UsernameTakenError, EmailTakenError."""
    session.add(user)
    try:
        await session.flush()
    except IntegrityError as error:
        if taken := _TAKEN.get(violated_constraint(error) or ""):
            raise taken from error
        raise


async def find(session: AsyncSession, user_id: UUID) -> User | None:
    """Return a user, or None."""
    return await session.scalar(select(User).where(User.id == user_id))


async def find_for_change(session: AsyncSession, user_id: UUID) -> User | None:
    """Return a user, hash included, whom no other transaction changes until this one ends."""
    statement = select(User).where(User.id == user_id).options(undefer(User.password_hash))
    return await session.scalar(statement.with_for_update())


async def find_with_hash(session: AsyncSession, user_id: UUID) -> User | None:
    """Return a user, hash included, or None."""
    statement = select(User).where(User.id == user_id).options(undefer(User.password_hash))
    return await session.scalar(statement)


async def find_by_login(session: AsyncSession, login: str) -> User | None:
    """Return the user, hash included, with this name or e-mail address in any case, or None."""
    # No name holds an @ and every address does: one login means one user at most.
    same = or_(func.lower(User.username) == login.lower(), func.lower(User.email) == login.lower())
    return await session.scalar(select(User).where(same).options(undefer(User.password_hash)))


async def replace_hash(session: AsyncSession, user: User, hash_: str) -> None:
    """Write a new hash of an unchanged password, unless the password was changed meanwhile."""
    unchanged = (User.id == user.id, User.password_hash == user.password_hash)
    await session.execute(update(User).where(*unchanged).values(password_hash=hash_))


async def remove(session: AsyncSession, user_id: UUID) -> bool:
    """Delete a user and what belongs to them; tell whether there was one."""
    gone = delete(User).where(User.id == user_id).returning(User.id)
    removed = await session.execute(gone.execution_options(synchronize_session=False))
    return removed.first() is not None


async def find_role(session: AsyncSession, user_id: UUID) -> Role | None:
    """Return a user's role, or None where there is no such user."""
    return await session.scalar(select(User.role).where(User.id == user_id))


async def find_by_name_for_change(session: AsyncSession, username: str) -> User | None:
    """Return the user with a name in any case, whom no other transaction changes until this one ends."""
    named = select(User).where(func.lower(User.username) == username.lower())
    return await session.scalar(named.with_for_update())


async def has_name(session: AsyncSession, username: str) -> bool:
    """Tell whether a user has this name, in any case."""
    named = select(User.id).where(func.lower(User.username) == username.lower())
    return await session.scalar(named) is not None


async def find_by_email(session: AsyncSession, email: str) -> User | None:
    """Return the user with an e-mail address in any case, or None."""
    return await session.scalar(select(User).where(func.lower(User.email) == email.lower()))


async def add_token(session: AsyncSession, token: EmailToken) -> None:
    """Write a token of a mail."""
    session.add(token)
    await session.flush()


async def count_live_tokens(
    session: AsyncSession, user_id: UUID, *, purpose: EmailPurpose, at: datetime
) -> int:
    """Return how many tokens of a purpose a user could use now."""
    live = select(func.count(EmailToken.id)).where(
        EmailToken.user_id == user_id, EmailToken.purpose == purpose, EmailToken.expires_at > at
    )
    return await session.scalar(live) or 0


async def spend_token(
    session: AsyncSession, digest: str, *, purpose: EmailPurpose, at: datetime
) -> tuple[UUID, str] | None:
    """Remove a token; return whose it was and to which address it was sent. None where it is not good.

    Of two that spend one token at once, one gets it.
    """
    good = (
        EmailToken.digest == digest,
        EmailToken.purpose == purpose,
        EmailToken.expires_at > at,
    )
    spent = delete(EmailToken).where(*good).returning(EmailToken.user_id, EmailToken.email)
    found = (await session.execute(spent.execution_options(synchronize_session=False))).first()
    return None if found is None else (found.user_id, found.email)


async def forget_tokens(session: AsyncSession, user_id: UUID, *, purpose: EmailPurpose) -> None:
    """Remove a user's tokens of a purpose."""
    of_user = (EmailToken.user_id == user_id, EmailToken.purpose == purpose)
    gone = delete(EmailToken).where(*of_user)
    await session.execute(gone.execution_options(synchronize_session=False))


async def forget_expired_tokens(session: AsyncSession, *, at: datetime, limit: int) -> int:
    """Delete some tokens that have expired; return how many."""
    expired = (
        select(EmailToken.id)
        .where(EmailToken.expires_at < at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    gone = delete(EmailToken).where(EmailToken.id.in_(expired)).returning(EmailToken.id)
    result = await session.execute(gone.execution_options(synchronize_session=False))
    return len(result.all())
