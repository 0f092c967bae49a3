"""Reading a synthesised template: resources by type, and values with their references spelt out."""

from collections.abc import Iterator
from typing import Any

type Template = dict[str, Any]
type Resource = dict[str, Any]

PATH = "aws:cdk:path"


def of_type(template: Template, type_: str) -> dict[str, Resource]:
    return {k: v for k, v in template["Resources"].items() if v["Type"] == type_}


def the_only(template: Template, type_: str) -> dict[str, Any]:
    """The properties of the one resource of a type; fails where there are more."""
    (resource,) = of_type(template, type_).values()
    properties: dict[str, Any] = resource["Properties"]
    return properties


def path_of(template: Template, logical_id: str) -> str:
    """The construct below the stack: `Database/Cluster`; a pseudo parameter is named as it is."""
    resource = template["Resources"].get(logical_id)
    if resource is None or PATH not in resource.get("Metadata", {}):
        return logical_id
    path: str = resource["Metadata"][PATH]
    return path.split("/", 1)[1].removesuffix("/Resource")


def spell(template: Template, value: Any) -> str:
    """A value as text, its references as `{Database/Cluster}` or `{webapp/Log.Arn}`."""
    if not isinstance(value, dict):
        return str(value)
    ((function, argument),) = value.items()
    if function == "Ref":
        return f"{{{path_of(template, argument)}}}"
    if function == "Fn::GetAtt":
        return f"{{{path_of(template, argument[0])}.{argument[1]}}}"
    if function == "Fn::Join":
        separator: str = argument[0]
        return separator.join(spell(template, part) for part in argument[1])
    if function == "Fn::Sub":
        return str(argument).replace("${", "{")
    raise AssertionError(f"{function} is not spelt")


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def deployed(template: Template) -> dict[str, Resource]:
    """The project's functions by handler; the CDK's own trigger provider is none of them."""
    found = of_type(template, "AWS::Lambda::Function").values()
    return {
        each["Properties"]["Handler"]: each
        for each in found
        if each["Properties"]["Handler"].startswith("functions.")
    }


def statements_of(role: Resource) -> list[dict[str, Any]]:
    policies = role["Properties"].get("Policies", [])
    return [each for policy in policies for each in policy["PolicyDocument"]["Statement"]]


def all_statements(template: Template) -> Iterator[dict[str, Any]]:
    for role in of_type(template, "AWS::IAM::Role").values():
        yield from statements_of(role)
    for policy in of_type(template, "AWS::IAM::Policy").values():
        yield from policy["Properties"]["PolicyDocument"]["Statement"]


def name_of_handler(template: Template, logical_id: str) -> str:
    """The handler of a function, or of the function that a version belongs to."""
    resource = template["Resources"][logical_id]
    if resource["Type"] == "AWS::Lambda::Version":
        return name_of_handler(template, resource["Properties"]["FunctionName"]["Ref"])
    handler: str = resource["Properties"]["Handler"]
    return handler


def routes_of(template: Template) -> dict[str, str]:
    """The handler behind each path of the REST API that has a method."""
    methods = of_type(template, "AWS::ApiGateway::Method").values()
    return {
        _api_path(template, each["Properties"]["ResourceId"]["Ref"]): _integrated(template, each)
        for each in methods
    }


def keys_wanted(template: Template) -> dict[str, bool]:
    """Whether the gateway asks for an API key, by each path of the REST API that has a method."""
    methods = [each["Properties"] for each in of_type(template, "AWS::ApiGateway::Method").values()]
    return {
        _api_path(template, each["ResourceId"]["Ref"]): each.get("ApiKeyRequired", False)
        for each in methods
    }


def _api_path(template: Template, resource_id: str) -> str:
    properties = template["Resources"][resource_id]["Properties"]
    parent = properties["ParentId"].get("Ref")
    above = _api_path(template, parent) if parent else ""
    return f"{above}/{properties['PathPart']}"


def _integrated(template: Template, method: Resource) -> str:
    parts = method["Properties"]["Integration"]["Uri"]["Fn::Join"][1]
    (function,) = [each["Fn::GetAtt"][0] for each in parts if "Fn::GetAtt" in each]
    return name_of_handler(template, function)
