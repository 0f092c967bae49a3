"""Who changes the catalog tells the owner of the item, once, in the transaction of the change."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
from jsonschema import Draft202012Validator
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters.database.sessions import autocommit, unit_of_work
from shared.adapters.outbox.models import OutboxRow, PublicEventRow
from shared.core.errors import ProblemError, UnauthorizedError
from shared.core.events import PublicEventsAdded
from shared.core.money import Money
from shared.domains.catalog import api as catalog
from shared.domains.catalog.errors import ItemChangedError, ItemNotFoundError, PostNotFoundError
from shared.domains.catalog.schemas import Item, ItemChange, ItemDraft, ItemStatus, PostDraft
from shared.domains.webhooks.service import catalogue
from tests.functions.queues.tasks.item_tasks import items_of, make_owner

pytestmark = pytest.mark.anyio

LAMP = ItemDraft(
    name='Lämp "✓"',
    description="It burns.",
    price=Money(amount="12.5", currency="EUR"),
    tags=("brass", "light", "brass"),
    status=ItemStatus.DRAFT,
)


@pytest.fixture
async def owner_id(migrated_database_url: str) -> UUID:
    return await make_owner()


async def told() -> list[tuple[str, dict[str, Any]]]:
    """Return what was told so far, each by its type and its data, which fit the type's schema."""
    async with autocommit() as session:
        rows = (await session.scalars(select(PublicEventRow).order_by("sequence"))).all()
    for row in rows:
        assert str(row.owner_id) == row.data["owner_id"]
        body = {"type": row.type, "timestamp": row.occurred_at.isoformat(), "data": row.data}
        schema = catalogue.find_type(row.type).json_schema
        Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(
            body
        )
    return [(row.type, row.data) for row in rows]


async def types_told() -> list[str]:
    return [type_ for type_, _ in await told()]


async def on_the_bus() -> list[OutboxRow]:
    async with autocommit() as session:
        return list(await session.scalars(select(OutboxRow).order_by(OutboxRow.sequence)))


async def create(owner_id: UUID, draft: ItemDraft = LAMP) -> Item:
    async with unit_of_work() as session:
        return await catalog.create_item(session, owner_id=owner_id, draft=draft)


async def change(item: Item, owner_id: UUID, *, expected: int = 1, **values: Any) -> Item:
    async with unit_of_work() as session:
        return await catalog.change_item(
            session,
            owner_id=owner_id,
            item_id=item.id,
            change=ItemChange(**values),
            expected={expected},
        )


async def delete(item: Item, owner_id: UUID, *, expected: int = 1) -> None:
    async with unit_of_work() as session:
        await catalog.delete_item(session, owner_id=owner_id, item_id=item.id, expected={expected})


async def write(author_id: UUID, item: Item) -> UUID:
    async with unit_of_work() as session:
        draft = PostDraft(item_id=item.id, body="hunter2")
        return (await catalog.create_post(session, author_id=author_id, draft=draft)).id


async def unwrite(author_id: UUID, post_id: UUID) -> None:
    async with unit_of_work() as session:
        await catalog.delete_post(session, author_id=author_id, post_id=post_id)


class TestItem:
    async def test_created_it_is_told_as_its_owner_sees_it(self, owner_id: UUID) -> None:
        item = await create(owner_id)
        shown = item.model_dump(mode="json", include={"name", "price", "tags", "status"})
        assert await told() == [
            (
                "item.created",
                {
                    "owner_id": str(owner_id),
                    "item_id": str(item.id),
                    "item_version": 1,
                    **shown,
                },
            )
        ]
        assert (shown["price"]["amount"], shown["tags"]) == ("12.50", ["brass", "light"])
        (event,) = await on_the_bus()
        assert (event.type, event.aggregate) == ("catalog.item_created", f"item:{item.id}")

    @pytest.mark.parametrize(
        ("values", "names"),
        [
            ({"name": "Torch"}, ["name"]),
            ({"description": "It shines."}, ["description"]),
            ({"price": None}, ["price"]),
            ({"price": {"amount": "12.5", "currency": "CHF"}}, ["price"]),
            ({"price": {"amount": "13", "currency": "EUR"}}, ["price"]),
            ({"tags": []}, ["tags"]),
            ({"status": "active", "name": "Torch"}, ["name", "status"]),
            ({"name": LAMP.name, "status": "archived"}, ["status"]),
        ],
    )
    async def test_changed_it_is_told_as_it_is_now_and_what_changed(
        self, owner_id: UUID, values: dict[str, Any], names: list[str]
    ) -> None:
        item = await change(await create(owner_id), owner_id, **values)
        _, (type_, data) = await told()
        assert (type_, data["changed"], data["item_version"]) == ("item.changed", names, 2)
        shown = item.model_dump(mode="json", include={"name", "price", "tags", "status"})
        assert {name: data[name] for name in shown} == shown

    @pytest.mark.parametrize(
        "values",
        [{}, {"name": LAMP.name}, {"price": {"amount": "12.50", "currency": "EUR"}}],
    )
    async def test_what_changes_nothing_is_not_told(
        self, owner_id: UUID, values: dict[str, Any]
    ) -> None:
        item = await change(await create(owner_id), owner_id, **values)
        assert (item.version, await types_told()) == (1, ["item.created"])

    async def test_deleted_it_is_told_as_it_was_last_and_its_posts_are_not(
        self, owner_id: UUID
    ) -> None:
        item = await create(owner_id)
        await write(owner_id, item)
        item = await change(item, owner_id, name="Torch")
        await delete(item, owner_id, expected=2)
        *_, changed, (type_, data) = await told()
        assert type_ == "item.deleted"
        assert data == {name: value for name, value in changed[1].items() if name != "changed"}
        assert await types_told() == ["item.created", "post.created", "item.changed", type_]

    async def test_all_that_happens_to_it_is_in_order_on_the_bus(self, owner_id: UUID) -> None:
        item = await create(owner_id)
        await change(item, owner_id, name="Torch")
        await delete(item, owner_id, expected=2)
        assert {row.aggregate for row in await on_the_bus()} == {f"item:{item.id}"}
        assert [row.type for row in await on_the_bus()] == [
            "catalog.item_created",
            "catalog.item_changed",
            "catalog.item_deleted",
        ]

    async def test_what_is_refused_is_not_told(self, owner_id: UUID) -> None:
        item, other_id = await create(owner_id), await make_owner()
        with pytest.raises(ItemNotFoundError):
            await change(item, other_id, name="Mine")
        with pytest.raises(ItemNotFoundError):
            await delete(item, other_id)
        with pytest.raises(ItemChangedError):
            await change(item, owner_id, expected=7, name="Torch")
        with pytest.raises(ItemChangedError):
            await delete(item, owner_id, expected=7)
        with pytest.raises(UnauthorizedError):
            await create(uuid4())
        assert await types_told() == ["item.created"]

    async def test_of_two_changes_at_once_the_one_that_is_made_is_told(
        self, owner_id: UUID
    ) -> None:
        item = await create(owner_id)
        tries = [change(item, owner_id, name=name) for name in ("Torch", "Candle")]
        made = await asyncio.gather(*tries, return_exceptions=True)
        (lost,) = [each for each in made if isinstance(each, BaseException)]
        assert isinstance(lost, ProblemError)
        assert await types_told() == ["item.created", "item.changed"]


