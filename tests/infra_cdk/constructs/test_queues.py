"""No message is lost: it is kept, comes again, and becomes a dead letter that somebody gets."""

from typing import Any

import pytest

from infra_cdk.registry import keeper_of_dead_letters, registry
from shared.manifest.function import Source
from shared.manifest.triggers import Delivery
from tests.infra_cdk.synthesis import synthesised
from tests.infra_cdk.templates import Template, deployed, of_type, path_of, spell

QUEUE = "AWS::SQS::Queue"
MAPPING = "AWS::Lambda::EventSourceMapping"
DAYS_14_S = 14 * 24 * 60 * 60

SOURCES = [
    pytest.param(source, each.handler, id=source.queue)
    for each in registry()
    for source in each.spec.sources
]
EVERY_SOURCE = pytest.mark.parametrize(("source", "handler"), SOURCES)


def queues(template: Template) -> dict[str, dict[str, Any]]:
    """The properties of each queue by its path below the stack: `Queues/tasks/Queue`."""
    return {
        path_of(template, logical_id): each["Properties"]
        for logical_id, each in of_type(template, QUEUE).items()
    }


def mappings(template: Template) -> dict[str, tuple[str, dict[str, Any]]]:
    """The handler that each queue starts and how, by the queue's path; each has one at most."""
    handlers = {
        each["Properties"]["FunctionName"]: handler for handler, each in deployed(template).items()
    }
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for each in of_type(template, MAPPING).values():
        properties = each["Properties"]
        function = template["Resources"][properties["FunctionName"]["Ref"]]
        path = path_of(template, properties["EventSourceArn"]["Fn::GetAtt"][0])
        assert path not in found
        found[path] = (handlers[function["Properties"]["FunctionName"]], properties)
    return found


class TestQueue:
    def test_there_are_two_for_each_source_and_no_other(self, template: Template) -> None:
        declared = [source.queue for each in registry() for source in each.spec.sources]
        assert set(queues(template)) == {
            f"Queues/{name}/{part}" for name in declared for part in ("Queue", "DeadLetters")
        }

    @EVERY_SOURCE
    def test_they_are_named_after_their_environment(
        self, template: Template, production: Template, source: Source, handler: str
    ) -> None:
        for found, environment in ((template, "staging"), (production, "production")):
            name = f"switchyard-{environment}-{source.queue}"
            assert queues(found)[f"Queues/{source.queue}/Queue"]["QueueName"] == name
            dead = queues(found)[f"Queues/{source.queue}/DeadLetters"]
            assert dead["QueueName"] == f"{name}-dead"
            assert len(dead["QueueName"]) <= 80

    def test_each_is_encrypted_and_keeps_a_message_for_as_long_as_sqs_does(
        self, template: Template
    ) -> None:
        for each in queues(template).values():
            assert each["SqsManagedSseEnabled"] is True
            assert each["MessageRetentionPeriod"] == DAYS_14_S

    @EVERY_SOURCE
    def test_a_message_is_a_dead_letter_after_as_many_receives_as_the_spec_says(
        self, template: Template, source: Source, handler: str
    ) -> None:
        redrive = queues(template)[f"Queues/{source.queue}/Queue"]["RedrivePolicy"]
        assert spell(template, redrive["deadLetterTargetArn"]) == (
            f"{{Queues/{source.queue}/DeadLetters.Arn}}"
        )
        assert redrive["maxReceiveCount"] == source.delivery.max_receives

    def test_a_dead_letter_is_given_up_by_nobody(self, template: Template) -> None:
        dead = [each for path, each in queues(template).items() if path.endswith("/DeadLetters")]
        assert dead
        assert [each for each in dead if "RedrivePolicy" in each] == []


