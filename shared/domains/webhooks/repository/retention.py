"""What removes what nobody needs any more, some of it at a time."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Delete, Select, and_, delete, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters.outbox.models import PublicEventRow
from shared.domains.webhooks.models import AttemptRow, DeliveryRow, EndpointRow, SecretRow
from shared.domains.webhooks.schemas import DeliveryState, EndpointState

_WITHOUT_SYNC = {"synchronize_session": False}


async def drop_waiting(session: AsyncSession, *, before: datetime, at: datetime, limit: int) -> int:
    """Give up some deliveries that wait for a disabled endpoint, or for too long for an unverified one.

    A disabled one's are dropped when it is disabled; these were made at that same moment.
    """
    hopeless = or_(
        EndpointRow.state == EndpointState.DISABLED,
        and_(EndpointRow.state == EndpointState.UNVERIFIED, DeliveryRow.created_at < before),
    )
    # Whoever has one now settles it: it may be delivered at this moment.
    free = or_(DeliveryRow.claimed.is_(False), DeliveryRow.due_at <= at)
    waiting = _deliveries_of_endpoints(hopeless, free, DeliveryRow.state == DeliveryState.PENDING)
    dropped = update(DeliveryRow).where(DeliveryRow.id.in_(waiting.limit(limit)))
    values = {"state": DeliveryState.DROPPED, "claimed": False, "finished_at": at}
    done = dropped.values(values).returning(DeliveryRow.id)
    return len((await session.execute(done.execution_options(**_WITHOUT_SYNC))).all())


async def remove_attempts(session: AsyncSession, *, before: datetime, limit: int) -> int:
    """Delete some attempts that were made before a moment; return how many."""
    some = select(AttemptRow.id).where(AttemptRow.started_at < before).limit(limit)
    return await _removed(session, delete(AttemptRow).where(AttemptRow.id.in_(some)))


async def remove_deliveries(session: AsyncSession, *, before: datetime, limit: int) -> int:
    """Delete some deliveries that ended before a moment, with their attempts; return how many."""
    over = (DeliveryRow.state != DeliveryState.PENDING, DeliveryRow.finished_at < before)
    some = select(DeliveryRow.id).where(*over).limit(limit)
    return await _removed(session, delete(DeliveryRow).where(DeliveryRow.id.in_(some)))


async def remove_log_of_removed(session: AsyncSession, *, limit: int) -> int:
    """Delete some deliveries of removed endpoints, with their attempts; return how many."""
    some = _deliveries_of_endpoints(EndpointRow.state == EndpointState.REMOVED).limit(limit)
    return await _removed(session, delete(DeliveryRow).where(DeliveryRow.id.in_(some)))


async def remove_endpoints(session: AsyncSession, *, limit: int) -> int:
    """Delete some removed endpoints whose log is gone; return how many."""
    logged = exists().where(DeliveryRow.endpoint_id == EndpointRow.id)
    some = select(EndpointRow.id).where(EndpointRow.state == EndpointState.REMOVED, ~logged)
    gone = delete(EndpointRow).where(EndpointRow.id.in_(some.limit(limit)))
    return await _removed(session, gone)


async def remove_secrets(session: AsyncSession, *, before: datetime, limit: int) -> int:
    """Delete some secrets that ended before a moment; return how many."""
    some = select(SecretRow.id).where(SecretRow.expires_at < before).limit(limit)
    return await _removed(session, delete(SecretRow).where(SecretRow.id.in_(some)))


async def remove_events(session: AsyncSession, *, before: datetime, limit: int) -> int:
    """Delete some events of the journal that no delivery is of any more; return how many.

    What stands in a log can be sent again for as long as it stands there.
    """
    delivered = exists().where(DeliveryRow.event_id == PublicEventRow.id)
    some = select(PublicEventRow.sequence).where(PublicEventRow.occurred_at < before, ~delivered)
    gone = delete(PublicEventRow).where(PublicEventRow.sequence.in_(some.limit(limit)))
    return await _removed(session, gone)


async def remove_deliveries_of(session: AsyncSession, *, owner_id: UUID, limit: int) -> int:
    """Delete some of an owner's deliveries, with their attempts; return how many."""
    some = _deliveries_of_endpoints(EndpointRow.owner_id == owner_id).limit(limit)
    return await _removed(session, delete(DeliveryRow).where(DeliveryRow.id.in_(some)))


async def remove_endpoints_of(session: AsyncSession, *, owner_id: UUID, limit: int) -> int:
    """Delete some of an owner's endpoints, removed ones too; return how many."""
    some = select(EndpointRow.id).where(EndpointRow.owner_id == owner_id).limit(limit)
    return await _removed(session, delete(EndpointRow).where(EndpointRow.id.in_(some)))


async def remove_events_of(session: AsyncSession, *, owner_id: UUID, limit: int) -> int:
    """Delete some of an owner's events from the journal; return how many."""
    some = select(PublicEventRow.sequence).where(PublicEventRow.owner_id == owner_id)
    gone = delete(PublicEventRow).where(PublicEventRow.sequence.in_(some.limit(limit)))
    return await _removed(session, gone)


def _deliveries_of_endpoints(*conditions: Any) -> Select[UUID]:
    joined = DeliveryRow.endpoint_id == EndpointRow.id
    return select(DeliveryRow.id).join(EndpointRow, joined).where(*conditions)


async def _removed(session: AsyncSession, statement: Delete) -> int:
    gone = statement.returning(*statement.table.primary_key)
    return len((await session.execute(gone.execution_options(**_WITHOUT_SYNC))).all())
