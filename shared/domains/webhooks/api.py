"""The face of webhooks: endpoints of owners, their secrets and log; and what delivers."""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from shared.core.lazy import lazy_module
from shared.core.pagination import Page
from shared.core.schema import Paging
from shared.domains.webhooks.schemas import (
    Attempt,
    AttemptDetails,
    AttemptFilter,
    CreatedEndpoint,
    Endpoint,
    EndpointChange,
    EndpointDraft,
    EndpointFilter,
    EndpointHealth,
    EventType,
    Message,
    NewSecret,
    Owner,
    Queued,
    Replay,
    Secret,
    SecretRotation,
    SentTest,
    Statistics,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from shared.adapters.outbound import outbound
    from shared.domains.webhooks import models
    from shared.domains.webhooks.repository.log import Requeued
    from shared.domains.webhooks.service import (
        catalogue,
        delivering,
        endpoints,
        fanout,
        finding,
        log,
        retention,
        secrets,
        trials,
    )
else:
    outbound = lazy_module("shared.adapters.outbound.outbound")
    delivering = lazy_module("shared.domains.webhooks.service.delivering")
    fanout = lazy_module("shared.domains.webhooks.service.fanout")
    catalogue = lazy_module("shared.domains.webhooks.service.catalogue")
    endpoints = lazy_module("shared.domains.webhooks.service.endpoints")
    finding = lazy_module("shared.domains.webhooks.service.finding")
    log = lazy_module("shared.domains.webhooks.service.log")
    retention = lazy_module("shared.domains.webhooks.service.retention")
    secrets = lazy_module("shared.domains.webhooks.service.secrets")
    trials = lazy_module("shared.domains.webhooks.service.trials")


def event_types() -> tuple[EventType, ...]:
    """Return every type of event that endpoints can be sent."""
    return catalogue.event_types()


async def create_endpoint(
    session: "AsyncSession", *, owner: Owner, draft: EndpointDraft
) -> CreatedEndpoint:
    """Make an endpoint, and tell its secrets this once.

    Raises UnfitUrlError, UnknownEventTypeError, UnfitHeaderError, TooManyEndpointsError.
    """
    made = await endpoints.create(session, owner=owner, draft=draft)
    shown = _endpoint_of(made.row, health=made.health)
    return CreatedEndpoint(**dict(shown), secrets=tuple(map(_new_secret_of, made.secrets)))


async def list_endpoints(
    session: "AsyncSession", *, owner: Owner, which: EndpointFilter, paging: Paging
) -> Page[Endpoint]:
    """Return a page of an owner's endpoints, newest first. Raises ValidationFailedError for a bad cursor."""
    page = await endpoints.list_endpoints(session, owner=owner, which=which, paging=paging)
    return page.map(lambda row: _endpoint_of(row, health=row.health))


async def get_endpoint(session: "AsyncSession", endpoint_id: UUID, *, owner: Owner) -> Endpoint:
    """Return an endpoint. Raises EndpointNotFoundError."""
    row = await finding.require(session, endpoint_id, owner=owner)
    return _endpoint_of(row, health=row.health)


async def change_endpoint(
    session: "AsyncSession", endpoint_id: UUID, *, owner: Owner, change: EndpointChange
) -> Endpoint:
    """Change an endpoint.

    Raises EndpointNotFoundError, UnfitUrlError, UnknownEventTypeError, UnfitHeaderError, HeadersNeededError.
    """
    row = await endpoints.change(session, endpoint_id, owner=owner, change=change)
    return _endpoint_of(row, health=row.health)


async def remove_endpoint(session: "AsyncSession", endpoint_id: UUID, *, owner: Owner) -> None:
    """Remove an endpoint: it is sent nothing more. Raises EndpointNotFoundError."""
    await endpoints.remove(session, endpoint_id, owner=owner)


async def list_secrets(
    session: "AsyncSession", endpoint_id: UUID, *, owner: Owner
) -> tuple[Secret, ...]:
    """Return the secrets that sign now, newest first. Raises EndpointNotFoundError."""
    rows = await secrets.list_secrets(session, endpoint_id, owner=owner)
    return tuple(map(Secret.model_validate, rows))


async def rotate_secret(
    session: "AsyncSession", endpoint_id: UUID, *, owner: Owner, rotation: SecretRotation
) -> NewSecret:
    """Make a secret in the place of those of its scheme, and tell it this once.

    Raises EndpointNotFoundError, TooManySecretsError.
    """
    made = await secrets.rotate(session, endpoint_id, owner=owner, rotation=rotation)
    return _new_secret_of(made)


async def list_attempts(
    session: "AsyncSession",
    endpoint_id: UUID,
    *,
    owner: Owner,
    which: AttemptFilter,
    paging: Paging,
) -> Page[Attempt]:
    """Return a page of attempts, newest first. Raises EndpointNotFoundError, ValidationFailedError."""
    page = await log.list_attempts(session, endpoint_id, owner=owner, which=which, paging=paging)
    return page.map(lambda row: Attempt(**_attempt_of(row)))


async def get_attempt(
    session: "AsyncSession", endpoint_id: UUID, *, owner: Owner, attempt_id: UUID
) -> AttemptDetails:
    """Return an attempt with what was sent and answered. Raises EndpointNotFoundError, AttemptNotFoundError."""
    row = await log.get_attempt(session, endpoint_id, owner=owner, attempt_id=attempt_id)
    return AttemptDetails(**_attempt_of(row), request=row.request, response=row.response)


async def get_message(session: "AsyncSession", message_id: UUID, *, owner: Owner) -> Message:
    """Return a message's body, whole. Raises MessageNotFoundError."""
    event = await log.get_message(session, message_id, owner=owner)
    return Message(id=event.id, type=event.type, timestamp=event.occurred_at, data=event.data)


async def resend(
    session: "AsyncSession", endpoint_id: UUID, *, owner: Owner, attempt_id: UUID
) -> Queued:
    """Send an attempt's message again, whatever came of it.

    Raises EndpointNotFoundError, EndpointNotEnabledError, AttemptNotFoundError.
    """
    return _queued(await log.resend(session, endpoint_id, owner=owner, attempt_id=attempt_id))


async def resend_failed(
    session: "AsyncSession", endpoint_id: UUID, *, owner: Owner, since: datetime
) -> Queued:
    """Send again what was given up since a moment. Raises EndpointNotFoundError, EndpointNotEnabledError."""
    return _queued(await log.resend_failed(session, endpoint_id, owner=owner, since=since))


async def replay(
    session: "AsyncSession", endpoint_id: UUID, *, owner: Owner, asked: Replay
) -> Queued:
    """Send again what happened within a time.

    Raises EndpointNotFoundError, EndpointNotEnabledError, UnknownEventTypeError, EmptyRangeError.
    """
    return _queued(await log.replay(session, endpoint_id, owner=owner, asked=asked))


async def test_endpoint(
    session: "AsyncSession", endpoint_id: UUID, *, owner: Owner, event_type: str
) -> SentTest:
    """Send the example of a type.

    Raises EndpointNotFoundError, EndpointNotEnabledError, UnknownEventTypeError.
    """
    sent = await trials.test(session, endpoint_id, owner=owner, event_type=event_type)
    return SentTest(message_id=sent)


async def statistics(
    session: "AsyncSession", endpoint_id: UUID, *, owner: Owner, hours: int
) -> Statistics:
    """Return how the last hours went. Raises EndpointNotFoundError."""
    return await log.statistics(session, endpoint_id, owner=owner, hours=hours)


async def forget(session: "AsyncSession", part: str, *, limit: int) -> int:
    """Do some of one part of `parts_to_forget`; return how much, less than `limit` once it is done."""
    return await retention.PARTS[part](session, limit=limit)


def parts_to_forget() -> tuple[str, ...]:
    """Name the parts of what nobody needs any more, in the order in which they can go."""
    return tuple(retention.PARTS)


async def delete_of(session: "AsyncSession", *, owner_id: UUID, limit: int) -> int:
    """Delete some of an owner's endpoints, their log and events; return how much, 0 once nothing is left."""
    return await retention.delete_of(session, owner_id=owner_id, limit=limit)


async def fan_out(event_ids: "Sequence[UUID]") -> "fanout.FannedOut":
    """Make the deliveries of public events, after earlier ones of their aggregates that wait.

    It can be done again. Raises ServiceUnavailableError where the database does not answer.
    """
    return await fanout.fan_out(event_ids)


async def sweep(*, has_time: "Callable[[], bool]") -> "fanout.FannedOut":
    """Make the deliveries of public events that the bus did not bring. Raises likewise."""
    return await fanout.sweep(has_time=has_time)


async def deliver(*, has_time: "Callable[[], bool]") -> "delivering.Delivered":
    """Deliver what is due, until nothing is or `has_time` says that the time is up. Raises likewise."""
    return await delivering.deliver(has_time=has_time, post=outbound.post)


def _endpoint_of(row: "models.EndpointRow", *, health: "models.HealthRow | None") -> Endpoint:
    """Return an endpoint as its owner sees it: its headers by their names, its health even without a row."""
    return Endpoint(
        id=row.id,
        url=row.url,
        description=row.description,
        event_types=tuple(row.event_types),
        ordered=row.ordered,
        header_names=tuple(row.header_names),
        rate_limit=row.rate_limit,
        state=row.state,
        disabled_reason=row.disabled_reason,
        disabled_at=row.disabled_at,
        verification=row.verification,
        verified_at=row.verified_at,
        health=EndpointHealth(
            failures=health.failures if health else 0,
            failing_since=health.failing_since if health else None,
            succeeded_at=health.succeeded_at if health else None,
            paused_until=health.open_until if health else None,
        ),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _new_secret_of(made: "secrets.MadeSecret") -> NewSecret:
    return NewSecret(**dict(Secret.model_validate(made.row)), secret=made.value)


def _attempt_of(row: "models.AttemptRow") -> dict[str, object]:
    same = set(Attempt.model_fields) - {"message_id"}
    return {name: getattr(row, name) for name in same} | {"message_id": row.event_id}


def _queued(done: "Requeued") -> Queued:
    return Queued(messages=done.count, continue_from=done.next_at)
