"""The rules of sessions: tokens that rotate, and what ends a session at once."""

import hmac
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters import denials, tokens
from shared.adapters.logging import logger
from shared.adapters.metrics import Metric, count
from shared.adapters.outbox import outbox
from shared.config.http import public_settings
from shared.config.identity import token_settings
from shared.core.clock import now
from shared.core.errors import InvalidAccessTokenError
from shared.core.ids import new_id
from shared.core.opaque_tokens import digest_of, new_token
from shared.core.scopes import scopes_in, text_of
from shared.domains.audit import api as audit
from shared.domains.sessions import repository
from shared.domains.sessions.errors import (
    InvalidRefreshTokenError,
    RefreshTokenReusedError,
    SessionNotFoundError,
)
from shared.domains.sessions.events import SessionsRevoked
from shared.domains.sessions.models import RefreshTokenRow, SessionRow
from shared.domains.sessions.schemas import Device, LiveSession, Opening, Principal, TokenPair

GRACE = timedelta(seconds=10)
"""How long a spent refresh token still gives its successor: several tabs may refresh at once."""

REVOKED_AT_ONCE = 500
"""Sessions that one event names: it has room for a thousand ids."""

CLIENT_REVOCATIONS = 10
"""How many times that many sessions end with their client at once: the request has 29 seconds."""


async def open_session(
    session: AsyncSession, opening: Opening, *, session_id: UUID | None = None
) -> TokenPair:
    """Begin a session; return its first tokens."""
    began = now()
    row = _row_of(opening, at=began, until=_end_of(began, began=began))
    row.id = session_id or row.id
    token = new_token()
    await repository.save(session, row)
    await repository.save(session, _token_row(token, row))
    return await _pair(row, token)


async def begin_session(
    session: AsyncSession,
    opening: Opening,
    *,
    lasting: timedelta,
    session_id: UUID | None = None,
) -> LiveSession:
    """Begin a session without a refresh token."""
    began = now()
    row = _row_of(opening, at=began, until=began + lasting)
    row.id = session_id or row.id
    await repository.save(session, row)
    return _live(row)


def _row_of(opening: Opening, *, at: datetime, until: datetime) -> SessionRow:
    return SessionRow(
        id=new_id(),
        user_id=opening.user_id,
        client_id=opening.client_id,
        scope=text_of(opening.scopes),
        methods=list(opening.methods),
        device=opening.device.user_agent[:256],
        address=opening.device.address,
        last_seen_at=at,
        expires_at=until,
    )


async def refresh(
    session: AsyncSession, *, token: str, device: Device, client_id: str | None
) -> TokenPair:
    """Spend a refresh token for its successor.

    Raises InvalidRefreshTokenError; RefreshTokenReusedError, which keeps that the session is revoked.
    """
    found = await repository.find_token_for_spending(session, digest_of(token))
    if found is None:
        raise InvalidRefreshTokenError
    spent, row = found
    at = now()
    if row.revoked_at or row.expires_at <= at or row.client_id != client_id:
        raise InvalidRefreshTokenError
    if spent.spent_at and spent.nonce:
        return await _repeat(session, spent, row, token=token, at=at)
    spent.spent_at, spent.nonce = at, new_token()
    row.last_seen_at, row.expires_at = at, _end_of(at, began=row.created_at)
    row.device, row.address = device.user_agent[:256], device.address
    successor = _successor(token, nonce=spent.nonce)
    await repository.save(session, _token_row(successor, row))
    return await _pair(row, successor)


async def _repeat(
    session: AsyncSession, spent: RefreshTokenRow, row: SessionRow, *, token: str, at: datetime
) -> TokenPair:
    """Answer a token that was spent before: within the grace as the first time, later by the end."""
    if spent.spent_at is None or spent.nonce is None:
        raise InvalidRefreshTokenError
    if at - spent.spent_at <= GRACE:
        return await _pair(row, _successor(token, nonce=spent.nonce))
    await revoke(session, user_id=row.user_id, only=[row.id], reason="refresh_token_reused")
    audit.record(
        session,
        action="sessions.refresh_token_reused",
        subject=f"session:{row.id}",
        actor_id=row.user_id,
        details={"spent_at": spent.spent_at.isoformat()},
    )
    logger().warning("a refresh token was used again", extra={"session_id": str(row.id)})
    count(Metric.REFRESH_TOKEN_REUSED)
    raise RefreshTokenReusedError


async def access_token(
    *, user_id: UUID, session_id: UUID, scope: str, client_id: str | None, subject: str
) -> tuple[str, int]:
    """Return a signed access token (RFC 9068) and its life in seconds.

    `subject` is the user, or the client that acts by its own credentials; `user_id` is whose things they are.
    """
    lifetime_s = token_settings().access_token_s
    issued, url = now(), public_settings().public_url
    claims: dict[str, object] = {
        "iss": url,
        "aud": url,
        "sub": subject,
        "sid": str(session_id),
        "scope": scope,
        "jti": str(new_id()),
        "iat": int(issued.timestamp()),
        "exp": int((issued + timedelta(seconds=lifetime_s)).timestamp()),
    }
    if client_id is not None:
        claims["client_id"] = client_id
    if subject != str(user_id):
        claims["owner"] = str(user_id)
    return await tokens.sign(claims), lifetime_s


