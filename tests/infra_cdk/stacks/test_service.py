"""The stack: migrations come before the code that needs them, and it fits any account."""

import json
from collections.abc import Callable
from typing import Any

from infra_cdk.local.environment import HERE_ONLY
from infra_cdk.registry import registry
from shared.manifest.environment import variables_of
from tests.infra_cdk.templates import Template, deployed, of_type, spell

STARTERS: dict[str, Callable[[dict[str, Any]], str]] = {
    "AWS::Lambda::EventSourceMapping": lambda mapping: mapping["FunctionName"]["Ref"],
    "AWS::Scheduler::Schedule": lambda schedule: schedule["Target"]["Arn"]["Fn::GetAtt"][0],
}
"""What starts functions by itself, and how it refers to one, which makes it wait for it."""


class TestMigration:
    def test_it_runs_when_the_database_and_its_writer_stand(self, template: Template) -> None:
        (trigger,) = of_type(template, "Custom::Trigger").values()
        awaited = {spell(template, {"Ref": each}) for each in trigger["DependsOn"]}
        assert {"{Database/Cluster}", "{Database/Cluster/Writer}"} <= awaited

    def test_every_other_function_waits_for_it(self, template: Template) -> None:
        (trigger,) = of_type(template, "Custom::Trigger")
        for each in registry():
            waits = trigger in deployed(template)[each.handler].get("DependsOn", [])
            assert waits != each.spec.runs_on_deploy

    def test_what_starts_a_function_is_there_no_sooner(self, template: Template) -> None:
        """A new function must not be polled for, nor scheduled, before its tables are there."""
        functions = {each["Properties"]["FunctionName"] for each in deployed(template).values()}
        for type_, where in STARTERS.items():
            found = of_type(template, type_)
            assert found
            for each in found.values():
                started = where(each["Properties"])
                assert template["Resources"][started]["Properties"]["FunctionName"] in functions

    def test_it_runs_again_when_its_code_changes(self, template: Template) -> None:
        (trigger,) = of_type(template, "Custom::Trigger").values()
        version = template["Resources"][trigger["Properties"]["HandlerArn"]["Ref"]]
        assert version["Type"] == "AWS::Lambda::Version"
        assert trigger["Properties"]["ExecuteOnHandlerChange"] is True

    def test_a_failure_fails_the_deployment(self, template: Template) -> None:
        """Only a caller that waits is told of it: an event would be taken and forgotten."""
        (trigger,) = of_type(template, "Custom::Trigger").values()
        assert trigger["Properties"]["InvocationType"] == "RequestResponse"

    def test_it_ends_before_those_that_wait_for_it_give_up(self, template: Template) -> None:
        (trigger,) = of_type(template, "Custom::Trigger").values()
        provider = template["Resources"][trigger["Properties"]["ServiceToken"]["Fn::GetAtt"][0]]
        (each,) = [each for each in registry() if each.spec.runs_on_deploy]
        waits_s = int(trigger["Properties"]["Timeout"]) / 1000
        assert each.spec.timeout_s < waits_s < provider["Properties"]["Timeout"]


class TestAccount:
    def test_no_account_region_or_zone_is_written_into_it(self, template: Template) -> None:
        text = json.dumps(template["Resources"])
        assert "dummy" not in text
        assert "eu-west-1" not in text

    def test_its_outputs_say_where_things_are(self, template: Template) -> None:
        outputs = {
            name: spell(template, each["Value"]) for name, each in template["Outputs"].items()
        }
        assert outputs == {
            "ApiUrl": "https://{Api/Api}.execute-api.{AWS::Region}.{AWS::URLSuffix}/"
            "{Api/Api/DeploymentStage.live}",
            "DatabaseClusterArn": "arn:{AWS::Partition}:rds:{AWS::Region}:{AWS::AccountId}:"
            "cluster:{Database/Cluster}",
            "DatabaseSecretArn": "{Database/Cluster/Secret/Attachment}",
            "FilesBucket": "{Files/Bucket}",
        }


class TestWebhooks:
    """On AWS nobody may have webhooks sent to loopback: the setting that allows it stands nowhere."""

    def test_no_function_is_told_to_call_its_own_machine(
        self, template: Template, production: Template
    ) -> None:
        for each in (template, production):
            assert of_type(each, "AWS::Lambda::Function")
            assert [name for name in HERE_ONLY if name in json.dumps(each)] == []

    def test_no_manifest_names_it(self) -> None:
        named = {name for each in registry() for name in variables_of(each.spec)}
        assert "DATABASE_URL" in named
        assert named & set(HERE_ONLY) == set()

    def test_each_is_told_that_it_is_not_on_ones_own_machine(
        self, template: Template, production: Template
    ) -> None:
        """Else the settings would believe it: they refuse loopback wherever ENVIRONMENT is not local."""
        for expected, each in (("staging", template), ("production", production)):
            variables = [
                function["Properties"]["Environment"]["Variables"]
                for function in deployed(each).values()
            ]
            assert {names["ENVIRONMENT"] for names in variables} == {expected}


class TestContext:
    def test_the_sender_of_mail_comes_from_it(self, production: Template) -> None:
        variables = deployed(production)["functions.queues.mail.handler.handler"]["Properties"][
            "Environment"
        ]["Variables"]
        assert variables["MAIL_FROM"] == "Switchyard <post@mail.example.com>"

    def test_origins_and_hosts_come_from_it(self, production: Template) -> None:
        variables = deployed(production)["functions.api.webapp.handler.handler"]["Properties"][
            "Environment"
        ]["Variables"]
        assert variables["CORS_ORIGINS"] == "https://app.example.com,https://admin.example.com"
        assert variables["TRUSTED_HOSTS"] == "api.example.com"
        assert variables["ENVIRONMENT"] == "production"

    def test_without_it_no_other_origin_is_allowed(self, template: Template) -> None:
        variables = deployed(template)["functions.api.webapp.handler.handler"]["Properties"][
            "Environment"
        ]["Variables"]
        assert variables["CORS_ORIGINS"] == ""
        assert variables["TRUSTED_HOSTS"] == "*"
