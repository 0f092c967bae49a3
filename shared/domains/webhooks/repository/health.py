"""How endpoints answer, and what is needed to send to them."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import exists, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from shared.domains.webhooks.models import DeliveryRow, EndpointRow, HealthRow, SecretRow
from shared.domains.webhooks.repository.endpoints import signs
from shared.domains.webhooks.schemas import DeliveryState, DisabledReason, EndpointState

_WITHOUT_SYNC = {"synchronize_session": False}
_SENT_TO = (EndpointState.ENABLED, EndpointState.UNVERIFIED)

_KEEP = text("""
UPDATE webhook_health h
SET failures = g.failures, failing_since = g.failing_since, open_until = g.open_until,
    interval_ms = g.interval_ms, next_at = greatest(h.next_at, g.next_at),
    succeeded_at = g.succeeded_at
FROM jsonb_to_recordset(CAST(:conditions AS jsonb)) AS g(
    endpoint_id uuid, failures integer, failing_since timestamptz, open_until timestamptz,
    interval_ms integer, next_at timestamptz, succeeded_at timestamptz
)
WHERE h.endpoint_id = g.endpoint_id
""")


@dataclass(frozen=True, kw_only=True)
class Disabled:
    """An endpoint that was disabled just now, and whose it is."""

    owner_id: UUID | None
    url: str


async def endpoints_with_secrets(
    session: AsyncSession, ids: Collection[UUID], *, at: datetime
) -> tuple[Sequence[EndpointRow], Sequence[SecretRow]]:
    """Return endpoints, and those of their secrets that sign at a moment, newest first."""
    endpoints = select(EndpointRow).where(EndpointRow.id.in_(ids))
    secrets = (
        select(SecretRow)
        .where(SecretRow.endpoint_id.in_(ids), signs(at))
        .order_by(SecretRow.created_at.desc(), SecretRow.id.desc())
    )
    return (await session.scalars(endpoints)).all(), (await session.scalars(secrets)).all()


async def lock(session: AsyncSession, ids: Collection[UUID]) -> Sequence[HealthRow]:
    """Return the health of endpoints, which nobody else changes until this transaction ends."""
    # In one order, so that two that lock several never wait for each other.
    held = select(HealthRow).where(HealthRow.endpoint_id.in_(ids)).order_by(HealthRow.endpoint_id)
    return (await session.scalars(held.with_for_update())).all()


async def keep(session: AsyncSession, conditions: Sequence[Mapping[str, Any]]) -> None:
    """Keep how endpoints do now, by their `endpoint_id`; a pace that was claimed meanwhile stays."""
    await session.execute(_KEEP, {"conditions": json.dumps(conditions)})


async def disable(
    session: AsyncSession, endpoint_id: UUID, *, reason: DisabledReason, at: datetime
) -> Disabled | None:
    """Disable an endpoint; return it, or None where it is sent nothing any more already."""
    disabled = (
        update(EndpointRow)
        .where(EndpointRow.id == endpoint_id, EndpointRow.state.in_(_SENT_TO))
        .values(
            state=EndpointState.DISABLED,
            disabled_reason=reason.value,
            disabled_at=at,
            version=EndpointRow.version + 1,
        )
        .returning(EndpointRow.owner_id, EndpointRow.url)
        .execution_options(**_WITHOUT_SYNC)
    )
    row = (await session.execute(disabled)).one_or_none()
    return Disabled(owner_id=row.owner_id, url=row.url) if row else None


async def verify(
    session: AsyncSession, endpoint_id: UUID, *, delivery_id: UUID, at: datetime
) -> None:
    """Note that an endpoint answered its verification, if that is what it is asked for still.

    One that its owner disabled meanwhile stays so.
    """
    answered = exists().where(
        DeliveryRow.id == delivery_id, DeliveryRow.state == DeliveryState.DELIVERED
    )
    unverified = update(EndpointRow).where(
        EndpointRow.id == endpoint_id, EndpointRow.state == EndpointState.UNVERIFIED, answered
    )
    by_owner = EndpointRow.disabled_reason.is_not(None)
    for condition, state in (
        (by_owner, EndpointState.DISABLED),
        (~by_owner, EndpointState.ENABLED),
    ):
        verified = unverified.where(condition).values(
            state=state, verified_at=at, challenge=None, version=EndpointRow.version + 1
        )
        await session.execute(verified.execution_options(**_WITHOUT_SYNC))


async def count_open(session: AsyncSession, *, at: datetime) -> int:
    """Return how many endpoints are spared now because they fail."""
    spared = (
        select(func.count())
        .select_from(HealthRow)
        .join(EndpointRow, EndpointRow.id == HealthRow.endpoint_id)
        .where(HealthRow.open_until > at, EndpointRow.state.in_(_SENT_TO))
    )
    return await session.scalar(spared) or 0
