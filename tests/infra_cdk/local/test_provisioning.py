"""What is made in an empty AWS, by what it then does."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import ClientSession

from infra_cdk.local.aws.client import AwsClient, RefusedError
from infra_cdk.local.environment import EVENT_BUS, FILES_BUCKET, MAIL_FROM
from infra_cdk.local.event_sources.mapping import event_sources_of
from infra_cdk.local.event_sources.poller import Poller
from infra_cdk.local.event_sources.queue import Queue
from infra_cdk.local.lambda_service.outcome import Outcome, failure
from infra_cdk.local.provisioning import provision
from infra_cdk.registry import Registered
from shared.manifest.function import Function
from shared.manifest.triggers import DeadLetters, Delivery, Subscribes
from shared.manifest.triggers import Queue as QueueTrigger

pytestmark = [pytest.mark.anyio, pytest.mark.xdist_group("aws")]

ORIGIN = "http://127.0.0.1:8000"
SECRETS = {"switchyard/local/signing-key": "a-signing-key", "switchyard/local/vault": "a-secret"}
BRIEF = Delivery(visibility_s=1, max_receives=1)
FUNCTIONS = [
    Registered(spec=Function(name=name, triggers=(trigger,), timeout_s=1), package=name)
    for name, trigger in (
        ("listener", Subscribes(("parcels.sent", "parcels.lost"), BRIEF)),
        ("worker", QueueTrigger("work", Delivery(visibility_s=90, max_receives=7))),
        ("keeper", DeadLetters(Delivery(visibility_s=70))),
    )
]


@asynccontextmanager
async def client_of(aws_url: str) -> AsyncIterator[AwsClient]:
    async with ClientSession() as client:
        yield AwsClient(client, url=aws_url)


@pytest.fixture(scope="module")
def provisioned(aws_url: str) -> str:
    async def make() -> None:
        async with client_of(aws_url) as aws:
            await provision(FUNCTIONS, aws=aws, secrets=SECRETS, origins=[ORIGIN])

    asyncio.run(make())
    return aws_url


async def attributes_of(queue: str, *, aws: AwsClient) -> dict[str, str]:
    answer = await aws.call(
        "AmazonSQS.GetQueueAttributes", service="sqs", QueueUrl=queue, AttributeNames=["All"]
    )
    found: dict[str, str] = answer["Attributes"]
    return found


async def put_event(type_: str, *, aws: AwsClient, source: str = "switchyard") -> None:
    entry = {
        "EventBusName": EVENT_BUS,
        "Source": source,
        "DetailType": type_,
        "Detail": json.dumps({"type": type_}),
    }
    answer = await aws.call("AWSEvents.PutEvents", service="events", Entries=[entry])
    assert answer["FailedEntryCount"] == 0


async def test_queues_are_as_the_specs_say(provisioned: str) -> None:
    async with client_of(provisioned) as aws:
        work = await attributes_of("switchyard-local-work", aws=aws)
        dead = await attributes_of("switchyard-local-work-dead", aws=aws)
    assert (work["VisibilityTimeout"], work["MessageRetentionPeriod"]) == ("90", "1209600")
    redrive = {"deadLetterTargetArn": dead["QueueArn"], "maxReceiveCount": 7}
    assert json.loads(work["RedrivePolicy"]) == redrive
    assert (dead["VisibilityTimeout"], "RedrivePolicy" in dead) == ("70", False)


@pytest.mark.parametrize("name", SECRETS)
async def test_a_secret_is_kept_by_its_name(provisioned: str, name: str) -> None:
    async with client_of(provisioned) as aws:
        answer = await aws.call(
            "secretsmanager.GetSecretValue", service="secretsmanager", SecretId=name
        )
    assert answer["SecretString"] == SECRETS[name]


async def test_only_pages_of_the_api_may_use_the_bucket(provisioned: str) -> None:
    asked = {"Access-Control-Request-Method": "PUT"}
    address = f"{provisioned}/{FILES_BUCKET}/uploads/1"
    async with ClientSession() as client:
        for origin, status in ((ORIGIN, 200), ("http://evil.example", 403)):
            async with client.options(address, headers=asked | {"Origin": origin}) as answer:
                allowed = answer.headers.get("Access-Control-Allow-Origin")
                assert (answer.status, allowed == origin) == (status, status == 200)


async def test_no_page_reads_what_moto_holds(provisioned: str) -> None:
    async with (
        ClientSession() as client,
        client.get(f"{provisioned}/moto-api/data.json", headers={"Origin": ORIGIN}) as answer,
    ):
        assert "Access-Control-Allow-Origin" not in answer.headers


async def test_what_exists_already_is_refused_by_name(provisioned: str) -> None:
    async with client_of(provisioned) as aws:
        with pytest.raises(RefusedError, match=r"moto refused AWSEvents\.CreateEventBus: "):
            await aws.call("AWSEvents.CreateEventBus", service="events", Name=EVENT_BUS)


async def test_mail_of_this_service_is_taken_and_kept(provisioned: str) -> None:
    async with client_of(provisioned) as aws:
        for sender, refused in ((MAIL_FROM, False), ("mallory@example.org", True)):
            mail = {
                "FromEmailAddress": sender,
                "Destination": {"ToAddresses": ["ada@example.com"]},
                "Content": {
                    "Simple": {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "x"}}}
                },
            }
            sending = aws.send(
                "POST", "/v2/email/outbound-emails", service="ses", body=json.dumps(mail)
            )
            if refused:
                with pytest.raises(RefusedError):
                    await sending
            else:
                await sending
        [kept] = await aws.mails()
    assert (kept["from"], kept["to"], kept["text"]) == (MAIL_FROM, ["ada@example.com"], "x")


async def test_the_age_of_the_oldest_message_is_a_metric_of_each_queue(provisioned: str) -> None:
    now = datetime.now(UTC)
    names = ("switchyard-local-work", "switchyard-local-work-dead")
    queries = [
        {
            "Id": f"q{number}",
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/SQS",
                    "MetricName": "ApproximateAgeOfOldestMessage",
                    "Dimensions": [{"Name": "QueueName", "Value": name}],
                },
                "Period": 60,
                "Stat": "Maximum",
            },
        }
        for number, name in enumerate(names)
    ]
    async with client_of(provisioned) as aws:
        answer = await aws.call(
            "GraniteServiceVersion20100801.GetMetricData",
            service="monitoring",
            StartTime=(now - timedelta(minutes=5)).timestamp(),
            EndTime=now.timestamp(),
            MetricDataQueries=queries,
        )
    assert [each["Values"] for each in answer["MetricDataResults"]] == [[0.0], [0.0]]


async def test_an_event_reaches_its_function_and_then_the_keeper_of_dead_letters(
    provisioned: str,
) -> None:
    """The listener fails on every event; nobody else hears of events that it did not subscribe."""
    seen: dict[str, list[dict[str, Any]]] = {"listener": [], "keeper": []}

    async def invoke(name: str, event: bytes) -> Outcome:
        seen[name] += json.loads(event)["Records"]
        return failure("ValueError", "no") if name == "listener" else Outcome(payload=b"null")

    async with client_of(provisioned) as aws, polling(aws, invoke=invoke):
        for type_ in ("parcels.other", "parcels.lost"):
            await put_event(type_, aws=aws)
        await put_event("parcels.sent", aws=aws, source="somebody.else")
        async with asyncio.timeout(30):
            while not seen["keeper"]:  # noqa: ASYNC110  # another process makes it hold
                await asyncio.sleep(0.05)
    [record], [dead] = seen["listener"], seen["keeper"]
    body = json.loads(record["body"])
    assert (body["source"], body["detail-type"]) == ("switchyard", "parcels.lost")
    assert body["detail"] == {"type": "parcels.lost"}
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert (dead["messageId"], dead["body"]) == (record["messageId"], record["body"])
    assert dead["eventSourceARN"] == f"{record['eventSourceARN']}-dead"


@asynccontextmanager
async def polling(aws: AwsClient, *, invoke: Callable[..., Any]) -> AsyncIterator[None]:
    tasks = [
        asyncio.create_task(Poller(each, queue=Queue(each.queue, aws=aws), invoke=invoke).run())
        for each in event_sources_of(FUNCTIONS)
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks)
