"""Tables of the catalog."""

from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, String, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shared.adapters.database.base import Base, Identified, enum_of
from shared.domains.catalog.schemas import ItemStatus
from shared.domains.identity.models import User


class Item(Identified, Base):
    """Something that a user offers. `version` counts its changes."""

    __tablename__ = "items"

    owner_id: Mapped[UUID] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"))
    name: Mapped[str]
    description: Mapped[str] = mapped_column(default="", server_default="")
    price_amount: Mapped[Decimal | None] = mapped_column(Numeric(16, 4))
    price_currency: Mapped[str | None] = mapped_column(String(3))
    tags: Mapped[list[str]] = mapped_column(ARRAY(String), default=list, server_default="{}")
    status: Mapped[ItemStatus] = mapped_column(
        enum_of(ItemStatus, name="item_status"),
        default=ItemStatus.ACTIVE,
        server_default=ItemStatus.ACTIVE.value,
    )
    version: Mapped[int] = mapped_column(default=1, server_default=text("1"))

    __table_args__ = (
        CheckConstraint("(price_amount IS NULL) = (price_currency IS NULL)", name="price_whole"),
        # One for each order that a list offers; a page is then one range of it.
        Index("ix_items_owner_created", "owner_id", "created_at", "id"),
        Index("ix_items_owner_updated", "owner_id", "updated_at", "id"),
        Index("ix_items_owner_name", "owner_id", "name", "id"),
        Index("ix_items_tags", "tags", postgresql_using="gin"),
    )


class Post(Identified, Base):
    """What a user wrote about an item."""

    __tablename__ = "posts"

    author_id: Mapped[UUID] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"))
    item_id: Mapped[UUID] = mapped_column(ForeignKey(Item.id, ondelete="CASCADE"))
    body: Mapped[str]

    author: Mapped[User] = relationship(lazy="raise")
    item: Mapped[Item] = relationship(lazy="raise")

    __table_args__ = (
        Index("ix_posts_item", "item_id", "created_at", "id"),
        Index("ix_posts_author", "author_id", "created_at", "id"),
        Index("ix_posts_created", "created_at", "id"),
    )
