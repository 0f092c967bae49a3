"""Identity's face: users and who they prove to be."""

from typing import TYPE_CHECKING
from uuid import UUID

from shared.core.lazy import lazy_module
from shared.domains.identity.schemas import AccessToken, Principal, Registration, User, UserChange

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from shared.domains.identity import service
else:
    service = lazy_module("shared.domains.identity.service")


async def register(session: "AsyncSession", registration: Registration) -> User:
    """Make a user. Raises WeakPasswordError, UsernameTakenError, EmailTakenError."""
    return User.model_validate(await service.register(session, registration))


async def log_in(session: "AsyncSession", *, login: str, password: str) -> AccessToken:
    """Return an access token for a user name or e-mail address. Raises InvalidCredentialsError."""
    return await service.log_in(session, login=login, password=password)


async def authenticate(token: str) -> Principal:
    """Return who an access token speaks for. Raises InvalidAccessTokenError."""
    return await service.authenticate(token)


async def get_user(session: "AsyncSession", user_id: UUID) -> User:
    """Return a user. Raises InvalidAccessTokenError where there is none (any more)."""
    return User.model_validate(await service.get(session, user_id))


async def change_user(session: "AsyncSession", *, user_id: UUID, change: UserChange) -> User:
    """Change a user.

    Raises WrongPasswordError, WeakPasswordError, UsernameTakenError, EmailTakenError,
    InvalidAccessTokenError.
    """
    return User.model_validate(await service.change(session, user_id=user_id, change=change))
