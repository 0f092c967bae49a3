"""Scenes of clients and of what users let them do."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters.database.base import Base
from shared.domains.oauth import repository as oauth
from shared.domains.oauth.models import ClientRow, CodeRow, ConsentRow
from tests.authorization.stage import LATER, THINGS, Owner, scene_of

TIMETABLE, DEPARTURES = UUID(int=0xC1), UUID(int=0xC2)
"""Clients that everybody uses."""


def client(owner: Owner) -> Sequence[Base]:
    return [
        ClientRow(
            id=owner.thing,
            owner_id=owner.id,
            name="Timetable",
            auth_method="none",
            redirect_uris=[],
            grant_types=[],
            scope="",
        )
    ]


def grant(owner: Owner) -> Sequence[Base]:
    """Let two clients do something, a code of each waiting for it."""
    return [
        _consent(owner, TIMETABLE),
        _code(owner, TIMETABLE, digest=owner.name),
        _consent(owner, DEPARTURES, id_=owner.second),
        _code(owner, DEPARTURES, digest=f"{owner.name}, too", id_=owner.second),
    ]


def _code(owner: Owner, client_id: UUID, *, digest: str, id_: UUID | None = None) -> CodeRow:
    return CodeRow(
        id=id_ or owner.thing,
        digest=digest,
        client_id=client_id,
        user_id=owner.id,
        redirect_uri="-",
        challenge="-",
        scope="",
        methods=[],
        expires_at=LATER,
    )


def consent(owner: Owner) -> Sequence[Base]:
    return [*client(owner), _consent(owner, owner.thing)]


def _consent(owner: Owner, client_id: UUID, *, id_: UUID | None = None) -> ConsentRow:
    scope = f"{owner.name} {client_id}"
    return ConsentRow(id=id_ or owner.thing, user_id=owner.id, client_id=client_id, scope=scope)


@scene_of(oauth.find_own_client, client)
async def find_clients(session: AsyncSession, me: Owner) -> object:
    return [await oauth.find_own_client(session, owner_id=me.id, client_id=i) for i in THINGS]


@scene_of(oauth.find_own_client_for_change, client)
async def find_clients_for_change(session: AsyncSession, me: Owner) -> object:
    find = oauth.find_own_client_for_change
    return [await find(session, owner_id=me.id, client_id=i) for i in THINGS]


@scene_of(oauth.list_clients, client)
async def list_clients(session: AsyncSession, me: Owner) -> object:
    return await oauth.list_clients(session, me.id)


@scene_of(oauth.count_clients, client)
async def count_clients(session: AsyncSession, me: Owner) -> object:
    return await oauth.count_clients(session, me.id)


@scene_of(oauth.find_consent, grant)
async def find_consent(session: AsyncSession, me: Owner) -> object:
    both = (TIMETABLE, DEPARTURES)
    return [await oauth.find_consent(session, user_id=me.id, client_id=i) for i in both]


@scene_of(oauth.list_consents, consent)
async def list_consents(session: AsyncSession, me: Owner) -> object:
    return await oauth.list_consents(session, me.id)


@scene_of(oauth.remove_consent, grant)
async def remove_consent(session: AsyncSession, me: Owner) -> object:
    return await oauth.remove_consent(session, user_id=me.id, client_id=TIMETABLE)


@scene_of(oauth.find_client, client)
async def find_client(session: AsyncSession, me: Owner) -> object:
    return await oauth.find_client(session, me.thing)


@scene_of(oauth.find_code_for_spending, grant)
async def find_code(session: AsyncSession, me: Owner) -> object:
    return await oauth.find_code_for_spending(session, me.name)
