"""Whatever our database and the gateway disagree about is found, counted and healed, both ways."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update

from shared.adapters import aws, gateway_keys
from shared.adapters.database.sessions import autocommit, unit_of_work
from shared.core.clock import now
from shared.core.schema import Paging
from shared.domains.audit.models import AuditEntry
from shared.domains.partners import api as partners
from shared.domains.partners.errors import GatewayPendingError, InvalidApiKeyError
from shared.domains.partners.models import PartnerKeyRow, PartnerRow
from shared.domains.partners.schemas import (
    IssuedKey,
    KeyRotation,
    KeyState,
    KeyStatus,
    Partner,
    Reconciliation,
)
from shared.domains.partners.service import drift
from shared.domains.partners.service.keys import CREATION
from tests.gateway_fixtures import ApiGateway
from tests.partner_fixtures import (
    DOWN,
    OPERATOR,
    THROTTLED,
    FakeGateway,
    Held,
    new_key,
    new_partner,
)
from tests.web_fixtures import Log

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("migrated_database_url", "signing_secret")]

ADDRESS = "192.0.2.1"
LONG_AGO = CREATION + timedelta(minutes=1)


async def reconcile(*, time: int = 10_000) -> Reconciliation:
    """Reconcile with time for so many keys."""
    left = [True] * time

    def has_time() -> bool:
        return bool(left and left.pop())

    return await partners.reconcile(has_time=has_time)


async def age(key_id: UUID | None = None, *, by: timedelta = LONG_AGO) -> None:
    """Make keys older: one, or all."""
    made = {"created_at": now() - by, "activated_at": PartnerKeyRow.activated_at - by}
    changed = update(PartnerKeyRow).values(**made)
    if key_id is not None:
        changed = changed.where(PartnerKeyRow.id == key_id)
    async with unit_of_work() as session:
        await session.execute(changed)


async def states() -> list[KeyState]:
    async with autocommit() as session:
        found = select(PartnerKeyRow.state).order_by(PartnerKeyRow.id)
        return list((await session.scalars(found)).all())


async def statuses(partner: Partner) -> list[KeyStatus]:
    async with autocommit() as session:
        page = await partners.list_keys(session, partner.id, manager=OPERATOR, paging=Paging())
    return [key.status for key in page.items]


async def opens(key: IssuedKey) -> bool:
    try:
        await partners.authenticate(key.key, address=ADDRESS)
    except InvalidApiKeyError:
        return False
    return True


class TestEveryKind:
    async def test_where_all_agree_nothing_is_done(self, gateway: FakeGateway) -> None:
        await new_key(await new_partner())
        await age()
        told = await reconcile()
        assert (told.found, told.healed, told.complete) == ({}, {}, True)
        assert gateway.calls == ["put_key", "list_keys"]

    @pytest.mark.parametrize("late", [False, True], ids=["refused", "answer lost"])
    async def test_what_a_broken_creation_left_goes(
        self, gateway: FakeGateway, *, late: bool
    ) -> None:
        gateway.fail("put_key", THROTTLED, late=late)
        with pytest.raises(GatewayPendingError):
            await new_key(await new_partner())
        assert (await reconcile()).healed == {"ended": 1}
        assert (gateway.keys, await states()) == ({}, [])

    async def test_a_creation_whose_process_died_goes(self, gateway: FakeGateway) -> None:
        key = await new_key(await new_partner())
        async with unit_of_work() as session:
            back = {"state": KeyState.PENDING, "activated_at": None, "gateway_id": None}
            await session.execute(update(PartnerKeyRow).values(**back))
        await age(key.id)
        assert (await reconcile()).healed == {"stale": 1}
        assert (gateway.keys, await states()) == ({}, [])

    async def test_a_creation_that_goes_on_is_left_alone(self, gateway: FakeGateway) -> None:
        seen: list[Reconciliation] = []

        async def look() -> None:
            seen.append(await reconcile())

        gateway.meanwhile("put_key", look)
        partner = await new_partner()
        key = await new_key(partner)
        assert [each.found for each in seen] == [{}]
        assert await opens(key)
        # Active now, and at the gateway since after the list was made.
        gateway.keys, held = {}, gateway.keys
        assert (await reconcile()).found == {}
        gateway.keys = held

    async def test_a_key_made_while_the_gateway_is_listed_is_not_nobodys(
        self, gateway: FakeGateway
    ) -> None:
        partner = await new_partner()
        made: list[IssuedKey] = []

        async def issue() -> None:
            made.append(await new_key(partner))

        gateway.meanwhile("list_keys", issue)
        assert (await reconcile()).found == {}
        assert await opens(made[0])
        assert len(gateway.keys) == 1

    async def test_a_revoked_key_goes_from_the_gateway(self, gateway: FakeGateway) -> None:
        partner = await new_partner()
        key = await new_key(partner)
        gateway.fail("remove_key", THROTTLED)
        await partners.revoke_key(partner.id, manager=OPERATOR, key_id=key.id)
        assert (await reconcile()).healed == {"ended": 1}
        assert (gateway.keys, await states()) == ({}, [KeyState.REMOVED])

    async def test_an_expired_key_and_one_whose_grace_is_over_go(
        self, gateway: FakeGateway
    ) -> None:
        partner = await new_partner()
        expired, rotated = await new_key(partner), await new_key(partner)
        rotation = KeyRotation(grace_s=60)
        new = await partners.rotate_key(
            partner.id, manager=OPERATOR, key_id=rotated.id, rotation=rotation
        )
        assert (await reconcile()).found == {}
        past = now() - timedelta(seconds=1)
        async with unit_of_work() as session:
            for key, column in ((expired, "expires_at"), (rotated, "retires_at")):
                changed = update(PartnerKeyRow).where(PartnerKeyRow.id == key.id)
                await session.execute(changed.values(**{column: past}))
        assert (await reconcile()).healed == {"expired": 2}
        assert set(gateway.keys) == {str(new.id)}
        assert sorted(await statuses(partner)) == ["active", "expired", "expired"]

    async def test_a_key_that_nobody_knows_goes(self, gateway: FakeGateway) -> None:
        await new_key(await new_partner())
        gateway.keys |= {str(uuid4()): Held("x", "v", "free"), "made by hand": Held("y", "w", None)}
        assert (await reconcile()).healed == {"unknown": 2}
        assert len(gateway.keys) == 1

    async def test_a_key_on_another_plan_or_on_none_or_disabled_is_put_right(
        self, gateway: FakeGateway
    ) -> None:
        partner = await new_partner(plan="pro")
        first, second, third = [str((await new_key(partner)).id) for _ in range(3)]
        gateway.keys[first].plan = "free"
        gateway.keys[second].plan = None
        gateway.keys[third].enabled = False
        assert (await reconcile()).healed == {"misplaced": 3}
        assert set(gateway.plans().values()) == {"pro"}
        assert all(held.enabled for held in gateway.keys.values())

    async def test_a_key_that_the_gateway_lost_is_said_to_be_broken_once(
        self, gateway: FakeGateway, log: Log
    ) -> None:
        partner = await new_partner()
        key = await new_key(partner)
        await age()
        gateway.keys.clear()
        assert (await reconcile()).healed == {"missing": 1}
        told = await reconcile()
        assert (told.found, told.healed) == ({"missing": 1}, {"missing": 0})
        assert await statuses(partner) == [KeyStatus.BROKEN]
        async with autocommit() as session:
            lost = select(AuditEntry).where(AuditEntry.action == "partners.key_missing")
            assert len((await session.scalars(lost)).all()) == 1
        levels = [line["level"] for line in log() if line.get("partner_key") == str(key.id)]
        assert levels == ["ERROR"]

    async def test_a_broken_key_is_healed_by_rotation(self, gateway: FakeGateway) -> None:
        partner = await new_partner()
        key = await new_key(partner)
        await age()
        gateway.keys.clear()
        await reconcile()
        rotation = KeyRotation(grace_s=0)
        new = await partners.rotate_key(
            partner.id, manager=OPERATOR, key_id=key.id, rotation=rotation
        )
        assert await opens(new)
        assert (await reconcile()).found == {}

    async def test_a_list_that_was_not_whole_does_no_harm(self, gateway: FakeGateway) -> None:
        partner = await new_partner()
        key = await new_key(partner)
        await age()
        held, gateway.keys = gateway.keys, {}
        await reconcile()
        assert await opens(key)
        gateway.keys = held
        assert (await reconcile()).healed == {"found": 1}
        assert await statuses(partner) == [KeyStatus.ACTIVE]

    async def test_a_plan_that_changed_here_only_is_taken_over(self, gateway: FakeGateway) -> None:
        key = await new_key(await new_partner(plan="free"))
        async with unit_of_work() as session:
            await session.execute(update(PartnerRow).values(plan="enterprise"))
        assert (await reconcile()).healed == {"misplaced": 1}
        assert gateway.plans() == {str(key.id): "enterprise"}


class TestBounds:
    async def test_kinds_are_counted(
        self, gateway: FakeGateway, capsys: pytest.CaptureFixture[str]
    ) -> None:
        gateway.keys = {str(uuid4()): Held("x", "v", "free") for _ in range(3)}
        await reconcile()
        out = capsys.readouterr().out
        assert '"GatewayKeyDrift":[3' in out.replace(" ", "") or '"GatewayKeyDrift":3' in (
            out.replace(" ", "")
        )
        assert '"kind":"unknown"' in out.replace(" ", "")

    async def test_a_gateway_that_has_enough_is_left_alone(self, gateway: FakeGateway) -> None:
        gateway.keys = {str(uuid4()): Held("x", "v", "free") for _ in range(3)}
        gateway.fail("remove_key", THROTTLED)
        told = await reconcile()
        assert (told.healed, told.complete) == ({}, False)
        assert gateway.calls == ["list_keys", "remove_key"]
        assert (await reconcile()).healed == {"unknown": 3}

    async def test_one_key_that_fails_does_not_keep_the_others(self, gateway: FakeGateway) -> None:
        gateway.keys = {str(uuid4()): Held("x", "v", "free") for _ in range(3)}
        gateway.fail("remove_key", DOWN)
        told = await reconcile()
        assert (told.healed, told.complete) == ({"unknown": 2}, False)

    async def test_without_time_the_rest_waits(self, gateway: FakeGateway) -> None:
        gateway.keys = {str(uuid4()): Held("x", "v", "free") for _ in range(3)}
        told = await reconcile(time=2)
        assert (told.healed, told.complete) == ({"unknown": 2}, False)

    async def test_one_run_changes_so_much_and_no_more(
        self, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(drift, "MOST_HEALED", 2)
        gateway.keys = {str(uuid4()): Held("x", "v", "free") for _ in range(3)}
        told = await reconcile()
        assert (told.found, told.healed, told.complete) == ({"unknown": 3}, {"unknown": 2}, False)

    async def test_more_rows_than_one_page_are_all_compared(
        self, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(drift, "_PAGE", 2)
        partner = await new_partner()
        for _ in range(5):
            await new_key(partner)
        await age()
        gateway.keys.clear()
        assert (await reconcile()).healed == {"missing": 5}

    async def test_a_gateway_that_is_not_listed_changes_nothing(self, gateway: FakeGateway) -> None:
        key = await new_key(await new_partner())
        await age()
        gateway.fail("list_keys", DOWN)
        with pytest.raises(type(DOWN)):
            await reconcile()
        assert await opens(key)


class TestRealGateway:
    """The same against API Gateway's own interface."""

    async def test_a_key_left_without_a_plan_is_taken_away(
        self, api_gateway: ApiGateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = aws.call

        async def call(send: object, **arguments: object) -> object:
            if getattr(send, "__name__", "") == "create_usage_plan_key":
                raise TimeoutError
            return await real(send, **arguments)  # type: ignore[arg-type]

        with monkeypatch.context() as patch:
            patch.setattr(gateway_keys, "call", call)
            with pytest.raises(GatewayPendingError):
                await new_key(await new_partner())
        assert len(api_gateway.all_keys()) == 1
        assert (await reconcile()).healed == {"ended": 1}
        assert api_gateway.all_keys() == []

    async def test_a_life_from_issue_to_removal(self, api_gateway: ApiGateway) -> None:
        partner = await new_partner(plan="free")
        key = await new_key(partner)
        (at_gateway,) = api_gateway.all_keys()
        assert at_gateway["value"] == key.key
        assert api_gateway.plans_of(at_gateway["id"]) == ["free"]
        await age()
        assert (await reconcile()).found == {}
        await partners.remove_partner(partner.id, manager=OPERATOR)
        assert api_gateway.all_keys() == []
