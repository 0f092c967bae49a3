"""Scenes of signing in by outside providers."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters.database.base import Base
from shared.domains.federation import repository as federation
from shared.domains.federation.models import ExternalFlow, ExternalLink
from tests.authorization.stage import LATER, NAMES, NOW, THINGS, Owner, scene_of

ISSUER = "https://acme.example"


def link(owner: Owner) -> Sequence[Base]:
    return [
        ExternalLink(
            id=owner.thing,
            user_id=owner.id,
            provider="acme",
            issuer=ISSUER,
            subject=owner.name,
        )
    ]


def flow(owner: Owner) -> Sequence[Base]:
    """Begin a sign-in for them, which waits for both its ends."""
    return [
        ExternalFlow(
            id=owner.thing,
            provider="acme",
            user_id=owner.id,
            token_digest=owner.name,
            state_digest=owner.name,
            handover_digest=owner.name,
            sealed_identity=owner.name,
            expires_at=LATER,
        )
    ]


@scene_of(federation.spend_handover, flow)
async def spend_handovers(session: AsyncSession, me: Owner) -> object:
    mine: dict[str, Any] = {"user_id": me.id, "at": NOW}
    return [
        await federation.spend_handover(session, digest=one, token_digest=other, **mine)
        for one in NAMES
        for other in NAMES
    ]


@scene_of(federation.list_links, link)
async def list_links(session: AsyncSession, me: Owner) -> object:
    return await federation.list_links(session, me.id)


@scene_of(federation.count_links, link)
async def count_links(session: AsyncSession, me: Owner) -> object:
    return await federation.count_links(session, me.id, issuers=[ISSUER])


@scene_of(federation.remove_link, link)
async def remove_links(session: AsyncSession, me: Owner) -> object:
    return [await federation.remove_link(session, i, user_id=me.id) for i in THINGS]


@scene_of(federation.spend_state, flow)
async def spend_state(session: AsyncSession, me: Owner) -> object:
    return await federation.spend_state(session, me.name, provider="acme", at=NOW)


@scene_of(federation.keep_identity, flow)
async def keep_identity(session: AsyncSession, me: Owner) -> None:
    kept: dict[str, Any] = {"sealed": "-", "digest": "another", "until": LATER}
    await federation.keep_identity(session, me.thing, **kept)
