"""Identity's face: users and who they prove to be."""

from typing import TYPE_CHECKING
from uuid import UUID

from shared.core.lazy import lazy_module
from shared.domains.identity.schemas import Contact, Registration, Role, User, UserChange

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from shared.domains.identity import service
else:
    service = lazy_module("shared.domains.identity.service")


async def register(session: "AsyncSession", registration: Registration) -> User:
    """Make a user. Raises WeakPasswordError, UsernameTakenError, EmailTakenError."""
    return User.model_validate(await service.register(session, registration))


async def check_credentials(session: "AsyncSession", *, login: str, password: str) -> UUID:
    """Return who has this user name or e-mail address, and password. Raises InvalidCredentialsError."""
    return await service.check_credentials(session, login=login, password=password)


async def get_user(session: "AsyncSession", user_id: UUID) -> User:
    """Return a user. Raises InvalidAccessTokenError where there is none (any more)."""
    return User.model_validate(await service.get(session, user_id))


async def change_user(session: "AsyncSession", *, user_id: UUID, change: UserChange) -> User:
    """Change a user.

    Raises WrongPasswordError, WeakPasswordError, UsernameTakenError, EmailTakenError,
    InvalidAccessTokenError.
    """
    return User.model_validate(await service.change(session, user_id=user_id, change=change))


async def find_contact(session: "AsyncSession", user_id: UUID) -> Contact | None:
    """Return where to write to a user, or None where there is no such user (any more)."""
    user = await service.find(session, user_id)
    return Contact.model_validate(user) if user else None


async def confirm_password(session: "AsyncSession", *, user_id: UUID, password: str) -> None:
    """Make sure that a user knows their password.

    Raises WrongPasswordError, InvalidAccessTokenError where there is no such user (any more).
    """
    await service.confirm_password(session, user_id=user_id, password=password)


async def delete_user(session: "AsyncSession", user_id: UUID) -> None:
    """Delete a user and all that still belongs to them; nothing where there is no such user."""
    await service.delete(session, user_id)


async def require_operator(session: "AsyncSession", user_id: UUID) -> None:
    """Make sure that a user is an operator at this moment.

    Raises OperatorsOnlyError, InvalidAccessTokenError where there is no such user (any more).
    """
    await service.require_operator(session, user_id)


async def set_role(session: "AsyncSession", *, username: str, role: Role) -> tuple[str, Role]:
    """Give the user with this name, in any case, a role; return the name as it is written, and the role.

    A change is recorded in the audit trail. Raises NoSuchUserError.
    """
    user = await service.set_role(session, username=username, role=role)
    return user.username, user.role
