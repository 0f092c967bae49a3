"""Items as version 1 knows them: a name."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from shared.core.schema import Listing
from shared.domains.catalog import api as catalog
from shared.domains.catalog.errors import ItemChangedError, ItemNotFoundError
from shared.domains.catalog.schemas import ItemChange, ItemDraft, ItemFilter
from shared.web.auth import ItemsReader, ItemsWriter
from shared.web.conditional import ExpectedVersions, KnownVersions, not_modified, tagged
from shared.web.idempotency import ON_EVERY_KEY, IdempotencyKey, IdempotentRoute, replayable
from shared.web.limits import LimitGroup, limited
from shared.web.named_items import ItemName, ItemNameQuery, NamedItem, named
from shared.web.openapi import FOR_USERS, NOT_MODIFIED, ON_EVERY_BODY, problems
from shared.web.sessions import ReadSession, WriteSession

router = APIRouter(prefix="/items", tags=["items"], route_class=IdempotentRoute)


@router.post(
    "",
    status_code=201,
    responses={**problems(*FOR_USERS, *ON_EVERY_BODY, *ON_EVERY_KEY), **replayable(201)},
    openapi_extra=limited(LimitGroup.WRITE),
)
async def create_item(
    user: ItemsWriter,
    _: IdempotencyKey,
    draft: ItemName,
    session: WriteSession,
    response: Response,
) -> NamedItem:
    """Create an item."""
    whole = ItemDraft(name=draft.name)
    item = await catalog.create_item(session, owner_id=user.user_id, draft=whole)
    tagged(response, version=item.version)
    response.headers["Location"] = f"items/{item.id}"
    return named(item)


@router.get("", responses=problems(*FOR_USERS), openapi_extra=limited(LimitGroup.READ))
async def list_items(
    user: ItemsReader, query: Annotated[ItemNameQuery, Query()], session: ReadSession
) -> Listing[NamedItem]:
    """List your items, a page at a time."""
    which = ItemFilter(search=query.search, sort=query.sort)
    page = await catalog.list_items(session, owner_id=user.user_id, which=which, paging=query)
    return Listing(items=tuple(map(named, page.items)), next_cursor=page.next_cursor)


@router.get(
    "/{item_id}",
    response_model=NamedItem,
    responses={**problems(*FOR_USERS, ItemNotFoundError), **NOT_MODIFIED},
    openapi_extra=limited(LimitGroup.READ),
)
async def get_item(
    user: ItemsReader,
    item_id: UUID,
    known: KnownVersions,
    session: ReadSession,
    response: Response,
) -> NamedItem | Response:
    """Get an item; with If-None-Match only if it changed since."""
    item = await catalog.get_item(session, owner_id=user.user_id, item_id=item_id)
    if item.version in known:
        return not_modified(item.version)
    tagged(response, version=item.version)
    return named(item)


@router.patch(
    "/{item_id}",
    responses=problems(*FOR_USERS, *ON_EVERY_BODY, ItemNotFoundError, ItemChangedError),
    openapi_extra=limited(LimitGroup.WRITE),
)
async def change_item(
    user: ItemsWriter,
    item_id: UUID,
    change: ItemName,
    expected: ExpectedVersions,
    session: WriteSession,
    response: Response,
) -> NamedItem:
    """Rename an item; with If-Match only if nobody changed it meanwhile."""
    renamed = ItemChange(name=change.name)
    item = await catalog.change_item(
        session, owner_id=user.user_id, item_id=item_id, change=renamed, expected=expected
    )
    tagged(response, version=item.version)
    return named(item)


@router.delete(
    "/{item_id}",
    status_code=204,
    responses=problems(*FOR_USERS, ItemNotFoundError, ItemChangedError),
    openapi_extra=limited(LimitGroup.WRITE),
)
async def delete_item(
    user: ItemsWriter, item_id: UUID, expected: ExpectedVersions, session: WriteSession
) -> None:
    """Delete an item and what was posted about it; with If-Match only if nobody changed it."""
    await catalog.delete_item(session, owner_id=user.user_id, item_id=item_id, expected=expected)