class TestDelivery:
    @EVERY_SOURCE
    def test_a_queue_starts_the_function_that_declares_it(
        self, template: Template, source: Source, handler: str
    ) -> None:
        started, properties = mappings(template)[f"Queues/{source.queue}/Queue"]
        assert started == handler
        assert properties["BatchSize"] == source.delivery.batch
        assert properties.get("MaximumBatchingWindowInSeconds", 0) == source.delivery.window_s
        scaling = properties.get("ScalingConfig", {})
        assert scaling.get("MaximumConcurrency") == source.delivery.concurrency

    def test_one_function_gets_the_dead_letters_of_all(self, template: Template) -> None:
        keeper = keeper_of_dead_letters()
        assert keeper is not None
        assert keeper.spec.dead_letters is not None
        for path, (started, properties) in mappings(template).items():
            if path.endswith("/DeadLetters"):
                assert started == keeper.handler
                assert properties["BatchSize"] == keeper.spec.dead_letters.delivery.batch
        assert set(mappings(template)) == set(queues(template))

    def test_a_message_that_fails_takes_no_other_with_it(self, template: Template) -> None:
        for _, properties in mappings(template).values():
            assert properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
            assert properties.get("Enabled", True) is True

    def test_no_message_comes_again_while_its_function_may_still_handle_it(
        self, template: Template
    ) -> None:
        for path, (handler, _) in mappings(template).items():
            timeout_s = deployed(template)[handler]["Properties"]["Timeout"]
            assert queues(template)[path]["VisibilityTimeout"] >= timeout_s


def policies(template: Template) -> dict[str, list[dict[str, Any]]]:
    """The statements about each queue, by its path; each has one policy at most."""
    found: dict[str, list[dict[str, Any]]] = {}
    for policy in of_type(template, "AWS::SQS::QueuePolicy").values():
        (queue,) = policy["Properties"]["Queues"]
        path = path_of(template, queue["Ref"])
        assert path not in found
        found[path] = policy["Properties"]["PolicyDocument"]["Statement"]
    return found


class TestPolicy:
    def test_nobody_speaks_to_a_queue_without_tls(self, template: Template) -> None:
        for path in queues(template):
            (denied,) = [s for s in policies(template)[path] if s["Effect"] == "Deny"]
            assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            assert (denied["Principal"], denied["Action"]) == ({"AWS": "*"}, "sqs:*")

    @EVERY_SOURCE
    def test_only_the_rule_of_a_subscription_is_admitted(
        self, template: Template, source: Source, handler: str
    ) -> None:
        for part in ("Queue", "DeadLetters"):
            path = f"Queues/{source.queue}/{part}"
            allowed = [s for s in policies(template)[path] if s["Effect"] == "Allow"]
            if not source.types:
                assert allowed == []
                continue
            (statement,) = allowed
            assert statement["Action"] == "sqs:SendMessage"
            assert statement["Principal"] == {"Service": "events.amazonaws.com"}
            rule = statement["Condition"]["ArnEquals"]["aws:SourceArn"]
            assert spell(template, rule) == f"{{EventBus/{source.queue}.Arn}}"
            assert spell(template, statement["Resource"]) == f"{{{path}.Arn}}"


@pytest.mark.xdist_group("cdk")
class TestOptions:
    """What no function of the registry asks for today."""

    def test_a_window_and_no_bound_are_told_to_lambda(self) -> None:
        from aws_cdk import Stack
        from aws_cdk import aws_lambda as lambda_

        from infra_cdk.constructs.queues import Queue
        from infra_cdk.environments import ENVIRONMENTS

        def build(stack: Stack) -> None:
            source = Source(queue="logs", delivery=Delivery(batch=500, window_s=20))
            queue = Queue(stack, source, environment=ENVIRONMENTS["staging"], keeper=None)
            arn = "arn:aws:lambda:eu-west-1:123456789012:function:f"
            queue.deliver(to=lambda_.Function.from_function_arn(stack, "Function", arn))

        template = synthesised(build)
        (mapping,) = of_type(template, MAPPING).values()
        assert mapping["Properties"]["BatchSize"] == 500
        assert mapping["Properties"]["MaximumBatchingWindowInSeconds"] == 20
        assert "ScalingConfig" not in mapping["Properties"]
