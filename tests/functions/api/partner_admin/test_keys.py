"""Operators and a partner's admin manage its keys alike; nobody else finds them."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from shared.adapters.gateway_keys import DayOfUse
from shared.core.clock import now
from shared.domains.partners import api as partners
from shared.domains.partners.schemas import Partner, PartnerChange, PartnerState
from shared.domains.partners.service import keys
from tests.functions.api.partner_admin.conftest import Caller, Join
from tests.partner_fixtures import (
    DOWN,
    OPERATOR,
    THROTTLED,
    FakeGateway,
    new_key,
    new_partner,
)
from tests.web_fixtures import Log, client_of

pytestmark = pytest.mark.anyio

DATA_API = pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)
JSON = {"Content-Type": "application/json"}
DRAFT: dict[str, Any] = {"name": "checkout", "scopes": ["items:read", "usage:read"]}


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["Content-Type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


class Desk:
    """Somebody who manages the keys of a partner, on their surface."""

    def __init__(self, client: httpx.AsyncClient, partner: Partner, *, surface: str) -> None:
        self.client = client
        self.partner = partner
        self.place = f"/v2/{surface}/partners/{partner.id}/keys"

    async def issue(self, **fields: Any) -> dict[str, Any]:
        answer = await self.client.post(self.place, json=DRAFT | fields)
        assert answer.status_code == 201, answer.text
        key: dict[str, Any] = answer.json()
        return key

    async def listed(self) -> list[dict[str, Any]]:
        answer = await self.client.get(self.place)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items


@pytest.fixture(params=["infrastructure", "webapp"])
async def desk(request: pytest.FixtureRequest, operator: Caller, user: Caller) -> Desk:
    """By each of the two surfaces in turn."""
    partner = await new_partner(admin_id=user.id)
    caller = operator if request.param == "infrastructure" else user
    return Desk(caller.client, partner, surface=request.param)


class TestIssue:
    @DATA_API
    @pytest.mark.parametrize("displacement", ["+19:56", "-19:56", "+23:59"])
    async def test_an_expiry_may_be_far_from_utc(self, desk: Desk, displacement: str) -> None:
        """PostgreSQL takes no displacement beyond 15:59."""
        made = await desk.issue(expires_at=f"2607-04-18T17:04:49{displacement}")
        assert made["expires_at"].endswith("Z")

    @DATA_API
    async def test_an_expiry_that_no_year_has_in_utc_is_422(self, desk: Desk) -> None:
        body = DRAFT | {"expires_at": "9999-12-31T23:59:59-01:00"}
        assert problem(await desk.client.post(desk.place, json=body)) == (422, "validation_failed")

    async def test_a_key_is_shown_once(self, desk: Desk, log: Log) -> None:
        made = await desk.issue(networks=["10.1.2.3/8"])
        assert made["key"].startswith("swy_local_")
        (listed,) = await desk.listed()
        assert listed == {name: value for name, value in made.items() if name != "key"}
        assert (listed["status"], listed["networks"]) == ("active", ["10.0.0.0/8"])
        assert made["key"] not in str(log())

    @DATA_API
    @pytest.mark.parametrize("error", [THROTTLED, DOWN], ids=["429", "failure"])
    async def test_a_gateway_that_fails_half_way_is_503_and_leaves_nothing(
        self, desk: Desk, gateway: FakeGateway, error: Exception
    ) -> None:
        gateway.fail("put_key", error, late=True)
        answer = await desk.client.post(desk.place, json=DRAFT)
        assert problem(answer) == (503, "gateway_pending")
        assert answer.headers["Retry-After"] == "10"
        assert "swy_" not in answer.text
        assert await desk.listed() == []
        await desk.issue()

    @DATA_API
    @pytest.mark.parametrize(
        "fields",
        [
            {"scopes": []},
            {"scopes": ["account"]},
            {"scopes": ["posts:read"]},
            {"name": ""},
            {"networks": ["lantern"]},
            {"networks": ["10.0.0.0/8"] * 17},
            {"expires_at": "2030-01-01T00:00:00"},
            {"digest": "x"},
        ],
    )
    async def test_bad_input_is_named(self, desk: Desk, fields: dict[str, Any]) -> None:
        answer = await desk.client.post(desk.place, json=DRAFT | fields)
        assert problem(answer) == (422, "validation_failed")

    @DATA_API
    async def test_what_it_may_answer_besides(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        post = desk.client.post
        past = DRAFT | {"expires_at": (now() - timedelta(seconds=1)).isoformat()}
        assert problem(await post(desk.place, json=past)) == (422, "expiry_passed")
        assert problem(await post(desk.place, content="{", headers=JSON)) == (400, "malformed_body")
        text = {"Content-Type": "text/plain"}
        answer = await post(desk.place, content="x", headers=text)
        assert problem(answer) == (415, "unsupported_media_type")
        answer = await post(desk.place, content=b" " * (1024 * 1024 + 1))
        assert problem(answer) == (413, "payload_too_large")
        monkeypatch.setattr(keys, "MOST_KEYS", 0)
        assert problem(await post(desk.place, json=DRAFT)) == (409, "too_many_partner_keys")
        change = PartnerChange(state=PartnerState.SUSPENDED)
        await partners.change_partner(desk.partner.id, manager=OPERATOR, change=change)
        assert problem(await post(desk.place, json=DRAFT)) == (403, "partner_suspended")


class TestRotate:
    async def test_the_old_key_stays_for_the_grace(self, desk: Desk) -> None:
        old = await desk.issue()
        answer = await desk.client.post(f"{desk.place}/{old['id']}/rotate", json={"grace_s": 60})
        assert answer.status_code == 201, answer.text
        new = answer.json()
        assert new["key"] not in ("", old["key"])
        found = {each["id"]: each["status"] for each in await desk.listed()}
        assert found == {new["id"]: "active", old["id"]: "retiring"}

    @DATA_API
    async def test_what_it_may_answer_besides(
        self, desk: Desk, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        post = desk.client.post
        place = f"{desk.place}/{(await desk.issue())['id']}/rotate"
        for body in ({}, {"grace_s": -1}, {"grace_s": 7 * 24 * 3600 + 1}, {"grace_s": "soon"}):
            assert problem(await post(place, json=body)) == (422, "validation_failed")
        assert problem(await post(place, content="{", headers=JSON)) == (400, "malformed_body")
        nowhere = f"{desk.place}/{uuid4()}/rotate"
        answer = await post(nowhere, json={"grace_s": 1})
        assert problem(answer) == (404, "partner_key_not_found")
        past = {"grace_s": 1, "expires_at": (now() - timedelta(days=1)).isoformat()}
        assert problem(await post(place, json=past)) == (422, "expiry_passed")
        gateway.fail("put_key", THROTTLED)
        assert problem(await post(place, json={"grace_s": 1})) == (503, "gateway_pending")
        with monkeypatch.context() as patch:
            patch.setattr(keys, "MOST_KEYS", 1)
            answer = await post(place, json={"grace_s": 1})
            assert problem(answer) == (409, "too_many_partner_keys")
        assert (await post(place, json={"grace_s": 1})).status_code == 201
        assert problem(await post(place, json={"grace_s": 1})) == (409, "partner_key_ended")
        change = PartnerChange(state=PartnerState.SUSPENDED)
        await partners.change_partner(desk.partner.id, manager=OPERATOR, change=change)
        assert problem(await post(place, json={"grace_s": 1})) == (403, "partner_suspended")


class TestRevoke:
    async def test_a_revoked_key_is_listed_as_such(self, desk: Desk, gateway: FakeGateway) -> None:
        key = await desk.issue()
        for _ in range(2):
            answer = await desk.client.delete(f"{desk.place}/{key['id']}")
            assert answer.status_code == 204
        assert [each["status"] for each in await desk.listed()] == ["revoked"]
        assert gateway.keys == {}

    @DATA_API
    async def test_a_key_that_is_none_of_the_partners_is_404(self, desk: Desk) -> None:
        other = await new_key(await new_partner("Other"))
        for key_id in (other.id, uuid4()):
            answer = await desk.client.delete(f"{desk.place}/{key_id}")
            assert problem(answer) == (404, "partner_key_not_found")
        answer = await desk.client.delete(f"{desk.place}/lamp")
        assert problem(answer) == (422, "validation_failed")


class TestUsage:
    async def test_what_a_key_used_is_told(self, desk: Desk, gateway: FakeGateway) -> None:
        key = await desk.issue()
        used = DayOfUse(day=now().date(), used=7, remaining=993)
        gateway.used[gateway.keys[key["id"]].id] = (used,)
        usage = (await desk.client.get(f"{desk.place}/{key['id']}/usage")).json()
        assert (usage["plan"], usage["quota"]) == ("free", 1000)
        assert (usage["used"], usage["left"], usage["period"]) == (7, 993, "DAY")

    @DATA_API
    async def test_what_it_may_answer_besides(self, desk: Desk, gateway: FakeGateway) -> None:
        nowhere = await desk.client.get(f"{desk.place}/{uuid4()}/usage")
        assert problem(nowhere) == (404, "partner_key_not_found")
        key = await desk.issue()
        gateway.fail("usage_of", THROTTLED)
        answer = await desk.client.get(f"{desk.place}/{key['id']}/usage")
        assert problem(answer) == (503, "service_unavailable")
        assert answer.headers["Retry-After"]


class TestForeign:
    @pytest.mark.parametrize("somebody", ["another user", "an operator on the webapp surface"])
    async def test_another_users_partner_is_404_on_every_route(
        self, join: Join, user: Caller, operator: Caller, somebody: str
    ) -> None:
        """An operator has a surface of their own: here they are a user like any."""
        caller = await join() if somebody == "another user" else operator
        partner = await new_partner(admin_id=user.id)
        key = await new_key(partner)
        assert await self._answers(caller.client, partner.id, key.id) == {
            (404, "partner_not_found")
        }
        assert len((await user.client.get(f"/v2/webapp/partners/{partner.id}/keys")).json()) == 2

    async def _answers(
        self, client: httpx.AsyncClient, partner_id: UUID, key_id: UUID
    ) -> set[tuple[int, str]]:
        keys_place = f"/v2/webapp/partners/{partner_id}/keys"
        return {
            problem(answer)
            for answer in (
                await client.get(f"/v2/webapp/partners/{partner_id}"),
                await client.get(keys_place),
                await client.post(keys_place, json=DRAFT),
                await client.post(f"{keys_place}/{key_id}/rotate", json={"grace_s": 0}),
                await client.delete(f"{keys_place}/{key_id}"),
                await client.get(f"{keys_place}/{key_id}/usage"),
            )
        }

    @DATA_API
    async def test_an_operator_finds_no_partner_that_is_none(self, operator: Caller) -> None:
        place = f"/v2/infrastructure/partners/{uuid4()}/keys"
        for answer in (
            await operator.client.get(place),
            await operator.client.post(place, json=DRAFT),
            await operator.client.post(f"{place}/{uuid4()}/rotate", json={"grace_s": 0}),
            await operator.client.delete(f"{place}/{uuid4()}"),
            await operator.client.get(f"{place}/{uuid4()}/usage"),
        ):
            assert problem(answer) == (404, "partner_not_found")


class TestPartnersUsage:
    @pytest.mark.parametrize("version", ["v1", "v2"])
    async def test_a_partner_asks_for_its_keys_own(
        self, operator: Caller, gateway: FakeGateway, version: str
    ) -> None:
        from functions.api.partner_admin.handler import app

        key = await new_key(await new_partner(plan="pro"), "usage:read")
        place = f"/{version}/partner/usage"
        async with client_of(app, **{"x-api-key": key.key}) as client:
            usage = (await client.get(place)).json()
        assert (usage["plan"], usage["quota"], usage["left"]) == ("pro", 1_000_000, 1_000_000)
        assert usage["period_start"] < usage["period_end"]

    @DATA_API
    async def test_what_it_may_answer_besides(self, operator: Caller, gateway: FakeGateway) -> None:
        from functions.api.partner_admin.handler import app

        partner = await new_partner()
        place = "/v2/partner/usage"
        reader = await new_key(partner, "items:read")
        elsewhere = await new_key(partner, networks=["192.0.2.0/24"])
        good = await new_key(partner)
        for key, expected in (
            ("nothing", (401, "invalid_api_key")),
            (reader.key, (403, "insufficient_scope")),
            (elsewhere.key, (403, "network_not_allowed")),
        ):
            async with client_of(app, **{"x-api-key": key}) as client:
                assert problem(await client.get(place)) == expected
        gateway.fail("usage_of", DOWN)
        async with client_of(app, **{"x-api-key": good.key}) as client:
            assert problem(await client.get(place)) == (503, "service_unavailable")
