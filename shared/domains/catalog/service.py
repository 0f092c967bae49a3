"""The rules of the catalog: an item belongs to its owner; an active one is for all to discuss."""

from collections.abc import Container, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import inspect
from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters.outbox import outbox
from shared.core.clock import now
from shared.core.ids import new_id
from shared.core.money import Money, money_of
from shared.core.pagination import Page
from shared.core.schema import Paging
from shared.domains.catalog import repository
from shared.domains.catalog.errors import (
    ItemChangedError,
    ItemNotFoundError,
    NoSuchItemError,
    PostNotFoundError,
)
from shared.domains.catalog.events import (
    ItemChanged,
    ItemCreated,
    ItemDeleted,
    PostCreated,
    PostDeleted,
)
from shared.domains.catalog.models import Item, Post
from shared.domains.catalog.schemas import ItemChange, ItemDraft, ItemFilter, PostDraft, PostFilter

_FIELDS = {"price_amount": "price", "price_currency": "price"}
"""What columns are called that are part of a field."""


async def create_item(session: AsyncSession, *, owner_id: UUID, draft: ItemDraft) -> Item:
    """Make an item. Raises UnauthorizedError where the owner is gone."""
    item = Item(owner_id=owner_id, **_columns_of(draft))
    await repository.save(session, item)
    outbox.add(session, ItemCreated(**_told_of(item)))
    return item


async def get_item(session: AsyncSession, *, owner_id: UUID, item_id: UUID) -> Item:
    """Return an item. Raises ItemNotFoundError."""
    item = await repository.find_item(session, owner_id=owner_id, item_id=item_id)
    if item is None:
        raise ItemNotFoundError
    return item


async def list_items(
    session: AsyncSession, *, owner_id: UUID, which: ItemFilter, paging: Paging
) -> Page[Item]:
    """Return a page of items. Raises ValidationFailedError for a bad cursor."""
    return await repository.list_items(session, owner_id=owner_id, which=which, paging=paging)


async def import_items(
    session: AsyncSession, *, owner_id: UUID, drafts: Sequence[ItemDraft]
) -> None:
    """Make many items at once. Raises UnauthorizedError where the owner is gone."""
    made_at = now()
    items = [
        # A microsecond after each other: whoever lists them by age finds them in this order.
        _imported(draft, owner_id=owner_id, made_at=made_at + timedelta(microseconds=place))
        for place, draft in enumerate(drafts)
    ]
    if items:
        await repository.add_items(session, items)
        told = [_imported_event(*each) for each in zip(drafts, items, strict=True)]
        await outbox.add_public(session, told)


async def list_items_made_until(
    session: AsyncSession,
    *,
    owner_id: UUID,
    which: ItemFilter,
    until: datetime,
    limit: int,
    cursor: str | None,
) -> Page[Item]:
    """Return a page of items that are no newer. Raises ValidationFailedError for a bad cursor."""
    return await repository.list_items_made_until(
        session, owner_id=owner_id, which=which, until=until, limit=limit, cursor=cursor
    )


async def change_item(
    session: AsyncSession,
    *,
    owner_id: UUID,
    item_id: UUID,
    change: ItemChange,
    expected: Container[int],
) -> Item:
    """Change an item in one of the `expected` versions. Raises ItemNotFoundError, ItemChangedError."""
    item = await _locked(session, owner_id=owner_id, item_id=item_id, expected=expected)
    for name, value in _columns_of(change).items():
        setattr(item, name, value)
    if changed := _changed(item):
        item.version += 1
        await repository.save(session, item)
        outbox.add(session, ItemChanged(**_told_of(item), changed=changed))
    return item


async def delete_item(
    session: AsyncSession, *, owner_id: UUID, item_id: UUID, expected: Container[int]
) -> None:
    """Delete an item and its posts. Raises ItemNotFoundError, ItemChangedError."""
    item = await _locked(session, owner_id=owner_id, item_id=item_id, expected=expected)
    await repository.remove(session, item)
    outbox.add(session, ItemDeleted(**_told_of(item)))


async def create_post(session: AsyncSession, *, author_id: UUID, draft: PostDraft) -> Post:
    """Write about an item. Raises NoSuchItemError, UnauthorizedError where the author is gone."""
    item = await repository.find_visible_item(session, viewer_id=author_id, item_id=draft.item_id)
    if item is None:
        raise NoSuchItemError
    post = Post(author_id=author_id, item_id=item.id, body=draft.body)
    await repository.save(session, post)
    outbox.add(session, PostCreated(**_names_of(post), owner_id=item.owner_id))
    return await get_post(session, viewer_id=author_id, post_id=post.id)


