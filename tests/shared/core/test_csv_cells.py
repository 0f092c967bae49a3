"""No cell is a formula, and whatever was written is read again."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.csv_cells import guard, join_list, line_of, split_list, unguard

TRICKY = st.text(alphabet="'=+-@\t\r\n a|\\")


class TestGuard:
    @given(text=TRICKY | st.text())
    def test_any_text_comes_back(self, text: str) -> None:
        assert unguard(guard(text)) == text

    @given(text=TRICKY)
    def test_no_cell_begins_as_a_formula_does(self, text: str) -> None:
        assert not guard(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))

    @pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", "\t=1", "\r=1", "\n=1", "'=1"])
    def test_a_formula_gets_a_quote(self, text: str) -> None:
        assert guard(text) == f"'{text}"

    @pytest.mark.parametrize("text", ["", "lamp", "a=1", "'lamp'", "' =1", "''"])
    def test_another_text_stays_as_it_is(self, text: str) -> None:
        assert guard(text) == text
        assert unguard(text) == text

    def test_a_formula_without_its_quote_is_a_text(self) -> None:
        assert unguard("=1+1") == "=1+1"

    def test_one_quote_is_taken_off(self) -> None:
        assert unguard("''=1") == "'=1"


class TestList:
    @given(texts=st.lists(TRICKY.filter(bool) | st.text(min_size=1)))
    def test_any_texts_come_back(self, texts: list[str]) -> None:
        assert split_list(join_list(texts)) == texts

    @pytest.mark.parametrize(
        ("text", "texts"),
        [
            ("", []),
            ("brass", ["brass"]),
            ("brass|old", ["brass", "old"]),
            (r"a\|b|c\\|d", ["a|b", "c\\", "d"]),
            (r"a\b", [r"a\b"]),
            ("a\\", ["a\\"]),
            ("a||b", ["a", "", "b"]),
        ],
    )
    def test_it_is_split_between_its_texts(self, text: str, texts: list[str]) -> None:
        assert split_list(text) == texts


class TestLine:
    @given(cells=st.lists(st.text(alphabet='a",;\r\n'), min_size=2, max_size=5))
    def test_its_cells_come_back(self, cells: list[str]) -> None:
        line = line_of(cells)
        assert line.endswith("\r\n")
        assert list(csv.reader([line], strict=True)) == [cells]
