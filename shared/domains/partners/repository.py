"""Where partners and their keys are kept."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters.database.pagination import descending, paginate
from shared.adapters.database.violations import violated_constraint
from shared.core.pagination import Page
from shared.core.schema import Paging
from shared.domains.partners.errors import NoSuchAdminError, PartnerNameTakenError
from shared.domains.partners.models import PartnerKeyRow, PartnerRow
from shared.domains.partners.schemas import KeyState, Manager, PartnerFilter, PartnerState

_REFUSALS = {
    "uq_partners_name": PartnerNameTakenError,
    "fk_partners_admin_id_users": NoSuchAdminError,
}
_WITHOUT_SYNC = {"synchronize_session": False}


async def save_partner(session: AsyncSession, row: PartnerRow) -> None:
    """Write a new or changed partner. Raises PartnerNameTakenError, NoSuchAdminError."""
    session.add(row)
    try:
        await session.flush()
    except IntegrityError as error:
        if refusal := _REFUSALS.get(violated_constraint(error) or ""):
            raise refusal from error
        raise


async def save_key(session: AsyncSession, row: PartnerKeyRow) -> None:
    """Write a new or changed key."""
    session.add(row)
    await session.flush()


async def find_partner(
    session: AsyncSession, partner_id: UUID, *, manager: Manager
) -> PartnerRow | None:
    """Return a partner that the manager may see, or None."""
    return await session.scalar(select(PartnerRow).where(*_seen_by(manager, partner_id)))


async def find_partner_for_change(
    session: AsyncSession, partner_id: UUID, *, manager: Manager
) -> PartnerRow | None:
    """Return a partner that no other transaction changes, nor gives a key, until this one ends."""
    seen = select(PartnerRow).where(*_seen_by(manager, partner_id))
    return await session.scalar(seen.with_for_update())


async def hold_partner(session: AsyncSession, partner_id: UUID) -> PartnerRow | None:
    """Return any partner, removed ones too, that no other transaction changes until this one ends."""
    held = select(PartnerRow).where(PartnerRow.id == partner_id).with_for_update()
    return await session.scalar(held)


async def list_partners(
    session: AsyncSession, *, manager: Manager, which: PartnerFilter, paging: Paging
) -> Page[PartnerRow]:
    """Return a page of the partners that a manager may see, newest first. Raises ValidationFailedError."""
    conditions = _seen_by(manager)
    if which.state:
        conditions.append(PartnerRow.state == which.state)
    if which.plan:
        conditions.append(PartnerRow.plan == which.plan)
    seen_by = None if manager.operator else manager.user_id
    return await paginate(
        session,
        select(PartnerRow).where(*conditions),
        order=[descending(PartnerRow.created_at), descending(PartnerRow.id)],
        cursor=paging.cursor,
        limit=paging.limit,
        filters={**which.model_dump(), "seen_by": seen_by},
    )


async def list_keys(
    session: AsyncSession, partner_id: UUID, *, paging: Paging
) -> Page[PartnerKeyRow]:
    """Return a page of a partner's keys that were ever good, newest first. Raises ValidationFailedError."""
    theirs = (PartnerKeyRow.partner_id == partner_id, PartnerKeyRow.activated_at.is_not(None))
    return await paginate(
        session,
        select(PartnerKeyRow).where(*theirs),
        order=[descending(PartnerKeyRow.created_at), descending(PartnerKeyRow.id)],
        cursor=paging.cursor,
        limit=paging.limit,
        filters={"partner": partner_id},
    )


async def find_key(
    session: AsyncSession, key_id: UUID, *, partner_id: UUID
) -> PartnerKeyRow | None:
    """Return a partner's key, or None."""
    return await session.scalar(select(PartnerKeyRow).where(*_of(partner_id, key_id)))


async def find_key_for_change(
    session: AsyncSession, key_id: UUID, *, partner_id: UUID
) -> PartnerKeyRow | None:
    """Return a partner's key that no other transaction changes until this one ends, or None."""
    return await session.scalar(
        select(PartnerKeyRow).where(*_of(partner_id, key_id)).with_for_update()
    )


