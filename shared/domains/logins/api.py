"""The face of login attempts: who may try, and what came of it."""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from shared.core.lazy import lazy_module
from shared.domains.logins.schemas import Admitted, Attempt

__all__ = [
    "Admitted",
    "Attempt",
    "admit",
    "admit_confirmation",
    "confirm",
    "fail",
    "forget_stale",
    "forgive",
    "succeed",
]

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from shared.domains.logins import repository, service
else:
    service = lazy_module("shared.domains.logins.service")
    repository = lazy_module("shared.domains.logins.repository")


async def admit(session: "AsyncSession", attempt: Attempt) -> Admitted:
    """Let an attempt be made, counted as failed until `succeed`. Raises TooManyLoginAttemptsError."""
    return await service.admit(session, attempt)


async def fail(session: "AsyncSession", admitted: Admitted) -> None:
    """Say that an attempt failed: what the transaction wrote must be committed."""
    await service.fail(session, admitted)


async def succeed(session: "AsyncSession", admitted: Admitted) -> None:
    """Say that an attempt succeeded."""
    await service.succeed(session, admitted)


async def admit_confirmation(user_id: UUID) -> None:
    """Let a logged-in user enter their password again, counted as failed until `confirm`.

    Raises TooManyLoginAttemptsError. It is counted in a transaction of its own: whatever becomes of the request.
    """
    await service.admit_confirmation(user_id)


async def confirm(session: "AsyncSession", user_id: UUID) -> None:
    """Say that a password that was entered again was right."""
    await service.confirm(session, user_id)


async def forgive(session: "AsyncSession", user_id: UUID) -> None:
    """Forget the failures of a user who has proved who they are otherwise."""
    await service.forgive(session, user_id)


async def forget_stale(session: "AsyncSession", *, at: datetime, limit: int) -> int:
    """Delete some counters that make no difference any more; return how many."""
    return await repository.forget_stale(session, at=at, limit=limit)
