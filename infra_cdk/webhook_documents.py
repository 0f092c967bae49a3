"""What webhooks deliver, as OpenAPI describes it and as a page tells it: both from the catalogue.

Sources: OpenAPI 3.1.1, "OpenAPI Object", `webhooks`; Standard Webhooks 1.0.0, "Webhook headers (sending
metadata to consumers)".
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from infra_cdk.registry import ROOT
from shared.domains.webhooks.schemas import EventType

type Document = dict[str, Any]

PAGE = ROOT / "docs" / "webhook-events.md"
TAG = "webhooks"

MOST_VALUES = 10
"""How many values of an enumeration the page names."""

_SCHEMAS = "#/components/schemas/"
_DEFINITIONS = "#/$defs/"

PARAMETERS: Mapping[str, Document] = {
    "webhook-id": {
        "name": "webhook-id",
        "in": "header",
        "required": True,
        "description": "The message's: the same in every attempt. What has come with it before is passed over.",
        "schema": {"type": "string", "format": "uuid"},
        "example": "0199f3a8-9c4d-7a12-8e3f-6b5d2c7a1f90",
    },
    "webhook-timestamp": {
        "name": "webhook-timestamp",
        "in": "header",
        "required": True,
        "description": "When this attempt was made, in seconds since 1970. An old one is refused: somebody replays it.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
        "example": "1795780800",
    },
    "webhook-signature": {
        "name": "webhook-signature",
        "in": "header",
        "required": True,
        "description": "One or more signatures of `{webhook-id}.{webhook-timestamp}.{body}`, with a space between "
        "them: `v1,` and an HMAC-SHA256, `v1a,` and an Ed25519 signature. One that fits is enough.",
        "schema": {"type": "string", "pattern": "^v1a?,[A-Za-z0-9+/]+=*( v1a?,[A-Za-z0-9+/]+=*)*$"},
        "example": "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
    },
}
"""The headers of every message."""

RESPONSES: Mapping[str, Document] = {
    "2XX": {"description": "Taken. An answer within 15 seconds: the work is done after it."},
    "410": {"description": "Gone: the endpoint is disabled, and sent nothing more."},
    "default": {
        "description": "Not taken, redirects included: it is sent again, later and later. Where Retry-After "
        "says when, not before that; after 429, 502 and 504 the endpoint is sent less at a time."
    },
}
"""What an answer does."""


def document_of(types: Iterable[EventType]) -> Document:
    """Return the `webhooks` of an OpenAPI document, and the components that they refer to.

    Raises ValueError where two types describe one name differently.
    """
    webhooks: Document = {}
    schemas: Document = {}
    for each in types:
        webhooks[each.name] = {"post": _operation(each)}
        for name, schema in _schemas_of(each):
            if schemas.setdefault(name, schema) != schema:
                raise ValueError(f"two types of events describe {name!r} differently")
    return {
        "webhooks": webhooks,
        "components": {"schemas": schemas, "parameters": dict(PARAMETERS)},
    }


def _operation(type_: EventType) -> Document:
    return {
        "tags": [TAG],
        "summary": type_.name.replace(".", " ").replace("_", " ").capitalize(),
        "description": type_.description,
        "operationId": f"receive_{type_.name.replace('.', '_')}",
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in PARAMETERS],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": f"{_SCHEMAS}{_message_name(type_)}"},
                    "example": type_.example,
                }
            },
        },
        "responses": dict(RESPONSES),
        # Whoever receives it knows the sender by the signature, and by no token.
        "security": [],
    }


def _schemas_of(type_: EventType) -> Iterator[tuple[str, Document]]:
    schema = {name: value for name, value in type_.json_schema.items() if name != "$schema"}
    for name, definition in schema.pop("$defs", {}).items():
        yield name, _for_openapi(definition)
    yield _message_name(type_), _for_openapi(schema)


def _message_name(type_: EventType) -> str:
    """Return the name of a message's schema: `ItemCreatedMessage`."""
    words = type_.name.replace(".", "_").split("_")
    return f"{''.join(map(str.capitalize, words))}Message"


def _for_openapi(node: Any) -> Any:
    """Return a schema whose references are to the components of a document."""
    if isinstance(node, dict):
        return {name: _for_openapi(value) for name, value in node.items()}
    if isinstance(node, list):
        return [_for_openapi(value) for value in node]
    if isinstance(node, str) and node.startswith(_DEFINITIONS):
        return _SCHEMAS + node.removeprefix(_DEFINITIONS)
    return node


_INTRODUCTION = """\
# What webhooks tell

`make openapi` writes this page from the classes of the events. Their JSON Schemas (2020-12) stand in the
[OpenAPI documents](../functions/api/docs/openapi/openapi.json), under `webhooks`, and are answered by
`GET /v2/webapp/webhooks/event-types`. How a message is received and verified: [webhooks-consuming.md](webhooks-consuming.md).

A message is a POST of JSON: its `type`, the `timestamp` of when it happened (RFC 3339) and `data`. An endpoint names the types
that it wants, each by its name, all below a prefix (`item.*`), or all (`*`). Two things never change: what a type is called, and what its fields
mean. There may be more fields, and more types, at any time: pass over what you do not know.

A message may come twice (with the same `webhook-id`), and later than one that happened after it; an endpoint that is `ordered` gets those about one
thing, such as one item, in their order.

| type | when |
|---|---|
"""


def render(types: Iterable[EventType]) -> str:
    """Return the page: a row for each type, then a section."""
    known = tuple(types)
    rows = [f"| [`{each.name}`](#{_anchor(each)}) | {_first(each)} |" for each in known]
    return _INTRODUCTION + "\n".join([*rows, "", *map(_section, known)])


def _section(type_: EventType) -> str:
    schema = type_.json_schema
    fields = schema["properties"]["data"]["properties"]
    rows = [
        f"| `{name}` | {_kind(field, schema)} | {field.get('description', '')} |"
        for name, field in fields.items()
    ]
    lines = [
        f"## {type_.name}",
        "",
        type_.description,
        "",
        "| data | is | |",
        "|---|---|---|",
        *rows,
        "",
        "```json",
        json.dumps(type_.example, indent=2, ensure_ascii=False),
        "```",
        "",
    ]
    return "\n".join(lines)


def _kind(field: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """Say in a few words what a field holds: a type of JSON, a format, values, or members."""
    match field:
        case {"$ref": str(reference)}:
            return _kind(schema["$defs"][reference.removeprefix(_DEFINITIONS)], schema)
        case {"anyOf": options}:
            return " or ".join(_kind(each, schema) for each in options)
        case {"type": "array", "items": items}:
            return f"array of {_kind(items, schema)}"
        case {"enum": values} if len(values) <= MOST_VALUES:
            return _named(values)
        case {"type": "object", "properties": members}:
            return f"object of {_named(members)}"
    return str(field.get("format", field["type"]))


def _named(names: Iterable[object]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _first(type_: EventType) -> str:
    return type_.description.partition("\n\n")[0]


def _anchor(type_: EventType) -> str:
    # As GitHub makes them: without dots.
    return type_.name.replace(".", "")
