"""A cursor brings back exactly the values it was made of, and nothing else passes for one."""

import json
from base64 import urlsafe_b64encode
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.errors import ValidationFailedError
from shared.core.pagination import (
    LONGEST_CURSOR,
    Page,
    decode_cursor,
    encode_cursor,
    fingerprint_of,
    require_types,
)

ORDER = fingerprint_of("name", "id")
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=80)
VALUES: dict[type, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: st.integers(-(2**63), 2**63 - 1),
    Decimal: st.decimals(
        allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30
    ),
    datetime: st.datetimes(timezones=st.just(UTC)),
    date: st.dates(),
    UUID: st.uuids(),
}
TYPED = st.lists(
    st.sampled_from(list(VALUES)).flatmap(
        lambda type_: st.tuples(st.just(type_), st.none() | VALUES[type_])
    ),
    min_size=1,
    max_size=4,
)


def forged(payload: object) -> str:
    text = json.dumps(payload, separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def assert_refused(cursor: str, *types: type) -> ValidationFailedError:
    with pytest.raises(ValidationFailedError) as caught:
        decode_cursor(cursor, types=types or (str, UUID), fingerprint=ORDER)
    assert [each.location for each in caught.value.errors] == [("query", "cursor")]
    return caught.value


class TestRoundTrip:
    @given(TYPED)
    def test_values_come_back_equal_and_of_their_type(self, typed: list[tuple[type, Any]]) -> None:
        values = tuple(value for _, value in typed)
        cursor = encode_cursor(values, fingerprint=ORDER)
        types = [type_ for type_, _ in typed]
        decoded = decode_cursor(cursor, types=types, fingerprint=ORDER, nullable=range(len(types)))
        assert decoded == values
        assert [type(each) for each in decoded] == [type(each) for each in values]

    def test_a_moment_keeps_its_microseconds_whatever_its_zone(self) -> None:
        moment = datetime(2026, 11, 24, 10, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
        cursor = encode_cursor([moment], fingerprint=ORDER)
        (decoded,) = decode_cursor(cursor, types=[datetime], fingerprint=ORDER)
        assert decoded == moment

    def test_a_cursor_needs_no_escaping_in_a_url(self) -> None:
        cursor = encode_cursor(["ÿþý?/+=", uuid4()], fingerprint=ORDER)
        assert all(letter.isalnum() or letter in "-_" for letter in cursor)


class TestRefused:
    @given(st.text())
    def test_any_text(self, cursor: str) -> None:
        assert_refused(cursor)

    @given(st.binary())
    def test_any_bytes_in_base64(self, content: bytes) -> None:
        assert_refused(urlsafe_b64encode(content).rstrip(b"=").decode())

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
            max_leaves=5,
        )
    )
    def test_any_other_document(self, payload: object) -> None:
        assert_refused(forged(payload))
        assert_refused(forged([ORDER, payload, payload]), UUID, date)

    @pytest.mark.parametrize(
        ("type_", "scalar"),
        [
            (str, "a\0b"),
            (str, "\ud800"),
            (str, 7),
            (int, 2**63),
            (int, 1.5),
            (int, True),
            (int, "7"),
            (Decimal, "NaN"),
            (Decimal, "sNaN"),
            (Decimal, "Infinity"),
            (Decimal, "1E+999999"),
            (Decimal, "1_0"),
            (Decimal, 1),
            (datetime, "yesterday"),
            (datetime, "2026-11-24"),
            (datetime, "2026-11-24T10:00:00+02:00"),
            (datetime, "0001-01-01T00:00:00+14:00"),
            (date, "2026-02-30"),
            (UUID, "{3fa85f64-5717-4562-b3fc-2c963f66afa6}"),
            (UUID, "3FA85F64-5717-4562-B3FC-2C963F66AFA6"),
            (UUID, None),
            (UUID, ["3fa85f64-5717-4562-b3fc-2c963f66afa6"]),
        ],
    )
    def test_a_value_that_was_never_written(self, type_: type, scalar: object) -> None:
        assert_refused(forged([ORDER, scalar]), type_)

    def test_too_few_and_too_many_values(self) -> None:
        assert_refused(forged([ORDER, "a"]))
        assert_refused(forged([ORDER, "a", str(uuid4()), "b"]))
        assert_refused(forged([]))

    def test_another_spelling_of_a_genuine_one(self) -> None:
        cursor = encode_cursor(["abc", uuid4()], fingerprint=ORDER)
        for other in (f"{cursor}=", f"{cursor} ", f" {cursor}", f"{cursor[:4]}!{cursor[4:]}"):
            assert_refused(other)

    def test_one_that_is_huge_or_deep(self) -> None:
        assert_refused("A" * (LONGEST_CURSOR + 1))
        assert_refused(urlsafe_b64encode(b"[" * 3000).rstrip(b"=").decode())

    def test_one_of_another_order_says_so(self) -> None:
        cursor = encode_cursor(["a", uuid4()], fingerprint=fingerprint_of("created_at", "id"))
        (error,) = assert_refused(cursor).errors
        assert "another sort order" in error.message


class TestProgrammingErrors:
    def test_a_type_that_no_cursor_holds(self) -> None:
        with pytest.raises(TypeError, match="float"):
            require_types([str, float])
        with pytest.raises(TypeError, match="bool"):
            encode_cursor([True], fingerprint=ORDER)

    def test_an_enum_is_not_ordered_as_its_text(self) -> None:
        class Status(StrEnum):
            DRAFT = "draft"

        with pytest.raises(TypeError, match="Status"):
            require_types([Status])

    def test_a_cursor_that_nobody_could_send_back_is_not_given_out(self) -> None:
        with pytest.raises(ValueError, match="characters"):
            encode_cursor(["x" * LONGEST_CURSOR], fingerprint=ORDER)


class TestPage:
    def test_it_is_mapped_item_by_item(self) -> None:
        page = Page(items=[1, 2], next_cursor="c").map(str)
        assert page == Page(items=["1", "2"], next_cursor="c")
