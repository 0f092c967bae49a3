"""The face of signing in by outside providers, and of the links to them that users have."""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from shared.core.lazy import lazy_module
from shared.domains.federation.schemas import (
    Beginning,
    Begun,
    Completion,
    ExternalProvider,
    Link,
    LinkBeginning,
    ProviderAnswer,
    Return,
)
from shared.domains.sessions import api as sessions

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from shared.domains.federation import repository, service
else:
    service = lazy_module("shared.domains.federation.service")
    repository = lazy_module("shared.domains.federation.repository")


def list_providers() -> tuple[ExternalProvider, ...]:
    """Return by whom users can sign in."""
    from shared.config.federation import federation_settings

    found = federation_settings().openid_providers
    return tuple(ExternalProvider(id=each.id, name=each.name) for each in found)


async def begin(beginning: Beginning, *, provider_id: str) -> Begun:
    """Begin a sign-in.

    Raises NoSuchProviderError, ReturnAddressError, ProviderUnavailableError.
    """
    return await service.begin(beginning, provider_id=provider_id)


async def begin_link(beginning: LinkBeginning, *, user_id: UUID, provider_id: str) -> Begun:
    """Begin to link a provider to a user, who enters their password again if they have one.

    Raises what `begin` does, WrongPasswordError, TooManyLoginAttemptsError, InvalidAccessTokenError.
    """
    return await service.begin_link(beginning, user_id=user_id, provider_id=provider_id)


async def take_answer(answer: ProviderAnswer, *, provider_id: str) -> Return:
    """Take a provider's redirect, each state once.

    Raises NoSuchProviderError, InvalidFlowError; where the application named no page also SignInDeclinedError,
    ProviderNotBelievedError, ProviderUnavailableError.
    """
    return await service.take_answer(answer, provider_id=provider_id)


async def sign_in(
    session: "AsyncSession", completion: Completion, *, device: sessions.Device
) -> sessions.TokenPair:
    """Make a session of a handover, and an account where there is none yet.

    Raises InvalidFlowError, EmailNotVouchedForError, AccountUnverifiedError, LinkedElsewhereError,
    EmailTakenError, UsernameTakenError, SecondFactorRequiredError.
    """
    return await service.sign_in(session, completion, device=device)


async def link(session: "AsyncSession", completion: Completion, *, user_id: UUID) -> Link:
    """Link the account of a handover to a user. Raises InvalidFlowError, LinkedElsewhereError."""
    return Link.model_validate(await service.link(session, completion, user_id=user_id))


async def unlink(session: "AsyncSession", link_id: UUID, *, user_id: UUID) -> None:
    """Remove a user's link. Raises LinkNotFoundError, LastLoginMeansError."""
    await service.unlink(session, link_id, user_id=user_id)


async def list_links(session: "AsyncSession", user_id: UUID) -> tuple[Link, ...]:
    """Return a user's links, the oldest first."""
    found = await service.list_links(session, user_id)
    return tuple(Link.model_validate(each) for each in found)


async def forget_expired(session: "AsyncSession", *, at: datetime, limit: int) -> int:
    """Delete some sign-ins that are over; return how many."""
    return await repository.forget_expired(session, at=at, limit=limit)
