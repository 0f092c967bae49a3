"""Whatever a queue gave up on is kept, once, as it was; and nothing stands in its way."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import undefer
from sqlalchemy.orm.exc import DetachedInstanceError

from functions.queues.dead_letters.handler import handler
from infra_cdk.registry import ROOT
from shared.adapters.database.sessions import autocommit
from shared.domains.dead_letters import repository
from shared.domains.dead_letters.models import DeadLetter
from shared.domains.dead_letters.schemas import DeadLetterState
from shared.worker.loop import run
from tests.lambda_context import LambdaContext
from tests.queue_fixtures import PREFIX
from tests.web_fixtures import Log

DATA_API = pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)

LARGEST = 1024 * 1024
"""Bytes of the largest message. Source: AWS, "Amazon SQS message quotas"."""

pytestmark = pytest.mark.usefixtures("migrated_database_url", "queue_names")


def event_named(name: str) -> dict[str, Any]:
    text = (ROOT / f"events/sqs/dead-letters/{name}.json").read_text()
    event: dict[str, Any] = json.loads(text.replace("switchyard-staging-", PREFIX))
    return event


def dead(body: str, *, message_id: str | None = None, **changes: Any) -> dict[str, Any]:
    (record,) = event_named("foreign")["Records"]
    return {**record, "messageId": message_id or str(uuid4()), "body": body, **changes}


def take(*records: dict[str, Any]) -> list[str]:
    """Hand messages to the function; return the ids of those that failed."""
    answer = handler({"Records": list(records)}, LambdaContext())
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def kept() -> list[DeadLetter]:
    async def read() -> list[DeadLetter]:
        async with autocommit() as session:
            return list(await session.scalars(select(DeadLetter).order_by(DeadLetter.id)))

    return run(read())


def texts_of(letters: Iterable[DeadLetter]) -> list[tuple[dict[str, Any], str]]:
    """The attributes and the body of each letter."""

    async def read() -> dict[Any, str]:
        async with autocommit() as session:
            return await repository.read_texts(session, letters)

    return list(map(parts_of, run(read()).values()))


def parts_of(text: str) -> tuple[dict[str, Any], str]:
    attributes, end = json.JSONDecoder().raw_decode(text)
    return attributes, text[end:]


def counted(lines: str) -> dict[str, float]:
    """The metric by queue, summed."""
    found: dict[str, float] = {}
    for line in lines.splitlines():
        data = json.loads(line)
        if "DeadLetters" in data:
            found[data["queue"]] = found.get(data["queue"], 0) + data["DeadLetters"][0]
    return found


class TestKeep:
    def test_an_event_is_kept_with_its_type_and_id(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        event = event_named("unknown_version")
        (record,) = event["Records"]
        assert handler(event, LambdaContext()) == {"batchItemFailures": []}
        (letter,) = kept()
        assert (letter.queue, letter.message_id) == ("tasks", record["messageId"])
        assert (letter.event_type, str(letter.event_id)) == (
            "tasks.task_queued",
            "01943b1c-7f3b-7a51-8a3c-5e9b7d1f2a60",
        )
        assert (letter.receives, letter.state) == (21, DeadLetterState.DEAD)
        assert letter.sent_at == datetime(2025, 1, 6, 10, 0, 0, 123_000, tzinfo=UTC)
        assert letter.preview == record["body"][:500]
        ((attributes, body),) = texts_of([letter])
        assert body == record["body"]
        assert attributes == {"system": record["attributes"], "message": {}}
        assert counted(capsys.readouterr().out) == {"tasks": 1}

    def test_a_foreign_one_is_kept_with_its_senders_attributes(self) -> None:
        event = event_named("foreign")
        handler(event, LambdaContext())
        (letter,) = kept()
        assert (letter.queue, letter.event_type, letter.event_id) == ("mail", None, None)
        ((attributes, body),) = texts_of([letter])
        assert body == '{"lantern": "red", '
        assert attributes["message"] == event["Records"][0]["messageAttributes"]

    def test_one_that_comes_twice_is_kept_and_counted_once(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        record = dead("lit")
        assert take(record, record) == []
        assert take(record) == []
        assert len(kept()) == 1
        assert counted(capsys.readouterr().out) == {"mail": 1}

    @DATA_API
    def test_one_that_dies_again_has_another_id_and_is_another(self) -> None:
        assert take(dead("lit"), dead("lit")) == []
        assert len(kept()) == 2

    @DATA_API
    def test_one_without_a_time_was_sent_now(self) -> None:
        assert take(dead("lit", attributes={})) == []
        (letter,) = kept()
        assert datetime.now(UTC) - letter.sent_at < timedelta(minutes=1)
        assert letter.receives == 1


class TestHostileBodies:
    def test_text_is_kept_as_it_is(self) -> None:
        bodies = [
            "",
            "null",
            "[" * 100_000,
            '{"detail": {"id": 1, "type": ["x"], "data": null}}',
            "'; DROP TABLE dead_letters; --",
            "\x01\x1b[2J\x7f\u200e\U0001f3ee \ufffe",
            "\\0 \\u0000 \\",
            json.dumps({"detail": {"type": "\0" * 10}}),
            "é" * 600,
        ]
        assert take(*map(dead, bodies)) == []
        letters = kept()
        assert {letter.escaped for letter in letters} == {False}
        assert {letter.preview for letter in letters} == {body[:500] for body in bodies}
        texts = [body for _, body in texts_of(letters)]
        assert sorted(texts) == sorted(bodies)
        assert [each.size_bytes for each in letters] == [len(text.encode()) for text in texts]

    def test_what_no_text_of_the_database_holds_is_spelled_out(self) -> None:
        spelled = {
            "\0": r"\0",
            "a\0b\\0": r"a\0b\\0",
            "half \ud83c of a lantern": r"half \ud83c of a lantern",
        }
        assert take(*map(dead, spelled)) == []
        letters = kept()
        assert all(letter.escaped for letter in letters)
        assert {body for _, body in texts_of(letters)} == set(spelled.values())

    def test_attributes_may_hold_anything_too(self) -> None:
        strange = {"dataType": "String", "stringValue": "\0\ud83c"}
        assert take(dead("lit", messageAttributes={"x": strange})) == []
        assert texts_of(kept())[0][0]["message"] == {"x": strange}

    @DATA_API
    def test_an_event_type_that_is_none_is_not_told(self) -> None:
        body = json.loads(event_named("unknown_version")["Records"][0]["body"])
        for type_ in ("x" * 1000, "lanterns.lit\0", "Lanterns", "<b>.x"):
            body["detail"]["type"] = type_
            assert take(dead(json.dumps(body))) == []
        assert {(letter.event_type, letter.event_id) for letter in kept()} == {(None, None)}

    @pytest.mark.parametrize(
        "body",
        [
            "x" * LARGEST,
            "é" * (LARGEST // 2),
            "\U0001f3ee" * (LARGEST // 4),
            '"\\' * (LARGEST // 2),
            "\0" * LARGEST,
        ],
        ids=["ascii", "two_bytes", "four_bytes", "quotes", "nul"],
    )
    @DATA_API
    def test_the_largest_message_is_kept_and_read_whole(self, body: str) -> None:
        assert take(dead(body)) == []
        (letter,) = kept()
        assert len(letter.preview) == 500
        assert texts_of([letter])[0][1] == (body.replace("\0", r"\0"))

    @DATA_API
    def test_attributes_as_large_as_a_body_are_read_whole(self) -> None:
        large = {"dataType": "String", "stringValue": "é" * 200_000}
        assert take(dead("lit", messageAttributes={"x": large})) == []
        assert texts_of(kept()) == [
            ({"system": dead("")["attributes"], "message": {"x": large}}, "lit")
        ]

    @DATA_API
    def test_a_list_of_the_largest_needs_none_of_their_bodies(self) -> None:
        assert take(*(dead("x" * LARGEST) for _ in range(5))) == []
        assert [letter.size_bytes for letter in kept()] == [LARGEST] * 5

    @DATA_API
    def test_a_body_is_loaded_by_nobody_by_accident(self) -> None:
        take(dead("lit"))

        async def read() -> Any:
            async with autocommit() as session:
                whole = select(DeadLetter).options(undefer(DeadLetter.body))
                return (await session.scalars(whole)).one()

        (letter,) = kept()
        with pytest.raises(DetachedInstanceError):
            _ = letter.body
        assert run(read()).body == "lit"


class TestFailure:
    def test_a_database_that_is_away_loses_nothing(
        self, monkeypatch: pytest.MonkeyPatch, log: Log
    ) -> None:
        async def away(*_: object, **__: object) -> bool:
            raise ConnectionError("the database is away")

        records = [dead("one"), dead("two")]
        with monkeypatch.context() as patched:
            patched.setattr(repository, "keep", away)
            assert sorted(take(*records)) == sorted(each["messageId"] for each in records)
        assert kept() == []
        assert take(*records) == []
        assert len(kept()) == 2
