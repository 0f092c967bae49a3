from collections.abc import Callable
from contextlib import AbstractContextManager
from uuid import uuid4

import httpx
import pytest

from tests.web_fixtures import Member, SignUp

pytestmark = pytest.mark.anyio

POSTS = "/v1/webapp/posts"
ITEMS = "/v2/webapp/items"
DATA_API = pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)

type Calls = Callable[[], AbstractContextManager[list[str]]]


async def an_item(owner: Member, *, status: str = "active") -> str:
    answer = await owner.client.post(ITEMS, json={"name": "Lamp", "status": status})
    return str(answer.json()["id"])


async def write(author: Member, item_id: str, body: str = "It shines.") -> httpx.Response:
    return await author.client.post(POSTS, json={"item_id": item_id, "body": body})


async def bodies(reader: Member, **query: str) -> list[str]:
    answer = await reader.client.get(POSTS, params=query)
    assert answer.status_code == 200, answer.text
    return [post["body"] for post in answer.json()["items"]]


class TestCreate:
    async def test_anybody_may_write_about_an_active_item(self, sign_up: SignUp) -> None:
        owner, author = await sign_up(), await sign_up()
        answer = await write(author, await an_item(owner))
        assert answer.status_code == 201
        assert answer.json()["author"] == {"id": author.id, "username": author.username}
        got = await owner.client.get(f"{POSTS}/{answer.json()['id']}")
        assert got.json() == answer.json()

    @pytest.mark.parametrize("status", ["draft", "archived"])
    async def test_about_another_item_its_owner_only(self, sign_up: SignUp, status: str) -> None:
        owner, author = await sign_up(), await sign_up()
        item_id = await an_item(owner, status=status)
        assert (await write(owner, item_id)).status_code == 201
        refused = await write(author, item_id)
        unknown = await write(author, str(uuid4()))
        assert (refused.status_code, refused.json()["code"]) == (422, "no_such_item")
        # Nothing tells an item that one may not see from one that does not exist.
        assert refused.json() | {"request_id": ""} == unknown.json() | {"request_id": ""}

    @pytest.mark.parametrize("body", ["", "a" * 5001, "\0", None, 7])
    async def test_a_bad_body_is_422(self, sign_up: SignUp, body: object) -> None:
        author = await sign_up()
        post = {"item_id": await an_item(author), "body": body}
        assert (await author.client.post(POSTS, json=post)).status_code == 422
        assert await bodies(author) == []

    async def test_with_the_same_key_it_is_written_once(self, sign_up: SignUp) -> None:
        author = await sign_up()
        post = {"item_id": await an_item(author), "body": "It shines."}
        key = {"Idempotency-Key": f'"{uuid4()}"'}
        first, again = [await author.client.post(POSTS, json=post, headers=key) for _ in range(2)]
        assert again.headers["Idempotent-Replayed"] == "true"
        assert (again.status_code, again.json()) == (201, first.json())
        assert again.headers["Location"] == first.headers["Location"]
        assert await bodies(author) == ["It shines."]

    async def test_needs_a_token(self, webapp: httpx.AsyncClient) -> None:
        assert (await webapp.post(POSTS, json={})).status_code == 401


class TestList:
    async def test_newest_first_by_item_and_author(self, sign_up: SignUp) -> None:
        ada, bob = await sign_up(), await sign_up()
        lamp, chair = await an_item(ada), await an_item(bob)
        await write(ada, lamp, "1")
        await write(bob, lamp, "2")
        await write(bob, chair, "3")
        assert await bodies(ada) == ["3", "2", "1"]
        assert await bodies(ada, item_id=lamp) == ["2", "1"]
        assert await bodies(ada, author_id=bob.id) == ["3", "2"]
        assert await bodies(ada, author_id=bob.id, item_id=lamp) == ["2"]
        assert await bodies(ada, item_id=str(uuid4())) == []

    async def test_what_is_about_a_hidden_item_is_for_its_owner_and_author(
        self, sign_up: SignUp
    ) -> None:
        owner, author, other = await sign_up(), await sign_up(), await sign_up()
        item_id = await an_item(owner)
        post = (await write(author, item_id)).json()
        await owner.client.patch(f"{ITEMS}/{item_id}", json={"status": "archived"})
        assert len(await bodies(owner)) == len(await bodies(author)) == 1
        assert await bodies(other) == []
        assert (await other.client.get(f"{POSTS}/{post['id']}")).status_code == 404

    async def test_pages_hold_every_post_once(self, sign_up: SignUp) -> None:
        author = await sign_up()
        item_id = await an_item(author)
        for number in range(3):
            await write(author, item_id, str(number))
        first = (await author.client.get(POSTS, params={"limit": 2})).json()
        query = {"limit": 2, "cursor": first["next_cursor"]}
        second = (await author.client.get(POSTS, params=query)).json()
        found = [post["body"] for post in first["items"] + second["items"]]
        assert (found, second["next_cursor"]) == (["2", "1", "0"], None)

    @DATA_API
    async def test_authors_come_with_the_same_call(
        self, sign_up: SignUp, data_api_calls: Calls
    ) -> None:
        ada, bob = await sign_up(), await sign_up()
        item_id = await an_item(ada)
        for author in (ada, bob):
            await write(author, item_id)
        with data_api_calls() as calls:
            answer = await ada.client.get(POSTS)
        assert calls == ["Execute"]
        authors = [post["author"]["username"] for post in answer.json()["items"]]
        assert authors == [bob.username, ada.username]

    @pytest.mark.parametrize("query", [{"item_id": "7"}, {"cursor": "x"}, {"colour": "red"}])
    async def test_a_bad_query_is_422(self, sign_up: SignUp, query: dict[str, str]) -> None:
        reader = await sign_up()
        assert (await reader.client.get(POSTS, params=query)).status_code == 422


class TestDelete:
    async def test_ones_own_only(self, sign_up: SignUp) -> None:
        owner, author = await sign_up(), await sign_up()
        post = (await write(author, await an_item(owner))).json()
        refused = await owner.client.delete(f"{POSTS}/{post['id']}")
        assert (refused.status_code, refused.json()["code"]) == (404, "post_not_found")
        assert (await author.client.delete(f"{POSTS}/{post['id']}")).status_code == 204
        assert await bodies(author) == []

    async def test_goes_with_its_item(self, sign_up: SignUp) -> None:
        owner, author = await sign_up(), await sign_up()
        item_id = await an_item(owner)
        await write(author, item_id)
        assert (await owner.client.delete(f"{ITEMS}/{item_id}")).status_code == 204
        assert await bodies(author) == []
