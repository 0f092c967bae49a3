import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.web_fixtures import SignUp

pytestmark = pytest.mark.anyio

V1 = "/v1/webapp/items"
V2 = "/v2/webapp/items"
LAMP = {
    "name": "Lamp",
    "description": "A lamp.\nIt shines.",
    "price": {"amount": "12.50", "currency": "EUR"},
    "tags": ["light", "home"],
    "status": "active",
}
DATA_API = pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)

type Calls = Callable[[], AbstractContextManager[list[str]]]


@pytest.fixture
async def client(sign_up: SignUp) -> httpx.AsyncClient:
    return (await sign_up()).client


async def create(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await client.post(V2, json={"name": "Lamp"} | fields)
    assert answer.status_code == 201, answer.text
    item: dict[str, Any] = answer.json()
    return item


async def names(client: httpx.AsyncClient, **query: Any) -> list[str]:
    answer = await client.get(V2, params=query)
    assert answer.status_code == 200, answer.text
    return [item["name"] for item in answer.json()["items"]]


def fields_of(answer: httpx.Response) -> list[str]:
    return [str(error["location"][1]) for error in answer.json()["errors"]]


class TestCreate:
    async def test_an_item_comes_back_as_it_was_sent(self, client: httpx.AsyncClient) -> None:
        answer = await client.post(V2, json=LAMP)
        assert answer.status_code == 201
        assert {name: answer.json()[name] for name in LAMP} == LAMP
        assert answer.headers["ETag"] == '"1"'
        got = await client.get(httpx.URL(V2).join(answer.headers["Location"]))
        assert got.json() == answer.json()

    async def test_version_1_knows_a_name_only(self, client: httpx.AsyncClient) -> None:
        answer = await client.post(V1, json={"name": "Lamp"})
        assert answer.status_code == 201
        assert set(answer.json()) == {"id", "name", "created_at", "updated_at"}
        assert (await client.post(V1, json=LAMP)).status_code == 422

    @pytest.mark.parametrize(
        ("price", "told"),
        [
            ({"amount": "12.5", "currency": "EUR"}, "12.50"),
            ({"amount": "1.789", "currency": "EUR"}, "1.789"),
            ({"amount": "500", "currency": "JPY"}, "500"),
            ({"amount": "999999999999.9999", "currency": "KWD"}, "999999999999.9999"),
            ({"amount": "0", "currency": "BHD"}, "0.000"),
        ],
    )
    async def test_a_price_has_the_places_of_its_currency_at_least(
        self, client: httpx.AsyncClient, price: dict[str, str], told: str
    ) -> None:
        item = await create(client, price=price)
        assert item["price"] == {"amount": told, "currency": price["currency"]}

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("name", ""),
            ("name", " Lamp"),
            ("name", "La\nmp"),
            ("name", "La\0mp"),
            ("name", "a" * 201),
            ("name", None),
            ("name", ["Lamp"]),
            ("description", "\0"),
            ("description", "a" * 5001),
            ("price", {"amount": 12.5, "currency": "EUR"}),
            ("price", {"amount": "-1", "currency": "EUR"}),
            ("price", {"amount": "1e400", "currency": "EUR"}),
            ("price", {"amount": "1" * 13, "currency": "EUR"}),
            ("price", {"amount": "1.00001", "currency": "EUR"}),
            ("price", {"amount": "1", "currency": "eur"}),
            ("price", {"amount": "1", "currency": "XXX"}),
            ("price", {"amount": "1"}),
            ("tags", ["a"] * 21),
            ("tags", ["a" * 33]),
            ("tags", "light"),
            ("status", "sold"),
            ("colour", "red"),
        ],
    )
    async def test_a_bad_field_is_422_and_named(
        self, client: httpx.AsyncClient, field: str, value: object
    ) -> None:
        answer = await client.post(V2, json=LAMP | {field: value})
        assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
        assert fields_of(answer)[0] == field
        assert await names(client) == []

    @pytest.mark.parametrize(
        "body",
        [b"{", b"nonsense", b"[" * 100_000, b'{"name": "\xff"}', b'{"name": ' + b"9" * 5000 + b"}"],
    )
    async def test_a_body_that_is_no_json_is_400(
        self, client: httpx.AsyncClient, body: bytes
    ) -> None:
        headers = {"Content-Type": "application/json"}
        answer = await client.post(V2, content=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed_body")

    @pytest.mark.parametrize("type_", ["text/plain", "application/xml", None])
    async def test_a_body_of_another_type_is_415(
        self, client: httpx.AsyncClient, type_: str | None
    ) -> None:
        headers = {"Content-Type": type_} if type_ else {}
        answer = await client.post(V2, content=b'{"name": "Lamp"}', headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")

    async def test_a_body_above_the_limit_is_413(self, client: httpx.AsyncClient) -> None:
        answer = await client.post(V2, json={"name": "a" * 1024 * 1024})
        assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")

    @pytest.mark.parametrize("path", [V1, V2])
    async def test_needs_a_token(self, webapp: httpx.AsyncClient, path: str) -> None:
        assert (await webapp.post(path, json={"name": "Lamp"})).status_code == 401

    async def test_of_a_hundred_at_once_with_one_key_one_makes_an_item(
        self, client: httpx.AsyncClient
    ) -> None:
        key = {"Idempotency-Key": f'"{uuid4()}"'}
        requests = (client.post(V2, json={"name": "Lamp"}, headers=key) for _ in range(100))
        answers = await asyncio.gather(*requests)
        assert {answer.status_code for answer in answers} <= {201, 409}
        assert await names(client) == ["Lamp"]
        again = await client.post(V2, json={"name": "Lamp"}, headers=key)
        made = {answer.headers["Location"] for answer in answers if answer.status_code == 201}
        assert made == {again.headers["Location"]}
        assert again.headers["Idempotent-Replayed"] == "true"
        assert again.headers["ETag"] == '"1"'

    async def test_version_1_takes_a_key_too(self, client: httpx.AsyncClient) -> None:
        key = {"Idempotency-Key": '"k"'}
        first, again = [await client.post(V1, json={"name": "Lamp"}, headers=key) for _ in range(2)]
        assert again.headers["Idempotent-Replayed"] == "true"
        assert again.json() == first.json()
        other = await client.post(V2, json={"name": "Lamp"}, headers=key)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")

    async def test_tags_count_once(self, client: httpx.AsyncClient) -> None:
        assert (await create(client, tags=["b", "a", "b"]))["tags"] == ["b", "a"]


class TestGet:
    @pytest.mark.parametrize("path", [V1, V2])
    async def test_a_known_version_is_304_without_a_body(
        self, client: httpx.AsyncClient, path: str
    ) -> None:
        item = await create(client)
        full = await client.get(f"{path}/{item['id']}")
        assert (full.status_code, full.headers["ETag"]) == (200, '"1"')
        for known in ('"1"', 'W/"1"', '"7", "1"', "*"):
            headers = {"If-None-Match": known}
            answer = await client.get(f"{path}/{item['id']}", headers=headers)
            assert (answer.status_code, answer.content) == (304, b"")
            assert answer.headers["ETag"] == '"1"'
        other = await client.get(f"{path}/{item['id']}", headers={"If-None-Match": '"2"'})
        assert other.status_code == 200

    @pytest.mark.parametrize("path", [V1, V2])
    @pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
    async def test_an_item_of_another_or_of_nobody_is_404(
        self, sign_up: SignUp, path: str, method: str
    ) -> None:
        owner, other = await sign_up(), await sign_up()
        item = await create(owner.client)
        change = {"name": "Mine"} if method == "PATCH" else None
        for id_ in (item["id"], uuid4()):
            answer = await other.client.request(method, f"{path}/{id_}", json=change)
            assert (answer.status_code, answer.json()["code"]) == (404, "item_not_found")
        assert await names(owner.client) == ["Lamp"]

    @pytest.mark.parametrize("id_", ["7", "nonsense", "%00", "0" * 40])
    async def test_a_bad_id_is_422_and_named(self, client: httpx.AsyncClient, id_: str) -> None:
        answer = await client.get(f"{V2}/{id_}")
        assert answer.status_code == 422
        assert fields_of(answer) == ["item_id"]

    @DATA_API
    @pytest.mark.parametrize("path", [V1, V2])
    async def test_one_or_a_list_costs_one_call(
        self, client: httpx.AsyncClient, data_api_calls: Calls, path: str
    ) -> None:
        item = await create(client)
        with data_api_calls() as calls:
            await client.get(f"{path}/{item['id']}")
            await client.get(path)
        assert calls == ["Execute", "Execute"]


class TestList:
    async def test_pages_hold_every_item_once(self, client: httpx.AsyncClient) -> None:
        made = [(await create(client, name=f"Lamp {number}"))["name"] for number in range(5)]
        found: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = (await client.get(V1, params={"limit": 2, **cursor})).json()
            found += [item["name"] for item in page["items"]]
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
        assert found == made[::-1]

    async def test_holds_ones_own_items_only(self, sign_up: SignUp) -> None:
        owner, other = await sign_up(), await sign_up()
        await create(owner.client)
        assert await names(other.client) == []

    async def test_filters_by_status_tag_and_words(self, client: httpx.AsyncClient) -> None:
        await create(client, name="Lamp", tags=["light"], description="100% wood")
        await create(client, name="Chair", tags=["home"], status="draft")
        await create(client, name="Candle", tags=["light"], status="archived")
        assert await names(client, status="draft") == ["Chair"]
        assert await names(client, tag="light") == ["Candle", "Lamp"]
        assert await names(client, tag="light", status="active") == ["Lamp"]
        assert await names(client, search="CHA") == ["Chair"]
        assert await names(client, search="0% w") == ["Lamp"]
        assert await names(client, search="%") == ["Lamp"]
        assert await names(client, search="_") == []

    async def test_sorts_by_each_field_in_both_directions(self, client: httpx.AsyncClient) -> None:
        first = await create(client, name="B")
        await create(client, name="A")
        await client.patch(f"{V2}/{first['id']}", json={"name": "C"})
        assert await names(client, sort="name") == ["A", "C"]
        assert await names(client, sort="-name") == ["C", "A"]
        assert await names(client, sort="created_at") == ["C", "A"]
        assert await names(client, sort="-created_at") == ["A", "C"]
        assert await names(client, sort="updated_at") == ["A", "C"]
        assert await names(client, sort="-updated_at") == ["C", "A"]

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ({"limit": 0}, "limit"),
            ({"limit": 101}, "limit"),
            ({"limit": "many"}, "limit"),
            ({"limit": "9" * 5000}, "limit"),
            ({"cursor": "nonsense"}, "cursor"),
            ({"cursor": "a b"}, "cursor"),
            ({"cursor": "a" * 5000}, "cursor"),
            ({"sort": "price"}, "sort"),
            ({"status": "sold"}, "status"),
            ({"tag": ""}, "tag"),
            ({"search": "\0"}, "search"),
            ({"colour": "red"}, "colour"),
        ],
    )
    async def test_a_bad_query_is_422_and_named(
        self, client: httpx.AsyncClient, query: dict[str, str | int], field: str
    ) -> None:
        answer = await client.get(V2, params=query)
        assert answer.status_code == 422, answer.text
        assert fields_of(answer) == [field]

    async def test_a_cursor_of_another_order_or_filter_is_422(
        self, client: httpx.AsyncClient
    ) -> None:
        for number in range(2):
            await create(client, name=f"Lamp {number}")
        page = (await client.get(V2, params={"limit": 1})).json()
        for other in ({"sort": "name"}, {"search": "Lamp"}):
            answer = await client.get(V2, params={"cursor": page["next_cursor"], **other})
            assert answer.status_code == 422
            assert fields_of(answer) == ["cursor"]


