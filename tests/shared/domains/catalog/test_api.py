"""Many items are made at once, and read again in their order up to a moment."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from shared.adapters.database.sessions import autocommit, unit_of_work
from shared.core.errors import UnauthorizedError
from shared.core.money import Money
from shared.core.schema import Paging
from shared.domains.catalog import api as catalog
from shared.domains.catalog.schemas import Item, ItemDraft, ItemFilter, ItemStatus
from tests.functions.queues.tasks.item_tasks import items_of, make_owner

pytestmark = pytest.mark.anyio

DATA_API = pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)
OLDEST_FIRST = ItemFilter(sort="created_at")


@pytest.fixture
async def owner_id(migrated_database_url: str) -> UUID:
    return await make_owner()


async def import_items(owner_id: UUID, *drafts: ItemDraft) -> None:
    async with unit_of_work() as session:
        await catalog.import_items(session, owner_id=owner_id, drafts=drafts)


class TestImport:
    async def test_each_item_is_as_if_it_had_been_made_alone(self, owner_id: UUID) -> None:
        draft = ItemDraft(
            name='Lämp "✓" \\ {a,b}',
            description="It\r\nburns\x01\u2028",
            price=Money(amount="12.5", currency="EUR"),
            tags=("brass", 'a"b\\,{}', "brass", "NULL"),
            status=ItemStatus.DRAFT,
        )
        await import_items(owner_id, draft, ItemDraft(name="Wheel"))
        async with unit_of_work() as session:
            for each in (draft, ItemDraft(name="Wheel")):
                await catalog.create_item(session, owner_id=owner_id, draft=each)
        imported, alone = (await items_of(owner_id))[:2], (await items_of(owner_id))[2:]
        same = {*Item.model_fields} - {"id", "created_at", "updated_at"}
        assert [each.model_dump(include=same) for each in imported] == [
            each.model_dump(include=same) for each in alone
        ]
        assert all(each.created_at == each.updated_at for each in imported)

    async def test_they_keep_their_order(self, owner_id: UUID) -> None:
        names = [f"Lamp {number}" for number in range(500)]
        await import_items(owner_id, *(ItemDraft(name=name) for name in names))
        assert [item.name for item in await items_of(owner_id)] == names

    async def test_of_none_nothing_is_made(self, owner_id: UUID) -> None:
        await import_items(owner_id)
        assert await items_of(owner_id) == []

    async def test_for_nobody_none_is_made(self, owner_id: UUID) -> None:
        with pytest.raises(UnauthorizedError):
            await import_items(uuid4(), ItemDraft(name="Lamp"))


class TestListUntil:
    async def test_a_page_ends_at_the_moment(self, owner_id: UUID) -> None:
        await import_items(owner_id, *(ItemDraft(name=name) for name in "abc"))
        *_, second, third = await items_of(owner_id)
        async with autocommit() as session:
            for until, names in (
                (third.created_at, "abc"),
                (second.created_at, "ab"),
                (second.created_at - timedelta(microseconds=1), "a"),
            ):
                page = await catalog.list_items_made_until(
                    session,
                    owner_id=owner_id,
                    which=OLDEST_FIRST,
                    until=until,
                    limit=10,
                    cursor=None,
                )
                assert [item.name for item in page.items] == list(names)
                assert page.next_cursor is None

    @DATA_API
    async def test_it_shows_what_a_list_shows(self, owner_id: UUID) -> None:
        await import_items(owner_id, *(ItemDraft(name=name) for name in "abc"))
        async with autocommit() as session:
            listed = await catalog.list_items(
                session, owner_id=owner_id, which=OLDEST_FIRST, paging=Paging()
            )
        assert await items_of(owner_id) == listed.items