async def find_pending_key(session: AsyncSession, key_id: UUID) -> PartnerKeyRow | None:
    """Return a key that is being made, and that no other transaction changes until this one ends, or None."""
    pending = (PartnerKeyRow.id == key_id, PartnerKeyRow.state == KeyState.PENDING)
    return await session.scalar(select(PartnerKeyRow).where(*pending).with_for_update())


async def has_successor(session: AsyncSession, key_id: UUID, *, begun_after: datetime) -> bool:
    """Tell whether a key has a successor, or may be getting one at this moment."""
    alive = or_(
        PartnerKeyRow.state == KeyState.ACTIVE,
        (PartnerKeyRow.state == KeyState.PENDING) & (PartnerKeyRow.created_at > begun_after),
    )
    found = select(PartnerKeyRow.id).where(PartnerKeyRow.replaces_id == key_id, alive).limit(1)
    return await session.scalar(found) is not None


async def count_live_keys(session: AsyncSession, partner_id: UUID, *, at: datetime) -> int:
    """Return how many keys of a partner are good, or about to be."""
    alive = select(func.count(PartnerKeyRow.id)).where(
        PartnerKeyRow.partner_id == partner_id,
        PartnerKeyRow.state.in_([KeyState.PENDING, KeyState.ACTIVE]),
        *_not_over(at),
    )
    return await session.scalar(alive) or 0


async def keys_at_the_gateway(session: AsyncSession, partner_id: UUID) -> Sequence[UUID]:
    """Return the ids of a partner's active keys."""
    active = select(PartnerKeyRow.id).where(
        PartnerKeyRow.partner_id == partner_id, PartnerKeyRow.state == KeyState.ACTIVE
    )
    return (await session.scalars(active.order_by(PartnerKeyRow.id))).all()


async def find_by_digest(
    session: AsyncSession, digest: str
) -> Row[PartnerKeyRow, PartnerRow] | None:
    """Return a key and its partner, or None: one statement."""
    found = (
        select(PartnerKeyRow, PartnerRow)
        .join(PartnerRow, PartnerRow.id == PartnerKeyRow.partner_id)
        .where(PartnerKeyRow.digest == digest)
    )
    return (await session.execute(found)).first()


async def note_use(
    session: AsyncSession, key_id: UUID, *, at: datetime, at_most_every: timedelta
) -> None:
    """Write when a key was used, unless that was done just now. Waits for nobody who changes the key."""
    due = or_(PartnerKeyRow.last_used_at.is_(None), PartnerKeyRow.last_used_at < at - at_most_every)
    free = select(PartnerKeyRow.id).where(PartnerKeyRow.id == key_id, due)
    noted = (
        update(PartnerKeyRow)
        .where(PartnerKeyRow.id.in_(free.with_for_update(skip_locked=True)))
        # Not a change of the key: `updated_at` stays.
        .values(last_used_at=at, updated_at=PartnerKeyRow.updated_at)
    )
    await session.execute(noted.execution_options(**_WITHOUT_SYNC))


async def end_keys(
    session: AsyncSession,
    *,
    at: datetime,
    partner_id: UUID | None = None,
    only: Collection[UUID] | None = None,
) -> list[UUID]:
    """End pending and active keys: all of a partner, or some. Return which ended now."""
    which: list[ColumnElement[bool]] = [
        PartnerKeyRow.state.in_([KeyState.PENDING, KeyState.ACTIVE])
    ]
    if partner_id is not None:
        which.append(PartnerKeyRow.partner_id == partner_id)
    if only is not None:
        which.append(PartnerKeyRow.id.in_(list(only)))
    ended = (
        update(PartnerKeyRow)
        .where(*which)
        .values(state=KeyState.REMOVING, ended_at=at, updated_at=at)
        .returning(PartnerKeyRow.id)
        .execution_options(**_WITHOUT_SYNC)
    )
    return list((await session.scalars(ended)).all())


