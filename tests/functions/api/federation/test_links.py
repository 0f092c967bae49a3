"""A user links outside accounts to theirs, knowing their password, and never loses the last way in."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.functions.api.federation.conftest import LOGIN, Visitor
from tests.functions.api.federation.test_sign_in import (
    actions,
    bearer,
    refusal,
    templates_to,
)
from tests.openid_provider import Provider
from tests.web_fixtures import PASSWORD, Member, SignUp, token_of

pytestmark = pytest.mark.anyio

DATA_API = pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)
LINKS = f"{LOGIN}/links"
INVALID = (400, "invalid_sign_in")


def auth(member: Member) -> dict[str, str]:
    return {"Authorization": member.client.headers["Authorization"]}


async def add(
    visitor: Visitor, begun: dict[str, Any], handover: str, headers: dict[str, str]
) -> httpx.Response:
    body = {"handover": handover, "flow_token": begun["flow_token"]}
    return await visitor.client.post(LINKS, json=body, headers=headers)


async def link(visitor: Visitor, member: Member, name: str = "acme") -> httpx.Response:
    begun = await visitor.begin(name, headers=auth(member), current_password=PASSWORD)
    return await add(visitor, begun, await visitor.handover(begun), auth(member))


async def links_of(visitor: Visitor, headers: dict[str, str]) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await visitor.client.get(LINKS, headers=headers)).json()["items"]
    return items


@pytest.fixture
async def member(sign_up: SignUp) -> Member:
    return await sign_up()


class TestLink:
    async def test_it_is_a_way_in_from_then_on_and_the_user_is_told(
        self, visitor: Visitor, member: Member, webapp: httpx.AsyncClient
    ) -> None:
        """Even where the addresses differ, and nobody has verified the user's."""
        made = await link(visitor, member)
        assert made.status_code == 201, made.text
        assert await links_of(visitor, auth(member)) == [made.json()]
        assert (made.json()["provider"], made.json()["email"]) == ("acme", "ada@example.com")
        me = await webapp.get("/v2/webapp/users/me", headers=bearer(await visitor.sign_in()))
        assert me.json()["id"] == member.id
        (used,) = await links_of(visitor, auth(member))
        assert used["last_used_at"] is not None
        assert (await templates_to(member.email))[-1] == "login_linked"
        assert await actions() == ["federation.linked"]

    @DATA_API
    async def test_it_needs_the_password(self, visitor: Visitor, member: Member) -> None:
        """Else who stole an access token could make it last."""
        for given in ({}, {"current_password": "wrong"}):
            answer = await visitor.client.post(f"{LINKS}/acme", json=given, headers=auth(member))
            assert refusal(answer) == (422, "wrong_password")

    @DATA_API
    async def test_guessing_it_is_slowed_down(self, visitor: Visitor, member: Member) -> None:
        for _ in range(5):
            wrong = {"current_password": "wrong"}
            answer = await visitor.client.post(f"{LINKS}/acme", json=wrong, headers=auth(member))
        right = {"current_password": PASSWORD}
        answer = await visitor.client.post(f"{LINKS}/acme", json=right, headers=auth(member))
        assert refusal(answer) == (429, "too_many_login_attempts")

    @DATA_API
    async def test_another_user_cannot_finish_it_nor_can_a_sign_in(
        self, visitor: Visitor, member: Member, sign_up: SignUp
    ) -> None:
        other = await sign_up()
        begun = await visitor.begin(headers=auth(member), current_password=PASSWORD)
        handover = await visitor.handover(begun)
        assert refusal(await add(visitor, begun, handover, auth(other))) == INVALID
        assert refusal(await visitor.complete(handover, begun["flow_token"])) == INVALID
        assert (await add(visitor, begun, handover, auth(member))).status_code == 201

    @DATA_API
    async def test_a_sign_in_links_nothing_to_who_is_logged_in(
        self, visitor: Visitor, member: Member
    ) -> None:
        begun = await visitor.begin()
        handover = await visitor.handover(begun)
        assert refusal(await add(visitor, begun, handover, auth(member))) == INVALID

    @DATA_API
    async def test_an_account_is_one_users_and_a_user_has_one_of_each_provider(
        self, visitor: Visitor, member: Member, sign_up: SignUp
    ) -> None:
        assert (await link(visitor, member)).status_code == 201
        assert refusal(await link(visitor, await sign_up())) == (409, "linked_elsewhere")
        visitor.provider.user["sub"] = "another"
        assert refusal(await link(visitor, member)) == (409, "linked_elsewhere")
        assert (await link(visitor, member, "hub")).status_code == 201

    @DATA_API
    async def test_a_repeated_request_has_the_same_answer(
        self, visitor: Visitor, member: Member
    ) -> None:
        begun = await visitor.begin(headers=auth(member), current_password=PASSWORD)
        handover = await visitor.handover(begun)
        headers = auth(member) | {"Idempotency-Key": '"once"'}
        first, second = [await add(visitor, begun, handover, headers) for _ in range(2)]
        assert (first.status_code, first.json()) == (second.status_code, second.json())
        assert second.headers["Idempotent-Replayed"] == "true"

    @DATA_API
    async def test_an_unknown_provider_and_a_foreign_page_are_refused(
        self, visitor: Visitor, member: Member
    ) -> None:
        body = {"current_password": PASSWORD}
        answer = await visitor.client.post(f"{LINKS}/nobody", json=body, headers=auth(member))
        assert refusal(answer) == (404, "no_such_provider")
        body["return_to"] = "https://evil.example.com/"
        answer = await visitor.client.post(f"{LINKS}/acme", json=body, headers=auth(member))
        assert refusal(answer) == (422, "return_address_refused")

    @DATA_API
    async def test_a_provider_that_is_away_is_503(
        self, visitor: Visitor, member: Member, provider: Provider
    ) -> None:
        provider.faults["/.well-known/openid-configuration"] = "500"
        body = {"current_password": PASSWORD}
        answer = await visitor.client.post(f"{LINKS}/acme", json=body, headers=auth(member))
        assert refusal(answer) == (503, "provider_unavailable")


