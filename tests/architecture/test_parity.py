"""What a spec declares stands on AWS and on this machine alike, and nothing else does."""

from typing import Any

import pytest

from infra_cdk.local.environment import HERE_ONLY, Settings, environment_of
from infra_cdk.local.gateway.routes import Routes
from infra_cdk.registry import Registered, registry
from shared.manifest.environment import variables_of
from shared.manifest.plans import PLANS, Plan
from tests.infra_cdk.local.aws.api_gateway import plane_of
from tests.infra_cdk.templates import (
    Template,
    deployed,
    keys_wanted,
    name_of_handler,
    of_type,
    routes_of,
)

EVERY_FUNCTION = pytest.mark.parametrize("each", registry(), ids=lambda each: each.spec.name)

SETTINGS = Settings(
    port=8000,
    database_url="postgresql+dataapi:///switchyard",
    redis_url="redis://127.0.0.1:6379",
    aws_url="http://127.0.0.1:5000",
    data_api_url="http://127.0.0.1:5001",
)

PLAN = "AWS::ApiGateway::UsagePlan"


def limits_of(plan: dict[str, Any]) -> tuple[int, int, int, str]:
    """The limits of a plan of the template."""
    throttle, quota = plan["Throttle"], plan["Quota"]
    return throttle["RateLimit"], throttle["BurstLimit"], quota["Limit"], quota["Period"]


def declared_of(plan: Plan) -> tuple[int, int, int, str]:
    return plan.rate_per_s, plan.burst, plan.quota, plan.period


HANDLERS = {each.spec.name: each.handler for each in registry()}


class TestOnAws:
    def test_functions_are_those_of_the_registry(self, template: Template) -> None:
        assert set(deployed(template)) == {each.handler for each in registry()}

    def test_paths_lead_to_the_functions_that_declare_them(self, template: Template) -> None:
        declared = {http.path: each.handler for each in registry() for http in each.spec.http}
        assert routes_of(template) == declared

    def test_a_path_takes_every_method(self, template: Template) -> None:
        methods = of_type(template, "AWS::ApiGateway::Method").values()
        assert {each["Properties"]["HttpMethod"] for each in methods} == {"ANY"}

    def test_an_api_key_is_asked_for_where_it_is_declared(self, template: Template) -> None:
        declared = {http.path: http.api_key for each in registry() for http in each.spec.http}
        assert keys_wanted(template) == declared

    def test_plans_are_the_declared_ones_on_the_one_stage(self, template: Template) -> None:
        (stage,) = of_type(template, "AWS::ApiGateway::Stage")
        plans = [each["Properties"] for each in of_type(template, PLAN).values()]
        assert [each["ApiStages"][0]["Stage"] for each in plans] == [{"Ref": stage}] * len(PLANS)
        assert {each["UsagePlanName"]: limits_of(each) for each in plans} == {
            f"switchyard-staging-{plan.name}": declared_of(plan) for plan in PLANS
        }

    @EVERY_FUNCTION
    def test_variables_are_those_of_the_spec(self, template: Template, each: Registered) -> None:
        variables = deployed(template)[each.handler]["Properties"]["Environment"]["Variables"]
        assert set(variables) == variables_of(each.spec)

    def test_a_deployment_runs_what_is_declared_to_run_on_it(self, template: Template) -> None:
        run = [
            name_of_handler(template, trigger["Properties"]["HandlerArn"]["Ref"])
            for trigger in of_type(template, "Custom::Trigger").values()
        ]
        assert run == [each.handler for each in registry() if each.spec.runs_on_deploy]


class TestOnThisMachine:
    def test_paths_lead_to_the_same_functions_as_on_aws(self, template: Template) -> None:
        local = Routes(registry())
        for path, handler in routes_of(template).items():
            found = local.find(path.replace("{proxy+}", "some/thing"))
            assert found is not None
            assert (found.path, HANDLERS[found.function]) == (path, handler)

    def test_an_api_key_is_asked_for_where_it_is_on_aws(self, template: Template) -> None:
        local = Routes(registry())
        found = {
            path: local.find(path.replace("{proxy+}", "some/thing"))
            for path in keys_wanted(template)
        }
        assert {path: route and route.api_key for path, route in found.items()} == keys_wanted(
            template
        )

    def test_plans_have_the_limits_that_they_have_on_aws(self, template: Template) -> None:
        with plane_of() as plane:
            _, answer = plane.ask("GET", "/usageplans")
        local = {plan["name"].removeprefix("switchyard-local-"): plan for plan in answer["item"]}
        on_aws = [each["Properties"] for each in of_type(template, PLAN).values()]
        assert {
            name: (
                plan["throttle"]["rateLimit"],
                plan["throttle"]["burstLimit"],
                plan["quota"]["limit"],
                plan["quota"]["period"],
            )
            for name, plan in local.items()
        } == {
            plan["UsagePlanName"].removeprefix("switchyard-staging-"): limits_of(plan)
            for plan in on_aws
        }

    @pytest.mark.parametrize("path", ["/", "/v1", "/v1/webapp", "/v3/webapp/items", "/nothing"])
    def test_a_path_that_nobody_declares_is_nowhere(self, template: Template, path: str) -> None:
        assert path not in routes_of(template)
        assert Routes(registry()).find(path) is None

    @EVERY_FUNCTION
    def test_variables_are_those_on_aws(self, template: Template, each: Registered) -> None:
        local = environment_of(each.spec, settings=SETTINGS)
        variables = deployed(template)[each.handler]["Properties"]["Environment"]["Variables"]
        own = {name for name in local if not name.startswith("AWS_")}
        assert own - set(HERE_ONLY) == set(variables)
