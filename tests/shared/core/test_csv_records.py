"""Records are found wherever the pieces of a file are cut, and wherever it is taken up again."""

import csv
import io
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.csv_records import (
    LONGEST_RECORD_BYTES,
    EndlessRecordError,
    Header,
    MalformedRecordError,
    Record,
    RecordReader,
    fields_of,
    read_header,
)

TRICKY = st.text(alphabet='a ",;\t\r\nä€\ufeff', max_size=60)
CELLS = st.text(alphabet='a ",;\t\r\nä€', max_size=8)
ROWS = st.lists(st.lists(CELLS, min_size=2, max_size=4), max_size=6)
CUTS = st.lists(st.integers(min_value=0, max_value=80), max_size=8)


def read(
    data: bytes,
    *,
    cuts: list[int] | None = None,
    delimiters: str = ",",
    at: Record | None = None,
) -> list[Record]:
    """The records of a file that comes in pieces, all of them or those after one of them."""
    place = {"offset": at.end, "line": at.next_line} if at else {"offset": 0, "line": 1}
    reader = RecordReader(delimiters=delimiters, **place)
    rest = data[place["offset"] :]
    borders = [0, *sorted(cuts or []), len(rest)]
    pieces = [rest[a:b] for a, b in pairwise(borders)]
    return [record for piece in pieces for record in reader.feed(piece)] + reader.finish()


def outcome(data: bytes, *, cuts: list[int] | None = None) -> list[Record] | int:
    """The records, or the line of the one that has no end."""
    try:
        return read(data, cuts=cuts)
    except EndlessRecordError as error:
        return error.line


def rows_of(data: bytes, *, delimiter: str = ",") -> list[list[str]]:
    return [
        fields_of(record.raw, delimiter=delimiter) for record in read(data, delimiters=delimiter)
    ]


