"""What goes into the catalog and comes out of it."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import MISSING, Field, StringConstraints

from shared.core.money import Money
from shared.core.schema import Label, Name, Prose, Schema, SearchText

Tags = Annotated[tuple[Label, ...], Field(max_length=20)]
"""At most 20 tags; one named twice counts once."""

PostBody = Annotated[Prose, StringConstraints(min_length=1)]

type ItemSort = Literal["created_at", "-created_at", "updated_at", "-updated_at", "name", "-name"]
"""A field to sort by, with `-` in front for descending."""


class ItemStatus(StrEnum):
    """Whether an item is offered: others see and discuss it only while it is active."""

    DRAFT = "draft"
    ACTIVE = "active"
    ARCHIVED = "archived"


class ItemDraft(Schema):
    """A new item."""

    name: Name
    description: Prose = ""
    price: Money | None = None
    tags: Tags = ()
    status: ItemStatus = ItemStatus.ACTIVE


class ItemChange(Schema):
    """New values for some of an item's fields; what is absent stays (RFC 7396)."""

    name: Name | MISSING = MISSING
    description: Prose | MISSING = MISSING
    price: Money | MISSING | None = MISSING
    tags: Tags | MISSING = MISSING
    status: ItemStatus | MISSING = MISSING


class Item(Schema):
    """An item as its owner sees it."""

    id: UUID
    name: str
    description: str
    price: Money | None
    tags: tuple[str, ...]
    status: ItemStatus
    created_at: datetime
    updated_at: datetime
    version: int = Field(exclude=True)


class ItemFilter(Schema):
    """Which items, and in which order."""

    status: ItemStatus | None = None
    tag: Label | None = None
    search: SearchText | None = None
    sort: ItemSort = "-created_at"


class PostDraft(Schema):
    """A new post about an item."""

    item_id: UUID
    body: PostBody


class Author(Schema):
    """Who wrote a post."""

    id: UUID
    username: str


class Post(Schema):
    """A post with its author."""

    id: UUID
    item_id: UUID
    author: Author
    body: str
    created_at: datetime


class PostFilter(Schema):
    """Which posts."""

    item_id: UUID | None = None
    author_id: UUID | None = None