async def get_post(session: AsyncSession, *, viewer_id: UUID, post_id: UUID) -> Post:
    """Return a post with its author. Raises PostNotFoundError."""
    post = await repository.find_post(session, viewer_id=viewer_id, post_id=post_id)
    if post is None:
        raise PostNotFoundError
    return post


async def list_posts(
    session: AsyncSession, *, viewer_id: UUID, which: PostFilter, paging: Paging
) -> Page[Post]:
    """Return a page of posts with their authors. Raises ValidationFailedError for a bad cursor."""
    return await repository.list_posts(session, viewer_id=viewer_id, which=which, paging=paging)


async def delete_post(session: AsyncSession, *, author_id: UUID, post_id: UUID) -> None:
    """Delete one's own post. Raises PostNotFoundError."""
    # Locked: of two who delete it at once the second finds none, and tells nobody.
    post = await repository.find_own_post_for_change(session, author_id=author_id, post_id=post_id)
    if post is None:
        raise PostNotFoundError
    await repository.remove(session, post)
    outbox.add(session, PostDeleted(**_names_of(post), owner_id=post.item.owner_id))


async def _locked(
    session: AsyncSession, *, owner_id: UUID, item_id: UUID, expected: Container[int]
) -> Item:
    # Locked before it is compared: of two changes to one version the second sees the first.
    item = await repository.find_item_for_change(session, owner_id=owner_id, item_id=item_id)
    if item is None:
        raise ItemNotFoundError
    if item.version not in expected:
        raise ItemChangedError
    return item


def _imported(draft: ItemDraft, *, owner_id: UUID, made_at: datetime) -> dict[str, Any]:
    columns = _columns_of(draft)
    if draft.price is not None:
        columns["price_amount"] = draft.price.amount
    made = made_at.isoformat()
    identity = {"id": str(new_id()), "owner_id": str(owner_id)}
    return {**columns, **identity, "created_at": made, "updated_at": made}


def _imported_event(draft: ItemDraft, columns: dict[str, Any]) -> ItemCreated:
    return ItemCreated(
        owner_id=columns["owner_id"],
        item_id=columns["id"],
        item_version=1,
        name=draft.name,
        price=_as_shown(draft.price),
        tags=columns["tags"],
        status=draft.status,
    )


def _changed(item: Item) -> tuple[str, ...]:
    """Name the fields that have another value than the database's."""
    changed = {each.key for each in inspect(item).attrs if each.history.has_changes()}
    return tuple(sorted({_FIELDS.get(name, name) for name in changed}))


def _as_shown(price: Money | None) -> Money | None:
    return price and money_of(Decimal(price.amount), currency=price.currency)


def _told_of(item: Item) -> dict[str, Any]:
    return {
        "owner_id": item.owner_id,
        "item_id": item.id,
        "item_version": item.version,
        "name": item.name,
        "price": money_of(item.price_amount, currency=item.price_currency),
        "tags": tuple(item.tags),
        "status": item.status,
    }


def _names_of(post: Post) -> dict[str, UUID]:
    return {"post_id": post.id, "item_id": post.item_id, "author_id": post.author_id}


def _columns_of(given: ItemDraft | ItemChange) -> dict[str, Any]:
    columns = given.model_dump(exclude={"price"})
    if "tags" in columns:
        columns["tags"] = list(dict.fromkeys(columns["tags"]))
    if given.price is None:
        columns |= {"price_amount": None, "price_currency": None}
    elif isinstance(given.price, Money):
        columns["price_amount"] = Decimal(given.price.amount)
        columns["price_currency"] = given.price.currency
    return columns


async def delete_posts_of(session: AsyncSession, *, author_id: UUID, limit: int) -> int:
    """Delete at most `limit` of an author's posts; return how many."""
    return await repository.remove_posts_of(session, author_id=author_id, limit=limit)


async def delete_items_of(session: AsyncSession, *, owner_id: UUID, limit: int) -> int:
    """Delete at most `limit` of an owner's items and their posts; return how many."""
    return await repository.remove_items_of(session, owner_id=owner_id, limit=limit)
