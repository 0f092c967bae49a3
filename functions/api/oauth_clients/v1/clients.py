"""A user's own clients: programs that act for other users, or for this one. The same in every version."""

from uuid import UUID

from fastapi import APIRouter

from shared.core.schema import Schema
from shared.domains.oauth import api as oauth
from shared.domains.oauth.errors import (
    ClientNotFoundError,
    InvalidClientMetadataError,
    NoClientSecretError,
    TooManyClientsError,
)
from shared.domains.oauth.schemas import Client, ClientChange, ClientWithSecret, NewClient
from shared.web.auth import CurrentUser
from shared.web.limits import SHOWN_ONCE, LimitGroup, limited
from shared.web.openapi import FOR_USERS, ON_EVERY_BODY, problems
from shared.web.sessions import ReadSession, WriteSession

router = APIRouter(prefix="/clients", tags=["oauth"])


class Clients(Schema):
    """All of a user's clients, the newest first."""

    items: tuple[Client, ...]


@router.get("", responses=problems(*FOR_USERS), openapi_extra=limited(LimitGroup.READ))
async def list_oauth_clients(user: CurrentUser, session: ReadSession) -> Clients:
    """List your clients: 20 at most."""
    return Clients(items=await oauth.list_clients(session, user.user_id))


@router.post(
    "",
    status_code=201,
    responses=problems(*ON_EVERY_BODY, *FOR_USERS, InvalidClientMetadataError, TooManyClientsError),
    openapi_extra=limited(LimitGroup.WRITE) | {SHOWN_ONCE: True},
)
async def create_oauth_client(
    user: CurrentUser, new: NewClient, session: WriteSession
) -> ClientWithSecret:
    """Make a client. Its secret, where it has one, is told this once."""
    return await oauth.create_client(session, owner_id=user.user_id, new=new)


@router.get(
    "/{client_id}",
    responses=problems(*FOR_USERS, ClientNotFoundError),
    openapi_extra=limited(LimitGroup.READ),
)
async def get_oauth_client(user: CurrentUser, client_id: UUID, session: ReadSession) -> Client:
    """Get one of your clients."""
    return await oauth.get_client(session, owner_id=user.user_id, client_id=client_id)


@router.patch(
    "/{client_id}",
    responses=problems(*ON_EVERY_BODY, *FOR_USERS, ClientNotFoundError, InvalidClientMetadataError),
    openapi_extra=limited(LimitGroup.WRITE),
)
async def change_oauth_client(
    user: CurrentUser, client_id: UUID, change: ClientChange, session: WriteSession
) -> Client:
    """Change one of your clients. Where it may do less afterwards, its tokens end."""
    return await oauth.change_client(
        session, owner_id=user.user_id, client_id=client_id, change=change
    )


@router.post(
    "/{client_id}/secret",
    status_code=201,
    responses=problems(*FOR_USERS, ClientNotFoundError, NoClientSecretError),
    openapi_extra=limited(LimitGroup.WRITE) | {SHOWN_ONCE: True},
)
async def rotate_oauth_client_secret(
    user: CurrentUser, client_id: UUID, session: WriteSession
) -> ClientWithSecret:
    """Replace the secret of one of your clients. It is told this once, and the old one is good no more."""
    return await oauth.rotate_secret(session, owner_id=user.user_id, client_id=client_id)


@router.delete(
    "/{client_id}",
    status_code=204,
    responses=problems(*FOR_USERS, ClientNotFoundError),
    openapi_extra=limited(LimitGroup.WRITE),
)
async def delete_oauth_client(user: CurrentUser, client_id: UUID, session: WriteSession) -> None:
    """Delete one of your clients. What users granted it ends."""
    await oauth.delete_client(session, owner_id=user.user_id, client_id=client_id)
