"""Identity's face: users and who they prove to be."""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from shared.core.lazy import lazy_module
from shared.domains.identity.schemas import (
    Contact,
    Credentials,
    PasswordReset,
    Registration,
    Role,
    User,
    UserChange,
)

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from shared.domains.identity import repository, service
else:
    service = lazy_module("shared.domains.identity.service")
    repository = lazy_module("shared.domains.identity.repository")


async def register(session: "AsyncSession", registration: Registration) -> User:
    """Make a user. Raises WeakPasswordError, UsernameTakenError, EmailTakenError."""
    return User.model_validate(await service.register(session, registration))


async def check_credentials(session: "AsyncSession", credentials: Credentials) -> UUID:
    """Return who has this user name or e-mail address, and password.

    Raises InvalidCredentialsError; TooManyLoginAttemptsError before the password is looked at.
    """
    return await service.check_credentials(session, credentials)


async def get_user(session: "AsyncSession", user_id: UUID) -> User:
    """Return a user. Raises InvalidAccessTokenError where there is none (any more)."""
    return User.model_validate(await service.get(session, user_id))


async def change_user(
    session: "AsyncSession", *, user_id: UUID, session_id: UUID | None = None, change: UserChange
) -> User:
    """Change a user. Another password ends all sessions but `session_id`; another address is to be verified.

    Raises WrongPasswordError, WeakPasswordError, UsernameTakenError, EmailTakenError,
    InvalidAccessTokenError.
    """
    changed = await service.change(session, user_id=user_id, session_id=session_id, change=change)
    return User.model_validate(changed)


async def request_verification(session: "AsyncSession", user_id: UUID) -> None:
    """Send a user the mail that verifies their address, if it is not. Raises InvalidAccessTokenError."""
    await service.request_verification(session, user_id)


async def verify_email(session: "AsyncSession", token: str) -> None:
    """Take an address for its user's. Raises InvalidEmailTokenError."""
    await service.verify_email(session, token)


async def request_password_reset(session: "AsyncSession", email: str) -> None:
    """Send who has this address the mail that resets their password; nobody is told whether there is one."""
    await service.request_password_reset(session, email)


async def reset_password(session: "AsyncSession", reset: PasswordReset) -> None:
    """Give a user another password, and end all of their sessions.

    Raises InvalidEmailTokenError; WeakPasswordError, which leaves the token good.
    """
    await service.reset_password(session, reset)


async def forget_expired_tokens(session: "AsyncSession", *, at: datetime, limit: int) -> int:
    """Delete some tokens of mails that have expired; return how many."""
    return await repository.forget_expired_tokens(session, at=at, limit=limit)


async def find_contact(session: "AsyncSession", user_id: UUID) -> Contact | None:
    """Return where to write to a user, or None where there is no such user (any more)."""
    user = await service.find(session, user_id)
    return Contact.model_validate(user) if user else None


async def confirm_password(session: "AsyncSession", *, user_id: UUID, password: str) -> None:
    """Make sure that a user knows their password.

    Raises WrongPasswordError, InvalidAccessTokenError where there is no such user (any more).
    """
    await service.confirm_password(session, user_id=user_id, password=password)


async def make_service_account(session: "AsyncSession") -> UUID:
    """Make a user that nobody can log in as, for things that belong to no person; return its id.

    Its address is none, so that no mail and no provider's word reaches it; no password has its hash.
    `delete_user` ends it.
    """
    return await service.make_service_account(session)


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
