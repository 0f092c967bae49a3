"""How old the oldest message of each queue is, as SQS tells CloudWatch: moto tells it nothing."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from moto.cloudwatch.models import cloudwatch_backends
from moto.sqs.models import sqs_backends

from infra_cdk.local.environment import ACCOUNT, REGION


def publish_ages(*, now: datetime) -> None:
    """Put a data point of each queue into CloudWatch, for the newest minute that is over.

    Source: AWS, "Available CloudWatch metrics for Amazon SQS", `ApproximateAgeOfOldestMessage`.
    """
    # moto's own times are in UTC and do not say so.
    utc = now.astimezone(UTC).replace(tzinfo=None)
    minute = utc.replace(second=0, microsecond=0) - timedelta(minutes=1)
    queues = sqs_backends[ACCOUNT][REGION].queues
    points = [
        {
            "MetricName": "ApproximateAgeOfOldestMessage",
            "Dimensions": [{"Name": "QueueName", "Value": name}],
            "Timestamp": minute,
            "Value": age_s((message.sent_timestamp for message in list(queue._messages)), now=now),  # noqa: SLF001  # its other names hide what is in flight
            "Unit": "Seconds",
        }
        for name, queue in list(queues.items())
    ]
    cloudwatch_backends[ACCOUNT][REGION].put_metric_data("AWS/SQS", points)


def age_s(sent_ms: Iterable[float | None], *, now: datetime) -> int:
    """Return the age of the oldest message in whole seconds; 0 where there is none.

    `sent_ms` are times in milliseconds since 1970.
    """
    oldest = min((sent for sent in sent_ms if sent is not None), default=None)
    return 0 if oldest is None else max(0, int(now.timestamp() - oldest / 1000))
