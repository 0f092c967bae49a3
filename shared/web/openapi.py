"""The OpenAPI 3.1 document of an application, with its problems."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from shared.core import errors
from shared.core.errors import ProblemError
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


ON_EVERY_BODY = (
    errors.MalformedBodyError,
    errors.PayloadTooLargeError,
    errors.UnsupportedMediaTypeError,
    errors.ValidationFailedError,
)
"""What every route with a body may answer."""

NOT_MODIFIED: dict[int | str, dict[str, Any]] = {
    304: {"description": "Not modified: the caller has this version."}
}


def problems(*raised: type[ProblemError]) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route: the problems that it may answer, by status."""
    found: dict[int | str, dict[str, Any]] = {}
    for error in raised:
        response = found.setdefault(error.status, {"description": error.title, "content": _CONTENT})
        if error.title not in response["description"]:
            response["description"] += f"; {error.title}"
    return found


_CONTENT = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}


def document_of(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of an application."""
    document = get_openapi(title=app.title, version=app.version, routes=app.routes)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas |= {"Problem": PROBLEM_SCHEMA, "FieldError": FIELD_ERROR_SCHEMA}
    return document
