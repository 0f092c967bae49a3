"""What an endpoint was sent, and what has it sent again. The same on every surface and in every version."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from functions.api.webhooks.owners import WebhookOwner
from shared.core.schema import Listing, Paging
from shared.domains.webhooks import api as webhooks
from shared.domains.webhooks.errors import (
    AttemptNotFoundError,
    EndpointNotEnabledError,
    EndpointNotFoundError,
)
from shared.domains.webhooks.schemas import (
    Attempt,
    AttemptDetails,
    AttemptFilter,
    Queued,
    Replay,
    Resend,
    SentTest,
    Statistics,
    StatisticsQuery,
    TestRequest,
)
from shared.web.limits import LimitGroup, limited
from shared.web.openapi import ON_EVERY_BODY, problems
from shared.web.sessions import ReadSession, WriteSession

router = APIRouter(prefix="/{endpoint_id}", tags=["webhooks"])


class AttemptQuery(AttemptFilter, Paging):
    """Which attempts."""


@router.get(
    "/attempts",
    responses=problems(EndpointNotFoundError),
    openapi_extra=limited(LimitGroup.READ),
)
async def list_webhook_attempts(
    owner: WebhookOwner,
    endpoint_id: UUID,
    query: Annotated[AttemptQuery, Query()],
    session: ReadSession,
) -> Listing[Attempt]:
    """List the attempts to send messages, newest first, a page at a time; they are kept for 30 days."""
    which = AttemptFilter.model_validate(query.model_dump(include=set(AttemptFilter.model_fields)))
    page = await webhooks.list_attempts(
        session, endpoint_id, owner=owner, which=which, paging=query
    )
    return Listing(items=tuple(page.items), next_cursor=page.next_cursor)


@router.get(
    "/attempts/{attempt_id}",
    responses=problems(EndpointNotFoundError, AttemptNotFoundError),
    openapi_extra=limited(LimitGroup.READ),
)
async def get_webhook_attempt(
    owner: WebhookOwner, endpoint_id: UUID, attempt_id: UUID, session: ReadSession
) -> AttemptDetails:
    """Get an attempt with what was sent and what was answered, to a bound and without what is secret."""
    return await webhooks.get_attempt(session, endpoint_id, owner=owner, attempt_id=attempt_id)


@router.post(
    "/attempts/{attempt_id}/resend",
    status_code=202,
    responses=problems(EndpointNotFoundError, AttemptNotFoundError, EndpointNotEnabledError),
    openapi_extra=limited(LimitGroup.WRITE),
)
async def resend_webhook_attempt(
    owner: WebhookOwner, endpoint_id: UUID, attempt_id: UUID, session: WriteSession
) -> Queued:
    """Send an attempt's message again, delivered or not: with the same id, and all attempts anew."""
    return await webhooks.resend(session, endpoint_id, owner=owner, attempt_id=attempt_id)


@router.post(
    "/resend-failed",
    status_code=202,
    responses=problems(*ON_EVERY_BODY, EndpointNotFoundError, EndpointNotEnabledError),
    openapi_extra=limited(LimitGroup.WRITE, cost=10),
)
async def resend_failed_webhook_messages(
    owner: WebhookOwner, endpoint_id: UUID, resend: Resend, session: WriteSession
) -> Queued:
    """Send all messages again that failed for good, or were dropped, of those first due since a time.

    One request does 10,000, the oldest first; `continue_from` says how to go on.
    """
    return await webhooks.resend_failed(session, endpoint_id, owner=owner, since=resend.since)


@router.post(
    "/replay",
    status_code=202,
    responses=problems(*ON_EVERY_BODY, EndpointNotFoundError, EndpointNotEnabledError),
    openapi_extra=limited(LimitGroup.WRITE, cost=10),
)
async def replay_webhook_messages(
    owner: WebhookOwner, endpoint_id: UUID, replay: Replay, session: WriteSession
) -> Queued:
    """Send all messages again of what happened from `since` until before `until`, delivered or not.

    What happened before the endpoint was there is sent, too; events are kept for 30 days. One request does
    10,000, the oldest first; `continue_from` says how to go on.
    """
    return await webhooks.replay(session, endpoint_id, owner=owner, asked=replay)


@router.post(
    "/test",
    status_code=202,
    responses=problems(*ON_EVERY_BODY, EndpointNotFoundError, EndpointNotEnabledError),
    openapi_extra=limited(LimitGroup.WRITE),
)
async def test_webhook(
    owner: WebhookOwner, endpoint_id: UUID, test: TestRequest, session: WriteSession
) -> SentTest:
    """Send the example of any type of event, whether or not the endpoint asks for that type."""
    return await webhooks.test_endpoint(
        session, endpoint_id, owner=owner, event_type=test.event_type
    )


@router.get(
    "/statistics",
    responses=problems(EndpointNotFoundError),
    openapi_extra=limited(LimitGroup.READ, cost=5),
)
async def get_webhook_statistics(
    owner: WebhookOwner,
    endpoint_id: UUID,
    query: Annotated[StatisticsQuery, Query()],
    session: ReadSession,
) -> Statistics:
    """Get how many attempts of each hour succeeded and failed, and how many messages wait."""
    return await webhooks.statistics(session, endpoint_id, owner=owner, hours=query.hours)
