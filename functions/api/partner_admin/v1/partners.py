"""Partners, for operators. The same in every version."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from shared.core.schema import Listing, Paging
from shared.domains.partners import api as partners
from shared.domains.partners.errors import (
    GatewayPendingError,
    NoSuchAdminError,
    PartnerNameTakenError,
    PartnerNotFoundError,
)
from shared.domains.partners.schemas import Partner, PartnerChange, PartnerDraft, PartnerFilter
from shared.web.idempotency import ON_EVERY_KEY, IdempotencyKey, IdempotentRoute, replayable
from shared.web.limits import LimitGroup, limited
from shared.web.openapi import FOR_OPERATORS, ON_EVERY_BODY, problems
from shared.web.partner_auth import PartnerOperator
from shared.web.sessions import ReadSession, WriteSession

router = APIRouter(prefix="/partners", tags=["partners"], route_class=IdempotentRoute)


class PartnerQuery(PartnerFilter, Paging):
    """Which partners."""


@router.post(
    "",
    status_code=201,
    responses={
        **problems(
            *FOR_OPERATORS,
            *ON_EVERY_BODY,
            *ON_EVERY_KEY,
            PartnerNameTakenError,
            NoSuchAdminError,
        ),
        **replayable(201),
    },
    openapi_extra=limited(LimitGroup.OPERATIONS),
)
async def create_partner(
    operator: PartnerOperator,
    _: IdempotencyKey,
    draft: PartnerDraft,
    session: WriteSession,
    response: Response,
) -> Partner:
    """Make a partner, on a plan. What it makes with its keys belongs to an account that nobody can log in to."""
    partner = await partners.create_partner(session, manager=operator, draft=draft)
    response.headers["Location"] = f"partners/{partner.id}"
    return partner


@router.get("", responses=problems(*FOR_OPERATORS), openapi_extra=limited(LimitGroup.OPERATIONS))
async def list_partners(
    operator: PartnerOperator, query: Annotated[PartnerQuery, Query()], session: ReadSession
) -> Listing[Partner]:
    """List partners, newest first, a page at a time, by state and plan."""
    which = PartnerFilter(state=query.state, plan=query.plan)
    page = await partners.list_partners(session, manager=operator, which=which, paging=query)
    return Listing(items=tuple(page.items), next_cursor=page.next_cursor)


@router.get(
    "/{partner_id}",
    responses=problems(*FOR_OPERATORS, PartnerNotFoundError),
    openapi_extra=limited(LimitGroup.OPERATIONS),
)
async def get_partner(operator: PartnerOperator, partner_id: UUID, session: ReadSession) -> Partner:
    """Get a partner."""
    return await partners.get_partner(session, partner_id, manager=operator)


@router.patch(
    "/{partner_id}",
    responses=problems(
        *FOR_OPERATORS,
        *ON_EVERY_BODY,
        PartnerNotFoundError,
        PartnerNameTakenError,
        NoSuchAdminError,
        GatewayPendingError,
    ),
    openapi_extra=limited(LimitGroup.OPERATIONS),
)
async def change_partner(
    operator: PartnerOperator, partner_id: UUID, change: PartnerChange
) -> Partner:
    """Change a partner: its name, contact, admin, plan or state.

    The keys of a suspended one fail from the next request on, and work again when it is active. Another
    plan takes the keys along at the gateway; each begins there with a whole quota.
    """
    return await partners.change_partner(partner_id, manager=operator, change=change)


@router.delete(
    "/{partner_id}",
    status_code=204,
    responses=problems(*FOR_OPERATORS, PartnerNotFoundError),
    openapi_extra=limited(LimitGroup.OPERATIONS, cost=5),
)
async def remove_partner(operator: PartnerOperator, partner_id: UUID) -> None:
    """Remove a partner for good: its keys fail from the next request on, its items go within minutes."""
    await partners.remove_partner(partner_id, manager=operator)
