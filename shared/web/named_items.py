"""Items as version 1 of the API knows them, on every surface: a name."""

from datetime import datetime
from uuid import UUID

from shared.core.schema import Name, Paging, Schema, SearchText
from shared.domains.catalog.schemas import Item, ItemSort


class NamedItem(Schema):
    """An item, in version 1."""

    id: UUID
    name: str
    created_at: datetime
    updated_at: datetime


class ItemName(Schema):
    """The one field of an item that version 1 lets you set."""

    name: Name


class ItemNameQuery(Paging):
    """Which items, and in which order."""

    search: SearchText | None = None
    sort: ItemSort = "-created_at"


def named(item: Item) -> NamedItem:
    """Return an item as version 1 shows it."""
    return NamedItem(
        id=item.id, name=item.name, created_at=item.created_at, updated_at=item.updated_at
    )
