"""The event by which Lambda gives messages of a queue to a function, and what the function answers.

Source: AWS, "Using Lambda with Amazon SQS" and "Handling errors for an SQS event source in Lambda".
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from infra_cdk.local.environment import REGION
from infra_cdk.local.event_sources.mapping import EventSource
from infra_cdk.local.event_sources.queue import Message
from infra_cdk.local.lambda_service.outcome import Outcome

_ENVELOPE_BYTES = len('{"Records": []}')
_MEMBERS = {
    "StringValue": "stringValue",
    "BinaryValue": "binaryValue",
    "DataType": "dataType",
}


def record_of(message: Message, *, source: EventSource) -> dict[str, Any]:
    """Return a message as it stands in an event."""
    attributes = dict(message.get("Attributes", {}))
    if source.dead_letters_from:
        attributes["DeadLetterQueueSourceArn"] = source.dead_letters_from
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": attributes,
        "messageAttributes": {
            name: _attribute_of(given)
            for name, given in message.get("MessageAttributes", {}).items()
        },
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": source.arn,
        "awsRegion": REGION,
    }


def batches_of(
    messages: Iterable[Message], *, source: EventSource, most_bytes: int
) -> Iterator[tuple[Sequence[Message], bytes]]:
    """Yield messages and the event that holds them, none larger than `most_bytes`.

    A message that is larger by itself is alone in its event.
    """
    some: list[Message] = []
    records: list[bytes] = []
    size = _ENVELOPE_BYTES
    for message in messages:
        record = json.dumps(record_of(message, source=source)).encode()
        if some and size + len(record) + 2 > most_bytes:
            yield some, _event_of(records)
            some, records, size = [], [], _ENVELOPE_BYTES
        some.append(message)
        records.append(record)
        size += len(record) + 2
    if some:
        yield some, _event_of(records)


def handled(messages: Sequence[Message], *, outcome: Outcome) -> Sequence[Message]:
    """Return those of an event's messages that the function handled.

    None of them where it raised, answered with no JSON object, or named a message that was not
    in the event, or none by an empty name. An answer that names nothing counts all as handled.
    """
    failed = _failed(outcome)
    if failed is None or not failed <= {message["MessageId"] for message in messages}:
        return []
    return [message for message in messages if message["MessageId"] not in failed]


def _failed(outcome: Outcome) -> set[str] | None:
    """Return the ids that an answer names as failed; None for an error and what is no answer."""
    if outcome.error:
        return None
    try:
        answer = json.loads(outcome.payload)
        failures = (answer or {}).get("batchItemFailures") or []
        return {_text(each["itemIdentifier"]) for each in failures}
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _text(given: object) -> str:
    if not isinstance(given, str):
        raise TypeError("an itemIdentifier is a text")
    return given


def _attribute_of(given: Mapping[str, Any]) -> dict[str, Any]:
    members = {new: given[old] for old, new in _MEMBERS.items() if old in given}
    return {"stringListValues": [], "binaryListValues": [], **members}


def _event_of(records: Sequence[bytes]) -> bytes:
    return b'{"Records": [' + b", ".join(records) + b"]}"
