"""Operators see what waits and what was given up, and decide about it; nothing is lost by that."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID, uuid4

import httpx
import pytest
from botocore.exceptions import EndpointConnectionError
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters import queues
from shared.adapters.database.sessions import autocommit, unit_of_work
from shared.adapters.jobs.models import JobLease
from shared.adapters.outbox import outbox
from shared.core.events import Envelope, Event
from shared.domains.audit import api as audit
from shared.domains.dead_letters import repository, service
from shared.domains.dead_letters.models import DeadLetter
from shared.worker.consumer import consume
from tests.functions.api.infrastructure.conftest import Caller, Die, Trail
from tests.queue_fixtures import QUEUES, Sqs
from tests.web_fixtures import Log

pytestmark = pytest.mark.anyio

BASE = "/v2/infrastructure/queues"
LETTERS = f"{BASE}/lanterns/dead-letters"
REDRIVE = f"{BASE}/lanterns/redrive"
DISCARD = f"{BASE}/lanterns/discard"
REASON = "Sold meanwhile."
DATA_API = pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)


class Lit(Event):
    type: ClassVar[str] = "lanterns.lit"

    lantern: str

    @property
    def aggregate(self) -> str:
        return f"lantern:{self.lantern}"


def sent(lantern: str) -> str:
    """The body of a message of an event, as a rule put it into its queue."""
    envelope = Envelope(
        id=uuid4(),
        type=Lit.type,
        version=1,
        aggregate=f"lantern:{lantern}",
        sequence=1,
        occurred_at=datetime.now(UTC),
        correlation_id="request-1",
        data={"lantern": lantern},
    )
    return json.dumps({"detail": envelope.model_dump(mode="json")})


async def states() -> dict[str, str]:
    async with autocommit() as session:
        rows = await session.execute(select(DeadLetter.id, DeadLetter.state))
        return {str(id_): state.value for id_, state in rows}


async def redrive(operator: Caller, wanted: Any, *, queue: str = "lanterns") -> httpx.Response:
    return await operator.client.post(f"{BASE}/{queue}/redrive", json=wanted)


async def discard(operator: Caller, *ids: str, reason: str = REASON) -> httpx.Response:
    return await operator.client.post(DISCARD, json={"ids": ids, "reason": reason})


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


class TestListQueues:
    async def test_each_queue_says_what_waits_in_it(
        self, operator: Caller, sqs: Sqs, die: Die
    ) -> None:
        for _ in range(2):
            sqs.send("lanterns", "lit")
        sqs.receive("lanterns")
        sqs.send("lanterns", "lit")
        sqs.send("lanterns", "later", delay_s=60)
        sqs.tell_age("lanterns", 90)
        await die()
        await die()
        answer = await operator.client.get(BASE)
        assert answer.status_code == 200
        lanterns, *others = answer.json()["queues"]
        assert lanterns.pop("oldest_dead_letter_s") >= 0
        assert lanterns == {
            "name": "lanterns",
            "depth": 1,
            "in_flight": 2,
            "delayed": 1,
            "oldest_s": 90,
            "dead_letters": 2,
        }
        nothing = {"depth": 0, "in_flight": 0, "delayed": 0, "oldest_s": None, "dead_letters": 0}
        assert others == [
            {"name": name, **nothing, "oldest_dead_letter_s": None} for name in QUEUES[1:]
        ]

    async def test_the_outbox_stands_beside_them(self, operator: Caller, sqs: Sqs) -> None:
        before = (await operator.client.get(BASE)).json()["outbox"]
        async with unit_of_work() as session:
            for lantern in ("one", "two"):
                outbox.add(session, Lit(lantern=lantern))
        found = (await operator.client.get(BASE)).json()["outbox"]
        assert (found["waiting"] - before["waiting"], found["set_aside"]) == (2, 0)
        assert 0 <= found["oldest_s"] < 60

    @DATA_API
    async def test_the_oldest_dead_letter_counts_from_its_death(
        self, operator: Caller, sqs: Sqs, die: Die
    ) -> None:
        ids = [await die(), await die()]
        async with unit_of_work() as session:
            hour_ago = datetime.now(UTC) - timedelta(hours=1)
            old = update(DeadLetter).where(DeadLetter.id == UUID(ids[0]))
            await session.execute(old.values(created_at=hour_ago))
        (lanterns, *_) = (await operator.client.get(BASE)).json()["queues"]
        assert 3600 <= lanterns["oldest_dead_letter_s"] < 3700
        await discard(operator, ids[0])
        (lanterns, *_) = (await operator.client.get(BASE)).json()["queues"]
        assert lanterns["oldest_dead_letter_s"] < 100

    @DATA_API
    async def test_a_queue_that_is_no_more_is_listed_while_its_dead_letters_wait(
        self, operator: Caller, sqs: Sqs, die: Die
    ) -> None:
        letter = await die(queue="candles")
        (*_, last) = (await operator.client.get(BASE)).json()["queues"]
        assert (last["name"], last["depth"], last["dead_letters"]) == ("candles", None, 1)
        url = f"{BASE}/candles/discard"
        await operator.client.post(url, json={"ids": [letter], "reason": REASON})
        listed = (await operator.client.get(BASE)).json()["queues"]
        assert [each["name"] for each in listed] == list(QUEUES)

    @DATA_API
    async def test_a_queue_that_sqs_does_not_know_has_no_depth(
        self, operator: Caller, sqs: Sqs
    ) -> None:
        client = sqs.client("sqs")
        client.delete_queue(QueueUrl=sqs.make("tasks"))
        (*_, tasks) = (await operator.client.get(BASE)).json()["queues"]
        assert (tasks["name"], tasks["depth"], tasks["in_flight"]) == ("tasks", None, None)

    @DATA_API
    async def test_without_an_answer_of_cloudwatch_there_are_no_ages(
        self, operator: Caller, sqs: Sqs, monkeypatch: pytest.MonkeyPatch, log: Log
    ) -> None:
        async def away(_: Sequence[str]) -> dict[str, float]:
            raise EndpointConnectionError(endpoint_url="https://monitoring.example.com")

        monkeypatch.setattr(queues, "oldest_ages", away)
        answer = await operator.client.get(BASE)
        assert answer.status_code == 200
        assert {each["oldest_s"] for each in answer.json()["queues"]} == {None}
        assert "no ages of messages" in [line["message"] for line in log()]

    async def test_without_an_answer_of_sqs_it_is_503(
        self, operator: Caller, no_queues: None, log: Log
    ) -> None:
        answer = await operator.client.get(BASE)
        assert refused(answer) == (503, "queues_unavailable")
        assert answer.headers["Retry-After"]

    @DATA_API
    async def test_an_answer_that_takes_too_long_is_503(
        self, operator: Caller, sqs: Sqs, monkeypatch: pytest.MonkeyPatch, log: Log
    ) -> None:
        async def never(_: Sequence[str]) -> dict[str, Any]:
            await asyncio.Event().wait()
            return {}

        monkeypatch.setattr(service, "ANSWER_S", 0.01)
        monkeypatch.setattr(queues, "attributes_of", never)
        assert refused(await operator.client.get(BASE)) == (503, "queues_unavailable")


class TestListDeadLetters:
    async def test_it_shows_the_event_and_a_preview(self, operator: Caller, die: Die) -> None:
        body = sent("red" * 1000)
        letter = await die(body)
        (found,) = (await operator.client.get(LETTERS)).json()["items"]
        assert (found["id"], found["queue"], found["state"]) == (letter, "lanterns", "dead")
        assert (found["event_type"], found["event_id"]) == (
            "lanterns.lit",
            json.loads(body)["detail"]["id"],
        )
        assert (found["preview"], found["size_bytes"]) == (body[:500], len(body))
        assert (found["receives"], found["sent_at"]) == (4, "2026-01-06T10:00:00Z")
        assert (found["decided_at"], found["decided_by"], found["reason"]) == (None, None, None)
        assert "body" not in found

    async def test_pages_hold_each_once_newest_first(self, operator: Caller, die: Die) -> None:
        letters = [await die(str(number)) for number in range(5)]
        await die(queue="tasks")
        found, cursor = [], None
        while True:
            params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
            page = (await operator.client.get(LETTERS, params=params)).json()
            found += [each["id"] for each in page["items"]]
            if not (cursor := page["next_cursor"]):
                break
        assert found == letters[::-1]

    @DATA_API
    async def test_a_state_is_asked_for(self, operator: Caller, sqs: Sqs, die: Die) -> None:
        dead, redriven, discarded = [await die() for _ in range(3)]
        await redrive(operator, {"ids": [redriven]})
        await discard(operator, discarded)
        found = {
            state: [
                each["id"]
                for each in (await operator.client.get(LETTERS, params={"state": state})).json()[
                    "items"
                ]
            ]
            for state in ("dead", "redriven", "discarded")
        }
        assert found == {"dead": [dead], "redriven": [redriven], "discarded": [discarded]}

    @DATA_API
    async def test_hostile_bodies_make_a_page_of_a_hundred(
        self, operator: Caller, die: Die
    ) -> None:
        for body in ("\0", "\ud83c", "\x1b[2J", "\U0001f3ee" * 20_000, "[" * 50_000, ""):
            await die(body)
        answer = await operator.client.get(LETTERS, params={"limit": 100})
        assert answer.status_code == 200
        previews = [each["preview"] for each in answer.json()["items"]]
        assert previews[-2:] == [r"\ud83c", r"\0"]
        assert [each["escaped"] for each in answer.json()["items"]].count(True) == 2

    @DATA_API
    async def test_an_unknown_queue_is_404(self, operator: Caller, die: Die) -> None:
        answer = await operator.client.get(f"{BASE}/candles/dead-letters")
        assert refused(answer) == (404, "queue_not_found")

    @DATA_API
    async def test_what_is_no_name_of_a_queue_is_422(self, operator: Caller, die: Die) -> None:
        for queue in ("Lanterns", "a%00b", "-x", "x" * 81, "lanterns-"):
            answer = await operator.client.get(f"{BASE}/{queue}/dead-letters")
            assert refused(answer) == (422, "validation_failed"), queue

    @DATA_API
    async def test_what_makes_no_sense_is_422(self, operator: Caller, die: Die) -> None:
        for query in ("state=alive", "limit=0", "limit=101", "cursor=x", "x=y"):
            answer = await operator.client.get(f"{LETTERS}?{query}")
            assert refused(answer) == (422, "validation_failed"), query


class TestGetDeadLetter:
    async def test_it_shows_all_of_it_and_where_to_look(self, operator: Caller, die: Die) -> None:
        body = sent("red" * 20_000)
        seal = {"dataType": "String", "stringValue": "wax"}
        letter = await die(body, message_attributes={"seal": seal})
        found = (await operator.client.get(f"{LETTERS}/{letter}")).json()
        assert found["body"] == body
        assert found["attributes"] == {"ApproximateReceiveCount": "4"}
        assert found["message_attributes"] == {"seal": seal}
        assert (found["correlation_id"], found["unreadable"]) == ("request-1", None)
        assert found["log_filter"] == f'{{ $.message_id = "{found["message_id"]}" }}'

    @DATA_API
    async def test_one_that_is_no_event_says_why(self, operator: Caller, die: Die) -> None:
        letter = await die('{"detail": {"type": "lanterns.lit"}}')
        found = (await operator.client.get(f"{LETTERS}/{letter}")).json()
        assert "data: missing" in found["unreadable"]
        assert found["correlation_id"] is None

    @DATA_API
    async def test_hostile_bodies_are_shown(self, operator: Caller, die: Die) -> None:
        largest = "\U0001f3ee" * 262_144
        shown = {"": "", "\0\\": r"\0\\", "\udfff": r"\udfff", "\x1b": "\x1b", largest: largest}
        for body, expected in shown.items():
            answer = await operator.client.get(f"{LETTERS}/{await die(body)}")
            assert answer.status_code == 200
            assert answer.json()["body"] == expected

    @DATA_API
    async def test_a_foreign_or_unknown_one_is_404(self, operator: Caller, die: Die) -> None:
        foreign = await die(queue="tasks")
        for letter in (foreign, uuid4()):
            answer = await operator.client.get(f"{LETTERS}/{letter}")
            assert refused(answer) == (404, "dead_letter_not_found")
        answer = await operator.client.get(f"{BASE}/candles/dead-letters/{foreign}")
        assert refused(answer) == (404, "queue_not_found")

    @DATA_API
    async def test_what_is_no_id_is_422(self, operator: Caller, die: Die) -> None:
        assert refused(await operator.client.get(f"{LETTERS}/1")) == (422, "validation_failed")


class TestRedrive:
    async def test_a_message_is_in_its_queue_again(
        self, operator: Caller, sqs: Sqs, die: Die, trail: Trail
    ) -> None:
        seal = {"dataType": "String", "stringValue": "wax", "stringListValues": []}
        body = sent("red")
        letter, other = await die(body, message_attributes={"seal": seal}), await die()
        answer = await redrive(operator, {"ids": [letter]})
        assert answer.status_code == 200
        assert answer.json() == {
            "results": [{"id": letter, "outcome": "sent", "error": None}],
            "remaining": 1,
        }
        (message,) = sqs.receive("lanterns")
        assert message["Body"] == body
        assert message["MessageAttributes"]["seal"]["StringValue"] == "wax"
        assert await states() == {letter: "redriven", other: "dead"}
        (entry,) = await trail()
        assert (entry.action, entry.subject) == (
            "dead_letters.redriven",
            f"dead_letter:{letter}",
        )
        assert entry.actor_id == operator.id
        found = (await operator.client.get(f"{LETTERS}/{letter}")).json()
        assert (found["state"], found["decided_by"]) == ("redriven", str(operator.id))
        assert found["decided_at"]

    async def test_redriven_twice_by_a_request_that_broke_off_it_is_handled_once(
        self, operator: Caller, sqs: Sqs, die: Die, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def effect(session: AsyncSession, event: Lit) -> None:
            moment = datetime.now(UTC)
            job = f"{event.lantern}/{uuid4()}"
            session.add(JobLease(job=job, holder=uuid4(), scheduled_at=moment, until=moment))

        def die_before_commit(*_: object, **__: object) -> None:
            raise InterruptedError

        letter = await die(sent("red"))
        with monkeypatch.context() as patched:
            patched.setattr(repository, "decide", die_before_commit)
            assert (await redrive(operator, {"ids": [letter]})).status_code == 500
        assert await states() == {letter: "dead"}
        assert (await redrive(operator, {"ids": [letter]})).status_code == 200
        bodies = sqs.bodies("lanterns")
        assert len(bodies) == 2
        for body in bodies:
            await consume(body, consumer="lanterns", handlers={Lit: effect})
        async with autocommit() as session:
            assert await session.scalar(select(func.count()).select_from(JobLease)) == 1

    async def test_all_goes_oldest_first_at_most_a_hundred_a_request(
        self, operator: Caller, sqs: Sqs, die: Die, trail: Trail
    ) -> None:
        letters = [await die(str(number)) for number in range(105)]
        foreign = await die(queue="tasks")
        first = (await redrive(operator, {"all": True})).json()
        assert [each["id"] for each in first["results"]] == letters[:100]
        assert {each["outcome"] for each in first["results"]} == {"sent"}
        assert first["remaining"] == 5
        second = (await redrive(operator, {"all": True})).json()
        assert [each["id"] for each in second["results"]] == letters[100:]
        assert second["remaining"] == 0
        assert sorted(map(int, sqs.bodies("lanterns"))) == list(range(105))
        assert (await states())[foreign] == "dead"
        assert len(await trail()) == 105
        assert (await redrive(operator, {"all": True})).json() == {"results": [], "remaining": 0}

    @DATA_API
    async def test_the_largest_bodies_arrive_whole(
        self, operator: Caller, sqs: Sqs, die: Die
    ) -> None:
        bodies = ["é" * 131_072, "\\" * 131_072 + "\U0001f3ee"]
        for body in bodies:
            await die(body)
        answer = (await redrive(operator, {"all": True})).json()
        assert [each["outcome"] for each in answer["results"]] == ["sent", "sent"]
        assert sorted(sqs.bodies("lanterns")) == sorted(bodies)

    async def test_a_second_time_is_409_and_touches_none_of_the_others(
        self, operator: Caller, sqs: Sqs, die: Die
    ) -> None:
        done, waiting = await die("one"), await die("two")
        await redrive(operator, {"ids": [done]})
        answer = await redrive(operator, {"ids": [waiting, done]})
        assert refused(answer) == (409, "dead_letter_decided")
        (error,) = answer.json()["errors"]
        assert (error["location"], error["code"]) == (["body", "ids", 1], "redriven")
        assert (await states())[waiting] == "dead"
        assert sqs.bodies("lanterns") == ["one"]

    async def test_of_two_at_once_one_sends(self, operator: Caller, sqs: Sqs, die: Die) -> None:
        letter = await die("one")
        answers = await asyncio.gather(*(redrive(operator, {"ids": [letter]}) for _ in range(2)))
        assert sorted(each.status_code for each in answers) == [200, 409]
        assert sqs.bodies("lanterns") == ["one"]

    @DATA_API
    async def test_a_discarded_one_is_409(self, operator: Caller, sqs: Sqs, die: Die) -> None:
        letter = await die()
        await discard(operator, letter)
        answer = await redrive(operator, {"ids": [letter]})
        assert refused(answer) == (409, "dead_letter_decided")

    @DATA_API
    async def test_a_foreign_or_unknown_one_is_404_and_touches_none_of_the_others(
        self, operator: Caller, sqs: Sqs, die: Die
    ) -> None:
        own, foreign = await die("one"), await die(queue="tasks")
        answer = await redrive(operator, {"ids": [foreign, own, str(uuid4())]})
        assert refused(answer) == (404, "dead_letter_not_found")
        places = [error["location"] for error in answer.json()["errors"]]
        assert places == [["body", "ids", 0], ["body", "ids", 2]]
        assert set((await states()).values()) == {"dead"}
        assert sqs.bodies("lanterns") == []

    @DATA_API
    async def test_one_named_twice_is_sent_once(self, operator: Caller, sqs: Sqs, die: Die) -> None:
        letter = await die("one")
        answer = await redrive(operator, {"ids": [letter, letter]})
        assert len(answer.json()["results"]) == 1
        assert sqs.bodies("lanterns") == ["one"]

    @DATA_API
    async def test_an_unknown_queue_is_404_and_one_that_is_no_more_409(
        self, operator: Caller, sqs: Sqs, die: Die
    ) -> None:
        answer = await redrive(operator, {"all": True}, queue="candles")
        assert refused(answer) == (404, "queue_not_found")
        await die(queue="candles")
        answer = await redrive(operator, {"all": True}, queue="candles")
        assert refused(answer) == (409, "queue_gone")

    @DATA_API
    async def test_what_no_queue_takes_is_told_and_waits_and_the_others_go(
        self, operator: Caller, sqs: Sqs, die: Die, log: Log
    ) -> None:
        for body in ("\0", "\x1b", "fine"):
            await die(body)
        answer = (await redrive(operator, {"all": True})).json()
        outcomes = [each["outcome"] for each in answer["results"]]
        assert outcomes == ["refused", "refused", "sent"]
        assert all(each["error"] for each in answer["results"][:2])
        assert answer["remaining"] == 2
        assert sqs.bodies("lanterns") == ["fine"]

    async def test_without_an_answer_of_sqs_it_is_503_and_all_wait(
        self, operator: Caller, no_queues: None, die: Die, trail: Trail, log: Log
    ) -> None:
        letter = await die()
        answer = await redrive(operator, {"ids": [letter]})
        assert refused(answer) == (503, "queues_unavailable")
        assert await states() == {letter: "dead"}
        assert await trail() == []

    @DATA_API
    async def test_where_sqs_goes_away_in_the_middle_what_was_sent_is_written_down(
        self,
        operator: Caller,
        sqs: Sqs,
        die: Die,
        monkeypatch: pytest.MonkeyPatch,
        log: Log,
    ) -> None:
        send, asked = queues.send_again, []

        async def fail_later(queue: str, body: str, **more: Any) -> None:
            asked.append(body)
            if int(body) >= 10:
                raise EndpointConnectionError(endpoint_url="https://sqs.example.com")
            await send(queue, body, **more)

        monkeypatch.setattr(queues, "send_again", fail_later)
        for number in range(30):
            await die(str(number))
        answer = (await redrive(operator, {"all": True})).json()
        assert [each["outcome"] for each in answer["results"]] == ["sent"] * 10 + ["unsent"] * 20
        assert answer["remaining"] == 20
        assert len(asked) == 20
        assert sorted(map(int, sqs.bodies("lanterns"))) == list(range(10))

    @DATA_API
    async def test_what_is_not_sent_in_time_waits(
        self, operator: Caller, sqs: Sqs, die: Die, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        turns = iter([True, False])
        monkeypatch.setattr(service, "_has_time", lambda _: lambda: next(turns))
        for number in range(12):
            await die(str(number))
        answer = (await redrive(operator, {"all": True})).json()
        assert [each["outcome"] for each in answer["results"]] == ["sent"] * 10 + ["unsent"] * 2
        assert answer["remaining"] == 2

    @DATA_API
    async def test_what_makes_no_sense_is_422(self, operator: Caller, sqs: Sqs, die: Die) -> None:
        letter = await die()
        ids = [str(uuid4()) for _ in range(101)]
        senseless: list[Any] = [
            *({}, [], None, {"ids": []}, {"ids": ["1"]}, {"ids": ids}, {"all": False}),
            *({"all": True, "ids": ids[:1]}, {"all": True, "queue": "tasks"}),
        ]
        for wanted in senseless:
            assert refused(await redrive(operator, wanted)) == (422, "validation_failed"), wanted
        assert await states() == {letter: "dead"}

    @DATA_API
    async def test_what_is_no_json_is_400_another_type_415(
        self, operator: Caller, sqs: Sqs
    ) -> None:
        for url in (REDRIVE, DISCARD):
            json_ = {"Content-Type": "application/json"}
            answer = await operator.client.post(url, content="{", headers=json_)
            assert refused(answer) == (400, "malformed_body")
            answer = await operator.client.post(url, content="x", headers={"Content-Type": "a/b"})
            assert refused(answer) == (415, "unsupported_media_type")


class TestDiscard:
    async def test_it_is_kept_with_the_reason_and_is_in_no_queue(
        self, operator: Caller, sqs: Sqs, die: Die, trail: Trail
    ) -> None:
        first, second, third = [await die() for _ in range(3)]
        answer = await discard(operator, first, second, reason="The lantern is sold.")
        assert (answer.status_code, answer.json()) == (200, {"decided": 2, "remaining": 1})
        assert await states() == {first: "discarded", second: "discarded", third: "dead"}
        found = (await operator.client.get(f"{LETTERS}/{first}")).json()
        assert (found["reason"], found["body"]) == ("The lantern is sold.", "lit")
        entries = await trail()
        assert {entry.subject for entry in entries} == {
            f"dead_letter:{first}",
            f"dead_letter:{second}",
        }
        assert {(entry.action, entry.reason) for entry in entries} == {
            ("dead_letters.discarded", "The lantern is sold.")
        }
        assert sqs.bodies("lanterns") == []

    @DATA_API
    async def test_a_second_time_is_409_and_leaves_the_first_reason(
        self, operator: Caller, die: Die, trail: Trail
    ) -> None:
        letter, other = await die(), await die()
        await discard(operator, letter, reason="The first reason.")
        answer = await discard(operator, other, letter, reason="Another one.")
        assert refused(answer) == (409, "dead_letter_decided")
        assert [entry.reason for entry in await trail()] == ["The first reason."]
        assert (await states())[other] == "dead"

    @DATA_API
    async def test_a_foreign_or_unknown_one_is_404(self, operator: Caller, die: Die) -> None:
        for letter in (await die(queue="tasks"), str(uuid4())):
            assert refused(await discard(operator, letter)) == (404, "dead_letter_not_found")
        url = f"{BASE}/candles/discard"
        answer = await operator.client.post(url, json={"ids": [str(uuid4())], "reason": REASON})
        assert refused(answer) == (404, "queue_not_found")

    @DATA_API
    async def test_without_a_reason_it_is_422(self, operator: Caller, die: Die) -> None:
        letter = await die()
        reasons: list[Any] = [None, "", "no", "x" * 501, "a\0b\0c", 7]
        for wanted in ({}, *({"reason": reason} for reason in reasons)):
            answer = await operator.client.post(DISCARD, json={"ids": [letter], **wanted})
            assert refused(answer) == (422, "validation_failed"), wanted
        assert await states() == {letter: "dead"}


class TestAtomicity:
    """What is decided and who decided it are in one transaction."""

    @DATA_API
    async def test_a_decision_that_cannot_be_audited_is_none(
        self, operator: Caller, die: Die, monkeypatch: pytest.MonkeyPatch, log: Log
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise InterruptedError

        letter = await die()
        monkeypatch.setattr(audit, "record", fail)
        assert (await discard(operator, letter)).status_code == 500
        assert await states() == {letter: "dead"}
