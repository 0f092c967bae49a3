"""Keeping what came of attempts: of deliveries, of their log, and of how endpoints do."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters.database.sessions import autocommit, unit_of_work
from shared.adapters.logging import logger
from shared.adapters.metrics import Metric, count
from shared.adapters.outbox import outbox
from shared.core.errors import ServiceUnavailableError
from shared.domains.identity import api as identity
from shared.domains.mail import api as mail
from shared.domains.mail.events import MailTemplate
from shared.domains.webhooks.events import EndpointDisabled
from shared.domains.webhooks.models import HealthRow
from shared.domains.webhooks.repository import deliveries, endpoints, health
from shared.domains.webhooks.schemas import Cause, DisabledReason
from shared.domains.webhooks.service.planner import (
    Condition,
    condition_after,
    reason_to_disable,
)
from shared.domains.webhooks.service.posting import Result

TRIES = 3
"""How often keeping is tried: what is lost here is sent again."""


async def settle(results: Sequence[Result]) -> None:
    """Keep what came of deliveries. Raises ServiceUnavailableError where it cannot be: they are sent again."""
    plain = [each for each in results if each.is_plain]
    others = [each for each in results if not each.is_plain]
    if plain:
        await _insistently(_settle_plainly, plain)
    if others:
        await _insistently(_settle_with_health, others)


async def _insistently(
    keep: Callable[[Sequence[Result]], Awaitable[None]], results: Sequence[Result]
) -> None:
    for tries_left in reversed(range(TRIES)):
        try:
            return await keep(results)
        except ServiceUnavailableError:
            # Most likely a deadlock, with whoever disables or deletes an endpoint.
            if not tries_left:
                raise
            logger().warning("what came of webhooks is not kept yet")
    return None


async def _settle_plainly(results: Sequence[Result]) -> None:
    async with autocommit() as session:
        await deliveries.settle(session, [each.row() for each in results], wholly=True)


async def _settle_with_health(results: Sequence[Result]) -> None:
    async with unit_of_work() as session:
        ids = {each.claimed.endpoint_id for each in results}
        held = await health.lock(session, ids)
        conditions = {row.endpoint_id: _condition_of(row) for row in held}
        reasons = _judge(results, conditions)
        await deliveries.settle(session, [each.row() for each in results], wholly=False)
        await health.keep(session, [_kept(id_, each) for id_, each in conditions.items()])
        await _verify(session, results)
        for endpoint_id, (reason, at) in reasons.items():
            since = conditions[endpoint_id].failing_since or at
            await _disable(session, endpoint_id, reason=reason, at=at, since=since)


def _judge(
    results: Iterable[Result], conditions: dict[UUID, Condition]
) -> Mapping[UUID, tuple[DisabledReason, datetime]]:
    """Bring the conditions up to date; return which endpoints are to be disabled, and why."""
    reasons: dict[UUID, tuple[DisabledReason, datetime]] = {}
    for each in results:
        endpoint_id, outcome = each.claimed.endpoint_id, each.outcome
        if outcome is None or endpoint_id not in conditions:
            continue
        conditions[endpoint_id] = condition_after(conditions[endpoint_id], outcome)
        if reason := reason_to_disable(conditions[endpoint_id], outcome):
            reasons[endpoint_id] = (reason, outcome.at)
    return reasons


async def _verify(session: AsyncSession, results: Iterable[Result]) -> None:
    for each in results:
        outcome = each.outcome
        if each.claimed.cause == Cause.VERIFICATION and outcome and outcome.succeeded:
            await health.verify(
                session, each.claimed.endpoint_id, delivery_id=each.claimed.id, at=outcome.at
            )


async def _disable(
    session: AsyncSession,
    endpoint_id: UUID,
    *,
    reason: DisabledReason,
    at: datetime,
    since: datetime,
) -> None:
    """Disable an endpoint, and tell of it: once, for only one transaction finds it enabled."""
    disabled = await health.disable(session, endpoint_id, reason=reason, at=at)
    if disabled is None:
        return
    await endpoints.drop_pending(session, endpoint_id, at=at)
    url = disabled.url.partition("?")[0]
    outbox.add(
        session,
        EndpointDisabled(
            owner_id=disabled.owner_id, endpoint_id=endpoint_id, url=url, reason=reason, since=since
        ),
    )
    if disabled.owner_id:
        await _tell_owner(session, disabled.owner_id, url=url, reason=reason)
    logger().warning("endpoint disabled", extra={"endpoint_id": endpoint_id, "reason": reason})
    count(Metric.WEBHOOK_ENDPOINTS_DISABLED, reason=reason.value)


async def _tell_owner(
    session: AsyncSession, owner_id: UUID, *, url: str, reason: DisabledReason
) -> None:
    # A partner's endpoints are its account's, which has a mail address as every account.
    if owner := await identity.find_contact(session, owner_id):
        await mail.request(
            session,
            to=owner.email,
            template=MailTemplate.WEBHOOK_DISABLED,
            locale=owner.locale,
            values={
                "username": owner.username,
                "endpoint": url.partition("://")[2],
                "kind": reason.value,
            },
        )


def _condition_of(row: HealthRow) -> Condition:
    return Condition(
        failures=row.failures,
        failing_since=row.failing_since,
        open_until=row.open_until,
        interval_ms=row.interval_ms,
        next_at=row.next_at,
        succeeded_at=row.succeeded_at,
    )


def _kept(endpoint_id: UUID, condition: Condition) -> dict[str, Any]:
    moments = {
        name: moment.isoformat() if moment else None
        for name, moment in (
            ("failing_since", condition.failing_since),
            ("open_until", condition.open_until),
            ("next_at", condition.next_at),
            ("succeeded_at", condition.succeeded_at),
        )
    }
    return {
        "endpoint_id": str(endpoint_id),
        "failures": condition.failures,
        "interval_ms": condition.interval_ms,
        **moments,
    }
