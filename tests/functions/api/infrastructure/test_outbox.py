"""Operators decide about events that the bus did not take: published, or kept in the audit trail."""

import json
from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import delete, select, text

from shared.adapters import event_bus, queues
from shared.adapters.database.sessions import autocommit, unit_of_work
from shared.adapters.event_bus import Entry, Refusal
from shared.adapters.outbox import outbox
from shared.adapters.outbox.models import OutboxRow
from shared.adapters.outbox.relay import relay
from shared.core.events import Event
from tests.functions.api.infrastructure.conftest import Caller, Trail

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("queue_names")]

BASE = "/v2/infrastructure/outbox"
REASON = "The lantern is sold."
DATA_API = pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)


class Lit(Event):
    type: ClassVar[str] = "lanterns.lit"

    lantern: str

    @property
    def aggregate(self) -> str:
        return "lantern:one"


@pytest.fixture(autouse=True)
async def empty_outbox(migrated_database_url: str, operator: Caller) -> None:
    """Only the test's own events are there."""
    async with unit_of_work() as session:
        await session.execute(delete(OutboxRow))


@pytest.fixture
def nudges(operator: Caller, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the relay was told."""
    told: list[str] = []

    async def send(url: str, body: str, *, delay_s: int = 0) -> None:
        told.append(body)

    monkeypatch.setattr(queues, "send", send)
    return told


async def set_aside(*lanterns: str) -> list[str]:
    """Add events, have all of them given up, and return their ids."""
    async with unit_of_work() as session:
        ids = [str(outbox.add(session, Lit(lantern=lantern))) for lantern in lanterns]
    async with unit_of_work() as session:
        await session.execute(
            text("UPDATE outbox SET set_aside_at = now(), attempts = 5, error = 'Malformed: no'")
        )
    return ids


async def add(lantern: str) -> str:
    async with unit_of_work() as session:
        return str(outbox.add(session, Lit(lantern=lantern)))


async def rows() -> dict[str, OutboxRow]:
    async with autocommit() as session:
        found = await session.scalars(select(OutboxRow).order_by(OutboxRow.sequence))
        return {str(row.id): row for row in found}


async def redrive(operator: Caller, wanted: Any) -> httpx.Response:
    return await operator.client.post(f"{BASE}/redrive", json=wanted)


async def discard(operator: Caller, *ids: str, reason: str = REASON) -> httpx.Response:
    wanted = {"ids": ids, "reason": reason}
    return await operator.client.post(f"{BASE}/discard", json=wanted)


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


class TestListSetAside:
    async def test_it_shows_events_that_were_given_up_newest_first(self, operator: Caller) -> None:
        ids = await set_aside("one", "two", "three")
        await add("four")
        first = (await operator.client.get(f"{BASE}/set-aside", params={"limit": 2})).json()
        params = {"cursor": first["next_cursor"]}
        second = (await operator.client.get(f"{BASE}/set-aside", params=params)).json()
        events = [*first["items"], *second["items"]]
        assert [event["id"] for event in events] == ids[::-1]
        assert second["next_cursor"] is None
        assert (events[0]["type"], events[0]["data"]) == ("lanterns.lit", {"lantern": "three"})
        assert (events[0]["attempts"], events[0]["error"]) == (5, "Malformed: no")
        assert events[0]["set_aside_at"]

    @DATA_API
    async def test_a_page_of_the_largest_events_is_shorter(self, operator: Caller) -> None:
        await set_aside(*("x" * (outbox.MOST_DATA_BYTES - 100) for _ in range(40)))
        found, cursor = [], None
        while True:
            params = {"limit": 100} | ({"cursor": cursor} if cursor else {})
            page = (await operator.client.get(f"{BASE}/set-aside", params=params)).json()
            found += [event["id"] for event in page["items"]]
            if not (cursor := page["next_cursor"]):
                break
        assert len(set(found)) == len(found) == 40

    @DATA_API
    async def test_what_makes_no_sense_is_422(self, operator: Caller) -> None:
        for query in ("limit=0", "limit=101", "cursor=x", "x=y"):
            answer = await operator.client.get(f"{BASE}/set-aside?{query}")
            assert refused(answer) == (422, "validation_failed"), query


class TestRedrive:
    async def test_the_relay_publishes_it_as_if_it_had_never_been_tried(
        self,
        operator: Caller,
        nudges: list[str],
        trail: Trail,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        taken: list[str] = []

        async def put(entries: Sequence[Entry]) -> list[Refusal | None]:
            taken.extend(json.loads(each.detail)["data"]["lantern"] for each in entries)
            return [None for _ in entries]

        one, two = await set_aside("one", "two")
        nudges.clear()
        answer = await redrive(operator, {"ids": [one]})
        assert (answer.status_code, answer.json()) == (200, {"decided": 1, "remaining": 1})
        assert nudges == ["{}"]
        released = (await rows())[one]
        assert (released.set_aside_at, released.attempts, released.error) == (None, 0, None)
        (entry,) = await trail()
        assert (entry.action, entry.subject) == ("outbox.redriven", f"event:{one}")
        assert (entry.actor_id, entry.details["error"]) == (operator.id, "Malformed: no")
        monkeypatch.setattr(event_bus, "put_events", put)
        await relay(has_time=lambda: True)
        assert taken == ["one"]
        assert set(await rows()) == {two}

    @DATA_API
    async def test_all_is_at_most_a_hundred_a_request(
        self, operator: Caller, nudges: list[str], trail: Trail
    ) -> None:
        await set_aside(*(str(number) for number in range(103)))
        answers = [(await redrive(operator, {"all": True})).json() for _ in range(3)]
        assert [(each["decided"], each["remaining"]) for each in answers] == [
            (100, 3),
            (3, 0),
            (0, 0),
        ]
        assert len(await trail()) == 103

    @DATA_API
    async def test_one_that_waits_is_409_and_an_unknown_one_404(
        self, operator: Caller, nudges: list[str]
    ) -> None:
        (aside,) = await set_aside("one")
        waiting = await add("two")
        nudges.clear()
        answer = await redrive(operator, {"ids": [aside, waiting]})
        assert refused(answer) == (409, "event_not_set_aside")
        assert [error["location"] for error in answer.json()["errors"]] == [["body", "ids", 1]]
        assert refused(await redrive(operator, {"ids": [str(uuid4())]})) == (404, "event_not_found")
        assert (await rows())[aside].set_aside_at
        assert nudges == []

    @DATA_API
    async def test_a_second_time_is_409(self, operator: Caller, nudges: list[str]) -> None:
        ids = await set_aside("one")
        assert (await redrive(operator, {"ids": ids})).status_code == 200
        assert refused(await redrive(operator, {"ids": ids})) == (409, "event_not_set_aside")

    @DATA_API
    async def test_what_makes_no_sense_is_422(self, operator: Caller) -> None:
        senseless: list[Any] = [{}, {"ids": []}, {"all": False}, {"ids": ["x"]}]
        for wanted in senseless:
            assert refused(await redrive(operator, wanted)) == (422, "validation_failed"), wanted


class TestDiscard:
    async def test_only_the_audit_trail_keeps_it_whole(
        self, operator: Caller, trail: Trail
    ) -> None:
        one, two = await set_aside("one", "two")
        answer = await discard(operator, one)
        assert (answer.status_code, answer.json()) == (200, {"decided": 1, "remaining": 1})
        assert set(await rows()) == {two}
        (entry,) = await trail()
        assert (entry.action, entry.subject) == ("outbox.discarded", f"event:{one}")
        assert (entry.actor_id, entry.reason) == (operator.id, REASON)
        assert entry.details["data"] == {"lantern": "one"}
        assert entry.details["error"] == "Malformed: no"

    @DATA_API
    async def test_a_hundred_of_the_largest_events_can_be_given_up_and_read_again(
        self, operator: Caller, trail: Trail
    ) -> None:
        ids = []
        for _ in range(5):
            ids += await set_aside(*("é\\" * 4000 for _ in range(20)))
        assert (await discard(operator, *ids)).json() == {"decided": 100, "remaining": 0}
        found, cursor = 0, None
        while True:
            params = {"limit": 100} | ({"cursor": cursor} if cursor else {})
            answer = await operator.client.get("/v2/infrastructure/audit", params=params)
            found += len(answer.json()["items"])
            if not (cursor := answer.json()["next_cursor"]):
                break
        assert found == 101

    @DATA_API
    async def test_one_that_waits_is_409_and_an_unknown_one_404(self, operator: Caller) -> None:
        waiting = await add("one")
        assert refused(await discard(operator, waiting)) == (409, "event_not_set_aside")
        assert refused(await discard(operator, str(uuid4()))) == (404, "event_not_found")
        assert set(await rows()) == {waiting}

    @DATA_API
    async def test_without_a_reason_it_is_422(self, operator: Caller) -> None:
        ids = await set_aside("one")
        for reason in ("", "no", "x" * 501, "a\0b"):
            answer = await discard(operator, *ids, reason=reason)
            assert refused(answer) == (422, "validation_failed"), reason
        assert set(await rows()) == set(ids)

    @DATA_API
    async def test_what_is_no_json_is_400_another_type_415(self, operator: Caller) -> None:
        for route in ("redrive", "discard"):
            url, json_ = f"{BASE}/{route}", {"Content-Type": "application/json"}
            answer = await operator.client.post(url, content="{", headers=json_)
            assert refused(answer) == (400, "malformed_body")
            answer = await operator.client.post(url, content="x", headers={"Content-Type": "a/b"})
            assert refused(answer) == (415, "unsupported_media_type")
