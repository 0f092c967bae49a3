"""A row of a table is an item, or one rule that it breaks, told without its value."""

import csv
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.queues.tasks.item_rows import (
    COLUMNS,
    MOST_ERRORS,
    RefusedRowError,
    header,
    read_columns,
    read_row,
    write_row,
)
from shared.core.money import Money
from shared.domains.catalog.errors import WrongColumnsError
from shared.domains.catalog.schemas import Item, ItemDraft, ItemStatus

LINES = st.from_regex(r"[^\s\x00-\x1f\x7f-\x9f]([ '=|\\a-z]{0,6}[^\s\x00-\x1f\x7f-\x9f])?", fullmatch=True)  # fmt: skip
PROSE = st.text(alphabet="'=+-@\t\r\n\",;a€", max_size=20)
PRICES = st.none() | st.builds(
    Money, amount=st.from_regex(r"[1-9][0-9]{0,11}(\.[0-9]{2,4})?", fullmatch=True), currency=st.just("EUR")
)  # fmt: skip
ITEMS = st.builds(
    Item,
    id=st.just(uuid4()),
    name=LINES,
    description=PROSE,
    price=PRICES,
    tags=st.lists(LINES, max_size=4).map(tuple),
    status=st.sampled_from(ItemStatus),
    created_at=st.just(datetime.now(UTC)),
    updated_at=st.just(datetime.now(UTC)),
    version=st.just(1),
)


def refused(**cells: str) -> tuple[str, str, str]:
    """The column, the rule and the words for a row that is refused."""
    given = {"name": "Lamp", **cells}
    with pytest.raises(RefusedRowError) as raised:
        read_row(list(given.values()), columns=tuple(given))
    return raised.value.field, raised.value.code, str(raised.value)


def wrong(names: list[str]) -> list[tuple[str, str]]:
    with pytest.raises(WrongColumnsError) as raised:
        read_columns(names)
    return [(str(each.location[-1]), each.code) for each in raised.value.errors]


class TestColumns:
    def test_order_case_and_spaces_do_not_matter(self) -> None:
        assert read_columns([" Tags ", "NAME", "status"]) == ("tags", "name", "status")

    def test_all_of_an_export_are_taken(self) -> None:
        assert read_columns(next(csv.reader([header()]))) == COLUMNS

    @pytest.mark.parametrize(
        ("names", "errors"),
        [
            (["tags"], [("name", "missing")]),
            ([""], [("name", "missing"), ("", "unknown")]),
            (["name", "colour"], [("colour", "unknown")]),
            (["name", "Name "], [("name", "doubled")]),
            (["name", "x", "x"], [("x", "unknown"), ("x", "doubled")]),
            (["id", "tags", "tags"], [("name", "missing"), ("id", "unknown"), ("tags", "doubled")]),
        ],
    )
    def test_wrong_ones_are_named(self, names: list[str], errors: list[tuple[str, str]]) -> None:
        assert wrong(names) == errors

    def test_of_many_and_long_ones_the_report_stays_short(self) -> None:
        errors = wrong([f"{number}{'x' * 1000}" for number in range(5000)])
        assert len(errors) == MOST_ERRORS
        assert max(len(name) for name, _ in errors) <= 60


class TestRead:
    def test_all_cells_make_the_item(self) -> None:
        cells = ["draft", "12.5", "Lamp", "EUR", r"a|b\|c", "It\nburns."]
        columns = ("status", "price_amount", "name", "price_currency", "tags", "description")
        assert read_row(cells, columns=columns) == ItemDraft(
            name="Lamp",
            description="It\nburns.",
            price=Money(amount="12.5", currency="EUR"),
            tags=("a", "b|c"),
            status=ItemStatus.DRAFT,
        )

    def test_an_empty_cell_is_no_value(self) -> None:
        cells = ["Lamp", *[""] * 5]
        assert read_row(cells, columns=COLUMNS) == ItemDraft(name="Lamp")

    def test_a_formula_is_a_text(self) -> None:
        cells = ["=1+1", "'=1+1", "'-brass|x"]
        item = read_row(cells, columns=("name", "description", "tags"))
        assert (item.name, item.description, item.tags) == ("=1+1", "=1+1", ("-brass", "x"))

    @pytest.mark.parametrize(
        ("cells", "field", "code"),
        [
            ({"name": ""}, "name", "string_too_short"),
            ({"name": " Lamp"}, "name", "string_pattern_mismatch"),
            ({"name": "x" * 201}, "name", "string_too_long"),
            ({"description": "x" * 5001}, "description", "string_too_long"),
            ({"price_amount": "12,50", "price_currency": "EUR"}, "price_amount", "string_pattern_mismatch"),
            ({"price_amount": "-1", "price_currency": "EUR"}, "price_amount", "string_pattern_mismatch"),
            ({"price_amount": "12"}, "price_currency", "literal_error"),
            ({"price_currency": "EUR"}, "price_amount", "string_pattern_mismatch"),
            ({"price_amount": "12", "price_currency": "eur"}, "price_currency", "literal_error"),
            ({"tags": "a||b"}, "tags", "string_too_short"),
            ({"tags": "a| b"}, "tags", "string_pattern_mismatch"),
            ({"tags": "|".join("abcdefghijklmnopqrstu")}, "tags", "too_long"),
            ({"status": "sold"}, "status", "enum"),
        ],
    )  # fmt: skip
    def test_the_broken_rule_is_told_by_its_column(
        self, cells: dict[str, str], field: str, code: str
    ) -> None:
        assert refused(**cells)[:2] == (field, code)

    @pytest.mark.parametrize(
        "cells",
        [
            {"name": " s3cret"},
            {"description": "s3cret" * 1000},
            {"price_amount": "s3cret", "price_currency": "EUR"},
            {"price_amount": "1", "price_currency": "s3cret"},
            {"tags": "s3cret" * 10},
            {"status": "s3cret"},
        ],
    )
    def test_no_message_holds_the_value(self, cells: dict[str, str]) -> None:
        message = refused(**cells)[2]
        assert "s3cret" not in message
        assert 10 < len(message) < 100

    @pytest.mark.parametrize("cells", [["a"], ["a", "b", "c"]])
    def test_a_row_of_another_length_is_refused(self, cells: list[str]) -> None:
        with pytest.raises(RefusedRowError, match=f"{len(cells)} fields and the first line 2"):
            read_row(cells, columns=("name", "tags"))


class TestWrite:
    @given(item=ITEMS)
    def test_what_was_written_is_read_as_the_same_item(self, item: Item) -> None:
        cells = next(csv.reader([write_row(item)], strict=True))
        kept = item.model_dump(include=set(ItemDraft.model_fields))
        assert read_row(cells, columns=COLUMNS) == ItemDraft.model_validate(kept)

    @given(item=ITEMS)
    def test_no_cell_is_a_formula(self, item: Item) -> None:
        cells = next(csv.reader([write_row(item)], strict=True))
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)
