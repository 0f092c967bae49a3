"""A key is made, replaced and ended in our database and at the gateway, whatever fails in between."""

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from shared.adapters.database.sessions import autocommit, unit_of_work
from shared.core.api_keys import is_well_formed
from shared.core.clock import now
from shared.core.errors import ServiceUnavailableError
from shared.core.schema import Paging
from shared.domains.audit.models import AuditEntry
from shared.domains.partners import api as partners
from shared.domains.partners.errors import (
    ApiKeyExpiredError,
    ExpiryPassedError,
    GatewayPendingError,
    InvalidApiKeyError,
    PartnerKeyEndedError,
    PartnerKeyNotFoundError,
    PartnerNotFoundError,
    PartnerSuspendedError,
    TooManyPartnerKeysError,
)
from shared.domains.partners.models import PartnerKeyRow
from shared.domains.partners.schemas import (
    IssuedKey,
    KeyRotation,
    KeyState,
    KeyStatus,
    Manager,
    Partner,
    PartnerChange,
    PartnerKey,
    PartnerState,
)
from shared.domains.partners.service import access, at_gateway, keys
from tests.partner_fixtures import (
    DOWN,
    OPERATOR,
    THROTTLED,
    FakeGateway,
    new_key,
    new_partner,
    new_user,
)
from tests.web_fixtures import Log

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("migrated_database_url", "signing_secret")]

SUSPENDED = PartnerChange(state=PartnerState.SUSPENDED)
ADDRESS = "192.0.2.1"
DAY = 24 * 3600


async def rows() -> Sequence[PartnerKeyRow]:
    async with autocommit() as session:
        found = await session.scalars(select(PartnerKeyRow).order_by(PartnerKeyRow.id))
        return found.all()


async def states() -> list[KeyState]:
    return [row.state for row in await rows()]


async def listed(partner: Partner) -> list[PartnerKey]:
    async with autocommit() as session:
        page = await partners.list_keys(
            session, partner.id, manager=OPERATOR, paging=Paging(limit=100)
        )
    return list(page.items)


async def statuses(partner: Partner) -> dict[UUID, KeyStatus]:
    return {key.id: key.status for key in await listed(partner)}


