"""The rules of the token endpoint: what a code, a refresh token and a client's own credentials give."""

import hmac
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters.logging import logger
from shared.config.identity import token_settings
from shared.core.clock import now
from shared.core.errors import InvalidAccessTokenError
from shared.core.ids import new_id
from shared.core.opaque_tokens import digest_of
from shared.core.scopes import Scope, scopes_in, text_of
from shared.domains.audit import api as audit
from shared.domains.oauth import repository
from shared.domains.oauth.errors import (
    GrantReplayedError,
    InvalidGrantError,
    UnauthorizedClientError,
)
from shared.domains.oauth.models import CodeRow
from shared.domains.oauth.schemas import (
    Client,
    CodeExchange,
    GrantType,
    Introspection,
    Tokens,
)
from shared.domains.oauth.service.authorization import scopes_asked
from shared.domains.sessions import api as sessions
from shared.domains.sessions.api import (
    Device,
    InvalidRefreshTokenError,
    LiveSession,
    Opening,
)

REPLAY_NOTICED = timedelta(days=1)
"""How long after its end a code is kept, so that its replay ends what was made from it."""


async def exchange_code(
    session: AsyncSession, *, client: Client, exchange: CodeExchange, device: Device
) -> Tokens:
    """Spend a code for tokens.

    Raises UnauthorizedClientError, InvalidGrantError; GrantReplayedError, which keeps that the session is
    revoked.
    """
    _require(client, GrantType.AUTHORIZATION_CODE)
    row = await repository.find_code_for_spending(session, digest_of(exchange.code))
    if row is None or row.client_id != client.client_id:
        raise InvalidGrantError
    if row.spent_at is not None:
        await _end_replayed(session, row)
        raise GrantReplayedError
    if not _fits(row, exchange):
        raise InvalidGrantError
    row.spent_at, row.session_id = now(), new_id()
    await repository.save(session, row)
    return await _first_tokens(session, row, client=client, device=device, id_=row.session_id)


async def refresh(
    session: AsyncSession, *, client: Client, token: str, scope: str | None, device: Device
) -> Tokens:
    """Spend a refresh token for its successor; `scope` may ask for less of what was granted.

    Raises UnauthorizedClientError, InvalidGrantError, InvalidScopeError; GrantReplayedError, which keeps that
    the session is revoked.
    """
    _require(client, GrantType.REFRESH_TOKEN)
    found = await sessions.find_by_refresh_token(session, token)
    if found is None or found.client_id != str(client.client_id):
        raise InvalidGrantError
    scopes = scopes_asked(scope, of=found.scopes)
    try:
        pair = await sessions.refresh(
            session, token=token, device=device, client_id=str(client.client_id)
        )
    except InvalidRefreshTokenError as error:
        raise (GrantReplayedError if error.keeps_changes else InvalidGrantError) from error
    if scopes == found.scopes:
        return Tokens(**pair.model_dump(exclude={"token_type"}))
    narrow = await _access(found, client=client, scopes=scopes, subject=found.user_id)
    return narrow.model_copy(update={"refresh_token": pair.refresh_token})


async def act_as_client(
    session: AsyncSession, *, client: Client, scope: str | None, device: Device
) -> Tokens:
    """Return a token for the client itself, which acts on what is its owner's within the client's scopes.

    Its subject is the client (RFC 9068, section 2.2), and no user has that id (RFC 9700, section 4.15).
    Raises UnauthorizedClientError, InvalidScopeError.
    """
    _require(client, GrantType.CLIENT_CREDENTIALS)
    scopes = scopes_asked(scope, of=frozenset(client.scopes))
    opening = Opening(
        user_id=client.owner_id,
        device=device,
        methods=("client",),
        scopes=scopes,
        client_id=str(client.client_id),
    )
    begun = await sessions.begin_session(session, opening, lasting=_token_life())
    return await _access(begun, client=client, scopes=scopes, subject=client.client_id)


async def revoke(session: AsyncSession, *, client: Client, token: str) -> None:
    """End the session of a token of the client's; nothing where it is none (RFC 7009, section 2.2)."""
    found = await _session_of(session, token)
    if found is None or found.client_id != str(client.client_id):
        return
    await sessions.revoke_sessions(
        session, user_id=found.user_id, only=[found.id], reason="client_revoked"
    )


