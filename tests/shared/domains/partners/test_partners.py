"""A partner has its plan and its state, and goes with all that is its."""

from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select

from shared.adapters.database.sessions import autocommit, unit_of_work
from shared.core.schema import Paging
from shared.domains.audit.models import AuditEntry
from shared.domains.catalog import api as catalog
from shared.domains.catalog.models import Item
from shared.domains.catalog.schemas import ItemDraft
from shared.domains.identity import api as identity
from shared.domains.identity.errors import InvalidCredentialsError, NoSuchUserError
from shared.domains.identity.models import User
from shared.domains.identity.schemas import Credentials, Role
from shared.domains.partners import api as partners
from shared.domains.partners.errors import (
    GatewayPendingError,
    InvalidApiKeyError,
    NoSuchAdminError,
    PartnerNameTakenError,
    PartnerNotFoundError,
    PartnerSuspendedError,
)
from shared.domains.partners.models import PartnerRow
from shared.domains.partners.schemas import (
    Manager,
    Partner,
    PartnerChange,
    PartnerFilter,
)
from tests.partner_fixtures import (
    DOWN,
    OPERATOR,
    THROTTLED,
    FakeGateway,
    new_key,
    new_partner,
    new_user,
)

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("migrated_database_url", "signing_secret")]

ADDRESS = "192.0.2.1"


async def change(partner: Partner, **fields: object) -> Partner:
    wanted = PartnerChange.model_validate(fields)
    return await partners.change_partner(partner.id, manager=OPERATOR, change=wanted)


async def names(manager: Manager, **which: str) -> list[str]:
    async with autocommit() as session:
        page = await partners.list_partners(
            session,
            manager=manager,
            which=PartnerFilter.model_validate(which),
            paging=Paging(limit=100),
        )
    return [each.name for each in page.items]


async def account_of(partner: Partner) -> UUID:
    async with autocommit() as session:
        found = select(PartnerRow.account_id).where(PartnerRow.id == partner.id)
        account_id = await session.scalar(found)
    assert account_id is not None
    return account_id


async def number_of(table: type[User | Item | PartnerRow]) -> int:
    async with autocommit() as session:
        return await session.scalar(select(func.count(table.id))) or 0


class TestCreate:
    async def test_a_name_is_one_partners_in_any_case(self) -> None:
        await new_partner("Lantern Works")
        with pytest.raises(PartnerNameTakenError):
            await new_partner("LANTERN works")

    async def test_an_admin_is_a_user(self) -> None:
        with pytest.raises(NoSuchAdminError):
            await new_partner(admin_id=uuid4())
        assert await number_of(User) == 0

    async def test_nobody_logs_in_as_its_account(self, quick_hashes: None) -> None:
        account_id = await account_of(await new_partner())
        for password in ("", "-", "service", str(account_id)):
            credentials = Credentials(
                login=f"service:{account_id}", password=password or " ", address=ADDRESS
            )
            with pytest.raises(InvalidCredentialsError):
                async with unit_of_work() as session:
                    await identity.check_credentials(session, credentials)

    async def test_nobody_makes_its_account_an_operator(self) -> None:
        """A user name has no colon, so the command that takes one finds no account."""
        account_id = await account_of(await new_partner())
        with pytest.raises(NoSuchUserError):
            async with unit_of_work() as session:
                await identity.set_role(session, username=str(account_id), role=Role.OPERATOR)


class TestWhoSees:
    async def test_operators_see_all_and_admins_their_own(self) -> None:
        admin = await new_user()
        await new_partner("One", admin_id=admin)
        await new_partner("Two", plan="pro")
        assert await names(OPERATOR) == ["Two", "One"]
        assert await names(Manager(user_id=admin, operator=False)) == ["One"]
        assert await names(Manager(user_id=uuid4(), operator=False)) == []
        assert await names(OPERATOR, plan="pro") == ["Two"]
        assert await names(OPERATOR, state="suspended") == []

    async def test_another_admin_is_the_admin_at_once(self) -> None:
        first, second = await new_user(), await new_user()
        partner = await new_partner(admin_id=first)
        await change(partner, admin_id=second)
        assert await names(Manager(user_id=first, operator=False)) == []
        assert await names(Manager(user_id=second, operator=False)) == [partner.name]

    async def test_a_partner_outlives_its_admins_account(self) -> None:
        admin = await new_user()
        partner = await new_partner(admin_id=admin)
        async with unit_of_work() as session:
            await identity.delete_user(session, admin)
        async with autocommit() as session:
            found = await partners.get_partner(session, partner.id, manager=OPERATOR)
        assert found.admin_id is None


