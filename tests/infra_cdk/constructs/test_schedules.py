"""Each schedule starts its function with the moment that it is for, and can start nothing else."""

import json
from typing import Any

import pytest

from infra_cdk.registry import Registered, registry
from shared.worker.job import scheduled_moment
from tests.infra_cdk.templates import (
    Template,
    all_statements,
    as_list,
    deployed,
    of_type,
    spell,
    statements_of,
    the_only,
)

SCHEDULED = [each for each in registry() if each.spec.schedules]
EVERY_JOB = pytest.mark.parametrize("each", SCHEDULED, ids=lambda each: each.spec.name)


def schedules_of(template: Template, each: Registered) -> list[dict[str, Any]]:
    found = of_type(template, "AWS::Scheduler::Schedule").values()
    return [
        schedule["Properties"]
        for schedule in found
        if started_by(template, schedule["Properties"]) == each.handler
    ]


def started_by(template: Template, schedule: dict[str, Any]) -> str:
    function, attribute = schedule["Target"]["Arn"]["Fn::GetAtt"]
    assert attribute == "Arn"
    handler: str = template["Resources"][function]["Properties"]["Handler"]
    return handler


class TestSchedule:
    @EVERY_JOB
    def test_its_moments_are_those_of_the_spec(self, template: Template, each: Registered) -> None:
        found = schedules_of(template, each)
        assert [schedule["ScheduleExpression"] for schedule in found] == [
            schedule.expression for schedule in each.spec.schedules
        ]
        for schedule in found:
            assert schedule["ScheduleExpressionTimezone"] == "UTC"
            assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
            assert schedule.get("State", "ENABLED") == "ENABLED"

    def test_there_is_no_other(self, template: Template) -> None:
        declared = [schedule for each in SCHEDULED for schedule in each.spec.schedules]
        found = of_type(template, "AWS::Scheduler::Schedule")
        assert len(found) == len(declared) > 0

    @EVERY_JOB
    def test_its_event_is_one_that_the_job_reads(
        self, template: Template, each: Registered
    ) -> None:
        """The scheduler puts a moment such as 2022-03-22T18:59:43Z in the place of the keyword."""
        for schedule in schedules_of(template, each):
            text = schedule["Target"]["Input"]
            assert text.count("<aws.scheduler.scheduled-time>") == 1
            sent = text.replace("<aws.scheduler.scheduled-time>", "2022-03-22T18:59:43Z")
            moment = scheduled_moment(json.loads(sent), job=each.spec.name)
            assert moment.isoformat() == "2022-03-22T18:59:43+00:00"

    def test_all_are_in_the_group_of_the_environment(
        self, template: Template, production: Template
    ) -> None:
        for found, environment in ((template, "staging"), (production, "production")):
            group = the_only(found, "AWS::Scheduler::ScheduleGroup")
            assert group["Name"] == f"switchyard-{environment}"
            for each in of_type(found, "AWS::Scheduler::Schedule").values():
                assert spell(found, each["Properties"]["GroupName"]) == "{Schedules/Group}"

    @EVERY_JOB
    def test_what_fails_is_tried_again_a_few_times_and_for_an_hour_at_most(
        self, template: Template, each: Registered
    ) -> None:
        for schedule in schedules_of(template, each):
            assert schedule["Target"]["RetryPolicy"] == {
                "MaximumEventAgeInSeconds": 3600,
                "MaximumRetryAttempts": 3,
            }
        (retries,) = [
            found["Properties"]
            for found in of_type(template, "AWS::Lambda::EventInvokeConfig").values()
            if spell(template, found["Properties"]["FunctionName"])
            == f"{{{each.spec.name}/Function}}"
        ]
        assert retries["MaximumRetryAttempts"] == 2
        assert retries["MaximumEventAgeInSeconds"] == 3600
        assert retries["Qualifier"] == "$LATEST"


class TestRole:
    @EVERY_JOB
    def test_it_may_invoke_that_function_and_do_nothing_else(
        self, template: Template, each: Registered
    ) -> None:
        for schedule in schedules_of(template, each):
            role = template["Resources"][schedule["Target"]["RoleArn"]["Fn::GetAtt"][0]]
            (statement,) = statements_of(role)
            assert as_list(statement["Action"]) == ["lambda:InvokeFunction"]
            assert spell(template, statement["Resource"]) == f"{{{each.spec.name}/Function.Arn}}"
            assert "ManagedPolicyArns" not in role["Properties"]

    @EVERY_JOB
    def test_only_the_scheduler_takes_it_for_the_group_of_this_account(
        self, template: Template, each: Registered
    ) -> None:
        for schedule in schedules_of(template, each):
            role = template["Resources"][schedule["Target"]["RoleArn"]["Fn::GetAtt"][0]]
            (trust,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
            assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
            group = trust["Condition"]["ArnEquals"]["aws:SourceArn"]
            assert spell(template, group) == "{Schedules/Group.Arn}"
            account = trust["Condition"]["StringEquals"]["aws:SourceAccount"]
            assert spell(template, account) == "{AWS::AccountId}"

    def test_nobody_else_may_invoke_a_function_of_the_project(self, template: Template) -> None:
        ours = {
            f"{{{each.spec.name}/Function.Arn}}"
            for each in registry()
            if each.handler in deployed(template)
        }
        invoked = {
            spell(template, resource)
            for statement in all_statements(template)
            if "lambda:InvokeFunction" in as_list(statement["Action"])
            for resource in as_list(statement["Resource"])
        }
        assert invoked & ours == {f"{{{each.spec.name}/Function.Arn}}" for each in SCHEDULED}
