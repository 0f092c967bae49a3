"""Where items and posts are kept."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, column, delete, func, insert, literal, or_, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import contains_eager, joinedload

from shared.adapters.database.pagination import Key, ascending, descending, paginate
from shared.adapters.database.violations import violated_constraint
from shared.core.errors import UnauthorizedError
from shared.core.pagination import Page
from shared.core.schema import Paging
from shared.domains.catalog.models import Item, Post
from shared.domains.catalog.schemas import ItemFilter, ItemStatus, PostFilter

_GONE = {"fk_items_owner_id_users", "fk_posts_author_id_users"}


async def save(session: AsyncSession, row: Item | Post) -> None:
    """Write a new or changed row. Raises UnauthorizedError where its user is gone."""
    session.add(row)
    with _of_a_user():
        await session.flush()


async def add_items(session: AsyncSession, items: Sequence[Mapping[str, Any]]) -> None:
    """Write new items, each the values of the same columns as JSON knows them, by one statement.

    Raises UnauthorizedError where their owner is gone.
    """
    names = list(items[0])
    typed = [column(name, Item.__table__.c[name].type) for name in names]
    given = func.jsonb_to_recordset(literal(items, JSONB)).table_valued(*typed, name="given")
    rows = select(*given.render_derived(with_types=True).c)
    with _of_a_user():
        # A parameter for each value would make a request several times as large.
        await session.execute(insert(Item).from_select(names, rows, include_defaults=False))


async def remove(session: AsyncSession, row: Item | Post) -> None:
    """Delete a row and what belongs to it."""
    await session.delete(row)
    await session.flush()


async def find_item(session: AsyncSession, *, owner_id: UUID, item_id: UUID) -> Item | None:
    """Return an owner's item, or None."""
    return await session.scalar(_owned(owner_id, item_id))


async def find_item_for_change(
    session: AsyncSession, *, owner_id: UUID, item_id: UUID
) -> Item | None:
    """Return an owner's item that no other transaction changes until this one ends, or None."""
    return await session.scalar(_owned(owner_id, item_id).with_for_update())


async def list_items(
    session: AsyncSession, *, owner_id: UUID, which: ItemFilter, paging: Paging
) -> Page[Item]:
    """Return a page of an owner's items. Raises ValidationFailedError for a bad cursor."""
    return await paginate(
        session,
        _filtered(owner_id, which),
        order=_order(which.sort),
        cursor=paging.cursor,
        limit=paging.limit,
        filters={**which.model_dump(), "owner": owner_id},
    )


async def list_items_made_until(
    session: AsyncSession,
    *,
    owner_id: UUID,
    which: ItemFilter,
    until: datetime,
    limit: int,
    cursor: str | None,
) -> Page[Item]:
    """Return a page of an owner's items that are no newer. Raises ValidationFailedError for a bad cursor."""
    return await paginate(
        session,
        _filtered(owner_id, which).where(Item.created_at <= until),
        order=_order(which.sort),
        cursor=cursor,
        limit=limit,
        filters={**which.model_dump(), "owner": owner_id, "until": until},
    )


async def find_visible_item(
    session: AsyncSession, *, viewer_id: UUID, item_id: UUID
) -> Item | None:
    """Return an item that a user may see, or None; it cannot be deleted until this ends."""
    seen = select(Item).where(Item.id == item_id, _visible_to(viewer_id))
    return await session.scalar(seen.with_for_update(read=True, key_share=True))


async def find_post(session: AsyncSession, *, viewer_id: UUID, post_id: UUID) -> Post | None:
    """Return a post that a user may see, with its author, or None."""
    return await session.scalar(_readable(viewer_id).where(Post.id == post_id))


async def find_own_post_for_change(
    session: AsyncSession, *, author_id: UUID, post_id: UUID
) -> Post | None:
    """Return an author's own post with its item, or None; nobody else changes the post until this ends."""
    own = select(Post).join(Post.item).where(Post.id == post_id, Post.author_id == author_id)
    with_item = own.options(contains_eager(Post.item).load_only(Item.owner_id))
    return await session.scalar(with_item.with_for_update(of=Post))


async def list_posts(
    session: AsyncSession, *, viewer_id: UUID, which: PostFilter, paging: Paging
) -> Page[Post]:
    """Return a page of the posts that a user may see, newest first, with their authors.

    Raises ValidationFailedError for a bad cursor.
    """
    statement = _readable(viewer_id)
    if which.item_id:
        statement = statement.where(Post.item_id == which.item_id)
    if which.author_id:
        statement = statement.where(Post.author_id == which.author_id)
    return await paginate(
        session,
        statement,
        order=[descending(Post.created_at), descending(Post.id)],
        cursor=paging.cursor,
        limit=paging.limit,
        filters={**which.model_dump(), "viewer": viewer_id},
    )


@contextmanager
def _of_a_user() -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        if violated_constraint(error) in _GONE:
            raise UnauthorizedError("Your account is gone: register again.") from error
        raise


def _owned(owner_id: UUID, item_id: UUID) -> Select[Item]:
    return select(Item).where(Item.id == item_id, Item.owner_id == owner_id)


def _filtered(owner_id: UUID, which: ItemFilter) -> Select[Item]:
    conditions = [Item.owner_id == owner_id]
    if which.status:
        conditions.append(Item.status == which.status)
    if which.tag:
        conditions.append(Item.tags.contains([which.tag]))
    if which.search:
        conditions.append(
            or_(
                Item.name.icontains(which.search, autoescape=True),
                Item.description.icontains(which.search, autoescape=True),
            )
        )
    return select(Item).where(*conditions)


def _visible_to(viewer_id: UUID) -> ColumnElement[bool]:
    return or_(Item.status == ItemStatus.ACTIVE, Item.owner_id == viewer_id)


def _readable(viewer_id: UUID) -> Select[Post]:
    may_read = or_(_visible_to(viewer_id), Post.author_id == viewer_id)
    with_authors = select(Post).join(Post.item).where(may_read)
    return with_authors.options(joinedload(Post.author, innerjoin=True))


def _order(sort: str) -> list[Key]:
    column = {"created_at": Item.created_at, "updated_at": Item.updated_at, "name": Item.name}[
        sort.removeprefix("-")
    ]
    direction = descending if sort.startswith("-") else ascending
    return [direction(column), direction(Item.id)]


async def remove_posts_of(session: AsyncSession, *, author_id: UUID, limit: int) -> int:
    """Delete at most `limit` of an author's posts; return how many."""
    some = select(Post.id).where(Post.author_id == author_id).limit(limit)
    gone = delete(Post).where(Post.id.in_(some)).returning(Post.id)
    removed = await session.execute(gone.execution_options(synchronize_session=False))
    return len(removed.all())


async def remove_items_of(session: AsyncSession, *, owner_id: UUID, limit: int) -> int:
    """Delete at most `limit` of an owner's items, and what was posted about them; return how many."""
    some = select(Item.id).where(Item.owner_id == owner_id).limit(limit)
    gone = delete(Item).where(Item.id.in_(some)).returning(Item.id)
    removed = await session.execute(gone.execution_options(synchronize_session=False))
    return len(removed.all())
