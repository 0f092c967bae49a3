"""The face of partners: who they are, their keys, and who a key speaks for."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from shared.config.runtime import runtime_settings
from shared.core.api_keys import is_well_formed
from shared.core.clock import now
from shared.core.lazy import lazy_module
from shared.core.pagination import Page
from shared.core.schema import Paging
from shared.core.scopes import scopes_in
from shared.domains.partners.errors import InvalidApiKeyError
from shared.domains.partners.schemas import (
    IssuedKey,
    KeyDraft,
    KeyHolder,
    KeyRotation,
    KeyState,
    KeyStatus,
    Manager,
    OwnPartner,
    Partner,
    PartnerChange,
    PartnerDraft,
    PartnerFilter,
    PartnerKey,
    PlanUsage,
    Reconciliation,
)

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from shared.domains.partners import models, repository
    from shared.domains.partners.service import access, drift, keys, partners, usage
else:
    access = lazy_module("shared.domains.partners.service.access")
    drift = lazy_module("shared.domains.partners.service.drift")
    keys = lazy_module("shared.domains.partners.service.keys")
    partners = lazy_module("shared.domains.partners.service.partners")
    usage = lazy_module("shared.domains.partners.service.usage")
    repository = lazy_module("shared.domains.partners.repository")


async def authenticate(key: str, *, address: str) -> KeyHolder:
    """Return who an API key speaks for at an address.

    Raises InvalidApiKeyError, ApiKeyExpiredError, PartnerSuspendedError, NetworkNotAllowedError.
    """
    # Before anything loads: what has not a key's form costs nothing.
    if not is_well_formed(key, mark=runtime_settings().key_mark):
        raise InvalidApiKeyError
    return await access.authenticate(key, address=address)


async def note_use(key_id: UUID) -> None:
    """Write that a key was used now, at most once a minute. Never raises for a database that is away."""
    await access.note_use(key_id)


async def usage_of(holder: KeyHolder) -> PlanUsage:
    """Return what a key has used and has left of its plan's quota. Raises GatewayKeysError."""
    return await usage.usage_of(holder.gateway_id, plan=holder.plan)


async def create_partner(
    session: "AsyncSession", *, manager: Manager, draft: PartnerDraft
) -> Partner:
    """Make a partner. Raises PartnerNameTakenError, NoSuchAdminError."""
    return Partner.model_validate(await partners.create(session, manager=manager, draft=draft))


async def get_partner(session: "AsyncSession", partner_id: UUID, *, manager: Manager) -> Partner:
    """Return a partner as operators see it. Raises PartnerNotFoundError."""
    return Partner.model_validate(await keys.require_partner(session, partner_id, manager=manager))


async def get_own_partner(
    session: "AsyncSession", partner_id: UUID, *, manager: Manager
) -> OwnPartner:
    """Return a partner as its admin sees it. Raises PartnerNotFoundError."""
    return OwnPartner.model_validate(
        await keys.require_partner(session, partner_id, manager=manager)
    )


async def list_partners(
    session: "AsyncSession", *, manager: Manager, which: PartnerFilter, paging: Paging
) -> Page[Partner]:
    """Return a page of all partners, newest first. Raises ValidationFailedError for a bad cursor."""
    page = await partners.list_partners(session, manager=manager, which=which, paging=paging)
    return page.map(Partner.model_validate)


async def list_own_partners(
    session: "AsyncSession", *, manager: Manager, paging: Paging
) -> Page[OwnPartner]:
    """Return a page of the partners that a user is the admin of. Raises ValidationFailedError."""
    which = PartnerFilter()
    page = await partners.list_partners(session, manager=manager, which=which, paging=paging)
    return page.map(OwnPartner.model_validate)


async def change_partner(partner_id: UUID, *, manager: Manager, change: PartnerChange) -> Partner:
    """Change a partner, in transactions of its own; another plan moves its keys.

    Raises PartnerNotFoundError, PartnerNameTakenError, NoSuchAdminError, GatewayPendingError.
    """
    changed = await partners.change(partner_id, manager=manager, change=change)
    return Partner.model_validate(changed)


