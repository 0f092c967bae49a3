"""One Lambda function of the registry, with its own role, log and place."""

from collections.abc import Mapping, Sequence

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra_cdk.constructs.findings import accept
from infra_cdk.constructs.network import Network
from infra_cdk.environments import Environment
from infra_cdk.registry import Registered

INTERFACE_ACTIONS = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)
"""What Lambda itself does with a function's role to place it in a network."""

ARCHITECTURES = {"arm64": lambda_.Architecture.ARM_64, "x86_64": lambda_.Architecture.X86_64}


class DeployedFunction(Construct):
    """A function. Its role may do what `statements` say, write its own log and send its traces.

    With `group` it stands in `network`. The name is fixed, because its role speaks of it. The context
    `architecture` is `arm64`; `x86_64` is for `sam local` on such a machine.
    """

    def __init__(
        self,
        scope: Construct,
        each: Registered,
        *,
        environment: Environment,
        code: lambda_.Code,
        variables: Mapping[str, str],
        statements: Sequence[iam.PolicyStatement],
        network: Network,
        group: ec2.ISecurityGroup | None,
    ) -> None:
        super().__init__(scope, each.spec.name)
        name = f"switchyard-{environment.name}-{each.spec.name}"
        log = logs.LogGroup(
            self,
            "Log",
            retention=environment.log_retention,
            removal_policy=environment.log_removal,
        )
        placing = [] if group is None else _placing_statements(self, name=name)
        role = self._make_role([*_basic_statements(log), *placing, *statements])
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=name,
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=ARCHITECTURES[self.node.try_get_context("architecture") or "arm64"],
            code=code,
            handler=each.handler,
            memory_size=each.spec.memory_mb,
            timeout=Duration.seconds(each.spec.timeout_s),
            tracing=lambda_.Tracing.ACTIVE,
            environment=dict(variables),
            log_group=log,
            # Nothing is added to the role behind our back: all of it is in the list above.
            role=role.without_policy_updates(),
            vpc=None if group is None else network.vpc,
            vpc_subnets=None if group is None else network.subnets,
            security_groups=None if group is None else [group],
        )
        accept(
            self.function,
            rule="L1",
            reason="Python 3.13 is the version that the project develops and tests on.",
        )

    def _make_role(self, statements: Sequence[iam.PolicyStatement]) -> iam.Role:
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={"own": iam.PolicyDocument(statements=list(statements))},
        )
        accept(
            role,
            rule="IAM5[Resource::*]",
            reason="X-Ray's two actions and EC2's for network interfaces take no narrower "
            "resource; the latter are denied to the function's own code.",
        )
        return role


def _basic_statements(log: logs.LogGroup) -> list[iam.PolicyStatement]:
    return [
        iam.PolicyStatement(
            actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[log.log_group_arn]
        ),
        iam.PolicyStatement(
            actions=["xray:PutTelemetryRecords", "xray:PutTraceSegments"], resources=["*"]
        ),
    ]


def _placing_statements(scope: Construct, *, name: str) -> list[iam.PolicyStatement]:
    # Lambda needs them to place the function; the function's own code never does, and is denied them.
    # Source: AWS, "Giving Lambda functions access to resources in an Amazon VPC", best practices.
    arn = Stack.of(scope).format_arn(
        service="lambda",
        resource="function",
        resource_name=name,
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    return [
        iam.PolicyStatement(actions=list(INTERFACE_ACTIONS), resources=["*"]),
        iam.PolicyStatement(
            effect=iam.Effect.DENY,
            actions=list(INTERFACE_ACTIONS),
            resources=["*"],
            conditions={"ArnEquals": {"lambda:SourceFunctionArn": arn}},
        ),
    ]
