"""Endpoints as their owner finds them: another's are not there."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from shared.domains.webhooks.errors import EndpointNotEnabledError, EndpointNotFoundError
from shared.domains.webhooks.models import EndpointRow
from shared.domains.webhooks.repository import endpoints as repository
from shared.domains.webhooks.schemas import EndpointState, Owner


async def require(session: AsyncSession, endpoint_id: UUID, *, owner: Owner) -> EndpointRow:
    """Return an owner's endpoint. Raises EndpointNotFoundError."""
    row = await repository.find_endpoint(session, endpoint_id, owner_id=owner.owner_id)
    if row is None:
        raise EndpointNotFoundError
    return row


async def require_for_change(
    session: AsyncSession, endpoint_id: UUID, *, owner: Owner
) -> EndpointRow:
    """Return an owner's endpoint, which nobody else changes meanwhile. Raises EndpointNotFoundError."""
    row = await repository.find_endpoint_for_change(session, endpoint_id, owner_id=owner.owner_id)
    if row is None:
        raise EndpointNotFoundError
    return row


async def require_enabled(session: AsyncSession, endpoint_id: UUID, *, owner: Owner) -> EndpointRow:
    """Return an owner's endpoint that is sent messages, and stays so until the transaction ends.

    Raises EndpointNotFoundError, EndpointNotEnabledError.
    """
    row = await require_for_change(session, endpoint_id, owner=owner)
    if row.state is not EndpointState.ENABLED:
        raise EndpointNotEnabledError
    return row
