"""The rules of the log: what was sent is kept for a while, and can be sent again with the same id."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters.database.sessions import after_commit
from shared.adapters.outbox.models import PublicEventRow
from shared.core.clock import now
from shared.core.pagination import Page
from shared.core.schema import Paging
from shared.domains.webhooks.errors import (
    AttemptNotFoundError,
    EmptyRangeError,
    MessageNotFoundError,
)
from shared.domains.webhooks.models import AttemptRow
from shared.domains.webhooks.repository import log as repository
from shared.domains.webhooks.repository.log import Range, Requeued
from shared.domains.webhooks.schemas import (
    MOST_QUEUED,
    AttemptFilter,
    Hour,
    Owner,
    Replay,
    Statistics,
)
from shared.domains.webhooks.service import finding, vetting
from shared.domains.webhooks.service.nudging import nudge

_HOUR = timedelta(hours=1)


async def list_attempts(
    session: AsyncSession, endpoint_id: UUID, *, owner: Owner, which: AttemptFilter, paging: Paging
) -> Page[AttemptRow]:
    """Return a page of attempts, newest first. Raises EndpointNotFoundError, ValidationFailedError."""
    await finding.require(session, endpoint_id, owner=owner)
    return await repository.list_attempts(session, endpoint_id, which=which, paging=paging)


async def get_attempt(
    session: AsyncSession, endpoint_id: UUID, *, owner: Owner, attempt_id: UUID
) -> AttemptRow:
    """Return an attempt. Raises EndpointNotFoundError, AttemptNotFoundError."""
    await finding.require(session, endpoint_id, owner=owner)
    return await _require_attempt(session, attempt_id, endpoint_id=endpoint_id)


async def get_message(session: AsyncSession, message_id: UUID, *, owner: Owner) -> PublicEventRow:
    """Return an owner's event; for the installation anybody's. Raises MessageNotFoundError."""
    event = await repository.find_event(session, message_id, owner_id=owner.owner_id)
    if event is None:
        raise MessageNotFoundError
    return event


async def resend(
    session: AsyncSession, endpoint_id: UUID, *, owner: Owner, attempt_id: UUID
) -> Requeued:
    """Send an attempt's message again, whatever came of it.

    Raises EndpointNotFoundError, EndpointNotEnabledError, AttemptNotFoundError.
    """
    await finding.require_enabled(session, endpoint_id, owner=owner)
    attempt = await _require_attempt(session, attempt_id, endpoint_id=endpoint_id)
    await repository.resend(session, attempt.delivery_id, endpoint_id=endpoint_id, at=now())
    after_commit(session, nudge)
    return Requeued(count=1, next_at=None)


async def resend_failed(
    session: AsyncSession, endpoint_id: UUID, *, owner: Owner, since: datetime
) -> Requeued:
    """Send again what was given up since a moment, MOST_QUEUED messages at most.

    Raises EndpointNotFoundError, EndpointNotEnabledError.
    """
    await finding.require_enabled(session, endpoint_id, owner=owner)
    after_commit(session, nudge)
    return await repository.resend_failed(
        session, endpoint_id, since=since, limit=MOST_QUEUED, at=now()
    )


async def replay(
    session: AsyncSession, endpoint_id: UUID, *, owner: Owner, asked: Replay
) -> Requeued:
    """Send again, or for the first time, what happened within a time, MOST_QUEUED messages at most.

    Raises EndpointNotFoundError, EndpointNotEnabledError, UnknownEventTypeError, EmptyRangeError.
    """
    if asked.until <= asked.since:
        raise EmptyRangeError
    vetting.check_patterns(asked.event_types)
    endpoint = await finding.require_enabled(session, endpoint_id, owner=owner)
    types = vetting.types_among(tuple(endpoint.event_types), asked.event_types)
    which = Range(
        owner_id=owner.owner_id, since=asked.since, until=asked.until, types=frozenset(types)
    )
    after_commit(session, nudge)
    return await repository.replay(session, endpoint_id, which=which, limit=MOST_QUEUED, at=now())


async def statistics(
    session: AsyncSession, endpoint_id: UUID, *, owner: Owner, hours: int
) -> Statistics:
    """Return how the last hours went, those without attempts too. Raises EndpointNotFoundError."""
    await finding.require(session, endpoint_id, owner=owner)
    this = now().replace(minute=0, second=0, microsecond=0)
    since = this - (hours - 1) * _HOUR
    counted = await repository.count_by_hour(session, endpoint_id, since=since)
    return Statistics(
        pending=await repository.count_pending(session, endpoint_id),
        hours=tuple(_hour(since + number * _HOUR, counted=counted) for number in range(hours)),
    )


def _hour(at: datetime, *, counted: dict[datetime, tuple[int, int]]) -> Hour:
    succeeded, failed = counted.get(at, (0, 0))
    return Hour(hour=at, succeeded=succeeded, failed=failed)


async def _require_attempt(
    session: AsyncSession, attempt_id: UUID, *, endpoint_id: UUID
) -> AttemptRow:
    attempt = await repository.find_attempt(session, attempt_id, endpoint_id=endpoint_id)
    if attempt is None:
        raise AttemptNotFoundError
    return attempt
