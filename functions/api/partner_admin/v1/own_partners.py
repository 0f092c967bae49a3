"""The partners that a user is the admin of. The same in every version."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from shared.core.schema import Listing, Paging
from shared.domains.partners import api as partners
from shared.domains.partners.errors import PartnerNotFoundError
from shared.domains.partners.schemas import OwnPartner
from shared.web.limits import LimitGroup, limited
from shared.web.openapi import FOR_USERS, problems
from shared.web.partner_auth import PartnerManager
from shared.web.sessions import ReadSession

router = APIRouter(prefix="/partners", tags=["partners"])


@router.get("", responses=problems(*FOR_USERS), openapi_extra=limited(LimitGroup.READ))
async def list_own_partners(
    user: PartnerManager, query: Annotated[Paging, Query()], session: ReadSession
) -> Listing[OwnPartner]:
    """List the partners that you are the admin of, newest first, a page at a time."""
    page = await partners.list_own_partners(session, manager=user, paging=query)
    return Listing(items=tuple(page.items), next_cursor=page.next_cursor)


@router.get(
    "/{partner_id}",
    responses=problems(*FOR_USERS, PartnerNotFoundError),
    openapi_extra=limited(LimitGroup.READ),
)
async def get_own_partner(
    user: PartnerManager, partner_id: UUID, session: ReadSession
) -> OwnPartner:
    """Get a partner that you are the admin of."""
    return await partners.get_own_partner(session, partner_id, manager=user)