class TestReader:
    @given(text=TRICKY, cuts=CUTS)
    def test_where_the_pieces_are_cut_makes_no_difference(self, text: str, cuts: list[int]) -> None:
        data = text.encode()
        assert outcome(data, cuts=cuts) == outcome(data)

    @given(text=TRICKY)
    def test_not_even_byte_by_byte(self, text: str) -> None:
        data = text.encode()
        assert outcome(data, cuts=list(range(len(data)))) == outcome(data)

    @given(text=TRICKY)
    def test_behind_each_record_it_can_be_taken_up_again(self, text: str) -> None:
        data = text.encode()
        found = outcome(data)
        if isinstance(found, list):
            for number, record in enumerate(found, 1):
                assert read(data, at=record) == found[number:]

    @given(text=TRICKY, cut=st.integers(min_value=0, max_value=80))
    def test_where_a_reader_stands_another_can_go_on(self, text: str, cut: int) -> None:
        data = text.encode()
        found = outcome(data)
        if isinstance(found, list):
            first = RecordReader(delimiters=",")
            before = first.feed(data[:cut])
            second = RecordReader(delimiters=",", offset=first.offset, line=first.line)
            assert before + second.feed(data[first.offset :]) + second.finish() == found

    @given(rows=ROWS, delimiter=st.sampled_from(",;\t"), ends=st.sampled_from(["\r\n", "\n", "\r"]))
    def test_what_is_written_by_the_rules_is_read_as_the_csv_module_reads_it(
        self, rows: list[list[str]], delimiter: str, ends: str
    ) -> None:
        written = io.StringIO(newline="")
        csv.writer(written, delimiter=delimiter, lineterminator=ends).writerows(rows)
        assert rows_of(written.getvalue().encode(), delimiter=delimiter) == rows

    @given(text=TRICKY)
    def test_it_finds_no_more_and_no_fewer_records_than_the_csv_module(self, text: str) -> None:
        found = outcome(text.encode())
        if isinstance(found, list):
            # Its own reader splits text into lines first, as ours does.
            lines = text.removeprefix("\ufeff").encode().splitlines(keepends=True)
            theirs = [row for row in csv.reader(line.decode() for line in lines) if row]
            assert len(found) == len(theirs)

    def test_line_ends_may_be_mixed(self) -> None:
        assert rows_of(b"a,b\r\nc,d\ne,f\rg,h") == [["a", "b"], ["c", "d"], ["e", "f"], ["g", "h"]]

    def test_lines_are_counted_as_an_editor_counts_them(self) -> None:
        records = read(b'a\r\n\r\n\n"b\r\nb\rb"\nc\r\rd')
        assert [(record.line, record.raw) for record in records] == [
            (1, b"a"),
            (4, b'"b\r\nb\rb"'),
            (7, b"c"),
            (9, b"d"),
        ]

    def test_a_mark_before_the_first_record_is_passed_over(self) -> None:
        data = b'\xef\xbb\xbf"na,me"\nx\n'
        assert rows_of(data) == [["na,me"], ["x"]]
        assert [record.end for record in read(data)] == [11, 13]

    def test_a_mark_elsewhere_is_text(self) -> None:
        assert rows_of("x\n\ufeffy\n".encode()) == [["x"], ["\ufeffy"]]

    @pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"\n\r\n\r", b"\xef\xbb\xbf\n"])
    def test_a_file_of_nothing_has_no_records(self, data: bytes) -> None:
        assert read(data) == []

    def test_the_longest_record_is_taken_and_a_longer_one_is_not(self) -> None:
        for body in (b"x" * LONGEST_RECORD_BYTES, b'"' + b"\n" * (LONGEST_RECORD_BYTES - 2) + b'"'):
            for end in (b"", b"\r", b"\r\n"):
                assert [record.raw for record in read(b"a\n" + body + end)] == [b"a", body]
            longer = body[:1] + body[1:2] + body[1:]
            assert outcome(b"a\n" + longer) == outcome(b"a\n" + longer + b"\nb\n") == 2

    def test_a_line_without_an_end_is_not_kept(self) -> None:
        reader = RecordReader(delimiters=",")
        with pytest.raises(EndlessRecordError):
            for _ in range(3):
                reader.feed(b"x" * 30_000)

    @pytest.mark.parametrize("rest", [b"", b"\n", b"\nb,c\n" * 20_000])
    def test_a_quote_that_is_never_closed_is_told_by_its_line(self, rest: bytes) -> None:
        assert outcome(b'a\n\nb,"c' + rest) == 3

    @pytest.mark.parametrize("line", [b"\n", b'""\n', b'","\n'])
    def test_a_long_record_costs_no_more_than_as_many_short_ones(self, line: bytes) -> None:
        def cost(*, records: int) -> float:
            record = b'"' + line * (LONGEST_RECORD_BYTES // len(line) // records - 2) + b'"\n'
            begun_at = time.process_time()
            read(record * records)
            return time.process_time() - begun_at

        assert min(cost(records=1) for _ in range(3)) < 4 * max(cost(records=16) for _ in range(3))


class TestHeader:
    @pytest.mark.parametrize(
        ("raw", "delimiter"),
        [
            ("name,tags", ","),
            ("name;tags", ";"),
            ("name\ttags", "\t"),
            ('"name";"tags"', ";"),
            ('"a,b,c";"d"', ";"),
            ("name", ","),
            ("", ","),
        ],
    )
    def test_what_stands_between_its_fields_is_found(self, raw: str, delimiter: str) -> None:
        assert read_header(raw.encode()).delimiter == delimiter

    def test_its_fields_are_given(self) -> None:
        assert read_header(b'"na""me";x') == Header(";", ['na"me', "x"])

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32", "utf-32-be", "latin-1"])
    def test_another_encoding_is_told(self, encoding: str) -> None:
        text = "näme,tags\r\nx,y\r\n"
        mark = "\ufeff" if encoding.endswith("be") else ""
        first = read((mark + text).encode(encoding), delimiters=",;\t")[0]
        with pytest.raises(MalformedRecordError, match="UTF-8") as raised:
            read_header(first.raw)
        assert raised.value.code == "encoding"

    def test_utf_16_without_a_mark_is_told_too(self) -> None:
        first = read("name,tags\n".encode("utf-16-le"))[0]
        with pytest.raises(MalformedRecordError, match="UTF-8"):
            read_header(first.raw)


class TestFields:
    @pytest.mark.parametrize(
        ("raw", "code"),
        [
            (b"a,\xff", "encoding"),
            (b"a,\xed\xa0\x80", "encoding"),
            (b"a,\0", "nul"),
            (b'"a"b,c', "quotes"),
            (b'"a" ,c', "quotes"),
        ],
    )
    def test_what_cannot_be_told_is_refused(self, raw: bytes, code: str) -> None:
        with pytest.raises(MalformedRecordError) as raised:
            fields_of(raw, delimiter=",")
        assert raised.value.code == code

    def test_a_quote_within_a_field_is_a_character(self) -> None:
        assert fields_of(b'5" lamp,a', delimiter=",") == ['5" lamp', "a"]

    def test_spaces_belong_to_a_field(self) -> None:
        assert fields_of(b" a , b", delimiter=",") == [" a ", " b"]