async def settle_removed(session: AsyncSession, key_ids: Collection[UUID]) -> None:
    """Write that keys are gone from the gateway. Those that nobody ever saw are forgotten."""
    done = (PartnerKeyRow.id.in_(list(key_ids)), PartnerKeyRow.state == KeyState.REMOVING)
    never = delete(PartnerKeyRow).where(*done, PartnerKeyRow.activated_at.is_(None))
    await session.execute(never.execution_options(**_WITHOUT_SYNC))
    gone = update(PartnerKeyRow).where(*done).values(state=KeyState.REMOVED)
    await session.execute(gone.execution_options(**_WITHOUT_SYNC))


async def mark_missing(
    session: AsyncSession, key_id: UUID, *, since: datetime | None
) -> PartnerKeyRow | None:
    """Write since when the gateway has no such key, or that it has; return it if it is active still."""
    marked = (
        update(PartnerKeyRow)
        .where(PartnerKeyRow.id == key_id, PartnerKeyRow.state == KeyState.ACTIVE)
        .values(missing_since=since)
        .returning(PartnerKeyRow)
    )
    options = {**_WITHOUT_SYNC, "populate_existing": True}
    return await session.scalar(marked.execution_options(**options))


async def keys_to_compare(
    session: AsyncSession, *, after: UUID | None, limit: int
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return some of the keys that the gateway should know, or should not any more, in order of their ids."""
    columns = (
        PartnerKeyRow.id,
        PartnerKeyRow.state,
        PartnerKeyRow.created_at,
        PartnerKeyRow.activated_at,
        PartnerKeyRow.expires_at,
        PartnerKeyRow.retires_at,
        PartnerKeyRow.missing_since,
        PartnerRow.plan,
    )
    found = (
        select(*columns)
        .join(PartnerRow, PartnerRow.id == PartnerKeyRow.partner_id)
        .where(PartnerKeyRow.state != KeyState.REMOVED)
    )
    if after is not None:
        found = found.where(PartnerKeyRow.id > after)
    return (await session.execute(found.order_by(PartnerKeyRow.id).limit(limit))).all()


async def forget_keys(session: AsyncSession, *, before: datetime, limit: int) -> int:
    """Delete some keys that were gone before a moment; return how many."""
    old = (
        select(PartnerKeyRow.id)
        .where(PartnerKeyRow.state == KeyState.REMOVED, PartnerKeyRow.ended_at < before)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    gone = delete(PartnerKeyRow).where(PartnerKeyRow.id.in_(old)).returning(PartnerKeyRow.id)
    return len((await session.execute(gone.execution_options(**_WITHOUT_SYNC))).all())


async def find_removed_partner(session: AsyncSession) -> PartnerRow | None:
    """Return a removed partner, none of whose keys the gateway may know still, or None.

    No other transaction works on it until this one ends.
    """
    left = (
        select(PartnerKeyRow.id)
        .where(PartnerKeyRow.partner_id == PartnerRow.id, PartnerKeyRow.state != KeyState.REMOVED)
        .exists()
    )
    removed = select(PartnerRow).where(PartnerRow.state == PartnerState.REMOVED, ~left)
    first = removed.order_by(PartnerRow.id).limit(1)
    return await session.scalar(first.with_for_update(skip_locked=True))


async def forget_partner(session: AsyncSession, partner_id: UUID) -> None:
    """Delete a partner and its keys."""
    gone = delete(PartnerRow).where(PartnerRow.id == partner_id)
    await session.execute(gone.execution_options(**_WITHOUT_SYNC))


def _seen_by(manager: Manager, partner_id: UUID | None = None) -> list[ColumnElement[bool]]:
    seen = [PartnerRow.state != PartnerState.REMOVED]
    if not manager.operator:
        seen.append(PartnerRow.admin_id == manager.user_id)
    if partner_id is not None:
        seen.append(PartnerRow.id == partner_id)
    return seen


def _of(partner_id: UUID, key_id: UUID) -> tuple[ColumnElement[bool], ...]:
    # What nobody ever saw is nobody's key.
    return (
        PartnerKeyRow.id == key_id,
        PartnerKeyRow.partner_id == partner_id,
        PartnerKeyRow.activated_at.is_not(None),
    )


def _not_over(at: datetime) -> tuple[ColumnElement[bool], ...]:
    return tuple(
        or_(moment.is_(None), moment > at)
        for moment in (PartnerKeyRow.expires_at, PartnerKeyRow.retires_at)
    )
