"""The face of the authorization server: clients, what users grant them, and the tokens that this gives."""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from shared.core.lazy import lazy_module
from shared.domains.oauth.schemas import (
    AuthorizationParameters,
    AuthorizationRequest,
    BrowserLogin,
    Client,
    ClientChange,
    ClientProof,
    ClientWithSecret,
    CodeExchange,
    Grant,
    Introspection,
    NewClient,
    Tokens,
)

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from shared.domains.oauth import repository
    from shared.domains.oauth.service import authentication, authorization, clients, grants
    from shared.domains.sessions.api import Device
else:
    authentication = lazy_module("shared.domains.oauth.service.authentication")
    authorization = lazy_module("shared.domains.oauth.service.authorization")
    clients = lazy_module("shared.domains.oauth.service.clients")
    grants = lazy_module("shared.domains.oauth.service.grants")
    repository = lazy_module("shared.domains.oauth.repository")


async def create_client(
    session: "AsyncSession", *, owner_id: UUID, new: NewClient
) -> ClientWithSecret:
    """Make a client. Raises InvalidClientMetadataError, TooManyClientsError."""
    return await clients.create(session, owner_id=owner_id, new=new)


async def list_clients(session: "AsyncSession", owner_id: UUID) -> tuple[Client, ...]:
    """Return a user's clients, the newest first."""
    return await clients.list_own(session, owner_id)


async def get_client(session: "AsyncSession", *, owner_id: UUID, client_id: UUID) -> Client:
    """Return a user's client. Raises ClientNotFoundError."""
    return await clients.get(session, owner_id=owner_id, client_id=client_id)


async def change_client(
    session: "AsyncSession", *, owner_id: UUID, client_id: UUID, change: ClientChange
) -> Client:
    """Change a client; one that may do less ends its sessions.

    Raises ClientNotFoundError, InvalidClientMetadataError.
    """
    return await clients.change(session, owner_id=owner_id, client_id=client_id, change=change)


async def rotate_secret(
    session: "AsyncSession", *, owner_id: UUID, client_id: UUID
) -> ClientWithSecret:
    """Replace a client's secret; the old one is good no more.

    Raises ClientNotFoundError, NoClientSecretError.
    """
    return await clients.rotate_secret(session, owner_id=owner_id, client_id=client_id)


async def delete_client(session: "AsyncSession", *, owner_id: UUID, client_id: UUID) -> None:
    """Delete a client: what was granted to it ends. Raises ClientNotFoundError."""
    await clients.delete(session, owner_id=owner_id, client_id=client_id)


async def list_grants(session: "AsyncSession", user_id: UUID) -> tuple[Grant, ...]:
    """Return what a user lets clients do, the newest first; 200 at most."""
    return await clients.list_grants(session, user_id)


async def revoke_grant(session: "AsyncSession", *, user_id: UUID, client_id: UUID) -> None:
    """Take back what a user lets a client do, and end its sessions. Raises GrantNotFoundError."""
    await clients.revoke_grant(session, user_id=user_id, client_id=client_id)


async def authenticate_client(session: "AsyncSession", proof: ClientProof) -> Client:
    """Return the client that a proof is of. Raises InvalidClientError.

    An assertion is spent by it, so that `session` is committed whatever comes of the request.
    """
    return await authentication.authenticate(session, proof)


async def read_request(
    session: "AsyncSession", parameters: AuthorizationParameters
) -> AuthorizationRequest:
    """Return a request whose client and redirect address are known.

    Raises InvalidRequestError where they are not. Whatever else is wrong is its `refusal`.
    """
    return await authorization.read_request(session, parameters)


async def needs_consent(
    session: "AsyncSession", request: AuthorizationRequest, *, user_id: UUID
) -> bool:
    """Tell whether the user has to be asked: always for a public client."""
    return await authorization.needs_consent(session, request, user_id=user_id)


async def approve(
    session: "AsyncSession", request: AuthorizationRequest, *, login: BrowserLogin
) -> str:
    """Remember that a user lets a client act; return a code for it."""
    return await authorization.approve(session, request, login=login)


async def issue_code(
    session: "AsyncSession", request: AuthorizationRequest, *, login: BrowserLogin
) -> str:
    """Return a code for a request that was granted before."""
    return await authorization.issue_code(session, request, login=login)


async def exchange_code(
    session: "AsyncSession", *, client: Client, exchange: CodeExchange, device: "Device"
) -> Tokens:
    """Spend a code for tokens. Raises UnauthorizedClientError, InvalidGrantError, GrantReplayedError."""
    return await grants.exchange_code(session, client=client, exchange=exchange, device=device)


async def refresh(
    session: "AsyncSession", *, client: Client, token: str, scope: str | None, device: "Device"
) -> Tokens:
    """Spend a refresh token for its successor; `scope` may ask for less of what was granted.

    Raises UnauthorizedClientError, InvalidGrantError, InvalidScopeError, GrantReplayedError.
    """
    return await grants.refresh(session, client=client, token=token, scope=scope, device=device)


async def act_as_client(
    session: "AsyncSession", *, client: Client, scope: str | None, device: "Device"
) -> Tokens:
    """Return a token for the client itself, which acts on what is its owner's.

    Raises UnauthorizedClientError, InvalidScopeError.
    """
    return await grants.act_as_client(session, client=client, scope=scope, device=device)


async def revoke_token(session: "AsyncSession", *, client: Client, token: str) -> None:
    """End the session of a token of the client's; nothing where it is none (RFC 7009)."""
    await grants.revoke(session, client=client, token=token)


async def introspect(session: "AsyncSession", *, client: Client, token: str) -> Introspection:
    """Tell what a token is, if it is the client's own and good (RFC 7662)."""
    return await grants.introspect(session, client=client, token=token)


async def forget_codes(session: "AsyncSession", *, at: datetime, limit: int) -> int:
    """Delete some codes whose replay is not looked out for any more; return how many."""
    return await repository.forget_codes(session, before=at - grants.REPLAY_NOTICED, limit=limit)


async def forget_assertions(session: "AsyncSession", *, at: datetime, limit: int) -> int:
    """Delete some notes of assertions that have expired; return how many."""
    return await repository.forget_assertions(session, before=at, limit=limit)
