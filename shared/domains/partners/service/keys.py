"""The rules of keys: first our row, then the gateway's key, then the row is good; and the other way round.

So a process that dies in between leaves a row that opens nothing and a gateway key that nobody was
shown: the reconciler removes both. Of the value only a digest is ever kept.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from pydantic import MISSING
from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters.database.sessions import unit_of_work
from shared.config.runtime import runtime_settings
from shared.core.api_keys import hint_of, new_key
from shared.core.clock import now
from shared.core.errors import ProblemError
from shared.core.ids import new_id
from shared.core.pagination import Page
from shared.core.schema import Paging
from shared.core.scopes import text_of
from shared.domains.audit import api as audit
from shared.domains.partners import repository
from shared.domains.partners.errors import (
    ExpiryPassedError,
    GatewayPendingError,
    PartnerKeyEndedError,
    PartnerKeyNotFoundError,
    PartnerNotFoundError,
    PartnerSuspendedError,
    TooManyPartnerKeysError,
)
from shared.domains.partners.models import PartnerKeyRow, PartnerRow
from shared.domains.partners.schemas import (
    KeyDraft,
    KeyRotation,
    KeyState,
    Manager,
    PartnerState,
)
from shared.domains.partners.service import at_gateway
from shared.domains.partners.service.access import digest_of, is_over

MOST_KEYS = 10
"""Keys that a partner can have at once: an account has 10,000 for all of them."""

CREATION = timedelta(minutes=10)
"""A creation that is not done by then never will be: a request ends after 29 seconds."""

type Activate = Callable[[AsyncSession, PartnerKeyRow], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a new key is to be like."""

    name: str
    scope: str
    networks: list[str]
    expires_at: datetime | None
    replaces_id: UUID | None = None


@dataclass(frozen=True)
class NewKey:
    """A key that is good from now on, and its value, which is in no repr."""

    row: PartnerKeyRow
    value: str

    def __repr__(self) -> str:
        return f"NewKey({self.row.id})"


async def issue(partner_id: UUID, *, manager: Manager, draft: KeyDraft) -> NewKey:
    """Make a key.

    Raises PartnerNotFoundError, PartnerSuspendedError, TooManyPartnerKeysError, ExpiryPassedError,
    GatewayPendingError.
    """
    wanted = Wanted(
        name=draft.name,
        scope=text_of(frozenset(draft.scopes)),
        networks=list(dict.fromkeys(draft.networks)),
        expires_at=draft.expires_at,
    )
    value = new_key(runtime_settings().key_mark)
    async with unit_of_work() as session:
        partner = await _working(session, partner_id, manager=manager)
        row = await _begin(session, partner, wanted=wanted, value=value)

    async def activate(session: AsyncSession, key: PartnerKeyRow) -> None:
        _record(session, key, action="key_issued", manager=manager)

    return await _complete(row, value=value, plan=partner.plan, activate=activate)


async def rotate(
    partner_id: UUID, *, manager: Manager, key_id: UUID, rotation: KeyRotation
) -> NewKey:
    """Make a key in the place of another, which stays good for a while.

    Raises PartnerNotFoundError, PartnerSuspendedError, PartnerKeyNotFoundError, PartnerKeyEndedError where
    that was done before, TooManyPartnerKeysError, ExpiryPassedError, GatewayPendingError.
    """
    value, at = new_key(runtime_settings().key_mark), now()
    async with unit_of_work() as session:
        partner = await _working(session, partner_id, manager=manager)
        old = await _rotatable(session, key_id, partner_id=partner_id, at=at)
        wanted = _successor_of(old, rotation)
        row = await _begin(session, partner, wanted=wanted, value=value)

    async def activate(session: AsyncSession, key: PartnerKeyRow) -> None:
        await _retire(session, key_id, partner_id=partner_id, grace_s=rotation.grace_s)
        details = {"replaces": str(key_id), "grace_s": rotation.grace_s}
        _record(session, key, action="key_rotated", manager=manager, **details)

    made = await _complete(row, value=value, plan=partner.plan, activate=activate)
    if rotation.grace_s == 0:
        await at_gateway.take_off([key_id])
    return made


async def revoke(partner_id: UUID, *, manager: Manager, key_id: UUID) -> None:
    """End a key, from the next request on; that it has ended before is no error.

    Raises PartnerNotFoundError, PartnerKeyNotFoundError.
    """
    async with unit_of_work() as session:
        await require_partner(session, partner_id, manager=manager)
        key = await _key_for_change(session, key_id, partner_id=partner_id)
        if key.state is KeyState.ACTIVE:
            key.state, key.ended_at = KeyState.REMOVING, now()
            await repository.save_key(session, key)
            _record(session, key, action="key_revoked", manager=manager)
    if key.state is KeyState.REMOVING:
        await at_gateway.take_off([key_id])


async def list_keys(
    session: AsyncSession, partner_id: UUID, *, manager: Manager, paging: Paging
) -> Page[PartnerKeyRow]:
    """Return a page of a partner's keys. Raises PartnerNotFoundError, ValidationFailedError."""
    await require_partner(session, partner_id, manager=manager)
    return await repository.list_keys(session, partner_id, paging=paging)


async def find_key(
    session: AsyncSession, partner_id: UUID, *, manager: Manager, key_id: UUID
) -> tuple[PartnerKeyRow, PartnerRow]:
    """Return a key and its partner. Raises PartnerNotFoundError, PartnerKeyNotFoundError."""
    partner = await require_partner(session, partner_id, manager=manager)
    key = await repository.find_key(session, key_id, partner_id=partner_id)
    if key is None:
        raise PartnerKeyNotFoundError
    return key, partner


