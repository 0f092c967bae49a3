"""The rules of clients: what goes together, and what a change ends."""

from uuid import UUID

from pydantic import MISSING
from sqlalchemy.ext.asyncio import AsyncSession

from shared.core.ids import new_id
from shared.core.opaque_tokens import digest_of, new_token
from shared.core.redirect_uris import why_unfit
from shared.core.scopes import scopes_in, text_of
from shared.domains.audit import api as audit
from shared.domains.oauth import repository
from shared.domains.oauth.errors import (
    ClientNotFoundError,
    GrantNotFoundError,
    InvalidClientMetadataError,
    NoClientSecretError,
    TooManyClientsError,
)
from shared.domains.oauth.models import ClientRow
from shared.domains.oauth.schemas import (
    AuthMethod,
    Client,
    ClientChange,
    ClientType,
    ClientWithSecret,
    Grant,
    GrantType,
    NewClient,
    PublicKeys,
)
from shared.domains.sessions import api as sessions

MOST_CLIENTS = 20
"""Clients that a user can have."""


def client_of(row: ClientRow) -> Client:
    """Return a client as the others see it."""
    method = AuthMethod(row.auth_method)
    return Client(
        client_id=row.id,
        owner_id=row.owner_id,
        name=row.name,
        type=ClientType.PUBLIC if method is AuthMethod.NONE else ClientType.CONFIDENTIAL,
        auth_method=method,
        redirect_uris=tuple(row.redirect_uris),
        grant_types=tuple(GrantType(each) for each in row.grant_types),
        scopes=tuple(sorted(scopes_in(row.scope))),
        jwks=PublicKeys.model_validate(row.jwks) if row.jwks else None,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


async def create(session: AsyncSession, *, owner_id: UUID, new: NewClient) -> ClientWithSecret:
    """Make a client. Raises InvalidClientMetadataError, TooManyClientsError."""
    if await repository.count_clients(session, owner_id) >= MOST_CLIENTS:
        raise TooManyClientsError(most=MOST_CLIENTS)
    secret = new_token() if new.auth_method is AuthMethod.CLIENT_SECRET_BASIC else None
    row = ClientRow(
        id=new_id(),
        owner_id=owner_id,
        name=new.name,
        auth_method=new.auth_method.value,
        secret_digest=digest_of(secret) if secret else None,
        jwks=_stored(new.jwks),
        redirect_uris=list(new.redirect_uris),
        grant_types=sorted(new.grant_types),
        scope=text_of(new.scopes),
    )
    _check(row)
    await repository.save(session, row)
    _record(session, row, action="oauth.client_created")
    return _with_secret(row, secret)


async def change(
    session: AsyncSession, *, owner_id: UUID, client_id: UUID, change: ClientChange
) -> Client:
    """Change a client; one that may do less ends its sessions. Raises ClientNotFoundError, InvalidClientMetadataError."""
    row = await _own_for_change(session, owner_id=owner_id, client_id=client_id)
    before = (set(row.grant_types), scopes_in(row.scope))
    if change.name is not MISSING:
        row.name = change.name
    if change.redirect_uris is not MISSING:
        row.redirect_uris = list(change.redirect_uris)
    if change.grant_types is not MISSING:
        row.grant_types = sorted(change.grant_types)
    if change.scopes is not MISSING:
        row.scope = text_of(change.scopes)
    if change.jwks is not MISSING:
        row.jwks = _stored(change.jwks)
    _check(row)
    await repository.save(session, row)
    if before[0] - set(row.grant_types) or before[1] - scopes_in(row.scope):
        await sessions.revoke_client(session, client_id=str(row.id), reason="client_restricted")
    _record(session, row, action="oauth.client_changed")
    return client_of(row)


async def rotate_secret(
    session: AsyncSession, *, owner_id: UUID, client_id: UUID
) -> ClientWithSecret:
    """Replace a client's secret; the old one is good no more. Raises ClientNotFoundError, NoClientSecretError."""
    row = await _own_for_change(session, owner_id=owner_id, client_id=client_id)
    if row.secret_digest is None:
        raise NoClientSecretError
    secret = new_token()
    row.secret_digest = digest_of(secret)
    await repository.save(session, row)
    _record(session, row, action="oauth.client_secret_rotated")
    return _with_secret(row, secret)


async def delete(session: AsyncSession, *, owner_id: UUID, client_id: UUID) -> None:
    """Delete a client: what was granted to it ends. Raises ClientNotFoundError."""
    row = await _own_for_change(session, owner_id=owner_id, client_id=client_id)
    await sessions.revoke_client(session, client_id=str(row.id), reason="client_deleted")
    await repository.remove_client(session, row)
    _record(session, row, action="oauth.client_deleted")


async def get(session: AsyncSession, *, owner_id: UUID, client_id: UUID) -> Client:
    """Return a user's client. Raises ClientNotFoundError."""
    row = await repository.find_own_client(session, owner_id=owner_id, client_id=client_id)
    if row is None:
        raise ClientNotFoundError
    return client_of(row)


async def list_own(session: AsyncSession, owner_id: UUID) -> tuple[Client, ...]:
    """Return a user's clients, the newest first."""
    return tuple(client_of(row) for row in await repository.list_clients(session, owner_id))


async def list_grants(session: AsyncSession, user_id: UUID) -> tuple[Grant, ...]:
    """Return what a user lets clients do, the newest first."""
    return tuple(
        Grant(
            client_id=client.id,
            client_name=client.name,
            scopes=tuple(sorted(scopes_in(consent.scope))),
            granted_at=consent.updated_at,
        )
        for consent, client in await repository.list_consents(session, user_id)
    )


async def revoke_grant(session: AsyncSession, *, user_id: UUID, client_id: UUID) -> None:
    """Take back what a user lets a client do, and end its sessions. Raises GrantNotFoundError."""
    if not await repository.remove_consent(session, user_id=user_id, client_id=client_id):
        raise GrantNotFoundError
    await sessions.revoke_sessions(
        session, user_id=user_id, client_id=str(client_id), reason="grant_revoked"
    )
    audit.record(
        session,
        action="oauth.grant_revoked",
        subject=f"oauth_client:{client_id}",
        actor_id=user_id,
    )


async def _own_for_change(session: AsyncSession, *, owner_id: UUID, client_id: UUID) -> ClientRow:
    row = await repository.find_own_client_for_change(
        session, owner_id=owner_id, client_id=client_id
    )
    if row is None:
        raise ClientNotFoundError
    return row


def _check(row: ClientRow) -> None:
    """Make sure that the parts of a client go together. Raises InvalidClientMetadataError."""
    for uri in row.redirect_uris:
        if why := why_unfit(uri):
            raise InvalidClientMetadataError("redirect_uris", why)
    _check_grants(row)
    _check_keys(row)


def _check_grants(row: ClientRow) -> None:
    grants = set(row.grant_types)
    by_code = GrantType.AUTHORIZATION_CODE in grants
    if by_code and not row.redirect_uris:
        raise InvalidClientMetadataError(
            "redirect_uris", "authorization_code needs a redirect address."
        )
    if GrantType.REFRESH_TOKEN in grants and not by_code:
        raise InvalidClientMetadataError("grant_types", "Refresh tokens come with a code only.")
    if GrantType.CLIENT_CREDENTIALS in grants and row.auth_method == AuthMethod.NONE:
        raise InvalidClientMetadataError(
            "grant_types", "client_credentials needs a client that authenticates."
        )


def _check_keys(row: ClientRow) -> None:
    if (row.auth_method == AuthMethod.PRIVATE_KEY_JWT) != (row.jwks is not None):
        raise InvalidClientMetadataError("jwks", "private_key_jwt has public keys, others none.")
    if row.jwks is not None:
        from shared.domains.oauth.service.keys import import_keys

        try:
            import_keys(PublicKeys.model_validate(row.jwks))
        except ValueError as error:
            raise InvalidClientMetadataError("jwks", "A key is none of its kind.") from error


def _stored(keys: PublicKeys | None) -> dict[str, object] | None:
    return keys.model_dump(mode="json", exclude_none=True) if keys else None


def _with_secret(row: ClientRow, secret: str | None) -> ClientWithSecret:
    known = client_of(row)
    return ClientWithSecret(
        **{name: getattr(known, name) for name in Client.model_fields}, client_secret=secret
    )


def _record(session: AsyncSession, row: ClientRow, *, action: str) -> None:
    audit.record(
        session,
        action=action,
        subject=f"oauth_client:{row.id}",
        actor_id=row.owner_id,
        details={"scope": row.scope, "grant_types": row.grant_types},
    )
