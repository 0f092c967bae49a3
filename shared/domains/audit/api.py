"""The audit trail's face: what operators did, to what, and why."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from shared.core.correlation import current
from shared.core.lazy import lazy_module
from shared.core.pagination import Page
from shared.core.schema import Paging
from shared.domains.audit.schemas import AuditEntry, AuditFilter

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from shared.domains.audit import repository
else:
    repository = lazy_module("shared.domains.audit.repository")


def record(
    session: "AsyncSession",
    *,
    action: str,
    subject: str,
    actor_id: UUID | None,
    reason: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Record in the transaction of `session` what is done in it: `domain.what_was_done` to `kind:id`.

    `actor_id` is None where it is done by who may call the service's functions, with no user of its own.
    `details` is JSON.
    """
    correlation = current()
    repository.add(
        session,
        action=action,
        subject=subject,
        actor_id=actor_id,
        reason=reason,
        details=details or {},
        correlation_id=correlation.request_id if correlation else None,
    )


async def list_entries(
    session: "AsyncSession", *, which: AuditFilter, paging: Paging
) -> Page[AuditEntry]:
    """Return a page of what was done, newest first. Raises ValidationFailedError for a bad cursor."""
    page = await repository.list_entries(session, which=which, paging=paging)
    return page.map(AuditEntry.model_validate)
