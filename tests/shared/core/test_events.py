"""A message is read as the event that it is, in a version that its reader knows, or refused."""

import json
import traceback
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

import pytest
from pydantic import Field

from shared.core.events import (
    Envelope,
    Event,
    UnfitEventError,
    UnreadableEventError,
    data_of,
    event_of,
)

NOTHING: dict[str, Any] = {}
MOMENT = datetime(2026, 11, 25, 10, tzinfo=UTC)
SENT: dict[str, Any] = {
    "id": "01900000-0000-7000-8000-000000000001",
    "type": "lanterns.lit",
    "version": 2,
    "aggregate": "lantern:one",
    "sequence": 7,
    "occurred_at": "2026-11-25T10:00:00Z",
    "correlation_id": "request-1",
    "causation_id": None,
    "traceparent": f"00-{'a' * 32}-{'b' * 16}-01",
    "data": {"lantern": "one"},
}


class LitBefore(Event):
    type: ClassVar[str] = "lanterns.lit"


class Lit(Event):
    type: ClassVar[str] = "lanterns.lit"
    version: ClassVar[int] = 2

    lantern: str


def body(**changed: Any) -> str:
    return json.dumps({"source": "switchyard", "detail": SENT | changed})


class TestRead:
    def test_an_envelope_comes_back_as_it_was_sent(self) -> None:
        envelope = Envelope.read(body())
        assert envelope.id == UUID(SENT["id"])
        assert (envelope.type, envelope.version, envelope.sequence) == ("lanterns.lit", 2, 7)
        assert envelope.data == {"lantern": "one"}

    def test_what_a_newer_sender_adds_to_the_envelope_does_not_hurt(self) -> None:
        assert Envelope.read(body(tenant="t1")).type == "lanterns.lit"

    @pytest.mark.parametrize(
        "foreign",
        [
            "",
            "null",
            "[]",
            '"text"',
            "{",
            "{}",
            '{"detail": null}',
            '{"detail": {}}',
            "\x00",
            "[" * 100_000,
            body(id="no uuid"),
            body(version=0),
            body(version="two"),
            body(data=[]),
            body(occurred_at="yesterday"),
            body(sequence=None),
        ],
    )
    def test_anything_else_is_refused(self, foreign: str) -> None:
        with pytest.raises(UnreadableEventError):
            Envelope.read(foreign)

    def test_the_refusal_tells_the_field_and_never_its_value(self) -> None:
        with pytest.raises(UnreadableEventError) as refused:
            Envelope.read(body(data="hunter2"))
        assert str(refused.value) == "no envelope of an event: data: dict_type"


class TestEventOf:
    def test_the_version_chooses_the_class(self) -> None:
        envelope = Envelope.read(body())
        known: list[type[Event]] = [LitBefore, Lit]
        assert event_of(envelope, known=known) == Lit(lantern="one")

    @pytest.mark.parametrize("changed", [{"version": 3}, {"type": "lanterns.lost"}])
    def test_a_type_or_version_that_nobody_knows_is_refused(self, changed: dict[str, Any]) -> None:
        known: list[type[Event]] = [LitBefore, Lit]
        with pytest.raises(UnreadableEventError, match="nothing here knows"):
            event_of(Envelope.read(body(**changed)), known=known)

    @pytest.mark.parametrize("data", [{}, {"lantern": 1}, {"lantern": "one", "more": True}])
    def test_data_that_is_not_the_versions_is_refused(self, data: dict[str, Any]) -> None:
        with pytest.raises(UnreadableEventError, match=r"lanterns\.lit: "):
            event_of(Envelope.read(body(data=data)), known=[Lit])


class TestCorrelation:
    def test_what_an_event_causes_names_the_event_and_the_request(self) -> None:
        correlation = Envelope.read(body()).correlation()
        assert correlation.request_id == "request-1"
        assert correlation.causation_id == SENT["id"]
        assert correlation.trace_id == "a" * 32

    def test_an_event_of_no_request_begins_a_correlation(self) -> None:
        assert Envelope.read(body(correlation_id=None)).correlation().request_id == SENT["id"]


class TestEvent:
    def test_it_is_frozen(self) -> None:
        event = Lit(lantern="one")
        with pytest.raises(ValueError, match="frozen"):
            event.lantern = "two"  # type: ignore[misc]


class Moved(Event):
    """An event with all sorts of fields."""

    type: ClassVar[str] = "lanterns.moved"

    lantern_id: UUID
    at: datetime
    wicks: int = 1
    weight: Decimal = Decimal("1.50")
    places: tuple[str, ...] = ()
    light: Lit | None = None
    notes: dict[str, Any] = Field(default_factory=dict)


class TestData:
    def test_it_is_what_json_knows_and_its_class_reads_again(self) -> None:
        moved = Moved(lantern_id=UUID(SENT["id"]), at=MOMENT, light=Lit(lantern="one"))
        data = data_of(moved)
        assert data == json.loads(json.dumps(data))
        assert data["lantern_id"] == SENT["id"]
        assert Moved.model_validate(data) == moved

    @pytest.mark.parametrize(
        ("wrong", "told"),
        [
            ({"wicks": "7"}, "wicks: int_type"),
            ({"wicks": "hunter2"}, "wicks: int_type"),
            ({"wicks": 1.5}, "wicks: int_type"),
            ({"wicks": None}, "wicks: int_type"),
            ({"lantern_id": "hunter2"}, "lantern_id: uuid_parsing"),
            ({"at": "hunter2"}, "at: datetime_parsing"),
            ({"places": "hunter2"}, "places: tuple_type"),
            ({"places": ("hunter2", 2)}, "places.1: string_type"),
            ({"light": {"lamp": "hunter2"}}, "light.lantern: missing; light.lamp: extra_forbidden"),
            ({"light": Lit.model_construct(**NOTHING)}, "light.lantern: missing"),
        ],
    )
    def test_one_that_was_made_or_changed_unchecked_is_refused_by_field_and_not_by_value(
        self, wrong: dict[str, Any], told: str
    ) -> None:
        good = Moved(lantern_id=UUID(SENT["id"]), at=MOMENT)
        for event in (
            good.model_copy(update=wrong),
            Moved.model_construct(**{**dict(good), **wrong}),
        ):
            with pytest.raises(UnfitEventError) as refused:
                data_of(event)
            assert str(refused.value) == f"lanterns.moved does not fit its schema: {told}"
            assert refused.value.__cause__ is None
            assert "hunter2" not in "".join(traceback.format_exception(refused.value))

    def test_a_field_that_is_not_there_is_named(self) -> None:
        with pytest.raises(UnfitEventError, match="lantern_id: missing; at: missing"):
            data_of(Moved.model_construct(**NOTHING))

    @pytest.mark.parametrize("value", [object(), {"deep": [object()]}])
    def test_what_is_no_json_is_refused(self, value: object) -> None:
        moved = Moved(lantern_id=UUID(SENT["id"]), at=MOMENT, notes={"hunter2": value})
        with pytest.raises(UnfitEventError, match=r"lanterns\.moved does not fit .* no JSON"):
            data_of(moved)