async def remove_partner(partner_id: UUID, *, manager: Manager) -> None:
    """Remove a partner, in transactions of its own; its keys fail from now on. Raises PartnerNotFoundError."""
    await partners.remove(partner_id, manager=manager)


async def list_keys(
    session: "AsyncSession", partner_id: UUID, *, manager: Manager, paging: Paging
) -> Page[PartnerKey]:
    """Return a page of a partner's keys, newest first; ended ones for 30 days.

    Raises PartnerNotFoundError, ValidationFailedError.
    """
    page = await keys.list_keys(session, partner_id, manager=manager, paging=paging)
    return page.map(_key_of)


async def issue_key(partner_id: UUID, *, manager: Manager, draft: KeyDraft) -> IssuedKey:
    """Make a key, in transactions of its own, and tell it this once.

    Raises PartnerNotFoundError, PartnerSuspendedError, TooManyPartnerKeysError, ExpiryPassedError,
    GatewayPendingError, after which nothing is left of it.
    """
    return _issued(await keys.issue(partner_id, manager=manager, draft=draft))


async def rotate_key(
    partner_id: UUID, *, manager: Manager, key_id: UUID, rotation: KeyRotation
) -> IssuedKey:
    """Make the successor of a key, in transactions of its own, and tell it this once.

    Raises what `issue_key` raises, PartnerKeyNotFoundError, PartnerKeyEndedError.
    """
    made = await keys.rotate(partner_id, manager=manager, key_id=key_id, rotation=rotation)
    return _issued(made)


async def revoke_key(partner_id: UUID, *, manager: Manager, key_id: UUID) -> None:
    """End a key, from the next request on. Raises PartnerNotFoundError, PartnerKeyNotFoundError."""
    await keys.revoke(partner_id, manager=manager, key_id=key_id)


async def usage_of_key(
    session: "AsyncSession", partner_id: UUID, *, manager: Manager, key_id: UUID
) -> PlanUsage:
    """Return what a key has used. Raises PartnerNotFoundError, PartnerKeyNotFoundError, GatewayKeysError."""
    key, partner = await keys.find_key(session, partner_id, manager=manager, key_id=key_id)
    return await usage.usage_of(key.gateway_id or "", plan=partner.plan)


async def reconcile(*, has_time: Callable[[], bool]) -> Reconciliation:
    """Find and heal what differs between our keys and the gateway's. Raises GatewayKeysError."""
    return await drift.reconcile(has_time=has_time)


async def find_removed_account(session: "AsyncSession") -> UUID | None:
    """Return the account of the partner whose removal is to be finished next, or None."""
    partner = await repository.find_removed_partner(session)
    return partner.account_id if partner else None


async def finish_removal(session: "AsyncSession", *, limit: int) -> bool:
    """Do some of what is left of removed partners; tell whether there was any."""
    return await partners.finish_removal(session, limit=limit)


async def forget_ended_keys(session: "AsyncSession", *, before: datetime, limit: int) -> int:
    """Delete some keys that ended before a moment; return how many."""
    return await repository.forget_keys(session, before=before, limit=limit)


def _issued(made: "keys.NewKey") -> IssuedKey:
    return IssuedKey(**_key_of(made.row).model_dump(), key=made.value)


def _key_of(row: "models.PartnerKeyRow") -> PartnerKey:
    ends = [each for each in (row.expires_at, row.retires_at, row.ended_at) if each is not None]
    return PartnerKey(
        id=row.id,
        name=row.name,
        hint=row.hint,
        scopes=tuple(sorted(scopes_in(row.scope))),
        networks=tuple(row.networks),
        status=_status_of(row),
        created_at=row.created_at,
        expires_at=row.expires_at,
        good_until=min(ends, default=None),
        last_used_at=row.last_used_at,
        ended_at=row.ended_at,
    )


def _status_of(row: "models.PartnerKeyRow") -> KeyStatus:
    at = now()
    if any(each is not None and each <= at for each in (row.expires_at, row.retires_at)):
        return KeyStatus.EXPIRED
    if row.state in (KeyState.REMOVING, KeyState.REMOVED):
        return KeyStatus.REVOKED
    if row.missing_since is not None:
        return KeyStatus.BROKEN
    return KeyStatus.ACTIVE if row.retires_at is None else KeyStatus.RETIRING
