"""What every public event keeps to: it is an API, for ever, and its data leaves the house."""

import inspect
import re
from typing import get_type_hints
from uuid import UUID

import pytest
from pydantic import BaseModel, TypeAdapter

from shared.core.events import Event, PublicEvent
from shared.domains.webhooks.events import EndpointVerification
from shared.domains.webhooks.schemas import EventTypeName
from shared.domains.webhooks.service import catalogue

EVENTS = catalogue.public_events()
SECRET = re.compile(
    r"secret|password|passwd|token|credential|signature|sealed|private|hash|digest|otp|cookie"
    r"|(^|_)(key|code|pin|salt|email|phone|address|ip)(_|$)"
)
each_event = pytest.mark.parametrize("event", EVENTS, ids=lambda each: each.public_type)


def names_below(model: type[BaseModel]) -> set[str]:
    """Return the names of all fields that an event's data may have, at any depth."""
    schema = model.model_json_schema(mode="serialization")
    described = [schema, *schema.get("$defs", {}).values()]
    return {name for each in described for name in each.get("properties", {})}


def test_there_are_events_to_judge() -> None:
    assert len(EVENTS) >= 7


def test_no_two_have_one_name() -> None:
    public = [event.public_type for event in EVENTS]
    assert len({*public, EndpointVerification.public_type}) == len(public) + 1
    assert len({(event.type, event.version) for event in EVENTS}) == len(EVENTS)


@each_event
def test_its_name_is_one_that_endpoints_can_ask_for(event: type[PublicEvent]) -> None:
    TypeAdapter(EventTypeName).validate_python(event.public_type)


@each_event
def test_its_own_docstring_says_when_it_happens(event: type[PublicEvent]) -> None:
    assert event.__doc__
    assert event.__doc__ != PublicEvent.__doc__
    assert inspect.cleandoc(event.__doc__).partition("\n")[0].endswith(".")


@each_event
def test_its_example_is_data_exactly_as_it_is_sent(event: type[PublicEvent]) -> None:
    assert "example" in vars(event)
    made = event.model_validate(event.example, strict=False)
    assert made.model_dump(mode="json") == event.example
    assert event.example.keys() == event.model_fields.keys()


@each_event
def test_it_names_its_owner_and_every_field_says_what_it_is(event: type[PublicEvent]) -> None:
    assert get_type_hints(event)["owner_id"] in {UUID, UUID | None}
    silent = [name for name, field in event.model_fields.items() if not field.description]
    assert silent == []


@each_event
def test_its_aggregate_is_a_thing_with_an_id(event: type[PublicEvent]) -> None:
    kind, _, id_ = event.model_validate(event.example).aggregate.partition(":")
    assert kind.isidentifier()
    assert str(UUID(id_)) in event.example.values()


@each_event
def test_no_field_is_called_like_a_secret_or_like_what_is_somebody_s_own(
    event: type[PublicEvent],
) -> None:
    assert {name for name in names_below(event) if SECRET.search(name)} == set()


@pytest.mark.parametrize("name", ["api_key", "key", "access_token", "pin_code", "author_email"])
def test_a_name_of_a_secret_would_be_noticed(name: str) -> None:
    assert SECRET.search(name)


@each_event
def test_its_example_is_smaller_than_what_is_sent_whole(event: type[PublicEvent]) -> None:
    assert len(str(event.example)) < 2_000


def test_events_of_the_bus_alone_have_no_public_name() -> None:
    inner = [each for each in subclasses(Event) if not issubclass(each, PublicEvent)]
    assert inner
    assert [each for each in inner if hasattr(each, "public_type")] == []


def subclasses(class_: type[Event]) -> list[type[Event]]:
    return [each for direct in class_.__subclasses__() for each in (direct, *subclasses(direct))]
