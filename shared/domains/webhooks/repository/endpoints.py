"""Where endpoints and their secrets are kept."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    Update,
    cast,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from shared.adapters.database.pagination import descending, paginate
from shared.core.pagination import Page
from shared.core.schema import Paging
from shared.domains.webhooks.models import DeliveryRow, EndpointRow, HealthRow, SecretRow
from shared.domains.webhooks.schemas import (
    Cause,
    DeliveryState,
    EndpointFilter,
    EndpointState,
    SecretScheme,
)

_WITHOUT_SYNC = {"synchronize_session": False}


async def hold_place(session: AsyncSession, owner_id: UUID | None) -> None:
    """Have no other transaction give the owner an endpoint until this one ends."""
    # A lock that is no row's: the installation has none. What it returns has no type; a text may be read.
    key = func.hashtextextended(f"webhook_endpoints:{owner_id}", 0)
    await session.execute(select(cast(func.pg_advisory_xact_lock(key), String)))


async def count_endpoints(session: AsyncSession, owner_id: UUID | None) -> int:
    """Return how many endpoints an owner has."""
    return await session.scalar(select(func.count(EndpointRow.id)).where(*_of(owner_id))) or 0


async def save(session: AsyncSession, *rows: EndpointRow | SecretRow | HealthRow) -> None:
    """Write new or changed rows, in their order."""
    for row in rows:
        session.add(row)
        await session.flush()


async def find_endpoint(
    session: AsyncSession, endpoint_id: UUID, *, owner_id: UUID | None
) -> EndpointRow | None:
    """Return an owner's endpoint with its health, or None."""
    return await session.scalar(_with_health().where(*_of(owner_id, endpoint_id)))


async def find_endpoint_for_change(
    session: AsyncSession, endpoint_id: UUID, *, owner_id: UUID | None
) -> EndpointRow | None:
    """Return an owner's endpoint that no other transaction changes until this one ends, or None."""
    held = _with_health().where(*_of(owner_id, endpoint_id))
    return await session.scalar(held.with_for_update(of=EndpointRow))


async def list_endpoints(
    session: AsyncSession, *, owner_id: UUID | None, which: EndpointFilter, paging: Paging
) -> Page[EndpointRow]:
    """Return a page of an owner's endpoints, newest first. Raises ValidationFailedError."""
    conditions = _of(owner_id)
    if which.state:
        conditions.append(EndpointRow.state == which.state)
    return await paginate(
        session,
        _with_health().where(*conditions),
        order=[descending(EndpointRow.created_at), descending(EndpointRow.id)],
        cursor=paging.cursor,
        limit=paging.limit,
        filters={**which.model_dump(), "owner": owner_id},
    )


async def reset_health(session: AsyncSession, endpoint_id: UUID, *, at: datetime) -> None:
    """Forget how an endpoint failed: it is sent what is due at once."""
    fresh = update(HealthRow).where(HealthRow.endpoint_id == endpoint_id)
    values = {
        "failures": 0,
        "failing_since": None,
        "open_until": None,
        "interval_ms": 0,
        "next_at": at,
    }
    await session.execute(fresh.values(values))


async def drop_pending(session: AsyncSession, endpoint_id: UUID, *, at: datetime) -> None:
    """Give up what an endpoint was to be sent, but for what is on its way: the worker settles that."""
    dropped = _dropped(endpoint_id, at=at).where(DeliveryRow.claimed.is_(False))
    await session.execute(dropped.execution_options(**_WITHOUT_SYNC))


async def drop_verifications(session: AsyncSession, endpoint_id: UUID, *, at: datetime) -> None:
    """Give up what an endpoint was to verify itself by: an answer that comes still counts no more."""
    dropped = _dropped(endpoint_id, at=at).where(DeliveryRow.cause == Cause.VERIFICATION)
    await session.execute(dropped.execution_options(**_WITHOUT_SYNC))


async def list_secrets(
    session: AsyncSession, endpoint_id: UUID, *, at: datetime
) -> Sequence[SecretRow]:
    """Return an endpoint's secrets that sign at a moment, newest first."""
    newest = select(SecretRow).where(SecretRow.endpoint_id == endpoint_id, signs(at))
    ordered = newest.order_by(SecretRow.created_at.desc(), SecretRow.id.desc())
    return (await session.scalars(ordered)).all()


async def count_secrets(
    session: AsyncSession, endpoint_id: UUID, *, scheme: SecretScheme, at: datetime
) -> int:
    """Return how many secrets of a scheme sign at a moment."""
    signing = select(func.count(SecretRow.id)).where(
        SecretRow.endpoint_id == endpoint_id, SecretRow.scheme == scheme, signs(at)
    )
    return await session.scalar(signing) or 0


async def end_secrets(
    session: AsyncSession, endpoint_id: UUID, *, scheme: SecretScheme | None, at: datetime
) -> None:
    """Have an endpoint's secrets, of a scheme or all, sign until a moment, or until when they did anyway."""
    longer = update(SecretRow).where(SecretRow.endpoint_id == endpoint_id, signs(at))
    if scheme:
        longer = longer.where(SecretRow.scheme == scheme)
    await session.execute(longer.values(expires_at=at).execution_options(**_WITHOUT_SYNC))


async def remove_secrets(session: AsyncSession, endpoint_id: UUID) -> None:
    """Delete the secrets of an endpoint."""
    gone = delete(SecretRow).where(SecretRow.endpoint_id == endpoint_id)
    await session.execute(gone.execution_options(**_WITHOUT_SYNC))


def _dropped(endpoint_id: UUID, *, at: datetime) -> Update:
    pending = update(DeliveryRow).where(
        DeliveryRow.endpoint_id == endpoint_id, DeliveryRow.state == DeliveryState.PENDING
    )
    return pending.values(state=DeliveryState.DROPPED, claimed=False, finished_at=at)


def _with_health() -> Select[EndpointRow]:
    return select(EndpointRow).options(joinedload(EndpointRow.health))


def _of(owner_id: UUID | None, endpoint_id: UUID | None = None) -> list[ColumnElement[bool]]:
    """Return the conditions of an owner's endpoints: without one, IS NULL, and so the installation's."""
    conditions = [EndpointRow.owner_id == owner_id, EndpointRow.state != EndpointState.REMOVED]
    return [*conditions, EndpointRow.id == endpoint_id] if endpoint_id else conditions


def signs(at: datetime) -> ColumnElement[bool]:
    """Return the condition of secrets that sign at a moment."""
    return or_(SecretRow.expires_at.is_(None), SecretRow.expires_at > at)