async def actions() -> list[str]:
    async with autocommit() as session:
        return list(await session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


async def rotate(partner: Partner, key: PartnerKey, *, grace_s: int, **more: Any) -> IssuedKey:
    rotation = KeyRotation(grace_s=grace_s, **more)
    return await partners.rotate_key(partner.id, manager=OPERATOR, key_id=key.id, rotation=rotation)


async def opens(key: IssuedKey) -> bool:
    try:
        await partners.authenticate(key.key, address=ADDRESS)
    except (InvalidApiKeyError, ApiKeyExpiredError):
        return False
    return True


class TestIssue:
    async def test_a_key_is_at_the_gateway_on_the_plan_of_its_partner(
        self, gateway: FakeGateway
    ) -> None:
        partner = await new_partner(plan="pro")
        key = await new_key(partner)
        assert {name: (held.value, held.plan) for name, held in gateway.keys.items()} == {
            str(key.id): (key.key, "pro")
        }
        assert is_well_formed(key.key, mark="local")
        holder = await partners.authenticate(key.key, address=ADDRESS)
        assert (holder.partner_id, holder.key_id, holder.plan) == (partner.id, key.id, "pro")

    async def test_the_row_comes_first_and_opens_nothing(self, gateway: FakeGateway) -> None:
        partner = await new_partner()
        seen: list[object] = []

        async def look() -> None:
            seen.append((await states(), await listed(partner)))

        gateway.meanwhile("put_key", look)
        await new_key(partner)
        assert seen == [([KeyState.PENDING], [])]

    async def test_the_value_is_nowhere_but_in_the_answer(
        self, gateway: FakeGateway, log: Log
    ) -> None:
        partner = await new_partner()
        key = await new_key(partner)
        await rotate(partner, key, grace_s=60)
        (row, _) = await rows()
        async with autocommit() as session:
            trail = [each.details for each in await session.scalars(select(AuditEntry))]
        told = json.dumps([log(), trail, [str(each) for each in vars(row).values()]], default=str)
        assert key.key not in told
        assert key.key[9:39] not in told
        assert key.key not in repr(keys.NewKey(row, key.key))
        assert row.hint == f"swy_local_...{key.key[-4:]}"
        assert len(row.digest) == 64

    async def test_scopes_networks_and_expiry_are_kept(self, gateway: FakeGateway) -> None:
        expires_at = now() + timedelta(days=1)
        networks = ["10.1.2.3/8", "10.0.0.0/8", "::ffff:192.0.2.7", "2001:DB8::/32"]
        key = await new_key(
            await new_partner(), "items:read", networks=networks, expires_at=expires_at
        )
        assert key.networks == ("10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32")
        assert key.scopes == ("items:read",)
        assert key.expires_at == key.good_until == expires_at

    async def test_a_key_that_would_have_expired_is_refused(self, gateway: FakeGateway) -> None:
        partner = await new_partner()
        with pytest.raises(ExpiryPassedError):
            await new_key(partner, expires_at=now())
        assert (await rows(), gateway.calls) == ([], [])

    async def test_a_partner_has_so_many_keys_and_no_more(self, gateway: FakeGateway) -> None:
        partner = await new_partner()
        made = [await new_key(partner) for _ in range(keys.MOST_KEYS)]
        with pytest.raises(TooManyPartnerKeysError):
            await new_key(partner)
        await partners.revoke_key(partner.id, manager=OPERATOR, key_id=made[0].id)
        await new_key(partner)
        assert len(gateway.keys) == keys.MOST_KEYS

    async def test_at_once_no_more_are_made_than_one_after_the_other(
        self, gateway: FakeGateway
    ) -> None:
        partner = await new_partner()
        made = await asyncio.gather(
            *(new_key(partner) for _ in range(keys.MOST_KEYS + 3)), return_exceptions=True
        )
        refused = [each for each in made if isinstance(each, TooManyPartnerKeysError)]
        assert (len(refused), len(gateway.keys)) == (3, keys.MOST_KEYS)

    async def test_a_suspended_partner_gets_none(self, gateway: FakeGateway) -> None:
        partner = await new_partner()
        await partners.change_partner(partner.id, manager=OPERATOR, change=SUSPENDED)
        with pytest.raises(PartnerSuspendedError):
            await new_key(partner)

    async def test_only_its_admin_and_operators_get_one(self, gateway: FakeGateway) -> None:
        admin = Manager(user_id=await new_user(), operator=False)
        partner = await new_partner(admin_id=admin.user_id)
        assert await opens(await new_key(partner, manager=admin))
        for stranger in (await new_user(), UUID(int=0)):
            with pytest.raises(PartnerNotFoundError):
                await new_key(partner, manager=Manager(user_id=stranger, operator=False))


class TestHalfWay:
    @pytest.mark.parametrize("late", [False, True], ids=["refused", "answer lost"])
    @pytest.mark.parametrize("error", [THROTTLED, DOWN], ids=["429", "failure"])
    async def test_what_the_gateway_did_not_take_is_no_key(
        self, gateway: FakeGateway, error: Exception, *, late: bool
    ) -> None:
        partner = await new_partner()
        gateway.fail("put_key", error, late=late)
        with pytest.raises(GatewayPendingError) as caught:
            await new_key(partner)
        assert caught.value.headers["Retry-After"]
        assert await states() == [KeyState.REMOVING]
        assert await listed(partner) == []
        assert await opens(await new_key(partner))

    async def test_a_gateway_that_does_not_answer_is_not_waited_for(
        self, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(at_gateway, "PATIENCE_S", 0.05)
        partner = await new_partner()
        gateway.hang("put_key")
        with pytest.raises(GatewayPendingError):
            await new_key(partner)
        assert await states() == [KeyState.REMOVING]

    async def test_a_partner_removed_meanwhile_gets_no_key(self, gateway: FakeGateway) -> None:
        partner = await new_partner()

        async def remove() -> None:
            await partners.remove_partner(partner.id, manager=OPERATOR)

        gateway.meanwhile("put_key", remove)
        with pytest.raises(PartnerKeyEndedError):
            await new_key(partner)
        assert gateway.keys == {}

    async def test_a_database_that_goes_away_before_the_end_leaves_nothing_that_opens(
        self, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        partner = await new_partner()

        async def go_away() -> None:
            monkeypatch.setattr(keys, "unit_of_work", away)

        def away() -> Any:
            raise ServiceUnavailableError("The database does not answer.")

        gateway.meanwhile("put_key", go_away)
        with pytest.raises(ServiceUnavailableError):
            await new_key(partner)
        assert await states() == [KeyState.PENDING]
        assert await listed(partner) == []

    async def test_a_plan_changed_meanwhile_is_the_keys_too(self, gateway: FakeGateway) -> None:
        partner = await new_partner(plan="free")

        async def change() -> None:
            to_pro = PartnerChange(plan="pro")
            await partners.change_partner(partner.id, manager=OPERATOR, change=to_pro)

        gateway.meanwhile("put_key", change)
        key = await new_key(partner)
        assert gateway.plans() == {str(key.id): "pro"}

    async def test_a_key_on_the_plan_before_is_shown_all_the_same(
        self, gateway: FakeGateway
    ) -> None:
        partner = await new_partner(plan="free")

        async def change() -> None:
            to_pro = PartnerChange(plan="pro")
            await partners.change_partner(partner.id, manager=OPERATOR, change=to_pro)
            gateway.fail("move_key", THROTTLED)

        gateway.meanwhile("put_key", change)
        assert await opens(await new_key(partner))


class TestRotate:
    async def test_both_keys_are_good_until_the_grace_ends(
        self, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        partner = await new_partner()
        old = await new_key(partner, "items:read", networks=["192.0.2.0/24"])
        new = await rotate(partner, old, grace_s=DAY)
        assert (new.scopes, new.networks, new.name) == (old.scopes, old.networks, old.name)
        assert [await opens(old), await opens(new)] == [True, True]
        assert await statuses(partner) == {
            old.id: KeyStatus.RETIRING,
            new.id: KeyStatus.ACTIVE,
        }
        later = now() + timedelta(seconds=DAY + 1)
        monkeypatch.setattr(access, "now", lambda: later)
        assert [await opens(old), await opens(new)] == [False, True]

    async def test_without_grace_the_old_key_is_gone_at_once(self, gateway: FakeGateway) -> None:
        partner = await new_partner()
        old = await new_key(partner)
        new = await rotate(partner, old, grace_s=0)
        assert [await opens(old), await opens(new)] == [False, True]
        assert set(gateway.keys) == {str(new.id)}
        assert await states() == [KeyState.REMOVED, KeyState.ACTIVE]

    @pytest.mark.parametrize("kept", [True, False])
    async def test_the_expiry_is_kept_unless_another_is_named(
        self, gateway: FakeGateway, *, kept: bool
    ) -> None:
        partner = await new_partner()
        expires_at = now() + timedelta(days=2)
        old = await new_key(partner, expires_at=expires_at)
        more = {} if kept else {"expires_at": None}
        assert (await rotate(partner, old, grace_s=1, **more)).expires_at == (
            expires_at if kept else None
        )

    async def test_of_two_at_once_one_is_done(self, gateway: FakeGateway) -> None:
        partner = await new_partner()
        old = await new_key(partner)
        made = await asyncio.gather(
            *(rotate(partner, old, grace_s=60) for _ in range(4)), return_exceptions=True
        )
        ended = [each for each in made if isinstance(each, PartnerKeyEndedError)]
        (new,) = [each for each in made if isinstance(each, IssuedKey)]
        assert len(ended) == 3
        assert set(gateway.keys) == {str(old.id), str(new.id)}
        assert [await opens(old), await opens(new)] == [True, True]

    async def test_what_was_rotated_is_not_rotated_again(self, gateway: FakeGateway) -> None:
        partner = await new_partner()
        old = await new_key(partner)
        await rotate(partner, old, grace_s=60)
        with pytest.raises(PartnerKeyEndedError):
            await rotate(partner, old, grace_s=60)

    async def test_an_expired_key_and_a_revoked_one_are_not_rotated(
        self, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        partner = await new_partner()
        expiring = await new_key(partner, expires_at=now() + timedelta(hours=1))
        revoked = await new_key(partner)
        await partners.revoke_key(partner.id, manager=OPERATOR, key_id=revoked.id)
        later = now() + timedelta(hours=2)
        monkeypatch.setattr(keys, "now", lambda: later)
        for key in (expiring, revoked):
            with pytest.raises(PartnerKeyEndedError):
                await rotate(partner, key, grace_s=60)

    async def test_a_failure_leaves_the_old_key_as_it_was(self, gateway: FakeGateway) -> None:
        partner = await new_partner()
        old = await new_key(partner)
        gateway.fail("put_key", THROTTLED)
        with pytest.raises(GatewayPendingError):
            await rotate(partner, old, grace_s=0)
        assert await statuses(partner) == {old.id: KeyStatus.ACTIVE}
        assert await opens(await rotate(partner, old, grace_s=0))

    async def test_a_key_revoked_meanwhile_gets_no_successor(self, gateway: FakeGateway) -> None:
        partner = await new_partner()
        old = await new_key(partner)

        async def revoke() -> None:
            await partners.revoke_key(partner.id, manager=OPERATOR, key_id=old.id)

        gateway.meanwhile("put_key", revoke)
        with pytest.raises(PartnerKeyEndedError):
            await rotate(partner, old, grace_s=60)
        assert gateway.keys == {}

    async def test_another_partners_key_is_not_found(self, gateway: FakeGateway) -> None:
        key = await new_key(await new_partner("One"))
        with pytest.raises(PartnerKeyNotFoundError):
            await rotate(await new_partner("Two"), key, grace_s=60)


class TestRevoke:
    async def test_a_key_fails_from_the_next_request_on_and_is_gone(
        self, gateway: FakeGateway
    ) -> None:
        partner = await new_partner()
        key = await new_key(partner)
        await partners.revoke_key(partner.id, manager=OPERATOR, key_id=key.id)
        assert not await opens(key)
        assert gateway.keys == {}
        assert await statuses(partner) == {key.id: KeyStatus.REVOKED}

    @pytest.mark.parametrize("error", [THROTTLED, DOWN], ids=["429", "failure"])
    async def test_it_fails_even_where_the_gateway_keeps_it(
        self, gateway: FakeGateway, error: Exception
    ) -> None:
        partner = await new_partner()
        key = await new_key(partner)
        gateway.fail("remove_key", error)
        await partners.revoke_key(partner.id, manager=OPERATOR, key_id=key.id)
        assert not await opens(key)
        assert await states() == [KeyState.REMOVING]
        await partners.revoke_key(partner.id, manager=OPERATOR, key_id=key.id)
        assert (await states(), gateway.keys) == ([KeyState.REMOVED], {})

    async def test_twice_is_once(self, gateway: FakeGateway) -> None:
        partner = await new_partner()
        key = await new_key(partner)
        for _ in range(2):
            await partners.revoke_key(partner.id, manager=OPERATOR, key_id=key.id)
        assert (await actions()).count("partners.key_revoked") == 1

    async def test_it_is_open_to_who_administers_a_suspended_partner(
        self, gateway: FakeGateway
    ) -> None:
        partner = await new_partner()
        key = await new_key(partner)
        await partners.change_partner(partner.id, manager=OPERATOR, change=SUSPENDED)
        await partners.revoke_key(partner.id, manager=OPERATOR, key_id=key.id)
        assert gateway.keys == {}


async def test_the_audit_trail_has_what_was_done(gateway: FakeGateway) -> None:
    partner = await new_partner()
    key = await new_key(partner)
    await rotate(partner, key, grace_s=5)
    await partners.revoke_key(partner.id, manager=OPERATOR, key_id=key.id)
    assert await actions() == [
        "partners.partner_created",
        "partners.key_issued",
        "partners.key_rotated",
        "partners.key_revoked",
    ]


async def test_ended_keys_are_forgotten_in_time(gateway: FakeGateway) -> None:
    partner = await new_partner()
    gone, kept = await new_key(partner), await new_key(partner)
    await partners.revoke_key(partner.id, manager=OPERATOR, key_id=gone.id)
    async with unit_of_work() as session:
        before = now() - timedelta(minutes=1)
        assert await partners.forget_ended_keys(session, before=before, limit=9) == 0
        before = now() + timedelta(minutes=1)
        assert await partners.forget_ended_keys(session, before=before, limit=9) == 1
    assert set(await statuses(partner)) == {kept.id}
