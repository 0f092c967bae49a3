"""Scenes of partners and their keys."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters.database.base import Base
from shared.domains.partners import repository as partners
from shared.domains.partners.models import PartnerKeyRow, PartnerRow
from shared.domains.partners.schemas import KeyState, Manager, PartnerFilter
from tests.authorization.stage import ADA, ANY, NOW, THINGS, Owner, scene_of


def partner(admin: Owner) -> Sequence[Base]:
    return [
        PartnerRow(id=admin.thing, name=admin.name, plan="free", contact="-", admin_id=admin.id)
    ]


def partner_key(partner: Owner) -> Sequence[Base]:
    return [_key(partner)]


def pending_key(partner: Owner) -> Sequence[Base]:
    return [_key(partner, state=KeyState.PENDING)]


def successor(partner: Owner) -> Sequence[Base]:
    """Give the key of one a successor."""
    replaces_id = partner.thing if partner is ADA else None
    return [_key(partner, id=partner.second, replaces_id=replaces_id)]


def partner_and_key(admin: Owner) -> Sequence[Base]:
    return [*partner(admin), _key(admin, partner_id=admin.thing)]


def _key(partner: Owner, **values: Any) -> PartnerKeyRow:
    usual = {
        "id": partner.thing,
        "partner_id": partner.id,
        "name": "checkout",
        "hint": "-",
        "digest": partner.name,
        "scope": "",
        "networks": [],
        "state": KeyState.ACTIVE,
        "activated_at": NOW,
    }
    return PartnerKeyRow(**usual | values)


@scene_of(partners._seen_by, partner)
async def see_partners(session: AsyncSession, me: Owner) -> object:
    manager = Manager(user_id=me.id, operator=False)
    finders = (partners.find_partner, partners.find_partner_for_change)
    found = [await find(session, i, manager=manager) for find in finders for i in THINGS]
    return found, await partners.list_partners(
        session, manager=manager, which=PartnerFilter(), paging=ANY
    )


@scene_of(partners.hold_partner, partner)
async def hold_partner(session: AsyncSession, me: Owner) -> object:
    return await partners.hold_partner(session, me.thing)


@scene_of(partners.forget_partner, partner)
async def forget_partner(session: AsyncSession, me: Owner) -> None:
    await partners.forget_partner(session, me.thing)


@scene_of(partners._of, partner_key)
async def find_keys(session: AsyncSession, me: Owner) -> object:
    finders = (partners.find_key, partners.find_key_for_change)
    return [await find(session, i, partner_id=me.id) for find in finders for i in THINGS]


@scene_of(partners.list_keys, partner_key)
async def list_keys(session: AsyncSession, me: Owner) -> object:
    return await partners.list_keys(session, me.id, paging=ANY)


@scene_of(partners.count_live_keys, partner_key)
async def count_live_keys(session: AsyncSession, me: Owner) -> object:
    return await partners.count_live_keys(session, me.id, at=NOW)


@scene_of(partners.keys_at_the_gateway, partner_key)
async def keys_at_the_gateway(session: AsyncSession, me: Owner) -> object:
    return await partners.keys_at_the_gateway(session, me.id)


@scene_of(partners.end_keys, partner_key)
async def end_keys(session: AsyncSession, me: Owner) -> object:
    return await partners.end_keys(session, at=NOW, partner_id=me.id)


@scene_of(partners.find_pending_key, pending_key)
async def find_pending_key(session: AsyncSession, me: Owner) -> object:
    return await partners.find_pending_key(session, me.thing)


@scene_of(partners.has_successor, successor)
async def has_successor(session: AsyncSession, me: Owner) -> object:
    return await partners.has_successor(session, me.thing, begun_after=NOW)


@scene_of(partners.find_by_digest, partner_and_key)
async def find_by_digest(session: AsyncSession, me: Owner) -> object:
    return await partners.find_by_digest(session, me.name)


@scene_of(partners.note_use, partner_key)
async def note_use(session: AsyncSession, me: Owner) -> None:
    await partners.note_use(session, me.thing, at=NOW, at_most_every=timedelta(minutes=1))


@scene_of(partners.mark_missing, partner_key)
async def mark_missing(session: AsyncSession, me: Owner) -> object:
    return await partners.mark_missing(session, me.thing, since=NOW)
