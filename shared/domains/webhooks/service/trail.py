"""What the audit trail is told of webhooks."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from shared.domains.audit import api as audit
from shared.domains.webhooks.schemas import Owner


def record(
    session: AsyncSession, endpoint_id: UUID, *, action: str, owner: Owner, **details: object
) -> None:
    """Record what an endpoint's owner did, or who acted for them."""
    audit.record(
        session,
        action=f"webhooks.{action}",
        subject=f"endpoint:{endpoint_id}",
        actor_id=owner.actor_id or owner.owner_id,
        details=details,
    )
