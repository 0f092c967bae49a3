"""Queues are looked at and sent to as SQS answers: moto's server stands for it."""

from base64 import b64encode
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from shared.adapters import queues
from shared.adapters.queues import Depth, UnsendableMessageError
from tests.queue_fixtures import PREFIX, Sqs

pytestmark = pytest.mark.anyio

LANTERNS, TASKS = f"{PREFIX}lanterns", f"{PREFIX}tasks"
EMPTY = Depth(waiting=0, in_flight=0, delayed=0)


class TestSend:
    async def test_a_message_is_in_the_queue(self, sqs: Sqs) -> None:
        await queues.send(await queues.url_of(LANTERNS), "lit")
        assert sqs.bodies("lanterns") == ["lit"]

    async def test_one_that_is_delayed_is_not_there_yet(self, sqs: Sqs) -> None:
        await queues.send(await queues.url_of(LANTERNS), "lit", delay_s=60)
        assert sqs.bodies("lanterns") == []
        assert (await queues.attributes_of([LANTERNS]))[LANTERNS] == Depth(
            waiting=0, in_flight=0, delayed=1
        )


class TestSendAgain:
    async def test_the_attributes_are_those_that_the_event_had(self, sqs: Sqs) -> None:
        received: dict[str, dict[str, Any]] = {
            "colour": {"dataType": "String", "stringValue": "red", "stringListValues": []},
            "wicks": {"dataType": "Number", "stringValue": "2", "binaryListValues": []},
            "seal": {"dataType": "Binary", "binaryValue": b64encode(b"\0\xff").decode()},
        }
        await queues.send_again(LANTERNS, "lit", attributes=received)
        (message,) = sqs.receive("lanterns")
        assert message["Body"] == "lit"
        assert message["MessageAttributes"] == {
            "colour": {"DataType": "String", "StringValue": "red"},
            "wicks": {"DataType": "Number", "StringValue": "2"},
            "seal": {"DataType": "Binary", "BinaryValue": b"\0\xff"},
        }

    @pytest.mark.parametrize("strange", ["\0", "\x1b", "\ud800", "\ufffe"])
    async def test_what_no_queue_takes_is_not_sent(self, sqs: Sqs, strange: str) -> None:
        with pytest.raises(UnsendableMessageError, match=f"{ord(strange):04X}"):
            await queues.send_again(LANTERNS, f"lit {strange}", attributes={})
        assert sqs.bodies("lanterns") == []

    async def test_a_queue_that_is_not_there_is_told(self, sqs: Sqs) -> None:
        with pytest.raises(ClientError, match="NonExistentQueue"):
            await queues.send_again(f"{PREFIX}nothing", "lit", attributes={})


class TestAttributesOf:
    async def test_each_queue_is_counted_by_itself(self, sqs: Sqs) -> None:
        for number in range(3):
            sqs.send("lanterns", str(number))
        sqs.send("lanterns", "later", delay_s=60)
        assert await queues.attributes_of([LANTERNS, TASKS]) == {
            LANTERNS: Depth(waiting=3, in_flight=0, delayed=1),
            TASKS: EMPTY,
        }

    async def test_a_message_that_is_handled_is_in_flight(self, sqs: Sqs) -> None:
        sqs.send("lanterns", "lit")
        sqs.receive("lanterns")
        found = await queues.attributes_of([LANTERNS])
        assert found == {LANTERNS: Depth(waiting=0, in_flight=1, delayed=0)}

    async def test_a_queue_that_is_not_there_has_none(self, sqs: Sqs) -> None:
        missing = f"{PREFIX}nothing"
        assert await queues.attributes_of([missing, TASKS]) == {missing: None, TASKS: EMPTY}

    async def test_no_answer_is_told(self, no_queues: None) -> None:
        with pytest.raises(BotoCoreError):
            await queues.attributes_of([LANTERNS])


class TestOldestAges:
    async def test_the_newest_figure_of_each_queue_is_found(self, sqs: Sqs) -> None:
        sqs.tell_age("lanterns", 90)
        sqs.tell_age("tasks", 7)
        assert await queues.oldest_ages([LANTERNS, TASKS]) == {LANTERNS: 90, TASKS: 7}

    async def test_a_queue_without_one_is_left_out(self, sqs: Sqs) -> None:
        sqs.tell_age("tasks", 7)
        assert await queues.oldest_ages([LANTERNS, TASKS]) == {TASKS: 7}
        assert await queues.oldest_ages([LANTERNS]) == {}

    async def test_no_answer_is_told(self, no_queues: None) -> None:
        with pytest.raises(BotoCoreError):
            await queues.oldest_ages([LANTERNS])
