"""Where sessions and their refresh tokens are kept."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Row, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from shared.domains.sessions.models import RefreshTokenRow, SessionRow


async def save(session: AsyncSession, *rows: SessionRow | RefreshTokenRow) -> None:
    """Write new or changed rows."""
    session.add_all(rows)
    await session.flush()


async def find_token_for_spending(
    session: AsyncSession, digest: str
) -> Row[RefreshTokenRow, SessionRow] | None:
    """Return a refresh token and its session, both locked until this transaction ends, or None.

    However many requests come with one token, they are served one after the other.
    """
    statement = (
        select(RefreshTokenRow, SessionRow)
        .join(SessionRow, SessionRow.id == RefreshTokenRow.session_id)
        .where(RefreshTokenRow.digest == digest)
        .with_for_update()
    )
    return (await session.execute(statement)).first()


async def is_live(session: AsyncSession, session_id: UUID, *, at: datetime) -> bool:
    """Tell whether there is such a session that has not ended."""
    statement = select(SessionRow.id).where(
        SessionRow.id == session_id, SessionRow.revoked_at.is_(None), SessionRow.expires_at > at
    )
    return await session.scalar(statement) is not None


async def find_live(session: AsyncSession, session_id: UUID, *, at: datetime) -> SessionRow | None:
    """Return a session that has not ended, or None."""
    statement = select(SessionRow).where(
        SessionRow.id == session_id, SessionRow.revoked_at.is_(None), SessionRow.expires_at > at
    )
    return await session.scalar(statement)


async def find_live_by_token(
    session: AsyncSession, digest: str, *, at: datetime
) -> SessionRow | None:
    """Return the session of a refresh token, spent or not, if it has not ended; else None."""
    statement = (
        select(SessionRow)
        .join(RefreshTokenRow, RefreshTokenRow.session_id == SessionRow.id)
        .where(
            RefreshTokenRow.digest == digest,
            SessionRow.revoked_at.is_(None),
            SessionRow.expires_at > at,
        )
    )
    return await session.scalar(statement)


async def began_after(session: AsyncSession, session_id: UUID, *, moment: datetime) -> bool:
    """Tell whether there is such a session that began after a moment."""
    statement = select(SessionRow.id).where(
        SessionRow.id == session_id, SessionRow.created_at > moment
    )
    return await session.scalar(statement) is not None


async def list_live(session: AsyncSession, user_id: UUID, *, at: datetime) -> Sequence[SessionRow]:
    """Return a user's sessions that have not ended, the one seen last first; 200 at most."""
    statement = (
        select(SessionRow)
        .where(
            SessionRow.user_id == user_id,
            SessionRow.revoked_at.is_(None),
            SessionRow.expires_at > at,
        )
        .order_by(SessionRow.last_seen_at.desc(), SessionRow.id.desc())
        .limit(200)
    )
    return (await session.scalars(statement)).all()


async def revoke(
    session: AsyncSession,
    *,
    user_id: UUID,
    at: datetime,
    reason: str,
    only: Iterable[UUID] | None = None,
    spare: UUID | None = None,
    client_id: str | None = None,
) -> list[UUID]:
    """End a user's sessions: all, `only` some, those of one client, `spare` excepted. Return their ids."""
    which = [SessionRow.user_id == user_id, SessionRow.revoked_at.is_(None)]
    if only is not None:
        which.append(SessionRow.id.in_(list(only)))
    if spare is not None:
        which.append(SessionRow.id != spare)
    if client_id is not None:
        which.append(SessionRow.client_id == client_id)
    statement = (
        update(SessionRow)
        .where(*which)
        .values(revoked_at=at, revoked_because=reason)
        .returning(SessionRow.id)
        .execution_options(synchronize_session=False)
    )
    return list((await session.scalars(statement)).all())


async def revoke_client(
    session: AsyncSession, *, client_id: str, at: datetime, reason: str, limit: int
) -> list[tuple[UUID, UUID]]:
    """End the sessions of a client that were used last; return their ids and whose they were."""
    last_used = (
        select(SessionRow.id)
        .where(
            SessionRow.client_id == client_id,
            SessionRow.revoked_at.is_(None),
            SessionRow.expires_at > at,
        )
        .order_by(SessionRow.last_seen_at.desc())
        .limit(limit)
    )
    statement = (
        update(SessionRow)
        .where(SessionRow.id.in_(last_used))
        .values(revoked_at=at, revoked_because=reason)
        .returning(SessionRow.id, SessionRow.user_id)
        .execution_options(synchronize_session=False)
    )
    return [(row[0], row[1]) for row in await session.execute(statement)]


async def forget(session: AsyncSession, *, before: datetime, limit: int) -> int:
    """Delete some sessions that ended before a time, refresh tokens included; return how many."""
    ended = (
        select(SessionRow.id)
        .where((SessionRow.expires_at < before) | (SessionRow.revoked_at < before))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    gone = delete(SessionRow).where(SessionRow.id.in_(ended)).returning(SessionRow.id)
    result = await session.execute(gone.execution_options(synchronize_session=False))
    return len(result.all())
