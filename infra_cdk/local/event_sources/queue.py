"""A queue of moto's, as its poller sees it."""

from collections.abc import Mapping, Sequence
from itertools import batched
from typing import Any

from infra_cdk.local.aws.client import AwsClient
from infra_cdk.local.event_sources.mapping import full_name

type Message = Mapping[str, Any]
"""A message as ReceiveMessage gives it."""

MOST_AT_ONCE = 10
"""Most messages of one request. Source: AWS, "Amazon SQS message quotas"."""

LONGEST_POLL_S = 20
"""How long a request may wait for a message, in seconds. Source: as above."""


class Queue:
    """Messages come out of it, and are deleted from it. Its calls raise as AwsClient's do."""

    def __init__(self, name: str, *, aws: AwsClient) -> None:
        self._name = full_name(name)
        self._aws = aws

    async def receive(self, *, most: int, wait_s: int) -> Sequence[Message]:
        """Return some messages, at most `most`, as soon as there are any or `wait_s` have passed.

        A call that is cancelled may take messages along: they come again in their time.
        """
        answer = await self._call(
            "ReceiveMessage",
            MaxNumberOfMessages=min(most, MOST_AT_ONCE),
            WaitTimeSeconds=min(wait_s, LONGEST_POLL_S),
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        messages: list[Message] = answer.get("Messages", [])
        return messages

    async def delete(self, messages: Sequence[Message]) -> None:
        """Delete messages that were handled. One that came again meanwhile may stay."""
        for some in batched(messages, MOST_AT_ONCE, strict=False):
            entries = [
                {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                for number, message in enumerate(some)
            ]
            await self._call("DeleteMessageBatch", Entries=entries)

    async def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        return await self._aws.call(
            f"AmazonSQS.{operation}", service="sqs", QueueUrl=self._name, **parameters
        )
