"""The event that Lambda makes of messages, and what it reads in a function's answer."""

import json
from typing import Any

import pytest

from infra_cdk.local.event_sources.event import batches_of, handled, record_of
from infra_cdk.local.event_sources.mapping import EventSource
from infra_cdk.local.lambda_service.outcome import Outcome, failure
from infra_cdk.registry import ROOT
from shared.manifest.triggers import Delivery

SOURCE = EventSource(queue="parcels", function="parcels", delivery=Delivery())
DEAD = EventSource(queue="parcels-dead", function="dead-letters", delivery=Delivery())


def message(id_: str, body: str = "{}", **more: Any) -> dict[str, Any]:
    attributes = {"ApproximateReceiveCount": "1", "SentTimestamp": "1"}
    return {
        "MessageId": id_,
        "ReceiptHandle": f"receipt {id_}",
        "MD5OfBody": "md5",
        "Body": body,
        "Attributes": attributes,
        **more,
    }


THREE = [message("a"), message("b"), message("c")]


def ids_of(answer: object) -> str:
    outcome = Outcome(payload=json.dumps(answer).encode())
    return "".join(each["MessageId"] for each in handled(THREE, outcome=outcome))


def failing(*ids: object) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": each} for each in ids]}


class TestRecord:
    def test_it_has_the_members_of_lambdas_own(self) -> None:
        example = ROOT / "events" / "sqs" / "outbox-relay"
        [case, *_] = sorted(example.glob("*.json"))
        [expected] = json.loads(case.read_text())["Records"]
        record = record_of(message("a"), source=SOURCE)
        assert record.keys() == expected.keys()
        assert record["eventSourceARN"] == (
            "arn:aws:sqs:eu-west-1:123456789012:switchyard-local-parcels"
        )
        assert (record["messageId"], record["receiptHandle"]) == ("a", "receipt a")
        assert record["attributes"] == {"ApproximateReceiveCount": "1", "SentTimestamp": "1"}

    def test_message_attributes_are_spelt_as_lambda_spells_them(self) -> None:
        given = {"kind": {"StringValue": "parcel", "DataType": "String"}}
        record = record_of(message("a", MessageAttributes=given), source=SOURCE)
        assert record["messageAttributes"] == {
            "kind": {
                "stringValue": "parcel",
                "dataType": "String",
                "stringListValues": [],
                "binaryListValues": [],
            }
        }

    def test_a_dead_letter_tells_which_queue_gave_it_up(self) -> None:
        record = record_of(message("a"), source=DEAD)
        assert record["eventSourceARN"].endswith(":switchyard-local-parcels-dead")
        assert record["attributes"]["DeadLetterQueueSourceArn"] == SOURCE.arn


class TestBatches:
    def test_messages_that_fit_are_one_event(self) -> None:
        [(messages, event)] = batches_of(THREE, source=SOURCE, most_bytes=100_000)
        assert messages == THREE
        assert [each["messageId"] for each in json.loads(event)["Records"]] == ["a", "b", "c"]

    def test_no_event_is_larger_than_lambda_takes(self) -> None:
        many = [message(str(number), "x" * 700) for number in range(10)]
        made = list(batches_of(many, source=SOURCE, most_bytes=4000))
        assert [each for some, _ in made for each in some] == many
        assert len(made) > 2
        assert all(len(event) <= 4000 for _, event in made)
        assert all(len(json.loads(event)["Records"]) == len(some) for some, event in made)

    def test_a_message_too_large_for_any_event_is_alone_in_one(self) -> None:
        made = list(
            batches_of([message("a"), message("b", "x" * 5000)], source=SOURCE, most_bytes=4000)
        )
        assert [len(some) for some, _ in made] == [1, 1]

    def test_nothing_makes_no_event(self) -> None:
        assert list(batches_of([], source=SOURCE, most_bytes=4000)) == []


class TestHandled:
    @pytest.mark.parametrize(
        "answer", [None, {}, {"batchItemFailures": None}, {"batchItemFailures": []}, {"report": 1}]
    )
    def test_an_answer_that_names_no_failure_counts_all_as_handled(self, answer: object) -> None:
        assert ids_of(answer) == "abc"

    def test_what_an_answer_names_failed_and_nothing_else(self) -> None:
        assert ids_of(failing("b")) == "ac"
        assert ids_of(failing("a", "b", "c")) == ""

    @pytest.mark.parametrize("id_", ["", None, 7, "unknown"])
    def test_an_identifier_of_no_message_fails_the_whole_batch(self, id_: object) -> None:
        assert ids_of(failing("b", id_)) == ""

    @pytest.mark.parametrize(
        "answer",
        [
            "text",
            [1],
            7,
            {"batchItemFailures": "b"},
            {"batchItemFailures": {"b": 1}},
            {"batchItemFailures": [{"id": "b"}]},
            {"batchItemFailures": ["b"]},
            {"batchItemFailures": [None]},
        ],
    )
    def test_a_malformed_answer_fails_the_whole_batch(self, answer: object) -> None:
        assert ids_of(answer) == ""

    def test_an_answer_that_is_no_json_fails_the_whole_batch(self) -> None:
        assert handled(THREE, outcome=Outcome(payload=b"no json")) == []

    def test_an_error_of_the_function_fails_the_whole_batch(self) -> None:
        assert handled(THREE, outcome=failure("ValueError", "no")) == []
        assert handled(THREE, outcome=Outcome(payload=b"{}", error=True)) == []
