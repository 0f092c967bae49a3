"""Every function of the registry stands in the template, and nothing else does."""

from typing import Any

import pytest

from infra_cdk.registry import Registered, registry
from shared.manifest.environment import variables_of


def resources(template: dict[str, Any], type_: str) -> dict[str, Any]:
    return {k: v for k, v in template["Resources"].items() if v["Type"] == type_}


def deployed(template: dict[str, Any]) -> dict[str, Any]:
    """The project's functions by handler; the CDK's own trigger provider is none of them."""
    found = resources(template, "AWS::Lambda::Function").values()
    by_handler = {each["Properties"]["Handler"]: each["Properties"] for each in found}
    return {k: v for k, v in by_handler.items() if k.startswith("functions.")}


def path_of(found: dict[str, Any], resource_id: str) -> str:
    properties = found[resource_id]["Properties"]
    parent = properties["ParentId"].get("Ref")
    above = path_of(found, parent) if parent else ""
    return f"{above}/{properties['PathPart']}"


def test_functions_are_those_of_the_registry(template: dict[str, Any]) -> None:
    assert set(deployed(template)) == {each.handler for each in registry()}


def test_paths_are_those_of_the_registry(template: dict[str, Any]) -> None:
    found = resources(template, "AWS::ApiGateway::Resource")
    methods = resources(template, "AWS::ApiGateway::Method").values()
    served = {path_of(found, each["Properties"]["ResourceId"]["Ref"]) for each in methods}
    assert served == {http.path for each in registry() for http in each.spec.http}


@pytest.mark.parametrize("each", registry(), ids=lambda each: each.spec.name)
def test_variables_are_those_of_the_spec(template: dict[str, Any], each: Registered) -> None:
    variables = deployed(template)[each.handler]["Environment"]["Variables"]
    assert set(variables) == variables_of(each.spec)


def test_a_deployment_runs_what_is_declared_to_run_on_it(template: dict[str, Any]) -> None:
    declared = [t for each in registry() for t in each.spec.triggers if vars(t).get("on_deploy")]
    assert len(resources(template, "Custom::Trigger")) == len(declared)
