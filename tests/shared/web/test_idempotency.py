"""A repeated request with an Idempotency-Key has its effect once, shown on routes of the test's own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import APIRouter
from sqlalchemy import select, update
from starlette.responses import Response

from shared.adapters import queues
from shared.adapters.database.sessions import unit_of_work
from shared.adapters.idempotency.idempotency import MOST_BODY_BYTES
from shared.adapters.idempotency.models import IdempotencyRow
from shared.adapters.outbox import outbox
from shared.adapters.outbox.models import OutboxRow
from shared.core.clock import now
from shared.core.errors import ConflictError
from shared.core.events import Event
from shared.core.schema import Schema
from shared.domains.sessions import service as sessions
from shared.web.app import create_app
from shared.web.auth import CurrentUser
from shared.web.idempotency import (
    AnyonesIdempotencyKey,
    IdempotencyKey,
    IdempotentRoute,
    RequiredIdempotencyKey,
)
from shared.web.sessions import WriteSession
from tests.web_fixtures import Log, client_of, token_of

pytestmark = pytest.mark.anyio

THINGS = "/v2/test/things"
DATA_API = pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)

MALFORMED: tuple[str | bytes, ...] = (
    "",
    '""',
    '"',
    '"k',
    'k"',
    '"k""k"',
    '"k";a=1',
    '"k", "l"',
    "k, l",
    "k l",
    '"k l"',
    '"k\\"',
    '"k\\l"',
    "'k l'",
    ":a2V5:,",
    "a" * 256,
    f'"{"a" * 256}"',
    "k\x01",
    "k\x7f",
    "k\x00",
    b"\xe9",
    b'"\xc3\xa9"',
)

router = APIRouter(prefix=THINGS, route_class=IdempotentRoute)
plain = APIRouter(prefix=THINGS)

type Calls = Callable[[], AbstractContextManager[list[str]]]


class Made(Event):
    type: ClassVar[str] = "things.made"

    name: str

    @property
    def aggregate(self) -> str:
        return f"thing:{self.name}"


class Draft(Schema):
    name: str


class Gate:
    """Holds a request in its route until it is opened."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    async def pass_through(self) -> None:
        self.reached.set()
        await self.opened.wait()


GATES: dict[str, Gate] = {}
FAILURES: dict[str, Exception] = {}


@router.post("", status_code=201)
async def make_thing(
    user: CurrentUser, _: IdempotencyKey, draft: Draft, session: WriteSession, response: Response
) -> dict[str, str]:
    id_ = str(outbox.add(session, Made(name=draft.name)))
    if gate := GATES.get(draft.name):
        await gate.pass_through()
    if failure := FAILURES.get(draft.name):
        raise failure
    response.headers.update({"Location": f"things/{id_}", "ETag": '"1"'})
    response.headers.append("Link", "<a>")
    response.headers.append("Link", "<b>")
    return {"id": id_, "owner": str(user.user_id)}


@router.post("/needy", status_code=201)
async def make_needy(_: RequiredIdempotencyKey, draft: Draft, session: WriteSession) -> None:
    outbox.add(session, Made(name=draft.name))


@router.post("/silent", status_code=204)
async def make_silently(_: AnyonesIdempotencyKey, session: WriteSession) -> None:
    outbox.add(session, Made(name="silence"))


@router.post("/large", status_code=201)
async def make_large(_: AnyonesIdempotencyKey, session: WriteSession) -> str:
    outbox.add(session, Made(name="large"))
    return "a" * MOST_BODY_BYTES


@router.post("/refused", status_code=409)
async def refuse(_: AnyonesIdempotencyKey, session: WriteSession) -> None:
    outbox.add(session, Made(name="refused"))


@plain.post("/unkept", status_code=201)
async def make_unkept(_: AnyonesIdempotencyKey, session: WriteSession) -> None:
    outbox.add(session, Made(name="unkept"))


