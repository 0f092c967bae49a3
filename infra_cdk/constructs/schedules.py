"""What starts periodic jobs: EventBridge Scheduler."""

import json

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from infra_cdk.environments import Environment
from shared.manifest.function import Function

LONGEST_WAIT_S = 3600
"""How old the event of a schedule may become before it is dropped, in seconds.

What it would start is made good by the next run: no job leaves work that only its own moment does,
and so there is no queue of dead letters, whose messages nobody could send again.
"""

RETRIES = 3
"""How often the scheduler tries again to hand an event to Lambda."""

FAILURES = 2
"""How often Lambda runs a job again that failed."""


class Schedules(Construct):
    """The schedules of all functions, in a group of their own, whose members alone may start them."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment) -> None:
        super().__init__(scope, id_)
        self._group = scheduler.CfnScheduleGroup(
            self, "Group", name=f"switchyard-{environment.name}"
        )

    def add(self, spec: Function, *, function: lambda_.IFunction) -> None:
        """Start a function at each moment of its schedules, with its name and that moment."""
        if not spec.schedules:
            return
        jobs = Construct(self, spec.name)
        target = self._target(jobs, spec, function=function)
        for number, schedule in enumerate(spec.schedules, 1):
            scheduler.CfnSchedule(
                jobs,
                f"Schedule{number}",
                name=f"{spec.name}-{number}",
                group_name=self._group.ref,
                schedule_expression=schedule.expression,
                schedule_expression_timezone="UTC",
                flexible_time_window=_NOT_FLEXIBLE,
                target=target,
            )
        # Lambda takes the event and runs it by itself, as "Asynchronous invocation" says.
        lambda_.EventInvokeConfig(
            jobs,
            "Retries",
            function=function,
            max_event_age=Duration.seconds(LONGEST_WAIT_S),
            retry_attempts=FAILURES,
        )

    def _target(
        self, jobs: Construct, spec: Function, *, function: lambda_.IFunction
    ) -> scheduler.CfnSchedule.TargetProperty:
        return scheduler.CfnSchedule.TargetProperty(
            arn=function.function_arn,
            role_arn=self._role(jobs, function=function).role_arn,
            input=json.dumps(
                {"job": spec.name, "scheduled_at": scheduler.ContextAttribute.scheduled_time}
            ),
            retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                maximum_event_age_in_seconds=LONGEST_WAIT_S, maximum_retry_attempts=RETRIES
            ),
        )

    def _role(self, jobs: Construct, *, function: lambda_.IFunction) -> iam.Role:
        invoking = iam.PolicyStatement(
            actions=["lambda:InvokeFunction"], resources=[function.function_arn]
        )
        # Source: AWS, "Confused deputy prevention in EventBridge Scheduler": a group, not a schedule.
        conditions = {
            "ArnEquals": {"aws:SourceArn": self._group.attr_arn},
            "StringEquals": {"aws:SourceAccount": Stack.of(self).account},
        }
        return iam.Role(
            jobs,
            "Role",
            assumed_by=iam.ServicePrincipal("scheduler.amazonaws.com", conditions=conditions),
            inline_policies={"own": iam.PolicyDocument(statements=[invoking])},
        )


_NOT_FLEXIBLE = scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF")