class TestChange:
    async def test_only_what_is_given_changes(self, client: httpx.AsyncClient) -> None:
        item = await create(client, **LAMP)
        answer = await client.patch(f"{V2}/{item['id']}", json={"name": "Torch", "price": None})
        assert answer.status_code == 200
        changed = answer.json()
        assert changed["updated_at"] > item["updated_at"]
        assert changed == item | {
            "name": "Torch",
            "price": None,
            "updated_at": changed["updated_at"],
        }
        assert answer.headers["ETag"] == '"2"'

    async def test_version_1_keeps_what_it_does_not_know(self, client: httpx.AsyncClient) -> None:
        item = await create(client, **LAMP)
        await client.patch(f"{V1}/{item['id']}", json={"name": "Torch"})
        changed = (await client.get(f"{V2}/{item['id']}")).json()
        assert changed["tags"] == item["tags"]
        assert changed["name"] == "Torch"

    async def test_nothing_given_changes_nothing(self, client: httpx.AsyncClient) -> None:
        item = await create(client)
        answer = await client.patch(f"{V2}/{item['id']}", json={"name": item["name"]})
        assert (answer.status_code, answer.headers["ETag"]) == (200, '"1"')
        assert answer.json() == item

    @pytest.mark.parametrize("path", [V1, V2])
    async def test_if_match_lets_the_current_version_through_only(
        self, client: httpx.AsyncClient, path: str
    ) -> None:
        item = await create(client)
        url = f"{path}/{item['id']}"
        for stale in ('"2"', 'W/"1"', '"nonsense"', '"01"', f'"{"9" * 5000}"'):
            answer = await client.patch(url, json={"name": "No"}, headers={"If-Match": stale})
            assert (answer.status_code, answer.json()["code"]) == (412, "item_changed")
        for fresh in ('"1"', '"9", "2"', "*"):
            answer = await client.patch(url, json={"name": fresh}, headers={"If-Match": fresh})
            assert answer.status_code == 200

    @pytest.mark.parametrize("condition", ["1", '"1', '"1" "2"', ","])
    async def test_a_condition_that_is_no_tag_is_422_and_named(
        self, client: httpx.AsyncClient, condition: str
    ) -> None:
        item = await create(client)
        headers = {"If-Match": condition}
        answer = await client.patch(f"{V2}/{item['id']}", json={}, headers=headers)
        assert answer.status_code == 422
        assert fields_of(answer) == ["if-match"]

    async def test_of_ten_changes_to_one_version_one_wins(self, client: httpx.AsyncClient) -> None:
        item = await create(client)
        headers = {"If-Match": '"1"'}
        answers = await asyncio.gather(
            *(
                client.patch(f"{V2}/{item['id']}", json={"name": f"N{n}"}, headers=headers)
                for n in range(10)
            )
        )
        assert sorted(answer.status_code for answer in answers) == [200] + [412] * 9
        winner = next(answer for answer in answers if answer.status_code == 200)
        assert (await client.get(f"{V2}/{item['id']}")).json() == winner.json()

    async def test_a_bad_field_leaves_the_item_as_it_was(self, client: httpx.AsyncClient) -> None:
        item = await create(client)
        change = {"name": "Torch", "price": {"amount": "1", "currency": "XXX"}}
        answer = await client.patch(f"{V2}/{item['id']}", json=change)
        assert answer.status_code == 422
        assert (await client.get(f"{V2}/{item['id']}")).json() == item


