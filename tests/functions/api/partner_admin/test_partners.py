"""Operators make, change and remove partners; a user sees those that they administer."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.functions.api.partner_admin.conftest import Caller, Join
from tests.partner_fixtures import DOWN, THROTTLED, FakeGateway, new_key, new_partner

pytestmark = pytest.mark.anyio

DATA_API = pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)
JSON = {"Content-Type": "application/json"}
PLACE = "/v2/infrastructure/partners"
OWN = "/v2/webapp/partners"
LANTERNS = {"name": "Lantern Works", "plan": "free", "contact": "ops@lanterns.example"}


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["Content-Type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


async def create(operator: Caller, **fields: Any) -> dict[str, Any]:
    answer = await operator.client.post(PLACE, json=LANTERNS | fields)
    assert answer.status_code == 201, answer.text
    partner: dict[str, Any] = answer.json()
    return partner


class TestCreate:
    async def test_a_partner_is_made_once_for_a_key(self, operator: Caller) -> None:
        sent: dict[str, Any] = {"json": LANTERNS, "headers": {"Idempotency-Key": '"p1"'}}
        first, second = [await operator.client.post(PLACE, **sent) for _ in range(2)]
        assert first.json() == second.json()
        assert second.headers["Idempotent-Replayed"] == "true"
        got = await operator.client.get(httpx.URL(PLACE).join(first.headers["Location"]))
        assert got.json() == first.json()
        assert {name: got.json()[name] for name in LANTERNS} == LANTERNS
        assert got.json()["state"] == "active"

    @DATA_API
    async def test_what_it_may_answer_besides(self, operator: Caller) -> None:
        post = operator.client.post
        assert problem(await post(PLACE, json=LANTERNS | {"plan": "gold"})) == (
            422,
            "validation_failed",
        )
        nobody = LANTERNS | {"admin_id": str(uuid4())}
        assert problem(await post(PLACE, json=nobody)) == (422, "no_such_admin")
        key = {"Idempotency-Key": '"p1"'}
        await post(PLACE, json=LANTERNS, headers=key)
        assert problem(await post(PLACE, json=LANTERNS)) == (409, "partner_name_taken")
        assert problem(await post(PLACE, json=nobody, headers=key)) == (
            422,
            "idempotency_key_reused",
        )
        assert problem(await post(PLACE, json=LANTERNS, headers={"Idempotency-Key": '"'})) == (
            400,
            "idempotency_key_malformed",
        )
        assert problem(await post(PLACE, content="{", headers=JSON)) == (400, "malformed_body")
        text = {"Content-Type": "text/plain"}
        assert problem(await post(PLACE, content="x", headers=text)) == (
            415,
            "unsupported_media_type",
        )
        large = b" " * (1024 * 1024 + 1)
        assert problem(await post(PLACE, content=large)) == (413, "payload_too_large")


class TestList:
    async def test_partners_are_paged_newest_first(self, operator: Caller) -> None:
        for number in range(3):
            await create(operator, name=f"P{number}", plan="pro" if number else "free")
        first = (await operator.client.get(PLACE, params={"limit": 2})).json()
        assert [each["name"] for each in first["items"]] == ["P2", "P1"]
        query = {"limit": 2, "cursor": first["next_cursor"]}
        second = (await operator.client.get(PLACE, params=query)).json()
        assert [each["name"] for each in second["items"]] == ["P0"]
        assert second["next_cursor"] is None
        chosen = (await operator.client.get(PLACE, params={"plan": "free"})).json()
        assert [each["name"] for each in chosen["items"]] == ["P0"]

    @DATA_API
    async def test_a_bad_filter_is_named(self, operator: Caller) -> None:
        for query in ({"cursor": "x"}, {"state": "removed"}, {"plan": "gold"}):
            answer = await operator.client.get(PLACE, params=query)
            assert problem(answer) == (422, "validation_failed")


class TestChange:
    async def test_each_field_is_changed_by_itself(self, operator: Caller, user: Caller) -> None:
        partner = await create(operator)
        place = f"{PLACE}/{partner['id']}"
        for change in (
            {"name": "Lamps"},
            {"contact": "+49 30 1"},
            {"plan": "pro"},
            {"admin_id": str(user.id)},
            {"state": "suspended"},
            {"admin_id": None},
            {},
        ):
            answer = await operator.client.patch(place, json=change)
            assert answer.status_code == 200, answer.text
            assert {name: answer.json()[name] for name in change} == change

    @DATA_API
    @pytest.mark.parametrize("error", [THROTTLED, DOWN], ids=["429", "failure"])
    async def test_a_gateway_that_does_not_follow_is_503_and_may_be_asked_again(
        self, operator: Caller, gateway: FakeGateway, error: Exception
    ) -> None:
        made = await new_partner()
        await new_key(made)
        gateway.fail("move_key", error)
        place = f"{PLACE}/{made.id}"
        answer = await operator.client.patch(place, json={"plan": "pro"})
        assert problem(answer) == (503, "gateway_pending")
        assert answer.headers["Retry-After"] == "10"
        again = await operator.client.patch(place, json={"plan": "pro"})
        assert (again.status_code, again.json()["plan"]) == (200, "pro")
        assert set(gateway.plans().values()) == {"pro"}

    @DATA_API
    async def test_what_it_may_answer_besides(self, operator: Caller) -> None:
        await create(operator, name="Taken")
        patch = operator.client.patch
        place = f"{PLACE}/{(await create(operator))['id']}"
        assert problem(await patch(place, json={"name": "taken"})) == (409, "partner_name_taken")
        nobody = {"admin_id": str(uuid4())}
        assert problem(await patch(place, json=nobody)) == (422, "no_such_admin")
        assert problem(await patch(place, json={"state": "removed"})) == (422, "validation_failed")
        assert problem(await patch(place, content="{", headers=JSON)) == (400, "malformed_body")


class TestRemove:
    async def test_a_removed_partner_is_no_more(
        self, operator: Caller, user: Caller, gateway: FakeGateway
    ) -> None:
        made = await new_partner(admin_id=user.id)
        await new_key(made)
        gateway.fail("remove_key", THROTTLED)
        place = f"{PLACE}/{made.id}"
        assert (await operator.client.delete(place)).status_code == 204
        assert problem(await operator.client.delete(place)) == (404, "partner_not_found")
        assert problem(await operator.client.get(place)) == (404, "partner_not_found")
        assert problem(await operator.client.patch(place, json={})) == (404, "partner_not_found")
        assert (await user.client.get(OWN)).json()["items"] == []


class TestOwn:
    async def test_an_admin_sees_their_partners_without_the_contact(
        self, user: Caller, join: Join
    ) -> None:
        made = await new_partner(admin_id=user.id)
        await new_partner("Another")
        (seen,) = (await user.client.get(OWN)).json()["items"]
        assert set(seen) == {"id", "name", "plan", "state", "created_at"}
        assert (await user.client.get(f"{OWN}/{made.id}")).json() == seen
        other = await join()
        assert problem(await other.client.get(f"{OWN}/{made.id}")) == (404, "partner_not_found")
        assert (await other.client.get(OWN)).json()["items"] == []

    @DATA_API
    async def test_a_bad_cursor_is_named(self, user: Caller) -> None:
        answer = await user.client.get(OWN, params={"cursor": "x"})
        assert problem(answer) == (422, "validation_failed")
