"""Scenes of sessions and their refresh tokens."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters.database.base import Base
from shared.domains.sessions import repository as sessions
from shared.domains.sessions.models import RefreshTokenRow, SessionRow
from tests.authorization.stage import ADA, EARLIER, LATER, NOW, Owner, scene_of


def login(owner: Owner) -> Sequence[Base]:
    return [_session(owner)]


def logins(owner: Owner) -> Sequence[Base]:
    """Log them in, and let a client that everybody uses act for them."""
    return [*login(owner), _session(owner, id=owner.second, client_id="timetable")]


def client_login(owner: Owner) -> Sequence[Base]:
    return [_session(owner, client_id=owner.name)]


def one_live(owner: Owner) -> Sequence[Base]:
    """Have one's go on, and the other's be over for long."""
    if owner is ADA:
        return [_session(owner, created_at=NOW)]
    return [_session(owner, created_at=EARLIER, expires_at=EARLIER)]


def with_token(owner: Owner) -> Sequence[Base]:
    token = RefreshTokenRow(id=owner.thing, session_id=owner.thing, digest=owner.name)
    return [*login(owner), token]


def _session(owner: Owner, **values: Any) -> SessionRow:
    usual = {
        "id": owner.thing,
        "user_id": owner.id,
        "scope": "",
        "methods": [],
        "device": "telephone",
        "address": "192.0.2.7",
        "last_seen_at": NOW,
        "expires_at": LATER,
    }
    return SessionRow(**usual | values)


@scene_of(sessions.list_live, login)
async def list_logins(session: AsyncSession, me: Owner) -> object:
    return await sessions.list_live(session, me.id, at=NOW)


@scene_of(sessions.revoke, logins)
async def revoke_logins(session: AsyncSession, me: Owner) -> object:
    how: dict[str, Any] = {"at": NOW, "reason": "tested", "client_id": "timetable"}
    return await sessions.revoke(session, user_id=me.id, **how)


@scene_of(sessions.revoke_client, client_login)
async def revoke_client(session: AsyncSession, me: Owner) -> object:
    how: dict[str, Any] = {"at": NOW, "reason": "tested", "limit": 10}
    return await sessions.revoke_client(session, client_id=me.name, **how)


@scene_of(sessions.is_live, one_live)
async def is_live(session: AsyncSession, me: Owner) -> object:
    return await sessions.is_live(session, me.thing, at=NOW)


@scene_of(sessions.find_live, login)
async def find_live(session: AsyncSession, me: Owner) -> object:
    return await sessions.find_live(session, me.thing, at=NOW)


@scene_of(sessions.began_after, one_live)
async def began_after(session: AsyncSession, me: Owner) -> object:
    return await sessions.began_after(session, me.thing, moment=EARLIER)


@scene_of(sessions.find_live_by_token, with_token)
async def find_live_by_token(session: AsyncSession, me: Owner) -> object:
    return await sessions.find_live_by_token(session, me.name, at=NOW)


@scene_of(sessions.find_token_for_spending, with_token)
async def find_token(session: AsyncSession, me: Owner) -> object:
    return await sessions.find_token_for_spending(session, me.name)
