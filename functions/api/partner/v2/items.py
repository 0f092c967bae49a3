"""A partner's items as version 2 knows them: all of their fields."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from shared.core.schema import Listing, Paging
from shared.domains.catalog import api as catalog
from shared.domains.catalog.errors import ItemChangedError, ItemNotFoundError
from shared.domains.catalog.schemas import Item, ItemChange, ItemDraft, ItemFilter
from shared.web.conditional import ExpectedVersions, KnownVersions, not_modified, tagged
from shared.web.idempotency import ON_EVERY_KEY, IdempotentRoute, replayable
from shared.web.limits import LimitGroup, limited
from shared.web.openapi import NOT_MODIFIED, ON_EVERY_BODY, problems
from shared.web.partner_auth import FOR_PARTNERS, PartnerItemsReader, PartnerItemsWriter
from shared.web.partner_idempotency import PartnerIdempotencyKey
from shared.web.sessions import ReadSession, WriteSession

router = APIRouter(prefix="/items", tags=["partner"], route_class=IdempotentRoute)


class ItemQuery(ItemFilter, Paging):
    """Which items, and in which order."""


@router.post(
    "",
    status_code=201,
    responses={**problems(*FOR_PARTNERS, *ON_EVERY_BODY, *ON_EVERY_KEY), **replayable(201)},
    openapi_extra=limited(LimitGroup.WRITE),
)
async def create_partner_item(
    partner: PartnerItemsWriter,
    _: PartnerIdempotencyKey,
    draft: ItemDraft,
    session: WriteSession,
    response: Response,
) -> Item:
    """Create an item, which is the partner's, whichever of its keys is used."""
    item = await catalog.create_item(session, owner_id=partner.account_id, draft=draft)
    tagged(response, version=item.version)
    response.headers["Location"] = f"items/{item.id}"
    return item


@router.get("", responses=problems(*FOR_PARTNERS), openapi_extra=limited(LimitGroup.READ))
async def list_partner_items(
    partner: PartnerItemsReader, query: Annotated[ItemQuery, Query()], session: ReadSession
) -> Listing[Item]:
    """List the partner's items, a page at a time, by status, tag and words."""
    which = ItemFilter.model_validate(query.model_dump(include=set(ItemFilter.model_fields)))
    page = await catalog.list_items(session, owner_id=partner.account_id, which=which, paging=query)
    return Listing(items=tuple(page.items), next_cursor=page.next_cursor)


@router.get(
    "/{item_id}",
    response_model=Item,
    responses={**problems(*FOR_PARTNERS, ItemNotFoundError), **NOT_MODIFIED},
    openapi_extra=limited(LimitGroup.READ),
)
async def get_partner_item(
    partner: PartnerItemsReader,
    item_id: UUID,
    known: KnownVersions,
    session: ReadSession,
    response: Response,
) -> Item | Response:
    """Get an item; with If-None-Match only if it changed since."""
    item = await catalog.get_item(session, owner_id=partner.account_id, item_id=item_id)
    if item.version in known:
        return not_modified(item.version)
    tagged(response, version=item.version)
    return item


@router.patch(
    "/{item_id}",
    responses=problems(*FOR_PARTNERS, *ON_EVERY_BODY, ItemNotFoundError, ItemChangedError),
    openapi_extra=limited(LimitGroup.WRITE),
)
async def change_partner_item(
    partner: PartnerItemsWriter,
    item_id: UUID,
    change: ItemChange,
    expected: ExpectedVersions,
    session: WriteSession,
    response: Response,
) -> Item:
    """Change some fields of an item; with If-Match only if nobody changed it meanwhile."""
    item = await catalog.change_item(
        session, owner_id=partner.account_id, item_id=item_id, change=change, expected=expected
    )
    tagged(response, version=item.version)
    return item


@router.delete(
    "/{item_id}",
    status_code=204,
    responses=problems(*FOR_PARTNERS, ItemNotFoundError, ItemChangedError),
    openapi_extra=limited(LimitGroup.WRITE),
)
async def delete_partner_item(
    partner: PartnerItemsWriter, item_id: UUID, expected: ExpectedVersions, session: WriteSession
) -> None:
    """Delete an item and what was posted about it; with If-Match only if nobody changed it."""
    await catalog.delete_item(
        session, owner_id=partner.account_id, item_id=item_id, expected=expected
    )