class TestDelete:
    @pytest.mark.parametrize("path", [V1, V2])
    async def test_an_item_is_gone(self, client: httpx.AsyncClient, path: str) -> None:
        item = await create(client)
        url = f"{path}/{item['id']}"
        assert (await client.delete(url, headers={"If-Match": '"2"'})).status_code == 412
        answer = await client.delete(url, headers={"If-Match": '"1"'})
        assert (answer.status_code, answer.content) == (204, b"")
        assert (await client.get(url)).status_code == 404
        assert (await client.delete(url)).status_code == 404


class TestVersions:
    async def test_version_1_says_that_it_is_deprecated_and_when_it_ends(
        self, client: httpx.AsyncClient
    ) -> None:
        for path in (V1, "/v1/webapp/nothing"):
            headers = (await client.get(path)).headers
            assert headers["Deprecation"] == "@1793491200"
            assert headers["Sunset"] == "Mon, 01 Nov 2027 00:00:00 GMT"
            target, relation = headers["Link"].split("; ")
            assert relation == 'rel="successor-version"'
            # Also below the prefix of a stage.
            found = httpx.URL(f"https://api.example.com/live{path}").join(target.strip("<>"))
            assert found.path == "/live/v2/openapi.json"

    async def test_version_2_does_not(self, client: httpx.AsyncClient) -> None:
        headers = (await client.get(V2)).headers
        assert not {"deprecation", "sunset"} & set(headers)

    async def test_version_2_is_complete(self, client: httpx.AsyncClient) -> None:
        assert (await client.get("/v2/webapp/users/me")).status_code == 200
        assert (await client.get("/v2/webapp/posts")).status_code == 200