class TestImport:
    async def test_each_item_is_told_as_if_it_had_been_made_alone(self, owner_id: UUID) -> None:
        async with unit_of_work() as session:
            await catalog.import_items(
                session, owner_id=owner_id, drafts=[LAMP, ItemDraft(name="Wheel")]
            )
        imported = await told()
        items = await items_of(owner_id)
        for draft in (LAMP, ItemDraft(name="Wheel")):
            await create(owner_id, draft)
        alone = (await told())[2:]
        assert [data["item_id"] for _, data in imported] == [str(item.id) for item in items]
        assert [(type_, data | {"item_id": ""}) for type_, data in imported] == [
            (type_, data | {"item_id": ""}) for type_, data in alone
        ]

    async def test_on_the_bus_one_event_names_all_of_them(self, owner_id: UUID) -> None:
        drafts = [ItemDraft(name=str(number)) for number in range(300)]
        async with unit_of_work() as session:
            await catalog.import_items(session, owner_id=owner_id, drafts=drafts)
        (event,) = await on_the_bus()
        assert event.type == PublicEventsAdded.type
        async with autocommit() as session:
            ids = await session.scalars(select(PublicEventRow.id).order_by("sequence"))
        assert event.data["event_ids"] == [str(id_) for id_ in ids]

    async def test_of_none_nothing_is_told(self, owner_id: UUID) -> None:
        async with unit_of_work() as session:
            await catalog.import_items(session, owner_id=owner_id, drafts=[])
        assert (await told(), await on_the_bus()) == ([], [])


class TestPost:
    async def test_it_is_told_to_the_owner_of_the_item_and_its_text_to_nobody(
        self, owner_id: UUID
    ) -> None:
        author_id = await make_owner()
        item = await create(owner_id, ItemDraft(name="Lamp"))
        post_id = await write(author_id, item)
        await unwrite(author_id, post_id)
        _, *posts = await told()
        names = {
            "owner_id": str(owner_id),
            "post_id": str(post_id),
            "item_id": str(item.id),
            "author_id": str(author_id),
        }
        assert posts == [("post.created", names), ("post.deleted", names)]
        *_, created, deleted = await on_the_bus()
        assert {created.aggregate, deleted.aggregate} == {f"post:{post_id}"}

    async def test_what_is_refused_is_not_told(self, owner_id: UUID) -> None:
        other_id = await make_owner()
        item = await create(owner_id, ItemDraft(name="Lamp"))
        post_id = await write(other_id, item)
        with pytest.raises(PostNotFoundError):
            await unwrite(owner_id, post_id)
        assert await types_told() == ["item.created", "post.created"]

    async def test_of_two_who_delete_it_at_once_one_is_told(self, owner_id: UUID) -> None:
        item = await create(owner_id)
        post_id = await write(owner_id, item)
        async with deleting(owner_id, post_id):
            second = asyncio.create_task(unwrite(owner_id, post_id))
            await waits_for_a_lock()
        with pytest.raises(PostNotFoundError):
            await second
        assert await types_told() == ["item.created", "post.created", "post.deleted"]


class TestDeletedAccount:
    async def test_what_goes_with_it_is_not_told(self, owner_id: UUID) -> None:
        other_id = await make_owner()
        item = await create(owner_id, ItemDraft(name="Lamp"))
        for author_id in (owner_id, other_id):
            await write(author_id, item)
        before = await types_told()
        async with unit_of_work() as session:
            await catalog.delete_posts_of(session, author_id=owner_id, limit=10)
            await catalog.delete_items_of(session, owner_id=owner_id, limit=10)
        assert await types_told() == before


@asynccontextmanager
async def deleting(author_id: UUID, post_id: UUID) -> AsyncIterator[AsyncSession]:
    """Delete a post in a transaction that is committed at the end of the block."""
    async with unit_of_work() as session:
        await catalog.delete_post(session, author_id=author_id, post_id=post_id)
        await session.flush()
        yield session


async def waits_for_a_lock() -> None:
    """Return once somebody waits for a lock."""
    from sqlalchemy import text

    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    async with asyncio.timeout(10):
        while True:
            async with autocommit() as session:
                if await session.scalar(waiting):
                    return