@pytest.fixture
async def anyone(
    migrated_database_url: str, signing_secret: None, deny_list: set[UUID]
) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create_app(title="Test", routers=[router, plain])) as client:
        yield client


@pytest.fixture
async def client(anyone: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client that is logged in."""
    anyone.headers["Authorization"] = await bearer(uuid4())
    return anyone


@pytest.fixture
def nudges(monkeypatch: pytest.MonkeyPatch, migrated_database_url: str) -> list[str]:
    sent: list[str] = []

    async def record(url: str, body: str, *, delay_s: int = 0) -> None:
        sent.append(url)

    monkeypatch.setattr(queues, "send", record)
    return sent


async def bearer(user_id: UUID) -> str:
    return f"Bearer {await token_of(user_id)}"


async def make(
    client: httpx.AsyncClient, key: str | bytes | None, path: str = "", **fields: Any
) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await client.post(THINGS + path, json={"name": "lamp"} | fields, headers=headers)  # type: ignore[arg-type]  # httpx takes bytes as well


async def made() -> list[str]:
    """Return what was made, by name."""
    async with unit_of_work() as session:
        found = await session.scalars(select(OutboxRow.data).order_by(OutboxRow.sequence))
        return [data["name"] for data in found]


async def kept() -> list[IdempotencyRow]:
    async with unit_of_work() as session:
        return list(await session.scalars(select(IdempotencyRow)))


def told(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def is_replay(answer: httpx.Response) -> bool:
    return bool(answer.headers.get("Idempotent-Replayed") == "true")


class TestReplay:
    async def test_the_answer_is_the_first_with_its_headers_and_a_mark(
        self, client: httpx.AsyncClient, nudges: list[str]
    ) -> None:
        first = await make(client, '"k"')
        again = await make(client, '"k"')
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert (first.status_code, is_replay(first), is_replay(again)) == (201, False, True)
        for name in ("Location", "ETag", "Content-Type", "Content-Length", "Cache-Control"):
            assert again.headers[name] == first.headers[name]
        assert again.headers["Link"] == first.headers["Link"] == "<a>, <b>"
        assert again.headers["X-Request-ID"] != first.headers["X-Request-ID"]
        assert await made() == ["lamp"]
        assert len(nudges) == 1

    async def test_an_answer_without_a_body_is_given_again(self, anyone: httpx.AsyncClient) -> None:
        first = await make(anyone, '"k"', "/silent")
        again = await make(anyone, '"k"', "/silent")
        assert (first.status_code, again.status_code, again.content) == (204, 204, b"")
        assert "Content-Length" not in again.headers
        assert is_replay(again)
        assert await made() == ["silence"]

    @pytest.mark.parametrize(
        ("first", "again"),
        [('"k"', "k"), ('"a\\"b"', '"a\\"b"'), ("a'b", '"a\'b"'), ('"\\\\"', '"\\\\"')],
    )
    async def test_a_bare_token_is_the_key_that_it_is_in_quotes(
        self, client: httpx.AsyncClient, first: str, again: str
    ) -> None:
        await make(client, first)
        assert is_replay(await make(client, again))

    async def test_without_a_key_or_with_another_each_request_has_its_effect(
        self, client: httpx.AsyncClient
    ) -> None:
        answers = [await make(client, key) for key in (None, None, '"k"', '"K"')]
        assert not any(map(is_replay, answers))
        assert len(await made()) == 4
        assert len(await kept()) == 2

    async def test_a_key_is_its_users_own(self, anyone: httpx.AsyncClient) -> None:
        ada, bob = [{"Authorization": await bearer(uuid4())} for _ in range(2)]
        key = {"Idempotency-Key": '"k"'}
        for user in (ada, bob):
            answer = await anyone.post(THINGS, json={"name": "lamp"}, headers=user | key)
            assert (answer.status_code, is_replay(answer)) == (201, False)
        assert len(await made()) == 2

    async def test_a_new_token_of_the_user_is_answered_and_an_expired_one_is_not(
        self, anyone: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        user_id = uuid4()
        anyone.headers["Authorization"] = await bearer(user_id)
        await make(anyone, '"k"')
        with monkeypatch.context() as patch:
            patch.setattr(sessions, "now", lambda: now() - timedelta(hours=1))
            anyone.headers["Authorization"] = await bearer(user_id)
        assert (await make(anyone, '"k"')).status_code == 401
        anyone.headers["Authorization"] = await bearer(user_id)
        assert is_replay(await make(anyone, '"k"'))

    async def test_after_its_time_a_key_is_as_good_as_new(self, client: httpx.AsyncClient) -> None:
        await make(client, '"k"')
        async with unit_of_work() as session:
            await session.execute(update(IdempotencyRow).values(expires_at=now()))
        second = await make(client, '"k"', name="chair")
        assert (second.status_code, is_replay(second)) == (201, False)
        again = await make(client, '"k"', name="chair")
        assert is_replay(again)
        assert again.json() == second.json()
        assert await made() == ["lamp", "chair"]
        assert len(await kept()) == 1


class TestCost:
    @DATA_API
    async def test_a_key_costs_one_call_to_look_and_one_to_record(
        self, client: httpx.AsyncClient, data_api_calls: Calls
    ) -> None:
        costs = []
        for key in (None, '"k"', '"k"'):
            with data_api_calls() as calls:
                await make(client, key)
            costs.append(calls)
        without, first, again = costs
        assert len(first) == len(without) + 2
        assert again == ["BeginTransaction", "Execute", "CommitTransaction"]

    @DATA_API
    @pytest.mark.parametrize("key", ['"k', ""])
    async def test_a_bad_key_costs_none(
        self, client: httpx.AsyncClient, data_api_calls: Calls, key: str
    ) -> None:
        with data_api_calls() as calls:
            await make(client, key)
        assert calls == []


class TestInFlight:
    async def test_until_the_first_is_answered_others_are_409(
        self, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(GATES, "lamp", gate := Gate())
        first = asyncio.ensure_future(make(client, '"k"'))
        await gate.reached.wait()
        early = await make(client, '"k"')
        assert told(early) == (409, "idempotency_in_flight")
        assert int(early.headers["Retry-After"]) > 0
        # What it would be with the key cannot be told before the first is answered either.
        assert told(await make(client, '"k"', name="chair")) == (409, "idempotency_in_flight")
        gate.opened.set()
        answered = await first
        again = await make(client, '"k"')
        assert (answered.status_code, is_replay(again)) == (201, True)
        assert await made() == ["lamp"]

    async def test_of_a_hundred_at_once_one_has_its_effect(self, client: httpx.AsyncClient) -> None:
        answers = await asyncio.gather(*(make(client, '"k"') for _ in range(100)))
        assert {answer.status_code for answer in answers} <= {201, 409}
        assert [is_replay(each) for each in answers if each.status_code == 201].count(False) == 1
        assert {told(each)[1] for each in answers if each.status_code == 409} <= {
            "idempotency_in_flight"
        }
        assert len({each.content for each in answers if each.status_code == 201}) == 1
        assert await made() == ["lamp"]
        assert len(await kept()) == 1


class TestReuse:
    @pytest.mark.parametrize(
        ("path", "fields"), [("", {"name": "chair"}), ("?a=1", {}), ("/needy", {})]
    )
    async def test_another_body_query_or_path_is_422(
        self, client: httpx.AsyncClient, path: str, fields: dict[str, str]
    ) -> None:
        await make(client, '"k"')
        assert told(await make(client, '"k"', path, **fields)) == (422, "idempotency_key_reused")
        assert await made() == ["lamp"]


class TestFailure:
    @pytest.mark.parametrize("failure", [ConflictError("It is there."), RuntimeError("a bug")])
    async def test_an_error_is_not_kept_and_the_key_serves_again(
        self,
        client: httpx.AsyncClient,
        log: Log,
        monkeypatch: pytest.MonkeyPatch,
        failure: Exception,
    ) -> None:
        monkeypatch.setitem(FAILURES, "lamp", failure)
        assert (await make(client, '"k"')).status_code >= 400
        assert (await made(), await kept()) == ([], [])
        monkeypatch.delitem(FAILURES, "lamp")
        mended = await make(client, '"k"')
        assert (mended.status_code, is_replay(mended)) == (201, False)
        assert await made() == ["lamp"]

    async def test_a_request_that_breaks_a_rule_leaves_the_key_for_the_mended_one(
        self, client: httpx.AsyncClient
    ) -> None:
        assert told(await make(client, '"k"', colour="red")) == (422, "validation_failed")
        assert (await make(client, '"k"')).status_code == 201

    async def test_an_error_that_a_route_returns_is_not_kept(
        self, anyone: httpx.AsyncClient
    ) -> None:
        answers = [await make(anyone, '"k"', "/refused") for _ in range(2)]
        assert [(each.status_code, is_replay(each)) for each in answers] == [(409, False)] * 2
        assert await kept() == []

    async def test_an_answer_too_large_to_be_kept_undoes_its_effect(
        self, anyone: httpx.AsyncClient, log: Log
    ) -> None:
        assert (await make(anyone, None, "/large")).status_code == 201
        assert (await make(anyone, '"k"', "/large")).status_code == 500
        assert "AnswerTooLargeError" in str(log())
        assert await made() == ["large"]

    @pytest.mark.parametrize("key", [None, '"k"'])
    async def test_a_route_that_would_not_keep_its_answer_has_no_effect(
        self, anyone: httpx.AsyncClient, log: Log, key: str | None
    ) -> None:
        assert (await make(anyone, key, "/unkept")).status_code == 500
        assert "route_class=IdempotentRoute" in str(log())
        assert await made() == []


class TestRequired:
    async def test_without_a_key_it_is_400(self, client: httpx.AsyncClient) -> None:
        assert told(await make(client, None, "/needy")) == (400, "idempotency_key_missing")
        # Whatever else is wrong: the key comes first.
        other = await make(client, None, "/needy", colour="red")
        assert told(other) == (400, "idempotency_key_missing")
        assert await made() == []

    async def test_with_one_it_is_kept(self, client: httpx.AsyncClient) -> None:
        answers = [await make(client, '"k"', "/needy") for _ in range(2)]
        assert [(each.status_code, is_replay(each)) for each in answers] == [
            (201, False),
            (201, True),
        ]

    async def test_who_calls_is_asked_first(self, anyone: httpx.AsyncClient) -> None:
        assert (await make(anyone, None, "/needy")).status_code == 401


@DATA_API
class TestMalformed:
    async def test_is_400_and_has_no_effect(self, client: httpx.AsyncClient) -> None:
        for path in ("", "/needy"):
            answers = {key: told(await make(client, key, path)) for key in MALFORMED}
            assert answers == dict.fromkeys(MALFORMED, (400, "idempotency_key_malformed"))
        assert (await made(), await kept()) == ([], [])

    @pytest.mark.parametrize("keys", [['"k"', '"l"'], ['"k"', ""]])
    async def test_several_are_400(self, client: httpx.AsyncClient, keys: list[str]) -> None:
        headers = [("Idempotency-Key", key) for key in keys]
        refused = await client.post(THINGS, json={"name": "lamp"}, headers=headers)
        assert told(refused) == (400, "idempotency_key_malformed")
        assert await made() == []

    @pytest.mark.parametrize("key", ["a" * 255, f'"{"a" * 255}"', f'"{chr(92) * 510}"'])
    async def test_the_longest_is_none(self, client: httpx.AsyncClient, key: str) -> None:
        assert (await make(client, key)).status_code == 201
        assert is_replay(await make(client, key))
