"""Queues, rules, schedules and the bucket: the same on AWS and on this machine, as the specs say."""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra_cdk.local.aws.client import AwsClient
from infra_cdk.local.clock.clock import Clock
from infra_cdk.local.environment import EVENT_BUS, FILES_BUCKET, MAIL_FROM, QUEUE_PREFIX
from infra_cdk.local.event_sources.mapping import event_sources_of
from infra_cdk.local.lambda_service.outcome import Outcome
from infra_cdk.local.provisioning import provision
from infra_cdk.registry import registry
from shared.manifest.triggers import Delivery
from tests.infra_cdk.templates import (
    Template,
    deployed,
    name_of_handler,
    of_type,
    path_of,
    the_only,
)

HANDLERS = {each.spec.name: each.handler for each in registry()}
STAGING = "switchyard-staging-"


class RecordingAws(AwsClient):
    """An AWS that takes every request and remembers it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.sent: list[tuple[str, str]] = []

    async def call(self, operation: str, *, service: str, **parameters: Any) -> dict[str, Any]:
        self.calls.append((operation.rpartition(".")[2], parameters))
        return {}

    async def send(
        self,
        method: str,
        path: str,
        *,
        service: str,
        body: str = "",
        headers: dict[str, str] | None = None,
    ) -> str:
        self.sent.append((path, body))
        return "{}"

    def parameters_of(self, operation: str) -> list[dict[str, Any]]:
        return [parameters for name, parameters in self.calls if name == operation]


@pytest.fixture(scope="module")
def local() -> RecordingAws:
    """What this machine's AWS is asked to make."""
    aws = RecordingAws()
    asyncio.run(provision(registry(), aws=aws, secrets={}, origins=["http://localhost:8000"]))
    return aws


@dataclass(frozen=True, kw_only=True)
class QueueMade:
    """A queue, its name without what the environment puts before it."""

    name: str
    visibility_s: int
    retention_s: int
    dead_letters: str | None
    max_receives: int | None


@dataclass(frozen=True, kw_only=True)
class RuleMade:
    """A rule of the bus, likewise, its target being a queue."""

    name: str
    pattern: Mapping[str, Any] = field(hash=False)
    target: str


def on_aws(template: Template) -> dict[str, QueueMade]:
    resources = of_type(template, "AWS::SQS::Queue")
    names = {k: each["Properties"]["QueueName"] for k, each in resources.items()}
    found = []
    for each in (resource["Properties"] for resource in resources.values()):
        redrive = each.get("RedrivePolicy")
        dead = names[redrive["deadLetterTargetArn"]["Fn::GetAtt"][0]] if redrive else None
        found.append(
            QueueMade(
                name=each["QueueName"].removeprefix(STAGING),
                visibility_s=each["VisibilityTimeout"],
                retention_s=each["MessageRetentionPeriod"],
                dead_letters=dead.removeprefix(STAGING) if dead else None,
                max_receives=redrive["maxReceiveCount"] if redrive else None,
            )
        )
    return {each.name: each for each in found}


def on_this_machine(local: RecordingAws) -> dict[str, QueueMade]:
    found = []
    for each in local.parameters_of("CreateQueue"):
        attributes = each["Attributes"]
        redrive = json.loads(attributes.get("RedrivePolicy", "{}"))
        found.append(
            QueueMade(
                name=each["QueueName"].removeprefix(QUEUE_PREFIX),
                visibility_s=int(attributes["VisibilityTimeout"]),
                retention_s=int(attributes["MessageRetentionPeriod"]),
                dead_letters=queue_of(redrive["deadLetterTargetArn"]) if redrive else None,
                max_receives=redrive.get("maxReceiveCount"),
            )
        )
    return {each.name: each for each in found}


def queue_of(arn: str) -> str:
    return arn.rpartition(":")[2].removeprefix(QUEUE_PREFIX)


class TestQueues:
    def test_the_same_are_made_on_both(self, template: Template, local: RecordingAws) -> None:
        assert on_aws(template) == on_this_machine(local)

    def test_they_are_those_of_the_specs(self, local: RecordingAws) -> None:
        declared = {source.queue for each in registry() for source in each.spec.sources}
        assert set(on_this_machine(local)) == declared | {f"{name}-dead" for name in declared}

    def test_each_starts_the_same_function_in_the_same_way(self, template: Template) -> None:
        names = {
            logical_id: each["Properties"]["QueueName"].removeprefix(STAGING)
            for logical_id, each in of_type(template, "AWS::SQS::Queue").items()
        }
        mapped = {
            (
                names[mapping["EventSourceArn"]["Fn::GetAtt"][0]],
                name_of_handler(template, mapping["FunctionName"]["Ref"]),
                mapping["BatchSize"],
                mapping.get("MaximumBatchingWindowInSeconds", 0),
                mapping.get("ScalingConfig", {}).get("MaximumConcurrency"),
            )
            for mapping in (
                each["Properties"]
                for each in of_type(template, "AWS::Lambda::EventSourceMapping").values()
            )
        }
        assert mapped == {
            (each.queue, HANDLERS[each.function], *told(each.delivery))
            for each in event_sources_of(registry())
        }


def told(delivery: Delivery) -> tuple[int, int, int | None]:
    """What an event source mapping is told of a delivery; the rest is the queue's."""
    return delivery.batch, delivery.window_s, delivery.concurrency


