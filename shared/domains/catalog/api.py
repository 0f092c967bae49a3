"""The catalog's face: items and what is written about them."""

from collections.abc import Container, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from shared.core.lazy import lazy_module
from shared.core.money import money_of
from shared.core.pagination import Page
from shared.core.schema import Paging
from shared.domains.catalog.schemas import (
    Item,
    ItemChange,
    ItemDraft,
    ItemFilter,
    Post,
    PostDraft,
    PostFilter,
)

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from shared.domains.catalog import models, service
else:
    service = lazy_module("shared.domains.catalog.service")


async def create_item(session: "AsyncSession", *, owner_id: UUID, draft: ItemDraft) -> Item:
    """Make an item. Raises UnauthorizedError where the owner is gone."""
    return _item_of(await service.create_item(session, owner_id=owner_id, draft=draft))


async def get_item(session: "AsyncSession", *, owner_id: UUID, item_id: UUID) -> Item:
    """Return an owner's item. Raises ItemNotFoundError."""
    return _item_of(await service.get_item(session, owner_id=owner_id, item_id=item_id))


async def list_items(
    session: "AsyncSession", *, owner_id: UUID, which: ItemFilter, paging: Paging
) -> Page[Item]:
    """Return a page of an owner's items. Raises ValidationFailedError for a bad cursor."""
    page = await service.list_items(session, owner_id=owner_id, which=which, paging=paging)
    return page.map(_item_of)


async def import_items(
    session: "AsyncSession", *, owner_id: UUID, drafts: Sequence[ItemDraft]
) -> None:
    """Make many items at once, by one statement: by age they are in the order of the drafts.

    The drafts of one call hold at most about 256 KiB of text: the Data API takes 4 MiB of JSON a call.
    Raises UnauthorizedError where the owner is gone.
    """
    await service.import_items(session, owner_id=owner_id, drafts=drafts)


async def list_items_made_until(
    session: "AsyncSession",
    *,
    owner_id: UUID,
    which: ItemFilter,
    until: datetime,
    limit: int,
    cursor: str | None,
) -> Page[Item]:
    """Return a page of an owner's items that are no newer than a moment, at most `limit` of them.

    Raises ValidationFailedError for a bad cursor.
    """
    page = await service.list_items_made_until(
        session, owner_id=owner_id, which=which, until=until, limit=limit, cursor=cursor
    )
    return page.map(_item_of)


async def change_item(
    session: "AsyncSession",
    *,
    owner_id: UUID,
    item_id: UUID,
    change: ItemChange,
    expected: Container[int],
) -> Item:
    """Change an item in one of the `expected` versions. Raises ItemNotFoundError, ItemChangedError."""
    changed = await service.change_item(
        session, owner_id=owner_id, item_id=item_id, change=change, expected=expected
    )
    return _item_of(changed)


async def delete_item(
    session: "AsyncSession", *, owner_id: UUID, item_id: UUID, expected: Container[int]
) -> None:
    """Delete an item and its posts. Raises ItemNotFoundError, ItemChangedError."""
    await service.delete_item(session, owner_id=owner_id, item_id=item_id, expected=expected)


async def create_post(session: "AsyncSession", *, author_id: UUID, draft: PostDraft) -> Post:
    """Write about an item. Raises NoSuchItemError, UnauthorizedError where the author is gone."""
    return Post.model_validate(await service.create_post(session, author_id=author_id, draft=draft))


async def get_post(session: "AsyncSession", *, viewer_id: UUID, post_id: UUID) -> Post:
    """Return a post that the viewer may see. Raises PostNotFoundError."""
    found = await service.get_post(session, viewer_id=viewer_id, post_id=post_id)
    return Post.model_validate(found)


async def list_posts(
    session: "AsyncSession", *, viewer_id: UUID, which: PostFilter, paging: Paging
) -> Page[Post]:
    """Return a page of the posts that the viewer may see. Raises ValidationFailedError."""
    page = await service.list_posts(session, viewer_id=viewer_id, which=which, paging=paging)
    return page.map(Post.model_validate)


async def delete_post(session: "AsyncSession", *, author_id: UUID, post_id: UUID) -> None:
    """Delete one's own post. Raises PostNotFoundError."""
    await service.delete_post(session, author_id=author_id, post_id=post_id)


def _item_of(item: "models.Item") -> Item:
    return Item.model_validate(
        {
            "id": item.id,
            "name": item.name,
            "description": item.description,
            "price": money_of(item.price_amount, currency=item.price_currency),
            "tags": item.tags,
            "status": item.status,
            "created_at": item.created_at,
            "updated_at": item.updated_at,
            "version": item.version,
        }
    )


async def delete_posts_of(session: "AsyncSession", *, author_id: UUID, limit: int) -> int:
    """Delete at most `limit` of an author's posts; return how many."""
    return await service.delete_posts_of(session, author_id=author_id, limit=limit)


async def delete_items_of(session: "AsyncSession", *, owner_id: UUID, limit: int) -> int:
    """Delete at most `limit` of an owner's items and their posts; return how many."""
    return await service.delete_items_of(session, owner_id=owner_id, limit=limit)
