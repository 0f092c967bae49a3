"""Scenes of webhooks: of owners, and of endpoints, which have deliveries, secrets and a log."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters.database.base import Base
from shared.adapters.outbox.models import PublicEventRow
from shared.domains.webhooks.models import (
    AttemptRow,
    DeliveryRow,
    EndpointRow,
    HealthRow,
    SecretRow,
)
from shared.domains.webhooks.repository import endpoints, health, log, retention
from shared.domains.webhooks.schemas import (
    AttemptFilter,
    AttemptOutcome,
    Cause,
    DeliveryState,
    DisabledReason,
    EndpointFilter,
    EndpointState,
    SecretScheme,
    Verification,
)
from tests.authorization.stage import ADA, ANY, EARLIER, LATER, NOW, THINGS, Owner, scene_of


def endpoint(owner: Owner) -> Sequence[Base]:
    return [_endpoint(id=owner.thing, owner_id=owner.id)]


def its_health(of: Owner) -> Sequence[Base]:
    return [HealthRow(endpoint_id=of.id, failures=3, next_at=EARLIER)]


def secret(of: Owner) -> Sequence[Base]:
    return [SecretRow(id=of.thing, endpoint_id=of.id, scheme=SecretScheme.V1, sealed="-")]


def pending(of: Owner) -> Sequence[Base]:
    return [_delivery(of, cause=Cause.VERIFICATION)]


def failed(of: Owner) -> Sequence[Base]:
    return [_delivery(of, state=DeliveryState.FAILED)]


def two_failed(of: Owner) -> Sequence[Base]:
    return [*failed(of), _delivery(of, id=of.second, event_id=of.thing, state=DeliveryState.FAILED)]


def attempt(of: Owner) -> Sequence[Base]:
    row = AttemptRow(
        id=of.thing,
        delivery_id=of.second,
        endpoint_id=of.id,
        event_id=of.second,
        event_type="item.created",
        cause=Cause.EVENT,
        number=1,
        started_at=NOW,
        latency_ms=12,
        outcome=AttemptOutcome.FAILED,
        request={},
    )
    return [row]


def event(owner: Owner) -> Sequence[Base]:
    row = PublicEventRow(
        id=owner.thing,
        owner_id=owner.id,
        type="item.created",
        aggregate=owner.name,
        data={},
        occurred_at=NOW,
        fanned_out_at=NOW,
    )
    return [row]


def endpoint_and_delivery(owner: Owner) -> Sequence[Base]:
    return [*endpoint(owner), _delivery(owner, endpoint_id=owner.thing)]


def sent_to(of: Owner) -> Sequence[Base]:
    return [_endpoint(id=of.id)]


def asked_to_verify(of: Owner) -> Sequence[Base]:
    """Ask both endpoints, and have one answer."""
    state = DeliveryState.DELIVERED if of is ADA else DeliveryState.PENDING
    return [_endpoint(id=of.id, state=EndpointState.UNVERIFIED), _delivery(of, state=state)]


def _endpoint(**values: Any) -> EndpointRow:
    usual = {
        "url": "https://hooks.example.com/",
        "event_types": ["*"],
        "state": EndpointState.ENABLED,
        "verification": Verification.NONE,
    }
    return EndpointRow(**usual | values)


def _delivery(of: Owner, **values: Any) -> DeliveryRow:
    usual = {
        "id": of.thing,
        "endpoint_id": of.id,
        "event_id": of.second,
        "event_type": "item.created",
        "aggregate": of.name,
        "sequence": 1,
        "cause": Cause.EVENT,
        "state": DeliveryState.PENDING,
        "due_at": NOW,
        "created_at": NOW,
    }
    return DeliveryRow(**usual | values)


@scene_of(endpoints._of, endpoint)
async def see_endpoints(session: AsyncSession, me: Owner) -> object:
    finders = (endpoints.find_endpoint, endpoints.find_endpoint_for_change)
    found = [await find(session, i, owner_id=me.id) for find in finders for i in THINGS]
    return (
        [row and row.id for row in found],
        await endpoints.count_endpoints(session, me.id),
        await endpoints.list_endpoints(session, owner_id=me.id, which=EndpointFilter(), paging=ANY),
    )


@scene_of(endpoints.reset_health, its_health)
async def reset_health(session: AsyncSession, me: Owner) -> None:
    await endpoints.reset_health(session, me.id, at=NOW)


@scene_of(endpoints._dropped, pending)
async def drop_deliveries(session: AsyncSession, me: Owner) -> None:
    await endpoints.drop_pending(session, me.id, at=NOW)


@scene_of(endpoints.list_secrets, secret)
async def list_secrets(session: AsyncSession, me: Owner) -> object:
    return await endpoints.list_secrets(session, me.id, at=NOW)


@scene_of(endpoints.count_secrets, secret)
async def count_secrets(session: AsyncSession, me: Owner) -> object:
    return await endpoints.count_secrets(session, me.id, scheme=SecretScheme.V1, at=NOW)


@scene_of(endpoints.end_secrets, secret)
async def end_secrets(session: AsyncSession, me: Owner) -> None:
    await endpoints.end_secrets(session, me.id, scheme=SecretScheme.V1, at=NOW)


@scene_of(endpoints.remove_secrets, secret)
async def remove_secrets(session: AsyncSession, me: Owner) -> None:
    await endpoints.remove_secrets(session, me.id)


@scene_of(log.list_attempts, attempt)
async def list_attempts(session: AsyncSession, me: Owner) -> object:
    return await log.list_attempts(session, me.id, which=AttemptFilter(), paging=ANY)


@scene_of(log.find_attempt, attempt)
async def find_attempts(session: AsyncSession, me: Owner) -> object:
    return [await log.find_attempt(session, i, endpoint_id=me.id) for i in THINGS]


@scene_of(log.find_event, event)
async def find_events(session: AsyncSession, me: Owner) -> object:
    found = [await log.find_event(session, i, owner_id=me.id) for i in THINGS]
    return [row and row.id for row in found]


@scene_of(log.resend, two_failed)
async def resend(session: AsyncSession, me: Owner) -> None:
    for each in THINGS:
        await log.resend(session, each, endpoint_id=me.id, at=NOW)


@scene_of(log.resend_failed, failed)
async def resend_failed(session: AsyncSession, me: Owner) -> object:
    return await log.resend_failed(session, me.id, since=EARLIER, limit=10, at=NOW)


@scene_of(log._in_range, event)
async def replay(session: AsyncSession, me: Owner) -> object:
    which = log.Range(owner_id=me.id, since=EARLIER, until=LATER, types=["item.created"])
    return await log.replay(session, me.second, which=which, limit=10, at=NOW)


@scene_of(log.count_pending, pending)
async def count_pending(session: AsyncSession, me: Owner) -> object:
    return await log.count_pending(session, me.id)


@scene_of(log.count_by_hour, attempt)
async def count_by_hour(session: AsyncSession, me: Owner) -> object:
    return await log.count_by_hour(session, me.id, since=EARLIER)


@scene_of(retention.remove_deliveries_of, endpoint_and_delivery)
async def remove_deliveries(session: AsyncSession, me: Owner) -> object:
    return await retention.remove_deliveries_of(session, owner_id=me.id, limit=10)


@scene_of(retention.remove_endpoints_of, endpoint)
async def remove_endpoints(session: AsyncSession, me: Owner) -> object:
    return await retention.remove_endpoints_of(session, owner_id=me.id, limit=10)


@scene_of(retention.remove_events_of, event)
async def remove_events(session: AsyncSession, me: Owner) -> object:
    return await retention.remove_events_of(session, owner_id=me.id, limit=10)


@scene_of(health.disable, sent_to)
async def disable(session: AsyncSession, me: Owner) -> object:
    return await health.disable(session, me.id, reason=DisabledReason.GONE, at=NOW)


@scene_of(health.verify, asked_to_verify)
async def verify(session: AsyncSession, me: Owner) -> None:
    await health.verify(session, me.id, delivery_id=me.thing, at=NOW)
