"""SQS queues: sending to them, and looking at them. A queue goes by its full name or its address."""

import asyncio
import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from shared.adapters.aws import aws_client, call
from shared.core.clock import now

AGE_WINDOW = timedelta(minutes=10)
"""How far back the newest figure of an age is looked for: SQS tells one each minute, at times late."""

_NAMES = {
    "waiting": "ApproximateNumberOfMessages",
    "in_flight": "ApproximateNumberOfMessagesNotVisible",
    "delayed": "ApproximateNumberOfMessagesDelayed",
}

# Source: AWS, "SendMessage": the characters of a body are those of W3C's XML 1.0.
_UNSENDABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, kw_only=True)
class Depth:
    """How many messages a queue has, as SQS reckons: to be received, being handled, not yet due."""

    waiting: int
    in_flight: int
    delayed: int


class UnsendableMessageError(ValueError):
    """No queue takes the message, however often it is sent."""


async def send(url: str, body: str, *, delay_s: int = 0) -> None:
    """Send a message. Raises botocore's ClientError or BotoCoreError."""
    await call(aws_client("sqs").send_message, QueueUrl=url, MessageBody=body, DelaySeconds=delay_s)


async def send_again(queue: str, body: str, *, attributes: Mapping[str, Mapping[str, Any]]) -> None:
    """Send a message that was received before, with its attributes as Lambda's event had them.

    Raises UnsendableMessageError, botocore's ClientError or BotoCoreError.
    """
    if strange := _UNSENDABLE.search(body):
        raise UnsendableMessageError(f"SQS takes no character U+{ord(strange[0]):04X}")
    await call(
        aws_client("sqs").send_message,
        QueueUrl=await url_of(queue),
        MessageBody=body,
        MessageAttributes={name: _attribute_of(each) for name, each in attributes.items()},
    )


async def url_of(queue: str) -> str:
    """Return the address of a queue by its full name. Raises ClientError where there is none."""
    found = await call(aws_client("sqs").get_queue_url, QueueName=queue)
    url: str = found["QueueUrl"]
    return url


async def hide(queue: str, *, receipt: str, seconds: int) -> None:
    """Let a message that is being handled come again after so many seconds, not the queue's own."""
    await call(
        aws_client("sqs").change_message_visibility,
        QueueUrl=await url_of(queue),
        ReceiptHandle=receipt,
        VisibilityTimeout=seconds,
    )


async def attributes_of(queues: Sequence[str]) -> dict[str, Depth | None]:
    """Return how many messages each queue has; None for one that is not there.

    Raises ClientError or BotoCoreError.
    """
    depths = await asyncio.gather(*(_depth_of(queue) for queue in queues))
    return dict(zip(queues, depths, strict=True))


async def oldest_ages(queues: Sequence[str]) -> dict[str, float]:
    """Return the newest figure of how old each queue's oldest message is, in seconds.

    A queue without one is left out: one that had no message for some hours has none. At most 500
    queues. Raises ClientError or BotoCoreError.
    Source: AWS, "Available CloudWatch metrics for Amazon SQS".
    """
    until = now()
    answer = await call(
        aws_client("cloudwatch").get_metric_data,
        MetricDataQueries=[_age_of(queue, id_=f"q{place}") for place, queue in enumerate(queues)],
        StartTime=until - AGE_WINDOW,
        EndTime=until,
        ScanBy="TimestampDescending",
    )
    newest = {
        each["Id"]: each["Values"][0] for each in answer["MetricDataResults"] if each["Values"]
    }
    return {
        queue: float(newest[f"q{place}"])
        for place, queue in enumerate(queues)
        if f"q{place}" in newest
    }


async def _depth_of(queue: str) -> Depth | None:
    client = aws_client("sqs")
    try:
        answer = await call(
            client.get_queue_attributes,
            QueueUrl=await url_of(queue),
            AttributeNames=list(_NAMES.values()),
        )
    except client.exceptions.QueueDoesNotExist:
        return None
    return Depth(**{field: int(answer["Attributes"][name]) for field, name in _NAMES.items()})


def _age_of(queue: str, *, id_: str) -> dict[str, Any]:
    metric = {
        "Namespace": "AWS/SQS",
        "MetricName": "ApproximateAgeOfOldestMessage",
        "Dimensions": [{"Name": "QueueName", "Value": queue}],
    }
    return {"Id": id_, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Maximum"}}


def _attribute_of(received: Mapping[str, Any]) -> dict[str, Any]:
    # Lambda's event spells it in another way than SendMessage, and has bytes in base64.
    attribute: dict[str, Any] = {"DataType": received["dataType"]}
    if (text := received.get("stringValue")) is not None:
        attribute["StringValue"] = text
    if (data := received.get("binaryValue")) is not None:
        attribute["BinaryValue"] = b64decode(data)
    return attribute
