"""Messages that one endpoint alone is sent: tests of it, and its verification."""

import secrets
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters.database.sessions import after_commit
from shared.domains.webhooks.errors import UnknownEventTypeError
from shared.domains.webhooks.models import EndpointRow
from shared.domains.webhooks.repository import log as repository
from shared.domains.webhooks.schemas import Cause, Owner, Verification
from shared.domains.webhooks.service import finding
from shared.domains.webhooks.service.catalogue import VERIFICATION, find_type
from shared.domains.webhooks.service.nudging import nudge
from shared.domains.webhooks.service.vetting import types_among

_CHALLENGE_BYTES = 32


async def test(session: AsyncSession, endpoint_id: UUID, *, owner: Owner, event_type: str) -> UUID:
    """Send an endpoint the example of a type; return the message's id.

    Raises EndpointNotFoundError, EndpointNotEnabledError, UnknownEventTypeError.
    """
    data = _example_of(event_type)
    endpoint = await finding.require_enabled(session, endpoint_id, owner=owner)
    return await _send(session, endpoint, type_=event_type, data=data, cause=Cause.TEST)


async def ask_to_verify(session: AsyncSession, endpoint: EndpointRow) -> None:
    """Send an endpoint that is not verified what it has to answer."""
    endpoint.challenge = secrets.token_urlsafe(_CHALLENGE_BYTES)
    type_, data = VERIFICATION, {"challenge": endpoint.challenge}
    if endpoint.verification is Verification.TEST_EVENT:
        type_ = types_among(tuple(endpoint.event_types))[0]
        data = _example_of(type_)
    await _send(session, endpoint, type_=type_, data=data, cause=Cause.VERIFICATION)


async def _send(
    session: AsyncSession, endpoint: EndpointRow, *, type_: str, data: dict[str, Any], cause: Cause
) -> UUID:
    event = await repository.add_trial(
        session, owner_id=endpoint.owner_id, type_=type_, data=data, about=endpoint.id
    )
    await repository.add_delivery(session, event, endpoint_id=endpoint.id, cause=cause)
    after_commit(session, nudge)
    return event.id


def _example_of(event_type: str) -> dict[str, Any]:
    try:
        example: dict[str, Any] = find_type(event_type).example["data"]
    except KeyError as error:
        raise UnknownEventTypeError("event_type", name=event_type) from error
    return example
