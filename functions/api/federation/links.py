"""The outside accounts by which a user can log in. The same in every version."""

from uuid import UUID

from fastapi import APIRouter

from shared.domains.federation import api as federation
from shared.domains.federation.errors import (
    InvalidFlowError,
    LastLoginMeansError,
    LinkedElsewhereError,
    LinkNotFoundError,
    NoSuchProviderError,
    ProviderUnavailableError,
    ReturnAddressError,
)
from shared.domains.federation.schemas import Begun, Completion, Link, LinkBeginning, Links
from shared.domains.identity.errors import WrongPasswordError
from shared.domains.logins.errors import TooManyLoginAttemptsError
from shared.web.auth import CurrentUser
from shared.web.idempotency import ON_EVERY_KEY, IdempotencyKey, IdempotentRoute, replayable
from shared.web.limits import LimitGroup, limited
from shared.web.openapi import FOR_USERS, ON_EVERY_BODY, problems
from shared.web.sessions import ReadSession, WriteSession

router = APIRouter(
    prefix="/external-login/links", tags=["external login"], route_class=IdempotentRoute
)


@router.get("", responses=problems(*FOR_USERS), openapi_extra=limited(LimitGroup.READ))
async def list_external_links(user: CurrentUser, session: ReadSession) -> Links:
    """List the outside accounts by which you can log in: one of each provider at most."""
    return Links(items=await federation.list_links(session, user.user_id))


@router.post(
    "",
    status_code=201,
    responses={
        **problems(
            *FOR_USERS, *ON_EVERY_BODY, *ON_EVERY_KEY, InvalidFlowError, LinkedElsewhereError
        ),
        **replayable(201),
    },
    openapi_extra=limited(LimitGroup.WRITE),
)
async def add_external_link(
    user: CurrentUser, _: IdempotencyKey, completion: Completion, session: WriteSession
) -> Link:
    """Link the outside account that you signed in with just now. A mail tells you of it."""
    return await federation.link(session, completion, user_id=user.user_id)


@router.delete(
    "/{link_id}",
    status_code=204,
    responses=problems(*FOR_USERS, LinkNotFoundError, LastLoginMeansError),
    openapi_extra=limited(LimitGroup.WRITE),
)
async def remove_external_link(user: CurrentUser, link_id: UUID, session: WriteSession) -> None:
    """Remove an outside account; not the last means by which you can log in."""
    await federation.unlink(session, link_id, user_id=user.user_id)


@router.post(
    "/{provider}",
    responses=problems(
        *FOR_USERS,
        *ON_EVERY_BODY,
        NoSuchProviderError,
        ReturnAddressError,
        ProviderUnavailableError,
        WrongPasswordError,
        TooManyLoginAttemptsError,
    ),
    openapi_extra=limited(LimitGroup.LOGIN, cost=5),
)
async def begin_external_link(user: CurrentUser, provider: str, beginning: LinkBeginning) -> Begun:
    """Begin to link an account of a provider; who has a password enters it again.

    Go on as with a sign-in, and send the handover to `POST .../links`, within the session that began it.
    """
    return await federation.begin_link(beginning, user_id=user.user_id, provider_id=provider)