class TestChange:
    async def test_another_plan_moves_the_keys(self, gateway: FakeGateway) -> None:
        partner = await new_partner(plan="free")
        for _ in range(2):
            await new_key(partner)
        assert (await change(partner, plan="pro")).plan == "pro"
        assert set(gateway.plans().values()) == {"pro"}

    @pytest.mark.parametrize("error", [THROTTLED, DOWN], ids=["429", "failure"])
    async def test_what_the_gateway_did_not_take_is_taken_when_asked_again(
        self, gateway: FakeGateway, error: Exception
    ) -> None:
        partner = await new_partner(plan="free")
        key = await new_key(partner)
        gateway.fail("move_key", error)
        with pytest.raises(GatewayPendingError):
            await change(partner, plan="pro")
        assert (await partners.authenticate(key.key, address=ADDRESS)).plan == "pro"
        assert gateway.plans() == {str(key.id): "free"}
        await change(partner, plan="pro")
        assert gateway.plans() == {str(key.id): "pro"}

    async def test_a_suspended_partners_keys_fail_until_it_is_active(
        self, gateway: FakeGateway
    ) -> None:
        partner = await new_partner()
        key = await new_key(partner)
        await change(partner, state="suspended")
        with pytest.raises(PartnerSuspendedError):
            await partners.authenticate(key.key, address=ADDRESS)
        await change(partner, state="active")
        assert (await partners.authenticate(key.key, address=ADDRESS)).key_id == key.id

    async def test_another_partners_name_is_refused_and_changes_nothing(
        self, gateway: FakeGateway
    ) -> None:
        await new_partner("One")
        two = await new_partner("Two", plan="free")
        await new_key(two)
        with pytest.raises(PartnerNameTakenError):
            await change(two, name="one", plan="pro")
        assert set(gateway.plans().values()) == {"free"}

    async def test_the_trail_tells_what_changed_and_no_contact(self) -> None:
        partner = await new_partner(plan="free")
        await change(partner, plan="pro", contact="secret@lanterns.example", name=partner.name)
        async with autocommit() as session:
            done = select(AuditEntry).where(AuditEntry.action == "partners.partner_changed")
            (entry,) = await session.scalars(done)
        assert entry.details == {"changes": {"plan": ["free", "pro"], "contact": "changed"}}

    async def test_what_does_not_change_is_not_recorded(self) -> None:
        partner = await new_partner()
        await change(partner, name=partner.name)
        async with autocommit() as session:
            assert await session.scalar(select(func.count(AuditEntry.id))) == 1


class TestRemove:
    async def test_its_keys_fail_at_once_and_are_gone(self, gateway: FakeGateway) -> None:
        partner = await new_partner()
        key = await new_key(partner)
        await partners.remove_partner(partner.id, manager=OPERATOR)
        with pytest.raises(InvalidApiKeyError):
            await partners.authenticate(key.key, address=ADDRESS)
        assert gateway.keys == {}
        with pytest.raises(PartnerNotFoundError):
            await change(partner, plan="pro")
        assert await names(OPERATOR) == []

    async def test_its_keys_fail_even_where_the_gateway_keeps_them(
        self, gateway: FakeGateway
    ) -> None:
        partner = await new_partner()
        key = await new_key(partner)
        gateway.fail("remove_key", THROTTLED)
        await partners.remove_partner(partner.id, manager=OPERATOR)
        with pytest.raises(InvalidApiKeyError):
            await partners.authenticate(key.key, address=ADDRESS)
        assert len(gateway.keys) == 1

    async def test_its_name_is_free_again(self, gateway: FakeGateway) -> None:
        partner = await new_partner()
        await partners.remove_partner(partner.id, manager=OPERATOR)
        await new_partner(partner.name)

    async def test_its_things_go_in_small_steps_and_then_itself(self, gateway: FakeGateway) -> None:
        partner = await new_partner()
        await new_key(partner)
        kept = await new_partner("Other")
        for owner, number in ((partner, 3), (kept, 1)):
            account_id = await account_of(owner)
            async with unit_of_work() as session:
                drafts = [ItemDraft(name="Lamp")] * number
                await catalog.import_items(session, owner_id=account_id, drafts=drafts)
        await partners.remove_partner(partner.id, manager=OPERATOR)
        steps = 0
        while await finish(limit=2):
            steps += 1
        assert steps == 3
        assert await number_of(PartnerRow) == await number_of(User) == await number_of(Item) == 1

    async def test_nothing_goes_while_the_gateway_may_know_a_key(
        self, gateway: FakeGateway
    ) -> None:
        partner = await new_partner()
        await new_key(partner)
        gateway.fail("remove_key", THROTTLED)
        await partners.remove_partner(partner.id, manager=OPERATOR)
        assert not await finish(limit=2)
        assert await number_of(PartnerRow) == 1


async def finish(*, limit: int) -> bool:
    async with unit_of_work() as session:
        return await partners.finish_removal(session, limit=limit)
