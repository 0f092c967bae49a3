"""The keys of partners, for operators. The same in every version.

What issues or rotates a key tells it once, and so takes no Idempotency-Key: an answer that was lost
leaves a key in the list that nobody has, to be revoked.
"""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from shared.core.schema import Listing, Paging
from shared.domains.partners import api as partners
from shared.domains.partners.errors import (
    ExpiryPassedError,
    GatewayPendingError,
    PartnerKeyEndedError,
    PartnerKeyNotFoundError,
    PartnerNotFoundError,
    PartnerSuspendedError,
    TooManyPartnerKeysError,
)
from shared.domains.partners.schemas import (
    IssuedKey,
    KeyDraft,
    KeyRotation,
    PartnerKey,
    PlanUsage,
)
from shared.web.limits import SHOWN_ONCE, LimitGroup, limited
from shared.web.openapi import FOR_OPERATORS, ON_EVERY_BODY, problems
from shared.web.partner_auth import PartnerOperator
from shared.web.sessions import ReadSession

router = APIRouter(prefix="/partners/{partner_id}/keys", tags=["partners"])


@router.get(
    "",
    responses=problems(*FOR_OPERATORS, PartnerNotFoundError),
    openapi_extra=limited(LimitGroup.OPERATIONS),
)
async def list_partner_keys(
    operator: PartnerOperator,
    partner_id: UUID,
    query: Annotated[Paging, Query()],
    session: ReadSession,
) -> Listing[PartnerKey]:
    """List a partner's keys, newest first, a page at a time; those that ended are kept for 30 days."""
    page = await partners.list_keys(session, partner_id, manager=operator, paging=query)
    return Listing(items=tuple(page.items), next_cursor=page.next_cursor)


@router.post(
    "",
    status_code=201,
    responses=problems(
        *FOR_OPERATORS,
        *ON_EVERY_BODY,
        PartnerNotFoundError,
        PartnerSuspendedError,
        TooManyPartnerKeysError,
        ExpiryPassedError,
        GatewayPendingError,
    ),
    openapi_extra=limited(LimitGroup.OPERATIONS, cost=5) | {SHOWN_ONCE: True},
)
async def issue_partner_key(
    operator: PartnerOperator, partner_id: UUID, draft: KeyDraft
) -> IssuedKey:
    """Make a key, which this answer alone shows. The gateway may need some seconds to know it everywhere."""
    return await partners.issue_key(partner_id, manager=operator, draft=draft)


@router.post(
    "/{key_id}/rotate",
    status_code=201,
    responses=problems(
        *FOR_OPERATORS,
        *ON_EVERY_BODY,
        PartnerNotFoundError,
        PartnerKeyNotFoundError,
        PartnerSuspendedError,
        PartnerKeyEndedError,
        TooManyPartnerKeysError,
        ExpiryPassedError,
        GatewayPendingError,
    ),
    openapi_extra=limited(LimitGroup.OPERATIONS, cost=5) | {SHOWN_ONCE: True},
)
async def rotate_partner_key(
    operator: PartnerOperator, partner_id: UUID, key_id: UUID, rotation: KeyRotation
) -> IssuedKey:
    """Make the successor of a key, which this answer alone shows; the old one stays good for `grace_s`."""
    return await partners.rotate_key(partner_id, manager=operator, key_id=key_id, rotation=rotation)


@router.delete(
    "/{key_id}",
    status_code=204,
    responses=problems(*FOR_OPERATORS, PartnerNotFoundError, PartnerKeyNotFoundError),
    openapi_extra=limited(LimitGroup.OPERATIONS),
)
async def revoke_partner_key(operator: PartnerOperator, partner_id: UUID, key_id: UUID) -> None:
    """End a key: it fails from the next request on."""
    await partners.revoke_key(partner_id, manager=operator, key_id=key_id)


@router.get(
    "/{key_id}/usage",
    responses=problems(*FOR_OPERATORS, PartnerNotFoundError, PartnerKeyNotFoundError),
    openapi_extra=limited(LimitGroup.OPERATIONS, cost=5),
)
async def get_partner_key_usage(
    operator: PartnerOperator, partner_id: UUID, key_id: UUID, session: ReadSession
) -> PlanUsage:
    """Get what a key has used and has left of its quota, as the gateway counts it: some minutes late."""
    return await partners.usage_of_key(session, partner_id, manager=operator, key_id=key_id)