async def authenticate(token: str) -> Principal:
    """Return who an access token speaks for. Raises InvalidAccessTokenError."""
    return _principal(await claims_of(token))


async def claims_of(token: str) -> Mapping[str, Any]:
    """Return the claims of an access token that is good. Raises InvalidAccessTokenError."""
    url = public_settings().public_url
    try:
        claims = await tokens.verify(token, issuer=url, audience=url, now_s=int(now().timestamp()))
    except tokens.InvalidTokenError as error:
        raise InvalidAccessTokenError from error
    if not await _is_live(_principal(claims).session_id):
        raise InvalidAccessTokenError
    return claims


def _principal(claims: Mapping[str, Any]) -> Principal:
    try:
        return Principal(
            user_id=UUID(claims.get("owner") or claims["sub"]),
            session_id=UUID(claims["sid"]),
            scopes=scopes_in(claims["scope"]),
            client_id=claims.get("client_id"),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidAccessTokenError from error


async def _is_live(session_id: UUID) -> bool:
    # Who stands in the network has the deny list at hand; others ask what it is made from.
    if denials.are_at_hand():
        return not await denials.is_denied(session_id)
    from shared.adapters.database.sessions import autocommit

    async with autocommit() as session:
        return await repository.is_live(session, session_id, at=now())


async def find_live(session: AsyncSession, session_id: UUID) -> LiveSession | None:
    """Return a session that has not ended, or None."""
    row = await repository.find_live(session, session_id, at=now())
    return _live(row) if row else None


async def find_by_refresh_token(session: AsyncSession, token: str) -> LiveSession | None:
    """Return the session of a refresh token if it has not ended, or None."""
    row = await repository.find_live_by_token(session, digest_of(token), at=now())
    return _live(row) if row else None


def _live(row: SessionRow) -> LiveSession:
    return LiveSession(
        id=row.id,
        user_id=row.user_id,
        methods=tuple(row.methods),
        scopes=scopes_in(row.scope),
        client_id=row.client_id,
        expires_at=row.expires_at,
    )


async def list_live(session: AsyncSession, user_id: UUID) -> Sequence[SessionRow]:
    """Return a user's sessions that have not ended."""
    return await repository.list_live(session, user_id, at=now())


async def revoke_one(session: AsyncSession, *, user_id: UUID, session_id: UUID) -> None:
    """End one of a user's sessions. Raises SessionNotFoundError."""
    if not await revoke(session, user_id=user_id, only=[session_id], reason="revoked"):
        raise SessionNotFoundError


async def revoke(
    session: AsyncSession,
    *,
    user_id: UUID,
    reason: str,
    only: Sequence[UUID] | None = None,
    spare: UUID | None = None,
    client_id: str | None = None,
) -> list[UUID]:
    """End sessions of a user, and have their access tokens denied; return which."""
    ended = await repository.revoke(
        session,
        user_id=user_id,
        at=now(),
        reason=reason,
        only=only,
        spare=spare,
        client_id=client_id,
    )
    _tell(session, user_id=user_id, ended=ended, reason=reason)
    return ended


async def revoke_client(session: AsyncSession, *, client_id: str, reason: str) -> int:
    """End the sessions of a client, the newest of them; return how many."""
    total = 0
    for _ in range(CLIENT_REVOCATIONS):
        ended = await repository.revoke_client(
            session, client_id=client_id, at=now(), reason=reason, limit=REVOKED_AT_ONCE
        )
        of_users: defaultdict[UUID, list[UUID]] = defaultdict(list)
        for session_id, user_id in ended:
            of_users[user_id].append(session_id)
        for user_id, ids in of_users.items():
            _tell(session, user_id=user_id, ended=ids, reason=reason)
        total += len(ended)
        if len(ended) < REVOKED_AT_ONCE:
            break
    return total


def _tell(session: AsyncSession, *, user_id: UUID, ended: Sequence[UUID], reason: str) -> None:
    for start in range(0, len(ended), REVOKED_AT_ONCE):
        some = tuple(ended[start : start + REVOKED_AT_ONCE])
        event = SessionsRevoked(user_id=user_id, session_ids=some, reason=reason)
        outbox.add(session, event)


async def _pair(row: SessionRow, refresh_token: str) -> TokenPair:
    token, lifetime_s = await access_token(
        user_id=row.user_id,
        session_id=row.id,
        scope=row.scope,
        client_id=row.client_id,
        subject=str(row.user_id),
    )
    return TokenPair(
        access_token=token, expires_in=lifetime_s, refresh_token=refresh_token, scope=row.scope
    )


def _token_row(token: str, row: SessionRow) -> RefreshTokenRow:
    return RefreshTokenRow(session_id=row.id, digest=digest_of(token))


def _successor(token: str, *, nonce: str) -> str:
    """Return the token after another: it takes that one and the nonce of its row, and so neither alone."""
    made = hmac.digest(token.encode(), nonce.encode(), "sha256")
    return tokens.base64url(made)


def _end_of(seen: datetime, *, began: datetime) -> datetime:
    settings = token_settings()
    idle = seen + timedelta(seconds=settings.refresh_token_s)
    return min(idle, began + timedelta(seconds=settings.session_s))
