"""Identity's face: users and who they prove to be."""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import MISSING

from shared.core.lazy import lazy_module
from shared.domains.identity.schemas import (
    Contact,
    Credentials,
    Email,
    ExternalRegistration,
    GivenPassword,
    PasswordReset,
    Registration,
    Role,
    User,
    UserChange,
)

__all__ = [
    "Contact",
    "Credentials",
    "Email",
    "ExternalRegistration",
    "GivenPassword",
    "PasswordReset",
    "Registration",
    "Role",
    "User",
    "UserChange",
    "change_user",
    "check_credentials",
    "confirm_password",
    "confirm_password_if_any",
    "delete_user",
    "find_by_email",
    "find_contact",
    "forget_expired_tokens",
    "get_user",
    "has_password",
    "make_service_account",
    "register",
    "register_external",
    "request_password_reset",
    "request_verification",
    "require_operator",
    "reset_password",
    "send_password_reset",
    "set_role",
    "verify_email",
]

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

    Raises WrongPasswordError, NoPasswordError, TooManyLoginAttemptsError, WeakPasswordError,
    UsernameTakenError, EmailTakenError, InvalidAccessTokenError.
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
    """Have the mail that resets a password sent to whoever has this address; nobody is told of that.

    It takes the same time for every address: another function looks the user up, and calls `send_password_reset`.
    """
    await service.request_password_reset(session, email)


async def send_password_reset(session: "AsyncSession", sealed_email: str) -> None:
    """Send who has an address the mail that resets their password, if anybody has. Raises SealBrokenError."""
    await service.send_password_reset(session, sealed_email)


async def register_external(session: "AsyncSession", registration: ExternalRegistration) -> User:
    """Make a user without a password, whose address an outside provider has verified.

    Raises EmailTakenError; UsernameTakenError where another takes the name at the same moment.
    """
    return User.model_validate(await service.register_external(session, registration))


async def find_by_email(session: "AsyncSession", email: str) -> User | None:
    """Return who has an address, in any case: `email_verified` says whether it is theirs for sure."""
    user = await service.find_by_email(session, email)
    return User.model_validate(user) if user else None


async def has_password(session: "AsyncSession", user_id: UUID) -> bool:
    """Tell whether a user has a password; it stays so until the transaction ends.

    Raises InvalidAccessTokenError where there is no such user (any more).
    """
    return await service.has_password(session, user_id)


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
    """Make sure that a user knows their password; guessing it is slowed down as at logins.

    Raises WrongPasswordError, NoPasswordError, TooManyLoginAttemptsError, InvalidAccessTokenError where
    there is no such user (any more).
    """
    await service.confirm_password(session, user_id=user_id, password=password)


async def confirm_password_if_any(
    session: "AsyncSession", *, user_id: UUID, password: str | MISSING
) -> None:
    """Make sure that a user knows their password, if they have one.

    Raises WrongPasswordError, TooManyLoginAttemptsError, InvalidAccessTokenError.
    """
    await service.confirm_password_if_any(session, user_id=user_id, password=password)


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
