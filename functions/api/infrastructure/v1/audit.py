"""The audit trail, for operators. The same in every version."""

from typing import Annotated

from fastapi import APIRouter, Query

from shared.core.schema import Listing, Paging
from shared.domains.audit import api as audit
from shared.domains.audit.schemas import AuditEntry, AuditFilter
from shared.web.auth import CurrentOperator
from shared.web.limits import LimitGroup, limited
from shared.web.openapi import FOR_OPERATORS, problems
from shared.web.sessions import ReadSession

router = APIRouter(prefix="/audit", tags=["audit"])


class AuditQuery(AuditFilter, Paging):
    """Which entries."""


@router.get("", responses=problems(*FOR_OPERATORS), openapi_extra=limited(LimitGroup.OPERATIONS))
async def list_audit_entries(
    _: CurrentOperator, query: Annotated[AuditQuery, Query()], session: ReadSession
) -> Listing[AuditEntry]:
    """List who did what to what, when and why, newest first; about one thing, or by one operator."""
    which = AuditFilter(subject=query.subject, actor_id=query.actor_id)
    page = await audit.list_entries(session, which=which, paging=query)
    return Listing(items=tuple(page.items), next_cursor=page.next_cursor)
