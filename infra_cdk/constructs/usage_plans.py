"""The usage plans of the REST API, and who may put API keys on them."""

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from constructs import Construct, IConstruct

from infra_cdk.constructs.findings import accept
from infra_cdk.environments import Environment
from shared.manifest.plans import PLANS, Plan

PERMISSIONS = (
    ("GET", "/apikeys"),
    ("POST", "/apikeys"),
    ("PATCH", "/apikeys/*"),
    ("DELETE", "/apikeys/*"),
    ("GET", "/usageplans"),
    ("GET", "/usageplans/*/keys"),
    ("POST", "/usageplans/*/keys"),
    ("DELETE", "/usageplans/*/keys/*"),
    ("GET", "/usageplans/*/usage"),
)
"""What `shared.adapters.gateway_keys` asks for: a method of HTTP is an action of IAM here.

A key's id is known once it is made. A plan's cannot be named in a role: the plan waits for the stage,
that for the functions behind it, and these for their roles.
Source: AWS, "Actions, resources, and condition keys for Amazon API Gateway Management".
"""


class UsagePlans(Construct):
    """Every declared plan, on one stage, by the name that the application looks it up by."""

    def __init__(
        self, scope: Construct, id_: str, *, stage: apigateway.Stage, environment: Environment
    ) -> None:
        super().__init__(scope, id_)
        for plan in PLANS:
            _make_plan(self, plan, stage=stage, environment=environment)


def key_statements(scope: Construct) -> list[iam.PolicyStatement]:
    """Return the permission to make, change and remove API keys, and to put them on plans."""
    return [
        iam.PolicyStatement(actions=[f"apigateway:{method}"], resources=[_arn(scope, path)])
        for method, path in PERMISSIONS
    ]


def accept_key_findings(function: IConstruct) -> None:
    """Accept that the role of a function with these statements has wildcards in their paths."""
    for path in sorted({path for _, path in PERMISSIONS if "*" in path}):
        place = f"arn:<AWS::Partition>:apigateway:<AWS::Region>::{path}"
        accept(
            function,
            rule=f"IAM5[Resource::{place}]",
            reason="The ids of keys and plans are API Gateway's, not known when the role is made.",
        )


def _make_plan(
    scope: Construct, plan: Plan, *, stage: apigateway.Stage, environment: Environment
) -> None:
    apigateway.UsagePlan(
        scope,
        plan.name,
        name=f"{environment.prefix}{plan.name}",
        api_stages=[apigateway.UsagePlanPerApiStage(stage=stage)],
        throttle=apigateway.ThrottleSettings(rate_limit=plan.rate_per_s, burst_limit=plan.burst),
        quota=apigateway.QuotaSettings(limit=plan.quota, period=apigateway.Period(plan.period)),
    )


def _arn(scope: Construct, path: str) -> str:
    return Stack.of(scope).format_arn(
        service="apigateway", account="", resource=path, arn_format=ArnFormat.NO_RESOURCE_NAME
    )
