"""The page and the part of the OpenAPI documents are made of the catalogue, and of any type that joins it."""

from typing import Any

import pytest

from infra_cdk.webhook_documents import PAGE, document_of, render
from shared.domains.webhooks import api as webhooks
from shared.domains.webhooks.schemas import EventType


def type_of(name: str, *, definition: dict[str, Any] | None = None) -> EventType:
    fields: dict[str, Any] = {
        "lantern_id": {"type": "string", "format": "uuid", "description": "Which lantern."},
        "colour": {"anyOf": [{"$ref": "#/$defs/Colour"}, {"type": "null"}]},
        "wicks": {"type": "array", "items": {"type": "integer"}},
    }
    colour = definition or {"type": "string", "enum": ["red", "green"]}
    return EventType(
        name=name,
        description="A lantern was lit.\n\nNobody blew it out.",
        json_schema={
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "properties": {"data": {"properties": fields}},
            "$defs": {"Colour": colour},
        },
        example={"type": name, "data": {"colour": "rötlich"}},
    )


class TestDocument:
    def test_a_message_s_schema_and_its_definitions_are_components(self) -> None:
        document = document_of([type_of("lantern.lit_again")])
        operation = document["webhooks"]["lantern.lit_again"]["post"]
        assert operation["operationId"] == "receive_lantern_lit_again"
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/LanternLitAgainMessage"}
        schemas = document["components"]["schemas"]
        assert set(schemas) == {"LanternLitAgainMessage", "Colour"}
        colour = schemas["LanternLitAgainMessage"]["properties"]["data"]["properties"]["colour"]
        assert colour["anyOf"][0] == {"$ref": "#/components/schemas/Colour"}

    def test_two_types_may_share_a_definition_but_not_its_name(self) -> None:
        assert set(document_of([type_of("a.b"), type_of("a.c")])["webhooks"]) == {"a.b", "a.c"}
        other = type_of("a.c", definition={"type": "integer"})
        with pytest.raises(ValueError, match="describe 'Colour' differently"):
            document_of([type_of("a.b"), other])


class TestPage:
    def test_the_committed_page_is_that_of_the_code(self) -> None:
        assert PAGE.read_text() == render(webhooks.event_types())

    def test_it_tells_of_each_type_when_it_happens_what_it_holds_and_an_example(self) -> None:
        page = render([type_of("lantern.lit")])
        assert "| [`lantern.lit`](#lanternlit) | A lantern was lit. |" in page
        _, _, section = page.partition("## lantern.lit\n")
        for line in (
            "Nobody blew it out.",
            "| `lantern_id` | uuid | Which lantern. |",
            "| `colour` | `red`, `green` or null |  |",
            "| `wicks` | array of integer |  |",
            '    "colour": "rötlich"',
        ):
            assert line in section.splitlines()

    def test_what_it_leads_to_is_there(self) -> None:
        for name in ("webhooks-consuming.md", "../functions/api/docs/openapi/openapi.json"):
            assert f"]({name})" in PAGE.read_text()
            assert (PAGE.parent / name).exists()
