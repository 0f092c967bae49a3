"""A partner's servers see and change what is the partner's, as far as their key goes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from functions.api.partner.spec import SPEC
from shared.adapters.database.sessions import autocommit, unit_of_work
from shared.adapters.outbox.models import PublicEventRow
from shared.core.api_keys import new_key as any_key
from shared.core.clock import now
from shared.domains.partners import api as partners
from shared.domains.partners.models import PartnerKeyRow, PartnerRow
from shared.domains.partners.schemas import PartnerChange, PartnerState
from shared.manifest.function import Need
from shared.web.openapi import document_of
from tests.partner_fixtures import OPERATOR, FakeGateway, new_key, new_partner
from tests.web_fixtures import Log, client_of

pytestmark = pytest.mark.anyio

DATA_API = pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)
VERSIONS = pytest.mark.parametrize("version", ["v1", "v2"])
JSON = {"Content-Type": "application/json"}
ITEMS = "/v2/partner/items"
SOME_ITEM = f"{ITEMS}/0199f3a2-5d41-7c86-9f0e-2b7d8c1e6a35"

type Calls = Callable[[], AbstractContextManager[list[str]]]
type Connect = Callable[[str], httpx.AsyncClient]


@pytest.fixture
async def connect(
    migrated_database_url: str, signing_secret: None, gateway: FakeGateway
) -> AsyncIterator[Connect]:
    """Gives a client that sends a key."""
    from functions.api.partner.handler import app

    clients: list[httpx.AsyncClient] = []

    def with_key(key: str) -> httpx.AsyncClient:
        clients.append(client_of(app, **{"x-api-key": key}))
        return clients[-1]

    yield with_key
    for each in clients:
        await each.aclose()


@pytest.fixture
async def client(connect: Connect) -> httpx.AsyncClient:
    """A partner's client, with a key that may do all."""
    return connect((await new_key(await new_partner())).key)


