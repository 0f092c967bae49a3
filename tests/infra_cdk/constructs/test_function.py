"""Each function has its own role, with what its spec asks for and no more."""

from typing import Any

import pytest

from infra_cdk.registry import Registered, queue_names, registry
from shared.manifest.function import Need
from tests.gateway_fixtures import PERMISSIONS
from tests.infra_cdk.templates import (
    Template,
    all_statements,
    as_list,
    deployed,
    of_type,
    spell,
    statements_of,
)

EVERY_FUNCTION = pytest.mark.parametrize("each", registry(), ids=lambda each: each.spec.name)

CLUSTER = "arn:{AWS::Partition}:rds:{AWS::Region}:{AWS::AccountId}:cluster:{Database/Cluster}"
INTERFACES = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)
DATA_API = (
    "rds-data:BatchExecuteStatement",
    "rds-data:BeginTransaction",
    "rds-data:CommitTransaction",
    "rds-data:ExecuteStatement",
    "rds-data:RollbackTransaction",
)
LOG = ("logs:CreateLogStream", "logs:PutLogEvents")
TRACES = ("xray:PutTelemetryRecords", "xray:PutTraceSegments")
POLLING = (
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sqs:ReceiveMessage",
)
LOOKING = ("sqs:GetQueueAttributes", "sqs:GetQueueUrl")
SENDING = ("sqs:SendMessage",)
PLANE = "arn:{AWS::Partition}:apigateway:{AWS::Region}::"
IDENTITY = "arn:{AWS::Partition}:ses:{AWS::Region}:{AWS::AccountId}:identity/"

WITHOUT_RESOURCE = {
    *TRACES,  # X-Ray has no resource for a trace that is yet to be written
    *INTERFACES,  # describing takes none, and Lambda refuses a function that may not create in all
    "cloudwatch:GetMetricData",  # a metric is no resource
}
"""The actions that may be allowed on `*`."""

type Permission = tuple[str, str, str]
"""Effect, action, resource."""


def permissions(template: Template, statements: list[dict[str, Any]]) -> set[Permission]:
    return {
        (each["Effect"], action, spell(template, resource))
        for each in statements
        for action in as_list(each["Action"])
        for resource in as_list(each["Resource"])
    }


def queue(name: str) -> str:
    return f"{{Queues/{name}/Queue.Arn}}"


def dead_letters(name: str) -> str:
    return f"{{Queues/{name}/DeadLetters.Arn}}"


type Granted = tuple[tuple[str, ...], str]
"""Actions on one resource."""

BY_NEED: dict[Need, list[Granted]] = {
    Need.CACHE: [(INTERFACES, "*")],
    Need.DATABASE: [
        (DATA_API, CLUSTER),
        (("secretsmanager:GetSecretValue",), "{Database/Cluster/Secret/Attachment}"),
    ],
    Need.SIGNING_KEY: [(("secretsmanager:GetSecretValue",), "{SigningKey/Secret}")],
    Need.SIGNING_KEY_ROTATION: [
        (("secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"), "{SigningKey/Secret}")
    ],
    Need.VAULT: [(("secretsmanager:GetSecretValue",), "{Vault/Secret}")],
    Need.GATEWAY_KEYS: [((f"apigateway:{verb}",), PLANE + path) for verb, path in PERMISSIONS],
    Need.PASSKEYS: [],
    Need.OPENID_PROVIDERS: [],  # none is declared: see test_openid_providers
    Need.OUTBOX: [(SENDING, queue("outbox-relay"))],
    Need.WEBHOOKS: [(SENDING, queue("webhook-delivery"))],
    Need.EVENT_BUS: [(("events:PutEvents",), "{EventBus/Bus.Arn}")],
    Need.FILES: [
        (
            ("s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject"),
            "{Files/Bucket.Arn}/*",
        ),
        (("s3:ListBucket", "s3:ListBucketMultipartUploads"), "{Files/Bucket.Arn}"),
    ],
    Need.MAIL: [
        (("ses:SendEmail",), f"{IDENTITY}switchyard@example.com"),
        (("ses:SendEmail",), f"{IDENTITY}example.com"),
    ],
    Need.QUEUES: [
        (("cloudwatch:GetMetricData",), "*"),
        *((SENDING, queue(name)) for name in queue_names()),
        *((LOOKING, of(name)) for name in queue_names() for of in (queue, dead_letters)),
    ],
}


