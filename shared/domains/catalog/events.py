"""What happens in the catalog. It is told to the owner of the item."""

from typing import Any, ClassVar
from uuid import UUID

from pydantic import Field

from shared.core.events import PublicEvent
from shared.core.money import Money
from shared.domains.catalog.schemas import ItemStatus

_EXAMPLE: dict[str, Any] = {
    "owner_id": "0199f3a2-1c07-7b1d-8a54-6f3e9d2c4b10",
    "item_id": "0199f3a2-5d41-7c86-9f0e-2b7d8c1e6a35",
    "item_version": 1,
    "name": "Signal lantern",
    "price": {"amount": "12.50", "currency": "EUR"},
    "tags": ["brass", "railway"],
    "status": "active",
}


class ItemEvent(PublicEvent):
    """Base of what happens to an item: all of it in its order.

    It tells all but the description, which is long: whoever needs that asks for the item.
    """

    owner_id: UUID = Field(description="Whose item it is.")
    item_id: UUID = Field(description="Which item.")
    item_version: int = Field(
        ge=1, description="It rises with each change, and stands in the ETag of the item."
    )
    name: str = Field(description="What it is called.")
    price: Money | None = Field(description="Null where it has none.")
    tags: tuple[str, ...] = Field(description="Each once, in the order in which they were given.")
    status: ItemStatus = Field(description="Others see it only while it is active.")

    @property
    def aggregate(self) -> str:
        """The item."""
        return f"item:{self.item_id}"


class ItemCreated(ItemEvent):
    """An item was created, by a request or by an import."""

    type: ClassVar[str] = "catalog.item_created"
    public_type: ClassVar[str] = "item.created"
    example: ClassVar[dict[str, Any]] = _EXAMPLE


class ItemChanged(ItemEvent):
    """An item was changed. A request that changes nothing makes no event."""

    type: ClassVar[str] = "catalog.item_changed"
    public_type: ClassVar[str] = "item.changed"
    example: ClassVar[dict[str, Any]] = _EXAMPLE | {
        "item_version": 2,
        "changed": ["description", "price"],
    }

    changed: tuple[str, ...] = Field(
        min_length=1, description="The fields that have another value than before."
    )


class ItemDeleted(ItemEvent):
    """An item was deleted, and with it all posts about it. It is told as it was last.

    What goes with its owner's account makes no event.
    """

    type: ClassVar[str] = "catalog.item_deleted"
    public_type: ClassVar[str] = "item.deleted"
    example: ClassVar[dict[str, Any]] = _EXAMPLE | {"item_version": 2}


class PostEvent(PublicEvent):
    """Base of what happens to a post. Its text is its author's: whoever may see it asks for it."""

    owner_id: UUID = Field(description="Whose item the post is about.")
    post_id: UUID = Field(description="Which post.")
    item_id: UUID = Field(description="The item that it is about.")
    author_id: UUID = Field(description="The user who wrote it.")

    @property
    def aggregate(self) -> str:
        """The post: many may write about one item at once, and wait for nobody."""
        return f"post:{self.post_id}"


_POST_EXAMPLE: dict[str, Any] = {
    "owner_id": _EXAMPLE["owner_id"],
    "post_id": "0199f3a4-80b2-7d3f-b1c6-4e5a7f9d2c81",
    "item_id": _EXAMPLE["item_id"],
    "author_id": "0199f3a2-33de-70aa-9c21-8b4d6e0f1a57",
}


class PostCreated(PostEvent):
    """Somebody, perhaps the owner, wrote about an item. It is told to the owner of the item."""

    type: ClassVar[str] = "catalog.post_created"
    public_type: ClassVar[str] = "post.created"
    example: ClassVar[dict[str, Any]] = _POST_EXAMPLE


class PostDeleted(PostEvent):
    """An author deleted a post. It is told to the owner of the item.

    What goes with the item, or with its author's account, makes no event.
    """

    type: ClassVar[str] = "catalog.post_deleted"
    public_type: ClassVar[str] = "post.deleted"
    example: ClassVar[dict[str, Any]] = _POST_EXAMPLE