async def create(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await client.post(ITEMS, json={"name": "Lamp"} | fields)
    assert answer.status_code == 201, answer.text
    item: dict[str, Any] = answer.json()
    return item


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["Content-Type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


def routes() -> list[tuple[str, str, str]]:
    """Method, path and needed scope of every operation, by its document."""
    from functions.api.partner.handler import app

    found = []
    for path, item in document_of(app)["paths"].items():
        for method, operation in item.items():
            (requirement,) = operation["security"]
            found.append((method.upper(), path, requirement["api_key"][0]))
    return found


class TestItems:
    @VERSIONS
    async def test_an_items_life(self, client: httpx.AsyncClient, version: str) -> None:
        items = f"/{version}/partner/items"
        made = await client.post(items, json={"name": "Lamp"})
        assert (made.status_code, made.headers["ETag"]) == (201, '"1"')
        place = str(httpx.URL(items).join(made.headers["Location"]))
        assert (await client.get(place)).json() == made.json()
        assert (await client.get(items)).json()["items"] == [made.json()]
        same = await client.get(place, headers={"If-None-Match": '"1"'})
        assert same.status_code == 304
        changed = await client.patch(place, json={"name": "Lantern"})
        assert (changed.json()["name"], changed.headers["ETag"]) == ("Lantern", '"2"')
        late = await client.patch(place, json={"name": "x"}, headers={"If-Match": '"1"'})
        assert problem(late) == (412, "item_changed")
        late = await client.delete(place, headers={"If-Match": '"1"'})
        assert problem(late) == (412, "item_changed")
        assert (await client.delete(place)).status_code == 204
        for method in ("GET", "DELETE"):
            assert problem(await client.request(method, place)) == (404, "item_not_found")
        gone = await client.patch(place, json={"name": "x"})
        assert problem(gone) == (404, "item_not_found")

    @VERSIONS
    async def test_bad_input_is_named(self, client: httpx.AsyncClient, version: str) -> None:
        items = f"/{version}/partner/items"
        for answer in (
            await client.post(items, json={"name": ""}),
            await client.get(items, params={"cursor": "nothing"}),
            await client.get(f"{items}/lamp"),
            await client.patch(f"{items}/lamp", json={"name": "x"}),
            await client.delete(f"{items}/lamp"),
        ):
            assert problem(answer) == (422, "validation_failed")
        assert problem(await client.post(items, content="{", headers=JSON)) == (
            400,
            "malformed_body",
        )
        text = {"Content-Type": "text/plain"}
        answer = await client.post(items, content="lamp", headers=text)
        assert problem(answer) == (415, "unsupported_media_type")
        large = await client.post(items, content=b" " * (1024 * 1024 + 1))
        assert problem(large) == (413, "payload_too_large")

    async def test_all_keys_of_a_partner_see_the_same(self, connect: Connect) -> None:
        partner = await new_partner()
        one, two = [connect((await new_key(partner)).key) for _ in range(2)]
        item = await create(one)
        assert (await two.get(f"{ITEMS}/{item['id']}")).json() == item

    async def test_another_partners_item_is_not_found(self, connect: Connect) -> None:
        one, two = [connect((await new_key(await new_partner(name))).key) for name in ("a", "b")]
        item = await create(one)
        place = f"{ITEMS}/{item['id']}"
        assert problem(await two.get(place)) == (404, "item_not_found")
        assert problem(await two.patch(place, json={"name": "x"})) == (404, "item_not_found")
        assert problem(await two.delete(place)) == (404, "item_not_found")
        assert (await two.get(ITEMS)).json()["items"] == []


class TestIdempotency:
    async def test_a_request_that_comes_twice_makes_one_item(
        self, client: httpx.AsyncClient
    ) -> None:
        sent: dict[str, Any] = {"json": {"name": "Lamp"}, "headers": {"Idempotency-Key": '"k1"'}}
        first, second = [await client.post(ITEMS, **sent) for _ in range(2)]
        assert (second.status_code, second.json()) == (201, first.json())
        assert second.headers["Idempotent-Replayed"] == "true"
        assert len((await client.get(ITEMS)).json()["items"]) == 1

    async def test_it_is_the_partners_whichever_key_is_used(self, connect: Connect) -> None:
        partner = await new_partner()
        one, two = [connect((await new_key(partner)).key) for _ in range(2)]
        other = connect((await new_key(await new_partner("Other"))).key)
        sent: dict[str, Any] = {"json": {"name": "Lamp"}, "headers": {"Idempotency-Key": '"k1"'}}
        ids = [(await each.post(ITEMS, **sent)).json()["id"] for each in (one, two, other)]
        assert ids[0] == ids[1] != ids[2]

    async def test_another_request_with_the_key_is_refused(self, client: httpx.AsyncClient) -> None:
        headers = {"Idempotency-Key": '"k1"'}
        await client.post(ITEMS, json={"name": "Lamp"}, headers=headers)
        answer = await client.post(ITEMS, json={"name": "Lantern"}, headers=headers)
        assert problem(answer) == (422, "idempotency_key_reused")

    async def test_what_is_no_idempotency_key_is_refused(self, client: httpx.AsyncClient) -> None:
        headers = {"Idempotency-Key": '"'}
        answer = await client.post(ITEMS, json={"name": "Lamp"}, headers=headers)
        assert problem(answer) == (400, "idempotency_key_malformed")

    async def test_of_requests_at_once_one_has_the_effect(self, client: httpx.AsyncClient) -> None:
        sent: dict[str, Any] = {"json": {"name": "Lamp"}, "headers": {"Idempotency-Key": '"k1"'}}
        answers = await asyncio.gather(*(client.post(ITEMS, **sent) for _ in range(5)))
        refused = [problem(each) for each in answers if each.status_code != 201]
        assert set(refused) <= {(409, "idempotency_in_flight")}
        assert len((await client.get(ITEMS)).json()["items"]) == 1


class TestKeys:
    @pytest.mark.parametrize(("method", "path", "scope"), routes())
    @DATA_API
    async def test_every_route_wants_its_scope(
        self, connect: Connect, method: str, path: str, scope: str
    ) -> None:
        partner = await new_partner()
        place = path.replace("{item_id}", SOME_ITEM.rpartition("/")[2])
        others = {"items:read", "items:write", "usage:read"} - {scope}
        without = connect((await new_key(partner, *others)).key)
        answer = await without.request(method, place, json={"name": "x"})
        assert problem(answer) == (403, "insufficient_scope")
        challenge = f'ApiKey error="insufficient_scope", scope="{scope}"'
        assert answer.headers["WWW-Authenticate"] == challenge
        has = connect((await new_key(partner, scope)).key)
        assert (await has.request(method, place, json={"name": "x"})).status_code not in (401, 403)

    @pytest.mark.parametrize("method", ["GET", "POST"])
    async def test_what_opens_nothing_is_401(self, connect: Connect, method: str) -> None:
        from functions.api.partner.handler import app

        good = (await new_key(await new_partner())).key
        forged = [any_key("local"), any_key("live"), good[:-1], good + good, good * 1000, "", "x"]
        for key in forged:
            answer = await connect(key).request(method, ITEMS, json={"name": "x"})
            assert problem(answer) == (401, "invalid_api_key")
            assert answer.headers["WWW-Authenticate"] == 'ApiKey error="invalid_api_key"'
        async with client_of(app) as nobody:
            assert problem(await nobody.get(ITEMS)) == (401, "invalid_api_key")
            twice = [("x-api-key", good), ("x-api-key", good)]
            answer = await nobody.get(ITEMS, headers=twice)
            assert problem(answer) == (401, "invalid_api_key")
            bearer = {"Authorization": f"Bearer {good}"}
            assert problem(await nobody.get(ITEMS, headers=bearer)) == (401, "invalid_api_key")

    async def test_a_revoked_key_fails_at_the_next_request(self, connect: Connect) -> None:
        partner = await new_partner()
        key = await new_key(partner)
        client = connect(key.key)
        assert (await client.get(ITEMS)).status_code == 200
        await partners.revoke_key(partner.id, manager=OPERATOR, key_id=key.id)
        assert problem(await client.get(ITEMS)) == (401, "invalid_api_key")

    async def test_an_expired_key_says_so(self, connect: Connect) -> None:
        key = await new_key(await new_partner())
        async with unit_of_work() as session:
            past = now() - timedelta(seconds=1)
            await session.execute(update(PartnerKeyRow).values(expires_at=past))
        answer = await connect(key.key).get(ITEMS)
        assert problem(answer) == (401, "api_key_expired")
        assert answer.headers["WWW-Authenticate"] == 'ApiKey error="api_key_expired"'

    async def test_a_suspended_partners_key_is_403(self, connect: Connect) -> None:
        partner = await new_partner()
        client = connect((await new_key(partner)).key)
        change = PartnerChange(state=PartnerState.SUSPENDED)
        await partners.change_partner(partner.id, manager=OPERATOR, change=change)
        assert problem(await client.get(ITEMS)) == (403, "partner_suspended")

    async def test_from_another_network_it_is_403(self, connect: Connect) -> None:
        partner = await new_partner()
        # httpx's transport calls from 127.0.0.1.
        here = connect((await new_key(partner, networks=["127.0.0.0/8"])).key)
        elsewhere = connect((await new_key(partner, networks=["192.0.2.0/24"])).key)
        assert (await here.get(ITEMS)).status_code == 200
        assert problem(await elsewhere.get(ITEMS)) == (403, "network_not_allowed")
        spoofed = {"X-Forwarded-For": "192.0.2.1"}
        answer = await elsewhere.get(ITEMS, headers=spoofed)
        assert problem(answer) == (403, "network_not_allowed")

    async def test_its_account_s_servers_are_told_and_the_relay_is_nudged(
        self, connect: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        nudged: list[str] = []

        async def note(url: str, _: str, *, delay_s: int = 0) -> None:
            nudged.append(url)

        monkeypatch.setattr("shared.adapters.queues.send", note)
        partner = await new_partner()
        item = await create(connect((await new_key(partner)).key))
        async with autocommit() as session:
            (told,) = (await session.scalars(select(PublicEventRow))).all()
            account_id = await session.scalar(select(PartnerRow.account_id))
        assert (told.type, told.owner_id) == ("item.created", account_id)
        assert told.data["item_id"] == item["id"]
        assert nudged == ["https://sqs.example.com/outbox-relay"]
        # Without it the variable that names the queue would be missing, and the events late.
        assert Need.OUTBOX in SPEC.needs

    async def test_no_key_is_in_the_log(self, connect: Connect, log: Log) -> None:
        partner = await new_partner()
        key = await new_key(partner)
        client = connect(key.key)
        await create(client)
        await partners.revoke_key(partner.id, manager=OPERATOR, key_id=key.id)
        await client.get(ITEMS)
        forged = any_key("local")
        await connect(forged).get(f"{ITEMS}?key={forged}")
        written = str(log())
        assert "/v2/partner/items" in written
        assert [text for text in (key.key, forged) if text in written] == []

    @DATA_API
    async def test_a_read_costs_two_calls_and_its_first_in_a_minute_three(
        self, client: httpx.AsyncClient, data_api_calls: Calls
    ) -> None:
        for number in (3, 2):
            with data_api_calls() as calls:
                assert (await client.get(ITEMS)).status_code == 200
            assert calls == ["Execute"] * number

    async def test_a_use_is_noted_before_the_answer(self, client: httpx.AsyncClient) -> None:
        assert (await client.get(SOME_ITEM)).status_code == 404
        async with autocommit() as session:
            noted = await session.scalar(select(PartnerKeyRow.last_used_at))
        assert noted is not None
        assert noted > now() - timedelta(minutes=1)


class TestRemovedWhileInUse:
    async def test_a_request_under_way_ends_well_and_the_next_is_refused(
        self, connect: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        partner = await new_partner()
        client = connect((await new_key(partner)).key)
        remove = removing(partner.id)
        during(monkeypatch, "create_item", remove)
        assert (await client.post(ITEMS, json={"name": "Lamp"})).status_code == 201
        assert problem(await client.get(ITEMS)) == (401, "invalid_api_key")

    async def test_one_whose_account_is_gone_is_401(
        self, connect: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        partner = await new_partner()
        client = connect((await new_key(partner)).key)

        async def remove_wholly() -> None:
            await removing(partner.id)()
            more = True
            while more:
                async with unit_of_work() as session:
                    more = await partners.finish_removal(session, limit=100)

        during(monkeypatch, "create_item", remove_wholly)
        answer = await client.post(ITEMS, json={"name": "Lamp"})
        assert problem(answer) == (401, "unauthorized")

    async def test_requests_and_a_removal_at_once_fail_cleanly(self, connect: Connect) -> None:
        partner = await new_partner()
        client = connect((await new_key(partner)).key)
        sent = [client.post(ITEMS, json={"name": "Lamp"}) for _ in range(20)]
        answers, _ = await asyncio.gather(asyncio.gather(*sent), removing(partner.id)())
        assert {each.status_code for each in answers} <= {201, 401}
        assert problem(await client.get(ITEMS)) == (401, "invalid_api_key")


def removing(partner_id: Any) -> Callable[[], Awaitable[None]]:
    async def remove() -> None:
        await partners.remove_partner(partner_id, manager=OPERATOR)

    return remove


def during(monkeypatch: pytest.MonkeyPatch, name: str, act: Callable[[], Awaitable[None]]) -> None:
    """Have something done when a request has been let in, and is about to call the catalog."""
    from shared.domains.catalog import api as catalog

    real = getattr(catalog, name)

    async def acted(*arguments: Any, **named: Any) -> Any:
        await act()
        return await real(*arguments, **named)

    monkeypatch.setattr(catalog, name, acted)


async def test_without_the_database_it_is_503(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shared.adapters.database import sessions
    from shared.core.errors import ServiceUnavailableError
    from shared.domains.partners.service import access

    def away() -> None:
        raise ServiceUnavailableError("The database does not answer: try again soon.")

    client = connect((await new_key(await new_partner())).key)
    monkeypatch.setattr(access, "autocommit", away)
    monkeypatch.setattr(sessions, "autocommit", away)
    answer = await client.get(ITEMS)
    assert problem(answer) == (503, "service_unavailable")
    assert answer.headers["Retry-After"]
