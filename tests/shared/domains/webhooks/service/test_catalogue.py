"""The catalogue is made of the classes of the events, and says of each what is sent."""

import subprocess
import sys

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from shared.core.events import PublicEvent
from shared.domains.catalog.events import ItemCreated
from shared.domains.tasks.events import TaskFinished, TaskQueued
from shared.domains.webhooks.events import EndpointDisabled, EndpointVerification
from shared.domains.webhooks.schemas import EventType
from shared.domains.webhooks.service import catalogue

CHECK_FORMATS = Draft202012Validator.FORMAT_CHECKER
NAMES = [each.name for each in catalogue.event_types()]


def validator(type_: EventType) -> Draft202012Validator:
    return Draft202012Validator(type_.json_schema, format_checker=CHECK_FORMATS)


class TestEventTypes:
    def test_it_holds_what_domains_tell_and_what_an_endpoint_verifies_itself_by(self) -> None:
        assert sorted(NAMES) == NAMES
        assert {
            "endpoint.disabled",
            "endpoint.verification",
            "item.changed",
            "item.created",
            "item.deleted",
            "post.created",
            "post.deleted",
            "task.finished",
        } <= set(NAMES)

    def test_only_what_a_domain_s_events_define_is_in_it(self) -> None:
        class Elsewhere(PublicEvent):
            """It happens in no domain."""

            public_type = "elsewhere.happened"

        catalogue.public_events.cache_clear()
        found = catalogue.public_events()
        assert {ItemCreated, TaskFinished, EndpointDisabled} <= set(found)
        assert not {Elsewhere, TaskQueued, PublicEvent} & set(found)
        assert len(set(found)) == len(found)

    def test_a_type_is_described_by_the_docstring_of_its_class(self) -> None:
        described = catalogue.find_type("item.deleted").description.split("\n\n")
        assert described[0].startswith("An item was deleted")
        assert described[1] == "What goes with its owner's account makes no event."

    def test_none_has_the_name_of_another(self, monkeypatch: pytest.MonkeyPatch) -> None:
        twice = (ItemCreated, ItemCreated)
        monkeypatch.setattr(catalogue, "public_events", lambda: twice)
        with pytest.raises(ValueError, match="one public_type"):
            catalogue._catalogue.__wrapped__()

    def test_to_import_it_loads_no_domain(self) -> None:
        code = (
            "import sys; from shared.domains.webhooks.service import catalogue;"
            "assert 'shared.domains.catalog.events' not in sys.modules;"
            "catalogue.event_types();"
            "assert 'shared.domains.catalog.events' in sys.modules;"
            "assert not {'sqlalchemy', 'fastapi', 'boto3'} & set(sys.modules)"
        )
        subprocess.run([sys.executable, "-c", code], check=True)


class TestFindType:
    def test_a_type_is_found_by_its_name(self) -> None:
        assert catalogue.find_type("item.created").name == "item.created"

    @pytest.mark.parametrize("name", ["item.*", "*", "item", "Item.created", ""])
    def test_nothing_else_is_found(self, name: str) -> None:
        with pytest.raises(KeyError):
            catalogue.find_type(name)


class TestSchema:
    @pytest.mark.parametrize("name", NAMES)
    def test_it_is_of_2020_12_and_the_example_fits_it(self, name: str) -> None:
        type_ = catalogue.find_type(name)
        Draft202012Validator.check_schema(type_.json_schema)
        assert type_.json_schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert (type_.json_schema["title"], type_.example["type"]) == (name, name)
        validator(type_).validate(type_.example)

    @pytest.mark.parametrize("name", NAMES)
    def test_no_other_type_s_example_fits_it(self, name: str) -> None:
        mine = validator(catalogue.find_type(name))
        others = [each for each in catalogue.event_types() if each.name != name]
        assert [each.name for each in others if mine.is_valid(each.example)] == []

    @pytest.mark.parametrize("name", NAMES)
    def test_every_part_is_asked_for(self, name: str) -> None:
        type_ = catalogue.find_type(name)
        for part in type_.example:
            body = {key: value for key, value in type_.example.items() if key != part}
            assert not validator(type_).is_valid(body)
        for field in type_.example["data"]:
            data = {key: value for key, value in type_.example["data"].items() if key != field}
            assert not validator(type_).is_valid(type_.example | {"data": data}), field

    @pytest.mark.parametrize("name", NAMES)
    def test_every_field_of_the_data_is_typed(self, name: str) -> None:
        type_ = catalogue.find_type(name)
        for field in type_.example["data"]:
            data = type_.example["data"] | {field: {"wrong": True}}
            with pytest.raises(ValidationError) as refused:
                validator(type_).validate(type_.example | {"data": data})
            assert list(refused.value.absolute_path)[:2] == ["data", field]

    @pytest.mark.parametrize("name", NAMES)
    def test_a_receiver_may_be_sent_more_than_it_knows(self, name: str) -> None:
        type_ = catalogue.find_type(name)
        more = type_.example | {"more": 1, "data": type_.example["data"] | {"more": 1}}
        validator(type_).validate(more)


class TestMatches:
    @pytest.mark.parametrize(
        ("pattern", "name", "does"),
        [
            ("*", "item.created", True),
            ("item.*", "item.created", True),
            ("item.created", "item.created", True),
            ("item.created", "item.created.again", False),
            ("item.*", "item.created.again", True),
            ("item.created.*", "item.created", False),
            ("item.*", "items.created", False),
            ("item.*", "item", False),
            ("item", "item.created", False),
            ("post.*", "item.created", False),
            ("endpoint.*", "endpoint.disabled", True),
            ("*", EndpointVerification.public_type, False),
            ("endpoint.*", EndpointVerification.public_type, False),
            (EndpointVerification.public_type, EndpointVerification.public_type, False),
        ],
    )
    def test_a_pattern_asks_for_a_type_all_below_a_prefix_or_all(
        self, pattern: str, name: str, *, does: bool
    ) -> None:
        assert catalogue.matches(pattern, name) is does

    @pytest.mark.parametrize(
        ("pattern", "does"),
        [
            ("*", True),
            ("item.*", True),
            ("item.created", True),
            ("item.sold", False),
            ("lantern.*", False),
            (EndpointVerification.public_type, False),
        ],
    )
    def test_one_that_asks_for_nothing_that_there_is_can_be_told(
        self, pattern: str, *, does: bool
    ) -> None:
        assert catalogue.matches_any(pattern) is does


class TestBusTypes:
    def test_each_event_of_the_catalogue_comes_by_one_of_them(self) -> None:
        types = catalogue.bus_types()
        assert sorted(types) == list(types)
        assert {"catalog.item_created", "tasks.task_finished", "journal.public_events_added"} <= {
            *types
        }
        assert len(types) == len(catalogue.public_events()) + 1
