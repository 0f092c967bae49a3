"""Where users are kept."""

from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from shared.adapters.database.violations import violated_constraint
from shared.domains.identity.errors import EmailTakenError, UsernameTakenError
from shared.domains.identity.models import User

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


async def find_by_login(session: AsyncSession, login: str) -> User | None:
    """Return the user, hash included, with this name or e-mail address in any case, or None."""
    # No name holds an @ and every address does: one login means one user at most.
    same = or_(func.lower(User.username) == login.lower(), func.lower(User.email) == login.lower())
    return await session.scalar(select(User).where(same).options(undefer(User.password_hash)))


async def replace_hash(session: AsyncSession, user: User, hash_: str) -> None:
    """Write a new hash of an unchanged password, unless the password was changed meanwhile."""
    unchanged = (User.id == user.id, User.password_hash == user.password_hash)
    await session.execute(update(User).where(*unchanged).values(password_hash=hash_))
