"""A key opens for its partner, in its time and from its networks, and costs one statement."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from shared.adapters import digests
from shared.adapters.database.sessions import autocommit, unit_of_work
from shared.core.api_keys import new_key as any_key
from shared.core.clock import now
from shared.core.scopes import KEY_SCOPES
from shared.domains.partners import api as partners
from shared.domains.partners.errors import (
    ApiKeyExpiredError,
    InvalidApiKeyError,
    NetworkNotAllowedError,
)
from shared.domains.partners.models import PartnerKeyRow, PartnerRow
from shared.domains.partners.schemas import IssuedKey, KeyDraft, KeyState
from shared.domains.partners.service import access
from tests.partner_fixtures import FakeGateway, new_key, new_partner

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("migrated_database_url", "signing_secret")]

DATA_API = pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)
ADDRESS = "192.0.2.1"

type Calls = Callable[[], AbstractContextManager[list[str]]]


async def set_columns(key: IssuedKey, **values: object) -> None:
    async with unit_of_work() as session:
        changed = update(PartnerKeyRow).where(PartnerKeyRow.id == key.id).values(**values)
        await session.execute(changed)


async def row_of(key: IssuedKey) -> PartnerKeyRow:
    async with autocommit() as session:
        return (
            await session.scalars(select(PartnerKeyRow).where(PartnerKeyRow.id == key.id))
        ).one()


async def last_use(key: IssuedKey) -> datetime | None:
    return (await row_of(key)).last_used_at


class TestAuthenticate:
    async def test_a_key_speaks_for_its_partner(self, gateway: FakeGateway) -> None:
        partner = await new_partner()
        key = await new_key(partner)
        holder = await partners.authenticate(key.key, address=ADDRESS)
        assert (holder.partner_id, holder.key_id) == (partner.id, key.id)
        assert holder.scopes == KEY_SCOPES
        assert holder.gateway_id == gateway.keys[str(key.id)].id

    @DATA_API
    async def test_it_costs_one_call(self, gateway: FakeGateway, data_api_calls: Calls) -> None:
        key = await new_key(await new_partner())
        with data_api_calls() as calls:
            await partners.authenticate(key.key, address=ADDRESS)
        assert calls == ["Execute"]

    @DATA_API
    @pytest.mark.parametrize("spoil", [lambda k: k + k, lambda k: k[:-1], lambda _: "", str.upper])
    async def test_what_has_not_its_form_costs_nothing(
        self, gateway: FakeGateway, data_api_calls: Calls, spoil: Callable[[str], str]
    ) -> None:
        key = await new_key(await new_partner())
        with data_api_calls() as calls, pytest.raises(InvalidApiKeyError):
            await partners.authenticate(spoil(key.key), address=ADDRESS)
        assert calls == []

    @DATA_API
    @pytest.mark.parametrize("mark", ["live", "staging"])
    async def test_another_environments_key_costs_nothing(
        self, data_api_calls: Calls, mark: str
    ) -> None:
        with data_api_calls() as calls, pytest.raises(InvalidApiKeyError):
            await partners.authenticate(any_key(mark), address=ADDRESS)
        assert calls == []

    async def test_a_key_that_nobody_made_is_refused(self) -> None:
        with pytest.raises(InvalidApiKeyError):
            await partners.authenticate(any_key("local"), address=ADDRESS)

    @pytest.mark.parametrize("state", [state for state in KeyState if state is not KeyState.ACTIVE])
    async def test_only_an_active_key_opens(self, gateway: FakeGateway, state: KeyState) -> None:
        key = await new_key(await new_partner())
        await set_columns(key, state=state)
        with pytest.raises(InvalidApiKeyError):
            await partners.authenticate(key.key, address=ADDRESS)

    @pytest.mark.parametrize("column", ["expires_at", "retires_at"])
    async def test_a_key_is_good_until_its_last_moment(
        self, gateway: FakeGateway, column: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        key = await new_key(await new_partner())
        end = now().replace(microsecond=0) + timedelta(hours=1)
        await set_columns(key, **{column: end})
        monkeypatch.setattr(access, "now", lambda: end - timedelta(seconds=1))
        await partners.authenticate(key.key, address=ADDRESS)
        monkeypatch.setattr(access, "now", lambda: end)
        with pytest.raises(ApiKeyExpiredError):
            await partners.authenticate(key.key, address=ADDRESS)

    async def test_a_key_opens_from_its_networks_only(self, gateway: FakeGateway) -> None:
        networks = ["192.0.2.0/24", "2001:db8::/32"]
        key = await new_key(await new_partner(), networks=networks)
        for address in ("192.0.2.77", "2001:db8::9", "::ffff:192.0.2.1"):
            await partners.authenticate(key.key, address=address)
        for address in ("192.0.3.1", "2001:db9::1", "", "nowhere"):
            with pytest.raises(NetworkNotAllowedError):
                await partners.authenticate(key.key, address=address)

    async def test_a_scope_that_keys_have_no_more_is_left_out(self, gateway: FakeGateway) -> None:
        key = await new_key(await new_partner())
        await set_columns(key, scope="account items:read nothing posts:write")
        holder = await partners.authenticate(key.key, address=ADDRESS)
        assert holder.scopes == {"items:read"}

    async def test_a_partner_without_its_account_has_no_key(self, gateway: FakeGateway) -> None:
        key = await new_key(await new_partner())
        async with unit_of_work() as session:
            await session.execute(update(PartnerRow).values(account_id=None))
        with pytest.raises(InvalidApiKeyError):
            await partners.authenticate(key.key, address=ADDRESS)

    async def test_under_another_secret_no_digest_is_found(
        self, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        key = await new_key(await new_partner())
        digests.forget_keys()
        monkeypatch.setattr("shared.adapters.secrets.read_secret", lambda _: "w" * 64)
        with pytest.raises(InvalidApiKeyError):
            await partners.authenticate(key.key, address=ADDRESS)


class TestNoteUse:
    async def test_a_use_is_noted_once_a_minute(
        self, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        key = await new_key(await new_partner())
        first = now().replace(microsecond=0)
        for seconds, noted in ((0, 0), (59, 0), (61, 61)):
            moment = first + timedelta(seconds=seconds)
            monkeypatch.setattr(access, "now", lambda moment=moment: moment)
            await partners.note_use(key.id)
            assert await last_use(key) == first + timedelta(seconds=noted)

    async def test_who_is_calling_says_whether_it_is_to_be_noted(
        self, gateway: FakeGateway
    ) -> None:
        key = await new_key(await new_partner())
        noted = []
        for _ in range(2):
            holder = await partners.authenticate(key.key, address=ADDRESS)
            noted.append(holder.use_is_noted)
            await partners.note_use(key.id)
        assert noted == [False, True]

    async def test_it_waits_for_nobody_who_holds_the_key(self, gateway: FakeGateway) -> None:
        key = await new_key(await new_partner())
        async with unit_of_work() as session:
            held = select(PartnerKeyRow).where(PartnerKeyRow.id == key.id).with_for_update()
            await session.scalar(held)
            await partners.note_use(key.id)
        assert await last_use(key) is None

    async def test_a_key_is_not_changed_by_it(self, gateway: FakeGateway) -> None:
        key = await new_key(await new_partner())
        before = (await row_of(key)).updated_at
        await partners.note_use(key.id)
        assert (await row_of(key)).updated_at == before

    async def test_a_database_that_is_away_costs_the_note_only(
        self, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from shared.core.errors import ServiceUnavailableError

        def away() -> None:
            raise ServiceUnavailableError("The database does not answer.")

        key = await new_key(await new_partner())
        monkeypatch.setattr(access, "autocommit", away)
        await partners.note_use(key.id)


def test_the_scopes_of_a_key_are_those_that_are_declared() -> None:
    every = [scope.value for scope in KEY_SCOPES]
    draft = KeyDraft.model_validate({"name": "x", "scopes": every})
    assert set(draft.scopes) == KEY_SCOPES
