"""The face of sessions: opening, refreshing and ending them, and telling who a token speaks for."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from shared.core.lazy import lazy_module
from shared.core.scopes import scopes_in
from shared.domains.sessions.errors import InvalidRefreshTokenError
from shared.domains.sessions.schemas import (
    Device,
    LiveSession,
    Opening,
    Principal,
    TokenPair,
    UserSession,
)

__all__ = [
    "Device",
    "InvalidRefreshTokenError",
    "LiveSession",
    "Opening",
    "Principal",
    "TokenPair",
    "access_token",
    "authenticate",
    "began_after",
    "begin_session",
    "claims_of",
    "find_by_refresh_token",
    "find_session",
    "forget_ended",
    "list_sessions",
    "open_session",
    "refresh",
    "revoke_client",
    "revoke_session",
    "revoke_sessions",
]

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from shared.domains.sessions import repository, service
else:
    service = lazy_module("shared.domains.sessions.service")
    repository = lazy_module("shared.domains.sessions.repository")


async def open_session(
    session: "AsyncSession", opening: Opening, *, session_id: UUID | None = None
) -> TokenPair:
    """Begin a session of a user who has proved who they are; return its first tokens.

    `session_id` is for who must know it; else it is a new one.
    """
    return await service.open_session(session, opening, session_id=session_id)


async def begin_session(
    session: "AsyncSession",
    opening: Opening,
    *,
    lasting: timedelta,
    session_id: UUID | None = None,
) -> LiveSession:
    """Begin a session that nothing prolongs: it has no refresh token."""
    return await service.begin_session(session, opening, lasting=lasting, session_id=session_id)


async def refresh(
    session: "AsyncSession", *, token: str, device: Device, client_id: str | None = None
) -> TokenPair:
    """Spend a refresh token, which must be one of `client_id`, for its successor and an access token.

    The same token gives the same successor for 10 seconds; used later, it ends its session. Raises
    InvalidRefreshTokenError.
    """
    return await service.refresh(session, token=token, device=device, client_id=client_id)


async def access_token(
    *, user_id: UUID, session_id: UUID, scope: str, client_id: str | None, subject: str
) -> tuple[str, int]:
    """Return a signed access token (RFC 9068) of a session, and its life in seconds."""
    return await service.access_token(
        user_id=user_id, session_id=session_id, scope=scope, client_id=client_id, subject=subject
    )


async def authenticate(token: str) -> Principal:
    """Return who an access token speaks for. Raises InvalidAccessTokenError."""
    return await service.authenticate(token)


async def claims_of(token: str) -> Mapping[str, Any]:
    """Return the claims of an access token whose session has not ended. Raises InvalidAccessTokenError."""
    return await service.claims_of(token)


async def find_session(session: "AsyncSession", session_id: UUID) -> LiveSession | None:
    """Return a session that has not ended, or None."""
    return await service.find_live(session, session_id)


async def find_by_refresh_token(session: "AsyncSession", token: str) -> LiveSession | None:
    """Return the session of a refresh token, spent or not, if it has not ended; else None."""
    return await service.find_by_refresh_token(session, token)


async def began_after(session: "AsyncSession", user: Principal, *, moment: datetime) -> bool:
    """Tell whether a caller logged in after a moment, in the session that speaks for them."""
    return await repository.began_after(session, user.session_id, moment=moment)


async def list_sessions(
    session: "AsyncSession", *, user_id: UUID, current: UUID | None
) -> tuple[UserSession, ...]:
    """Return a user's sessions that have not ended, the one seen last first; 200 at most."""
    rows = await service.list_live(session, user_id)
    return tuple(
        UserSession(
            id=row.id,
            created_at=row.created_at,
            last_seen_at=row.last_seen_at,
            expires_at=row.expires_at,
            device=row.device,
            address=row.address,
            methods=tuple(row.methods),
            client_id=row.client_id,
            scopes=tuple(sorted(scopes_in(row.scope))),
            current=row.id == current,
        )
        for row in rows
    )


async def revoke_session(session: "AsyncSession", *, user_id: UUID, session_id: UUID) -> None:
    """End one session of a user. Raises SessionNotFoundError."""
    await service.revoke_one(session, user_id=user_id, session_id=session_id)


async def revoke_sessions(
    session: "AsyncSession",
    *,
    user_id: UUID,
    reason: str,
    only: Sequence[UUID] | None = None,
    spare: UUID | None = None,
    client_id: str | None = None,
) -> int:
    """End a user's sessions: all, `only` some or those of one client; return how many ended."""
    ended = await service.revoke(
        session, user_id=user_id, reason=reason, only=only, spare=spare, client_id=client_id
    )
    return len(ended)


async def revoke_client(session: "AsyncSession", *, client_id: str, reason: str) -> int:
    """End the sessions of a client, whoever's they are: the 5,000 used last; return how many ended.

    What is left needs the client to refresh it, and has no access token that is still good, unless more
    were refreshed within the life of one.
    """
    return await service.revoke_client(session, client_id=client_id, reason=reason)


async def forget_ended(session: "AsyncSession", *, before: datetime, limit: int) -> int:
    """Delete some sessions that ended before a time; return how many."""
    return await repository.forget(session, before=before, limit=limit)
