"""The rules of partners: what they may do is their plan and their state; what they make is their account's."""

from uuid import UUID

from pydantic import MISSING
from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters.database.sessions import unit_of_work
from shared.core.clock import now
from shared.core.pagination import Page
from shared.core.schema import Paging
from shared.domains.audit import api as audit
from shared.domains.catalog import api as catalog
from shared.domains.identity import api as identity
from shared.domains.partners import repository
from shared.domains.partners.errors import PartnerNotFoundError
from shared.domains.partners.models import PartnerRow
from shared.domains.partners.schemas import (
    Manager,
    PartnerChange,
    PartnerDraft,
    PartnerFilter,
    PartnerState,
)
from shared.domains.partners.service import at_gateway

_TOLD = ("plan", "state", "admin_id")
"""Fields whose values the audit trail keeps; of others it keeps that they changed."""


async def create(session: AsyncSession, *, manager: Manager, draft: PartnerDraft) -> PartnerRow:
    """Make a partner and its service account. Raises PartnerNameTakenError, NoSuchAdminError."""
    account_id = await identity.make_service_account(session)
    partner = PartnerRow(
        name=draft.name,
        plan=draft.plan,
        contact=draft.contact,
        admin_id=draft.admin_id,
        account_id=account_id,
        state=PartnerState.ACTIVE,
    )
    await repository.save_partner(session, partner)
    _record(session, partner, action="partner_created", manager=manager, plan=partner.plan)
    return partner


async def list_partners(
    session: AsyncSession, *, manager: Manager, which: PartnerFilter, paging: Paging
) -> Page[PartnerRow]:
    """Return a page of the partners that a manager may see. Raises ValidationFailedError."""
    return await repository.list_partners(session, manager=manager, which=which, paging=paging)


async def change(partner_id: UUID, *, manager: Manager, change: PartnerChange) -> PartnerRow:
    """Change a partner, at once; another plan then moves its keys at the gateway.

    Raises PartnerNotFoundError, PartnerNameTakenError, NoSuchAdminError; GatewayPendingError where the
    gateway did not take all keys (yet): what was changed here stays.
    """
    async with unit_of_work() as session:
        partner = await _for_change(session, partner_id, manager=manager)
        if changes := _apply(partner, change):
            await repository.save_partner(session, partner)
            _record(session, partner, action="partner_changed", manager=manager, changes=changes)
        keys = await repository.keys_at_the_gateway(session, partner_id)
    if change.plan is not MISSING:
        await at_gateway.move(keys, plan=partner.plan)
    return partner


async def remove(partner_id: UUID, *, manager: Manager) -> None:
    """Remove a partner: its keys are good no more, and its things go soon. Raises PartnerNotFoundError."""
    async with unit_of_work() as session:
        partner = await _for_change(session, partner_id, manager=manager)
        partner.state = PartnerState.REMOVED
        await repository.save_partner(session, partner)
        ended = await repository.end_keys(session, at=now(), partner_id=partner_id)
        _record(session, partner, action="partner_removed", manager=manager, keys=len(ended))
    await at_gateway.take_off(ended)


async def finish_removal(session: AsyncSession, *, limit: int) -> bool:
    """Do some of what is left of a removed partner, at most `limit` rows; tell whether there was any.

    It begins when the gateway has none of its keys: items first, then the account, then the partner.
    """
    partner = await repository.find_removed_partner(session)
    if partner is None:
        return False
    account_id = partner.account_id
    if account_id and await catalog.delete_items_of(session, owner_id=account_id, limit=limit):
        return True
    await repository.forget_partner(session, partner.id)
    if account_id:
        await identity.delete_user(session, account_id)
    return True


async def _for_change(session: AsyncSession, partner_id: UUID, *, manager: Manager) -> PartnerRow:
    partner = await repository.find_partner_for_change(session, partner_id, manager=manager)
    if partner is None:
        raise PartnerNotFoundError
    return partner


def _apply(partner: PartnerRow, change: PartnerChange) -> dict[str, object]:
    """Set what is to change; return what did, as the audit trail keeps it."""
    changes: dict[str, object] = {}
    for name, value in change.model_dump(exclude_unset=True).items():
        before = getattr(partner, name)
        if before != value:
            setattr(partner, name, value)
            changes[name] = [_text(before), _text(value)] if name in _TOLD else "changed"
    return changes


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _record(
    session: AsyncSession, partner: PartnerRow, *, action: str, manager: Manager, **details: object
) -> None:
    audit.record(
        session,
        action=f"partners.{action}",
        subject=f"partner:{partner.id}",
        actor_id=manager.user_id,
        details=details,
    )