async def require_partner(
    session: AsyncSession, partner_id: UUID, *, manager: Manager
) -> PartnerRow:
    """Return a partner that the manager may see. Raises PartnerNotFoundError."""
    partner = await repository.find_partner(session, partner_id, manager=manager)
    if partner is None:
        raise PartnerNotFoundError
    return partner


async def _working(session: AsyncSession, partner_id: UUID, *, manager: Manager) -> PartnerRow:
    """Return a partner that may have keys made, locked. Raises PartnerNotFoundError, PartnerSuspendedError."""
    partner = await repository.find_partner_for_change(session, partner_id, manager=manager)
    if partner is None:
        raise PartnerNotFoundError
    if partner.state is PartnerState.SUSPENDED:
        raise PartnerSuspendedError
    return partner


async def _key_for_change(
    session: AsyncSession, key_id: UUID, *, partner_id: UUID
) -> PartnerKeyRow:
    key = await repository.find_key_for_change(session, key_id, partner_id=partner_id)
    if key is None:
        raise PartnerKeyNotFoundError
    return key


async def _rotatable(
    session: AsyncSession, key_id: UUID, *, partner_id: UUID, at: datetime
) -> PartnerKeyRow:
    key = await _key_for_change(session, key_id, partner_id=partner_id)
    _require_unrotated(key, at=at)
    if await repository.has_successor(session, key_id, begun_after=at - CREATION):
        raise PartnerKeyEndedError
    return key


def _require_unrotated(key: PartnerKeyRow, *, at: datetime) -> None:
    over = is_over(key.expires_at, key.retires_at, at=at)
    if key.state is not KeyState.ACTIVE or key.retires_at is not None or over:
        raise PartnerKeyEndedError


def _successor_of(old: PartnerKeyRow, rotation: KeyRotation) -> Wanted:
    chosen = rotation.expires_at
    return Wanted(
        name=old.name,
        scope=old.scope,
        networks=old.networks,
        expires_at=old.expires_at if chosen is MISSING else chosen,
        replaces_id=old.id,
    )


async def _begin(
    session: AsyncSession, partner: PartnerRow, *, wanted: Wanted, value: str
) -> PartnerKeyRow:
    """Write the row of a key that is good for nothing yet, under the lock of its partner."""
    at = now()
    if wanted.expires_at is not None and wanted.expires_at <= at:
        raise ExpiryPassedError
    if await repository.count_live_keys(session, partner.id, at=at) >= MOST_KEYS:
        raise TooManyPartnerKeysError(MOST_KEYS)
    row = PartnerKeyRow(
        id=new_id(),
        partner_id=partner.id,
        name=wanted.name,
        hint=hint_of(value),
        digest=await digest_of(value),
        scope=wanted.scope,
        networks=wanted.networks,
        expires_at=wanted.expires_at,
        replaces_id=wanted.replaces_id,
        state=KeyState.PENDING,
    )
    await repository.save_key(session, row)
    return row


async def _complete(row: PartnerKeyRow, *, value: str, plan: str, activate: Activate) -> NewKey:
    """Make the gateway's key, then the row good. What fails half-way is ended, and never shown.

    Raises GatewayPendingError; PartnerKeyEndedError where it was overtaken; what `activate` raises.
    """
    try:
        gateway_id = await at_gateway.put(row.id, value=value, plan=plan)
    except ProblemError:
        # The gateway has trouble enough: the reconciler takes away what it has made all the same.
        await _end(row.id)
        raise
    try:
        key, partner = await _activate(row, gateway_id=gateway_id, activate=activate)
    except ProblemError:
        await _end(row.id)
        await at_gateway.take_off([row.id])
        raise
    if partner.plan != plan:
        # Changed meanwhile, by somebody who could not know of this key. It is good on either plan.
        with suppress(GatewayPendingError):
            await at_gateway.move([row.id], plan=partner.plan)
    return NewKey(key, value)


async def _activate(
    begun: PartnerKeyRow, *, gateway_id: str, activate: Activate
) -> tuple[PartnerKeyRow, PartnerRow]:
    async with unit_of_work() as session:
        # In the order of all who lock both.
        partner = await repository.hold_partner(session, begun.partner_id)
        key = await repository.find_pending_key(session, begun.id)
        if partner is None or key is None or partner.state is PartnerState.REMOVED:
            raise PartnerKeyEndedError
        key.state, key.gateway_id, key.activated_at = KeyState.ACTIVE, gateway_id, now()
        await activate(session, key)
        await repository.save_key(session, key)
        return key, partner


async def _retire(session: AsyncSession, key_id: UUID, *, partner_id: UUID, grace_s: int) -> None:
    """Give a rotated key its last moment. Raises PartnerKeyEndedError where it has one already."""
    at = now()
    old = await _key_for_change(session, key_id, partner_id=partner_id)
    _require_unrotated(old, at=at)
    old.retires_at = at + timedelta(seconds=grace_s)
    if grace_s == 0:
        old.state, old.ended_at = KeyState.REMOVING, at
    await repository.save_key(session, old)


async def _end(key_id: UUID) -> None:
    async with unit_of_work() as session:
        await repository.end_keys(session, at=now(), only=[key_id])


def _record(
    session: AsyncSession, key: PartnerKeyRow, *, action: str, manager: Manager, **details: object
) -> None:
    audit.record(
        session,
        action=f"partners.{action}",
        subject=f"partner:{key.partner_id}",
        actor_id=manager.user_id,
        details={"key": str(key.id), "hint": key.hint, **details},
    )
