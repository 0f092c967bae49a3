"""Scenes of items and posts."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters.database.base import Base
from shared.domains.catalog import repository as catalog
from shared.domains.catalog.models import Item, Post
from shared.domains.catalog.schemas import ItemFilter, ItemStatus, PostFilter
from tests.authorization.scenes.identity import user
from tests.authorization.stage import ANY, LATER, NOBODY, THINGS, Owner, scene_of


def draft(owner: Owner) -> Sequence[Base]:
    return [Item(id=owner.thing, owner_id=owner.id, name="Lantern", status=ItemStatus.DRAFT)]


def post(owner: Owner) -> Sequence[Base]:
    """Give them a post about a draft of nobody's: only its author may see it."""
    about = Item(id=owner.thing, owner_id=NOBODY, name="Lantern", status=ItemStatus.DRAFT)
    return [*user(owner), about, _post(owner)]


def public_post(owner: Owner) -> Sequence[Base]:
    about = Item(id=owner.thing, owner_id=owner.id, name="Lantern", status=ItemStatus.ACTIVE)
    return [*user(owner), about, _post(owner)]


def _post(owner: Owner) -> Post:
    return Post(id=owner.thing, author_id=owner.id, item_id=owner.thing, body="It shines.")


@scene_of(catalog._owned, draft)
async def find_items(session: AsyncSession, me: Owner) -> object:
    finders = (catalog.find_item, catalog.find_item_for_change)
    return [await find(session, owner_id=me.id, item_id=i) for find in finders for i in THINGS]


@scene_of(catalog._filtered, draft)
async def list_items(session: AsyncSession, me: Owner) -> object:
    which: dict[str, Any] = {"owner_id": me.id, "which": ItemFilter()}
    whole = await catalog.list_items(session, **which, paging=ANY)
    later = LATER.replace(year=9999)
    return whole, await catalog.list_items_made_until(
        session, **which, until=later, limit=10, cursor=None
    )


@scene_of(catalog._visible_to, draft)
async def see_items(session: AsyncSession, me: Owner) -> object:
    return [await catalog.find_visible_item(session, viewer_id=me.id, item_id=i) for i in THINGS]


@scene_of(catalog._readable, post)
async def read_posts(session: AsyncSession, me: Owner) -> object:
    found = [await catalog.find_post(session, viewer_id=me.id, post_id=i) for i in THINGS]
    return found, await catalog.list_posts(session, viewer_id=me.id, which=PostFilter(), paging=ANY)


@scene_of(catalog.list_posts, public_post)
async def list_some_posts(session: AsyncSession, me: Owner) -> object:
    some = (PostFilter(author_id=me.id), PostFilter(item_id=me.thing))
    return [
        await catalog.list_posts(session, viewer_id=me.id, which=which, paging=ANY)
        for which in some
    ]


@scene_of(catalog.find_own_post_for_change, post)
async def find_own_posts(session: AsyncSession, me: Owner) -> object:
    find = catalog.find_own_post_for_change
    return [await find(session, author_id=me.id, post_id=i) for i in THINGS]


@scene_of(catalog.remove_posts_of, post)
async def remove_posts(session: AsyncSession, me: Owner) -> object:
    return await catalog.remove_posts_of(session, author_id=me.id, limit=10)


@scene_of(catalog.remove_items_of, draft)
async def remove_items(session: AsyncSession, me: Owner) -> object:
    return await catalog.remove_items_of(session, owner_id=me.id, limit=10)


@scene_of(catalog.find_visible_item, draft)
async def find_visible_items(session: AsyncSession, me: Owner) -> object:
    return [await catalog.find_visible_item(session, viewer_id=me.id, item_id=i) for i in THINGS]


@scene_of(catalog.find_post, post)
async def find_posts(session: AsyncSession, me: Owner) -> object:
    return [await catalog.find_post(session, viewer_id=me.id, post_id=i) for i in THINGS]