class TestUnlink:
    async def test_with_a_password_the_last_one_can_go(
        self, visitor: Visitor, member: Member
    ) -> None:
        made = (await link(visitor, member)).json()
        gone = await visitor.client.delete(f"{LINKS}/{made['id']}", headers=auth(member))
        assert gone.status_code == 204
        assert await links_of(visitor, auth(member)) == []
        assert (await templates_to(member.email))[-1] == "login_unlinked"
        assert await actions() == ["federation.linked", "federation.unlinked"]
        # It leads to nobody now, and the user's own address is another.
        (await visitor.sign_in()).raise_for_status()
        assert await links_of(visitor, auth(member)) == []

    async def test_without_one_it_stays(self, visitor: Visitor) -> None:
        headers = bearer(await visitor.sign_in("acme"))
        await visitor.sign_in("hub")
        first, second = await links_of(visitor, headers)
        both = [f"{LINKS}/{each['id']}" for each in (first, second)]
        answers = await asyncio.gather(
            *(visitor.client.delete(path, headers=headers) for path in both)
        )
        assert sorted(each.status_code for each in answers) == [204, 409]
        (left,) = await links_of(visitor, headers)
        answer = await visitor.client.delete(f"{LINKS}/{left['id']}", headers=headers)
        assert refusal(answer) == (409, "last_login_means")
        assert len(await links_of(visitor, headers)) == 1

    @DATA_API
    async def test_who_has_no_password_links_without_one(self, visitor: Visitor) -> None:
        headers = bearer(await visitor.sign_in("acme"))
        begun = await visitor.begin("hub", headers=headers)
        made = await add(visitor, begun, await visitor.handover(begun), headers)
        assert made.status_code == 201

    @DATA_API
    async def test_anothers_is_not_there(
        self, visitor: Visitor, member: Member, sign_up: SignUp
    ) -> None:
        made = (await link(visitor, member)).json()
        answer = await visitor.client.delete(f"{LINKS}/{made['id']}", headers=auth(await sign_up()))
        assert refusal(answer) == (404, "link_not_found")
        assert len(await links_of(visitor, auth(member))) == 1


@DATA_API
class TestPermission:
    CALLS = (
        ("GET", LINKS),
        ("POST", LINKS),
        ("POST", f"{LINKS}/acme"),
        ("DELETE", f"{LINKS}/019ab8f2-1c00-7d3e-8b21-6f4a5c9d0e11"),
    )

    @pytest.mark.parametrize(("method", "path"), CALLS)
    async def test_without_a_token_it_is_401(
        self, visitor: Visitor, method: str, path: str
    ) -> None:
        answer = await visitor.client.request(method, path)
        assert refusal(answer) == (401, "unauthorized")

    @pytest.mark.parametrize(("method", "path"), CALLS)
    async def test_with_a_third_partys_token_it_is_403(
        self, visitor: Visitor, member: Member, method: str, path: str
    ) -> None:
        from uuid import UUID

        from shared.core.scopes import GRANTABLE_SCOPES

        token = await token_of(UUID(member.id), scopes=GRANTABLE_SCOPES, client_id="client")
        headers = {"Authorization": f"Bearer {token}"}
        answer = await visitor.client.request(method, path, headers=headers)
        assert refusal(answer) == (403, "insufficient_scope")