def expected(each: Registered) -> set[Permission]:
    wanted: list[Granted] = [(LOG, f"{{{each.spec.name}/Log.Arn}}"), (TRACES, "*")]
    wanted += [granted for need in each.spec.needs for granted in BY_NEED[need]]
    wanted += [(POLLING, queue(source.queue)) for source in each.spec.sources]
    if each.spec.dead_letters:
        wanted += [(POLLING, dead_letters(name)) for name in queue_names()]
    denied = INTERFACES if Need.CACHE in each.spec.needs else ()
    allowed = {("Allow", action, resource) for actions, resource in wanted for action in actions}
    return allowed | {("Deny", action, "*") for action in denied}


def role_of(template: Template, each: Registered) -> dict[str, Any]:
    reference = deployed(template)[each.handler]["Properties"]["Role"]
    role: dict[str, Any] = template["Resources"][reference["Fn::GetAtt"][0]]
    return role


class TestRole:
    @EVERY_FUNCTION
    def test_it_allows_exactly_what_the_needs_give(
        self, template: Template, each: Registered
    ) -> None:
        role = role_of(template, each)
        assert permissions(template, statements_of(role)) == expected(each)

    @EVERY_FUNCTION
    def test_it_is_not_widened_by_a_policy_from_elsewhere(
        self, template: Template, each: Registered
    ) -> None:
        role = role_of(template, each)
        own = deployed(template)[each.handler]["Properties"]["Role"]["Fn::GetAtt"][0]
        attached = of_type(template, "AWS::IAM::Policy").values()
        assert "ManagedPolicyArns" not in role["Properties"]
        assert [p for p in attached if {"Ref": own} in p["Properties"]["Roles"]] == []

    def test_every_function_has_one_of_its_own(self, template: Template) -> None:
        roles = [str(each["Properties"]["Role"]) for each in deployed(template).values()]
        assert len(set(roles)) == len(roles) == len(registry())

    @EVERY_FUNCTION
    def test_only_lambda_may_take_it(self, template: Template, each: Registered) -> None:
        trust = role_of(template, each)["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert [statement["Principal"] for statement in trust] == [
            {"Service": "lambda.amazonaws.com"}
        ]

    def test_network_interfaces_are_denied_to_the_code_itself(self, template: Template) -> None:
        placed = [each for each in registry() if Need.CACHE in each.spec.needs]
        assert placed
        for each in placed:
            (denied,) = [s for s in statements_of(role_of(template, each)) if s["Effect"] == "Deny"]
            source = denied["Condition"]["ArnEquals"]["lambda:SourceFunctionArn"]
            name = deployed(template)[each.handler]["Properties"]["FunctionName"]
            assert spell(template, source) == (
                f"arn:{{AWS::Partition}}:lambda:{{AWS::Region}}:{{AWS::AccountId}}:function:{name}"
            )


class TestWildcards:
    def test_no_role_of_the_stack_allows_an_action_by_wildcard(self, template: Template) -> None:
        actions = [a for each in all_statements(template) for a in as_list(each["Action"])]
        assert len(actions) > 20
        assert [action for action in actions if "*" in action] == []

    def test_only_what_takes_no_resource_is_allowed_on_all(self, template: Template) -> None:
        broad = {
            action
            for each in all_statements(template)
            if each["Effect"] == "Allow" and "*" in as_list(each["Resource"])
            for action in as_list(each["Action"])
        }
        assert broad == WITHOUT_RESOURCE


class TestFunction:
    @EVERY_FUNCTION
    def test_it_is_as_the_spec_says(self, template: Template, each: Registered) -> None:
        properties = deployed(template)[each.handler]["Properties"]
        assert properties["FunctionName"] == f"switchyard-staging-{each.spec.name}"
        assert properties["Timeout"] == each.spec.timeout_s
        assert properties["MemorySize"] == each.spec.memory_mb
        assert properties["Runtime"] == "python3.13"
        assert properties["Architectures"] == ["arm64"]
        assert properties["TracingConfig"] == {"Mode": "Active"}

    @EVERY_FUNCTION
    def test_its_log_is_its_own_and_does_not_grow_for_ever(
        self, template: Template, each: Registered
    ) -> None:
        log = deployed(template)[each.handler]["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]
        assert template["Resources"][log]["Properties"]["RetentionInDays"] == 30
        assert spell(template, {"Ref": log}) == f"{{{each.spec.name}/Log}}"

    @EVERY_FUNCTION
    def test_it_stands_in_the_network_only_to_reach_the_cache(
        self, template: Template, each: Registered
    ) -> None:
        properties = deployed(template)[each.handler]["Properties"]
        assert ("VpcConfig" in properties) == (Need.CACHE in each.spec.needs)
