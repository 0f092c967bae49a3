"""A type of event keeps its schema for ever: what was published once is compared with the code.

A field more is allowed, and so is a type more: then write what they are to the snapshot, by
`python -m tests.webhooks.test_specification_catalogue`. A field that is gone or means something else
is a new type; there this snapshot is not to be made to fit.
"""

import copy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from shared.domains.webhooks.service import catalogue

SNAPSHOT = Path(__file__).with_name("published_events.json")

type Schemas = Mapping[str, Any]


def meant(schema: Any) -> Any:
    """Return a schema without its texts: what a message may be."""
    if isinstance(schema, Mapping):
        texts = {"description", "title", "examples"}
        # Below `properties` the keys are names of fields, which may be called like texts.
        return {
            key: {name: meant(each) for name, each in value.items()}
            if key in {"properties", "$defs"}
            else meant(value)
            for key, value in schema.items()
            if key not in texts
        }
    if isinstance(schema, list):
        return [meant(each) for each in schema]
    return schema


def now_published() -> dict[str, Any]:
    return {each.name: meant(each.json_schema) for each in catalogue.event_types()}


def breaches(published: Schemas, current: Schemas) -> Iterator[str]:
    """Name what receivers of what was published could not read any more."""
    for name, schema in published.items():
        if name not in current:
            yield name
            continue
        was, is_ = (each["properties"]["data"] for each in (schema, current[name]))
        for field, meaning in was["properties"].items():
            if is_["properties"].get(field) != meaning or field not in is_["required"]:
                yield f"{name}.{field}"
        for each, meaning in schema.get("$defs", {}).items():
            if current[name].get("$defs", {}).get(each) != meaning:
                yield f"{name}: {each}"


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    schemas: dict[str, Any] = json.loads(SNAPSHOT.read_text())
    return schemas


def test_no_type_or_field_that_was_published_is_gone_or_another(published: Schemas) -> None:
    assert list(breaches(published, now_published())) == []


def test_the_snapshot_has_all_that_is_published(published: Schemas) -> None:
    assert published == now_published()


@pytest.mark.parametrize("name", [each.name for each in catalogue.event_types()])
def test_a_field_that_changes_is_noticed(published: Schemas, name: str) -> None:
    fields = published[name]["properties"]["data"]["properties"]
    assert fields
    for field in fields:
        without, other, optional = (copy.deepcopy(dict(published)) for _ in range(3))
        del without[name]["properties"]["data"]["properties"][field]
        other[name]["properties"]["data"]["properties"][field] = {"type": "array"}
        optional[name]["properties"]["data"]["required"].remove(field)
        for changed in (without, other, optional):
            assert list(breaches(published, changed)) == [f"{name}.{field}"]


def test_a_type_that_is_gone_or_an_enumeration_that_changes_is_noticed(published: Schemas) -> None:
    without = {name: each for name, each in published.items() if name != "item.created"}
    assert list(breaches(published, without)) == ["item.created"]
    other = copy.deepcopy(dict(published))
    other["endpoint.disabled"]["$defs"]["DisabledReason"]["enum"].append("tired")
    assert list(breaches(published, other)) == ["endpoint.disabled: DisabledReason"]


def test_a_field_more_breaks_nothing(published: Schemas) -> None:
    more = copy.deepcopy(dict(published))
    more["item.created"]["properties"]["data"]["properties"]["colour"] = {"type": "string"}
    assert list(breaches(published, more)) == []


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps(now_published(), indent=1, sort_keys=True) + "\n")
