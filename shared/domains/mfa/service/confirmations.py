"""Who may change how they log in: whoever logged in, or typed their password, a moment ago.

An access token that was stolen is not enough (OWASP ASVS 5.0, 7.5.1).
"""

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from shared.core.clock import now
from shared.core.errors import ValidationFailedError
from shared.domains.identity import api as identity
from shared.domains.mfa import repository
from shared.domains.mfa.errors import ConfirmationFailedError, ConfirmationRequiredError
from shared.domains.sessions import api as sessions
from shared.domains.sessions.api import Principal

GOOD_FOR = timedelta(minutes=10)
"""How long a login or a confirmation lets its session change factors."""


async def confirm(session: AsyncSession, user: Principal, *, password: str) -> None:
    """Let a session change how its user logs in.

    Raises ConfirmationFailedError, NoPasswordError, TooManyLoginAttemptsError.
    """
    try:
        await identity.confirm_password(session, user_id=user.user_id, password=password)
    except ValidationFailedError as error:
        raise ConfirmationFailedError from error
    await repository.put_confirmation(session, user.session_id, expires_at=now() + GOOD_FOR)


async def require(session: AsyncSession, user: Principal) -> None:
    """Make sure that a session was begun or confirmed a moment ago. Raises ConfirmationRequiredError."""
    at = now()
    if await sessions.began_after(session, user, moment=at - GOOD_FOR):
        return
    if not await repository.is_confirmed(session, user.session_id, at=at):
        raise ConfirmationRequiredError
