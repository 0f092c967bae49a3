"""The catalogue: which events webhooks deliver, made of the classes of the events themselves."""

import inspect
import pkgutil
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any

from shared import domains
from shared.core.events import PublicEvent, PublicEventsAdded
from shared.domains.webhooks.events import EndpointVerification
from shared.domains.webhooks.schemas import EventType

type Sent = type[PublicEvent | EndpointVerification]
"""What a type is made of."""

VERIFICATION = EndpointVerification.public_type
"""The type of what an endpoint is asked to verify itself by: no pattern asks for it."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"
EXAMPLE_TIMESTAMP = "2026-11-27T12:00:00Z"

_PARAGRAPHS = re.compile(r"\n{2,}")


def event_types() -> tuple[EventType, ...]:
    """Return all types, in alphabetical order. The first call loads the events of all domains."""
    return tuple(_catalogue().values())


def find_type(name: str) -> EventType:
    """Return a type. Raises KeyError."""
    return _catalogue()[name]


def matches(pattern: str, name: str) -> bool:
    """Whether a pattern asks for a type: by its name, as `item.*` for all below `item`, as `*` for all."""
    if name == VERIFICATION:
        return False
    if pattern == "*":
        return True
    if pattern.endswith(".*"):
        return name.startswith(pattern.removesuffix("*"))
    return pattern == name


def matches_any(pattern: str) -> bool:
    """Whether there is a type that a pattern asks for."""
    return any(matches(pattern, name) for name in _catalogue())


def bus_types() -> tuple[str, ...]:
    """Return the types that the events of the catalogue have on the bus: what fan-out subscribes to."""
    return tuple(sorted({PublicEventsAdded.type, *(event.type for event in public_events())}))


@cache
def public_events() -> tuple[type[PublicEvent], ...]:
    """Return the classes of the public events of all domains."""
    return tuple(event for module in _event_modules() for event in _public_events_of(module))


@cache
def _catalogue() -> Mapping[str, EventType]:
    classes: list[Sent] = [EndpointVerification, *public_events()]
    classes.sort(key=lambda each: each.public_type)
    types = {each.public_type: _type_of(each) for each in classes}
    if len(types) < len(classes):
        raise ValueError("two classes of events have one public_type")
    return MappingProxyType(types)


def _event_modules() -> Iterator[str]:
    # Found and not listed: whoever adds a type writes its class, and nothing else anywhere.
    for domain in pkgutil.iter_modules(domains.__path__, f"{domains.__name__}."):
        name = f"{domain.name}.events"
        if domain.ispkg and find_spec(name):
            yield name


def _public_events_of(module: str) -> Iterator[type[PublicEvent]]:
    for value in vars(import_module(module)).values():
        if (
            isinstance(value, type)
            and issubclass(value, PublicEvent)
            and value.__module__ == module
            and "public_type" in vars(value)
        ):
            yield value


def _type_of(class_: Sent) -> EventType:
    name, description = class_.public_type, _description_of(class_)
    return EventType(
        name=name,
        description=description,
        json_schema=_schema_of(class_, description=description),
        example={"type": name, "timestamp": EXAMPLE_TIMESTAMP, "data": class_.example},
    )


def _description_of(class_: type) -> str:
    paragraphs = _PARAGRAPHS.split(inspect.getdoc(class_) or "")
    return "\n\n".join(" ".join(each.split()) for each in paragraphs)


def _schema_of(class_: Sent, *, description: str) -> dict[str, Any]:
    """Return the JSON Schema of a body. A receiver passes over what it does not know: more may come."""
    described = class_.model_json_schema(mode="serialization")
    data = {"type": "object", "properties": described["properties"]}
    body = {
        "$schema": DIALECT,
        "title": class_.public_type,
        "description": description,
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"const": class_.public_type},
            "timestamp": {
                "type": "string",
                "format": "date-time",
                "description": "When it happened.",
            },
            # Even what has a default is sent.
            "data": data | {"required": list(described["properties"])},
        },
    }
    definitions = described.get("$defs")
    return body | {"$defs": definitions} if definitions else body
