"""What `cdk deploy` makes on AWS and a new moto lacks: secrets, bus, queues, rules and bucket.

The names are those of `infra_cdk.local.environment`. None of it is there yet: moto starts empty.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from xml.sax.saxutils import escape

from infra_cdk.local.aws.client import AwsClient
from infra_cdk.local.environment import (
    EVENT_BUS,
    FILES_BUCKET,
    REGION,
)
from infra_cdk.local.event_sources.mapping import arn_of, dead_letters_of, full_name
from infra_cdk.registry import Registered
from shared.manifest.function import Source
from shared.manifest.limits import SQS_RETENTION_S

SOURCE = "switchyard"
"""The source of this service's events on the bus."""


async def provision(
    functions: Sequence[Registered],
    *,
    aws: AwsClient,
    secrets: Mapping[str, str],
    origins: Iterable[str],
) -> None:
    """Make all that the functions need; `secrets` by their names, pages of `origins` may use the bucket.

    Raises RefusedError.
    """
    await asyncio.gather(
        *(_put_secret(aws, name=name, text=text) for name, text in secrets.items()),
        _make_queues_and_rules(functions, aws=aws),
        _make_bucket(aws, origins=origins),
    )


async def _put_secret(aws: AwsClient, *, name: str, text: str) -> None:
    await aws.call(
        "secretsmanager.CreateSecret",
        service="secretsmanager",
        Name=name,
        SecretString=text,
        ClientRequestToken="0" * 32,
    )


async def _make_queues_and_rules(functions: Sequence[Registered], *, aws: AwsClient) -> None:
    await aws.call("AWSEvents.CreateEventBus", service="events", Name=EVENT_BUS)
    keeper = next((each.spec.dead_letters for each in functions if each.spec.dead_letters), None)
    hidden_s = keeper.delivery.visibility_s if keeper else None
    sources = [source for each in functions for source in each.spec.sources]
    await asyncio.gather(*(_make_queue(each, aws=aws, hidden_s=hidden_s) for each in sources))
    await asyncio.gather(*(_make_rule(each, aws=aws) for each in sources if each.types))


async def _make_queue(source: Source, *, aws: AwsClient, hidden_s: int | None) -> None:
    dead = dead_letters_of(source.queue)
    visibility = {} if hidden_s is None else {"VisibilityTimeout": str(hidden_s)}
    await _create_queue(dead, aws=aws, **visibility)
    redrive = {
        "deadLetterTargetArn": arn_of(dead),
        "maxReceiveCount": source.delivery.max_receives,
    }
    await _create_queue(
        source.queue,
        aws=aws,
        VisibilityTimeout=str(source.delivery.visibility_s),
        RedrivePolicy=json.dumps(redrive),
    )


async def _create_queue(queue: str, *, aws: AwsClient, **attributes: str) -> None:
    kept = {"MessageRetentionPeriod": str(SQS_RETENTION_S)}
    await aws.call(
        "AmazonSQS.CreateQueue",
        service="sqs",
        QueueName=full_name(queue),
        Attributes=kept | attributes,
    )


async def _make_rule(source: Source, *, aws: AwsClient) -> None:
    name = full_name(source.queue)
    pattern = {"source": [SOURCE], "detail-type": list(source.types)}
    await aws.call(
        "AWSEvents.PutRule",
        service="events",
        Name=name,
        EventBusName=EVENT_BUS,
        EventPattern=json.dumps(pattern),
    )
    await aws.call(
        "AWSEvents.PutTargets",
        service="events",
        Rule=name,
        EventBusName=EVENT_BUS,
        Targets=[{"Id": name, "Arn": arn_of(source.queue)}],
    )


async def _make_bucket(aws: AwsClient, *, origins: Iterable[str]) -> None:
    place = f"<LocationConstraint>{REGION}</LocationConstraint>"
    configuration = f"<CreateBucketConfiguration>{place}</CreateBucketConfiguration>"
    await aws.send("PUT", f"/{FILES_BUCKET}", service="s3", body=configuration)
    allowed = {
        "AllowedOrigin": origins,
        "AllowedMethod": ("GET", "PUT"),
        "AllowedHeader": ("*",),
        "ExposeHeader": ("ETag",),
    }
    rule = "".join(
        f"<{name}>{escape(text)}</{name}>" for name, texts in allowed.items() for text in texts
    )
    cors = f"<CORSConfiguration><CORSRule>{rule}</CORSRule></CORSConfiguration>"
    await aws.send("PUT", f"/{FILES_BUCKET}?cors", service="s3", body=cors)
