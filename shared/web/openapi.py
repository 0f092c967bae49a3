"""The OpenAPI 3.1 document of an application, with its problems."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from shared.core import errors
from shared.core.errors import ProblemError
from shared.domains.identity.errors import OperatorsOnlyError
from shared.web.problems import MEDIA_TYPE

PROBLEM_SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "What went wrong (RFC 9457). `code` is stable: branch on it.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "request_id", "errors"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "request_id": {"type": ["string", "null"]},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/FieldError"}},
    },
}

FIELD_ERROR_SCHEMA: dict[str, Any] = {
    "title": "FieldError",
    "description": "What is wrong with one part of the request.",
    "type": "object",
    "required": ["location", "code", "message"],
    "properties": {
        "location": {"type": "array", "items": {"type": ["string", "integer"]}},
        "code": {"type": "string"},
        "message": {"type": "string"},
    },
}


FOR_USERS = (
    errors.UnauthorizedError,
    errors.InvalidAccessTokenError,
    errors.InsufficientScopeError,
    errors.ValidationFailedError,
    errors.ServiceUnavailableError,
)
"""What every route for logged-in users may answer."""

FOR_OPERATORS = (*FOR_USERS, OperatorsOnlyError)
"""What every route for operators may answer."""

ON_EVERY_BODY = (
    errors.MalformedBodyError,
    errors.PayloadTooLargeError,
    errors.UnsupportedMediaTypeError,
    errors.ValidationFailedError,
    errors.ServiceUnavailableError,
)
"""What every route with a body may answer."""

NOT_MODIFIED: dict[int | str, dict[str, Any]] = {
    304: {"description": "Not modified: the caller has this version."}
}


def problems(*raised: type[ProblemError]) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route: the problems that it may answer, by status and code."""
    found: dict[int | str, dict[str, Any]] = {}
    for error in raised:
        response = found.setdefault(
            error.status, {"description": error.title, "content": _content()}
        )
        if error.title not in response["description"]:
            response["description"] += f"; {error.title}"
        content = response["content"][MEDIA_TYPE]
        if error.extension:
            content["schema"] = {"anyOf": [_ref(_extended(error)), content["schema"]]}
        content["examples"][error.code] = {"$ref": f"#/components/examples/{error.code}"}
    return found


def _content() -> dict[str, Any]:
    return {MEDIA_TYPE: {"schema": _ref("Problem"), "examples": {}}}


def _ref(schema: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{schema}"}


def _extended(error: type[ProblemError]) -> str:
    """Return the name of the schema of a problem with members of its own: `SecondFactorRequiredProblem`."""
    return f"{error.__name__.removesuffix('Error')}Problem"


def _schema_of(error: type[ProblemError]) -> dict[str, Any]:
    own = {"code": {"const": error.code}, **error.extension}
    rest = {"type": "object", "properties": own, "required": sorted(own)}
    return {"description": inspect.getdoc(error), "allOf": [_ref("Problem"), rest]}


def document_of(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of an application, with an example of every problem there is."""
    document = get_openapi(title=app.title, version=app.version, routes=app.routes)
    for parameter in _parameters(document["paths"]):
        parameter["schema"] = _without_null(parameter["schema"])
    components = document.setdefault("components", {})
    examples: dict[str, Any] = {}
    components["examples"] = examples
    for error in _kinds(ProblemError):
        # A code's own class comes before those that derive from it, whichever of these are loaded.
        examples.setdefault(error.code, _example_of(error))
    schemas = components.setdefault("schemas", {})
    schemas |= {"Problem": PROBLEM_SCHEMA, "FieldError": FIELD_ERROR_SCHEMA}
    extended = [error for error in _kinds(ProblemError) if error.extension]
    schemas |= {_extended(error): _schema_of(error) for error in extended}
    return document


def _parameters(paths: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for item in paths.values():
        for operation in item.values():
            yield from operation.get("parameters", ())


def _without_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a parameter: one that is not sent is absent, for text has no null."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    rest = {name: value for name, value in schema.items() if name != "anyOf"}
    match kinds:
        case []:
            return rest
        case [kind]:
            return {**kind, **rest}
        case _:
            return {**rest, "anyOf": kinds}


def _kinds(error: type[ProblemError]) -> Iterator[type[ProblemError]]:
    yield error
    for derived in error.__subclasses__():
        yield from _kinds(derived)


def _example_of(error: type[ProblemError]) -> dict[str, Any]:
    field = {"location": ["body", "name"], "code": "string_too_short", "message": "It is empty."}
    members = {name: schema["examples"][0] for name, schema in error.extension.items()}
    problem = {
        **members,
        "type": f"urn:switchyard:problem:{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": inspect.getdoc(error),
        "code": error.code,
        "request_id": "0199f3a2-5d41-7c86-9f0e-2b7d8c1e6a35",
        "errors": [field] if issubclass(error, errors.ValidationFailedError) else [],
    }
    return {"summary": error.title, "value": problem}
