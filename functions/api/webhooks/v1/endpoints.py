"""Endpoints and their secrets. The same on every surface, which says whose they are, and in every version.

What makes an endpoint or a secret shows the secret once, and so takes no Idempotency-Key: where the
answer was lost, rotate the secret.
"""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from functions.api.webhooks.owners import WebhookOwner
from shared.core.schema import Listing, Paging, Schema
from shared.domains.webhooks import api as webhooks
from shared.domains.webhooks.errors import (
    EndpointNotFoundError,
    TooManyEndpointsError,
    TooManySecretsError,
)
from shared.domains.webhooks.schemas import (
    CreatedEndpoint,
    Endpoint,
    EndpointChange,
    EndpointDraft,
    EndpointFilter,
    EventType,
    NewSecret,
    Secret,
    SecretRotation,
)
from shared.web.limits import SHOWN_ONCE, LimitGroup, limited
from shared.web.openapi import ON_EVERY_BODY, problems
from shared.web.sessions import ReadSession, WriteSession

router = APIRouter(tags=["webhooks"])


class EndpointQuery(EndpointFilter, Paging):
    """Which endpoints."""


class EventTypes(Schema):
    """All types of events."""

    items: tuple[EventType, ...]


class Secrets(Schema):
    """All secrets that sign now, the newest first."""

    items: tuple[Secret, ...]


@router.post(
    "",
    status_code=201,
    responses=problems(*ON_EVERY_BODY, TooManyEndpointsError),
    openapi_extra=limited(LimitGroup.WRITE, cost=5) | {SHOWN_ONCE: True},
)
async def create_webhook(
    owner: WebhookOwner, draft: EndpointDraft, session: WriteSession, response: Response
) -> CreatedEndpoint:
    """Have events sent to a URL of yours, signed by secrets that this answer alone shows.

    With a `verification` nothing else is sent until the endpoint has answered that: a challenge, a message
    of the type `endpoint.verification`, by the `challenge` in its data, as text or as JSON; a test event by
    any 2xx.
    """
    created = await webhooks.create_endpoint(session, owner=owner, draft=draft)
    response.headers["Location"] = f"webhooks/{created.id}"
    return created


@router.get("", openapi_extra=limited(LimitGroup.READ))
async def list_webhooks(
    owner: WebhookOwner, query: Annotated[EndpointQuery, Query()], session: ReadSession
) -> Listing[Endpoint]:
    """List your endpoints, newest first, a page at a time: 50 at most."""
    which = EndpointFilter(state=query.state)
    page = await webhooks.list_endpoints(session, owner=owner, which=which, paging=query)
    return Listing(items=tuple(page.items), next_cursor=page.next_cursor)


@router.get("/event-types", openapi_extra=limited(LimitGroup.READ))
async def list_webhook_event_types(_: WebhookOwner) -> EventTypes:
    """List the types of events, each with the schema of its messages and an example."""
    return EventTypes(items=webhooks.event_types())


@router.get(
    "/{endpoint_id}",
    responses=problems(EndpointNotFoundError),
    openapi_extra=limited(LimitGroup.READ),
)
async def get_webhook(owner: WebhookOwner, endpoint_id: UUID, session: ReadSession) -> Endpoint:
    """Get an endpoint, and how it answers."""
    return await webhooks.get_endpoint(session, endpoint_id, owner=owner)


@router.patch(
    "/{endpoint_id}",
    responses=problems(*ON_EVERY_BODY, EndpointNotFoundError),
    openapi_extra=limited(LimitGroup.WRITE),
)
async def change_webhook(
    owner: WebhookOwner, endpoint_id: UUID, change: EndpointChange, session: WriteSession
) -> Endpoint:
    """Change an endpoint: its URL, its types of events, its headers, whether it is enabled, and others.

    What a disabled one was to be sent is dropped; once it is enabled, `resend-failed` has it sent. To
    enable one forgets how it failed; one that is not verified is asked once more. So is one at a new URL.
    Its own headers go to the host that they were given for only: with a URL at another one give them again.
    """
    return await webhooks.change_endpoint(session, endpoint_id, owner=owner, change=change)


@router.delete(
    "/{endpoint_id}",
    status_code=204,
    responses=problems(EndpointNotFoundError),
    openapi_extra=limited(LimitGroup.WRITE),
)
async def remove_webhook(owner: WebhookOwner, endpoint_id: UUID, session: WriteSession) -> None:
    """Remove an endpoint for good, with its secrets and its log: nothing more is sent to it."""
    await webhooks.remove_endpoint(session, endpoint_id, owner=owner)


@router.get(
    "/{endpoint_id}/secrets",
    responses=problems(EndpointNotFoundError),
    openapi_extra=limited(LimitGroup.READ),
)
async def list_webhook_secrets(
    owner: WebhookOwner, endpoint_id: UUID, session: ReadSession
) -> Secrets:
    """List the secrets that messages are signed by now: not what is secret, but the public keys."""
    return Secrets(items=await webhooks.list_secrets(session, endpoint_id, owner=owner))


@router.post(
    "/{endpoint_id}/rotate-secret",
    status_code=201,
    responses=problems(*ON_EVERY_BODY, EndpointNotFoundError, TooManySecretsError),
    openapi_extra=limited(LimitGroup.WRITE, cost=5) | {SHOWN_ONCE: True},
)
async def rotate_webhook_secret(
    owner: WebhookOwner, endpoint_id: UUID, rotation: SecretRotation, session: WriteSession
) -> NewSecret:
    """Make a secret, which this answer alone shows, in the place of those of its scheme.

    Those sign beside it for `overlap_s`; with 0 they end at once, as they should where one got known.
    An endpoint that has none of the scheme yet gets its first: beside those of the other scheme, or, with
    `all_schemes`, in their place.
    """
    return await webhooks.rotate_secret(session, endpoint_id, owner=owner, rotation=rotation)
