"""What a partner has used of its plan. The same in every version."""

from fastapi import APIRouter

from shared.domains.partners import api as partners
from shared.domains.partners.schemas import PlanUsage
from shared.web.limits import LimitGroup, limited
from shared.web.openapi import problems
from shared.web.partner_auth import FOR_PARTNERS, PartnerUsageReader

router = APIRouter(tags=["partner"])


@router.get(
    "/usage", responses=problems(*FOR_PARTNERS), openapi_extra=limited(LimitGroup.READ, cost=5)
)
async def get_usage(partner: PartnerUsageReader) -> PlanUsage:
    """Get what the key of this request has used and has left of its quota, in the period that runs.

    The gateway counts, some minutes late. Days, weeks (from Sunday) and months are those of UTC.
    """
    return await partners.usage_of(partner)