async def introspect(session: AsyncSession, *, client: Client, token: str) -> Introspection:
    """Tell what a token is, if it is the client's own and good (RFC 7662)."""
    nothing = Introspection(active=False)
    try:
        claims = await sessions.claims_of(token)
    except InvalidAccessTokenError:
        found = await sessions.find_by_refresh_token(session, token)
        if found is None or found.client_id != str(client.client_id):
            return nothing
        return _of_refresh_token(found)
    if claims.get("client_id") != str(client.client_id):
        return nothing
    told = {name: claims[name] for name in ("scope", "sub", "iss", "aud", "exp", "iat", "jti")}
    return Introspection(
        active=True,
        client_id=str(client.client_id),
        token_type="Bearer",  # noqa: S106  # a scheme, no token
        **told,
    )


def _of_refresh_token(found: LiveSession) -> Introspection:
    return Introspection(
        active=True,
        client_id=found.client_id,
        token_type="refresh_token",  # noqa: S106  # a kind, no token
        scope=text_of(found.scopes),
        sub=str(found.user_id),
        exp=int(found.expires_at.timestamp()),
    )


async def _session_of(session: AsyncSession, token: str) -> LiveSession | None:
    try:
        claims = await sessions.claims_of(token)
    except InvalidAccessTokenError:
        return await sessions.find_by_refresh_token(session, token)
    return await sessions.find_session(session, UUID(claims["sid"]))


def _require(client: Client, grant: GrantType) -> None:
    if grant not in client.grant_types:
        raise UnauthorizedClientError


def _fits(row: CodeRow, exchange: CodeExchange) -> bool:
    """Tell whether a code is still good, and this is the request that it was made for."""
    from authlib.oauth2.rfc7636 import create_s256_code_challenge
    from authlib.oauth2.rfc7636.challenge import CODE_VERIFIER_PATTERN

    if row.expires_at <= now() or exchange.redirect_uri not in {None, row.redirect_uri}:
        return False
    if not CODE_VERIFIER_PATTERN.fullmatch(exchange.verifier):
        return False
    made = create_s256_code_challenge(exchange.verifier)
    return hmac.compare_digest(made, row.challenge)


async def _end_replayed(session: AsyncSession, row: CodeRow) -> None:
    """End what was made from a code that comes again: one of the two who had it has stolen it."""
    if row.session_id is None:
        return
    await sessions.revoke_sessions(
        session, user_id=row.user_id, only=[row.session_id], reason="code_replayed"
    )
    audit.record(
        session,
        action="oauth.code_replayed",
        subject=f"session:{row.session_id}",
        actor_id=row.user_id,
        details={"client_id": str(row.client_id)},
    )
    logger().warning("a code was used again", extra={"session_id": str(row.session_id)})


async def _first_tokens(
    session: AsyncSession, row: CodeRow, *, client: Client, device: Device, id_: UUID
) -> Tokens:
    opening = Opening(
        user_id=row.user_id,
        device=device,
        methods=tuple(row.methods),
        scopes=scopes_in(row.scope),
        client_id=str(client.client_id),
    )
    if GrantType.REFRESH_TOKEN in client.grant_types:
        pair = await sessions.open_session(session, opening, session_id=id_)
        return Tokens(**pair.model_dump(exclude={"token_type"}))
    begun = await sessions.begin_session(session, opening, lasting=_token_life(), session_id=id_)
    return await _access(begun, client=client, scopes=opening.scopes, subject=row.user_id)


async def _access(
    found: LiveSession, *, client: Client, scopes: frozenset[Scope], subject: UUID
) -> Tokens:
    token, lifetime_s = await sessions.access_token(
        user_id=found.user_id,
        session_id=found.id,
        scope=text_of(scopes),
        client_id=str(client.client_id),
        subject=str(subject),
    )
    return Tokens(access_token=token, expires_in=lifetime_s, scope=text_of(scopes))


def _token_life() -> timedelta:
    return timedelta(seconds=token_settings().access_token_s)