class TestSubscriptions:
    def test_the_same_rules_stand_on_both(self, template: Template, local: RecordingAws) -> None:
        rules = [each["Properties"] for each in of_type(template, "AWS::Events::Rule").values()]
        targets = {each["Rule"]: each["Targets"] for each in local.parameters_of("PutTargets")}
        assert {
            each["Name"].removeprefix(STAGING): RuleMade(
                name=each["Name"].removeprefix(STAGING),
                pattern=each["EventPattern"],
                target=path_of(template, each["Targets"][0]["Arn"]["Fn::GetAtt"][0]).split("/")[1],
            )
            for each in rules
        } == {
            each["Name"].removeprefix(QUEUE_PREFIX): RuleMade(
                name=each["Name"].removeprefix(QUEUE_PREFIX),
                pattern=json.loads(each["EventPattern"]),
                target=queue_of(targets[each["Name"]][0]["Arn"]),
            )
            for each in local.parameters_of("PutRule")
        }

    def test_they_are_those_of_the_specs(self, local: RecordingAws) -> None:
        subscribed = {
            source.queue: list(source.types)
            for each in registry()
            for source in each.spec.sources
            if source.types
        }
        made = {
            each["Name"].removeprefix(QUEUE_PREFIX): json.loads(each["EventPattern"])["detail-type"]
            for each in local.parameters_of("PutRule")
        }
        assert made == subscribed

    def test_they_are_rules_of_the_bus_that_the_relay_is_told(self, local: RecordingAws) -> None:
        made = [each["EventBusName"] for each in local.parameters_of("PutRule")]
        (bus,) = local.parameters_of("CreateEventBus")
        assert set(made) == {bus["Name"]} == {EVENT_BUS}


def started_here() -> dict[str, dict[str, Any]]:
    """The first event that the local clock starts each job with, in a day that passes at once."""
    started: dict[str, dict[str, Any]] = {}
    moment = datetime(2026, 11, 25, tzinfo=UTC)
    jobs = {each.spec.name for each in registry() if each.spec.schedules}

    async def run() -> None:
        done = asyncio.Event()

        async def invoke(name: str, event: bytes) -> Outcome:
            started.setdefault(name, json.loads(event))
            if set(started) >= jobs:
                done.set()
            return Outcome(payload=b"{}", error=False)

        async def sleep(seconds: float) -> None:
            nonlocal moment
            moment += timedelta(seconds=seconds)
            await asyncio.sleep(0)

        clock = asyncio.create_task(
            Clock(registry(), invoke=invoke, now=lambda: moment, sleep=sleep).run()
        )
        async with asyncio.timeout(20):
            await done.wait()
        clock.cancel()
        await asyncio.gather(clock, return_exceptions=True)

    asyncio.run(run())
    return started


class TestSchedules:
    def test_both_are_those_of_the_specs(self, template: Template) -> None:
        on_aws: dict[str, list[str]] = {}
        for each in of_type(template, "AWS::Scheduler::Schedule").values():
            target = each["Properties"]["Target"]["Arn"]["Fn::GetAtt"][0]
            expression = each["Properties"]["ScheduleExpression"]
            on_aws.setdefault(name_of_handler(template, target), []).append(expression)
        declared = {
            each.handler: [schedule.expression for schedule in each.spec.schedules]
            for each in registry()
            if each.spec.schedules
        }
        assert on_aws == declared

    def test_a_job_is_started_with_the_same_event_on_both(self, template: Template) -> None:
        here = started_here()
        on_aws = {}
        for each in of_type(template, "AWS::Scheduler::Schedule").values():
            event = json.loads(each["Properties"]["Target"]["Input"])
            assert event["scheduled_at"] == "<aws.scheduler.scheduled-time>"
            on_aws[event["job"]] = set(event)
            target = each["Properties"]["Target"]["Arn"]["Fn::GetAtt"][0]
            assert name_of_handler(template, target) == HANDLERS[event["job"]]
        assert {event["job"]: set(event) for event in here.values()} == on_aws
        assert {name: event["job"] for name, event in here.items()} == {n: n for n in on_aws}

    def test_the_moment_is_written_as_the_scheduler_writes_it(self) -> None:
        """Source: AWS, "Adding context attributes in EventBridge Scheduler"."""
        for event in started_here().values():
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", event["scheduled_at"])


class TestFilesAndMail:
    def test_there_is_one_bucket_on_both(self, template: Template, local: RecordingAws) -> None:
        made = [path for path, _ in local.sent]
        assert made.count(f"/{FILES_BUCKET}") == len(of_type(template, "AWS::S3::Bucket")) == 1

    def test_the_sender_is_the_same_unless_it_is_said(self, template: Template) -> None:
        variables = deployed(template)["functions.queues.mail.handler.handler"]["Properties"][
            "Environment"
        ]["Variables"]
        assert variables["MAIL_FROM"] == MAIL_FROM

    def test_pages_may_use_the_bucket_in_the_same_ways(
        self, production: Template, local: RecordingAws
    ) -> None:
        (cors,) = [body for path, body in local.sent if path.endswith("?cors")]
        (rule,) = the_only(production, "AWS::S3::Bucket")["CorsConfiguration"]["CorsRules"]
        for member, name in (
            ("AllowedMethods", "AllowedMethod"),
            ("AllowedHeaders", "AllowedHeader"),
            ("ExposedHeaders", "ExposeHeader"),
        ):
            local_values = set(re.findall(f"<{name}>([^<]+)</{name}>", cors))
            assert local_values == set(rule[member])
