"""Records of a CSV file, found in its bytes as they come (RFC 4180), and their fields.

A file is read a piece at a time and can be taken up again behind any record. More lenient than the RFC:
a record ends with CR LF, LF or CR, whichever comes, in one file all three; empty lines are no records;
the last line may lack its end; a byte order mark before the first record is passed over; a quote
within a field that does not begin with one is a character like others.
"""

import csv
import re
from functools import cache
from typing import NamedTuple

LONGEST_RECORD_BYTES = 64 * 1024
"""A longer record is none: its quote was never closed, or the file is no CSV."""

DELIMITERS = ",;\t"
"""What may stand between fields: the comma, and what spreadsheets write instead in some countries."""

_MARK = b"\xef\xbb\xbf"
_OTHER_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")


class Record(NamedTuple):
    """A record as it stands in the file, without its line end.

    It begins on `line`, the first of the file being 1. The next one begins at the byte `end`, on the
    line `next_line`.
    """

    raw: bytes
    line: int
    end: int
    next_line: int


class EndlessRecordError(Exception):
    """A record is too long, or the file ends within quotes: where the next one begins nobody can say."""

    def __init__(self, line: int) -> None:
        super().__init__(f"the record that begins on line {line} has no end")
        self.line = line


class MalformedRecordError(Exception):
    """The fields of a record cannot be told: `code` says why, and so does the message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Header(NamedTuple):
    """The first record of a file: what stands between its fields, and the fields."""

    delimiter: str
    names: list[str]


class RecordReader:
    """Cuts pieces of a file into records.

    `delimiters` are the characters that may stand between fields. `offset` and `line` are where the next
    record begins, and where another reader can go on.
    """

    def __init__(self, *, delimiters: str, offset: int = 0, line: int = 1) -> None:
        self._ends_outside, self._ends_within = _patterns(delimiters)
        self._rest = b""
        self._held: list[bytes] = []
        self._held_bytes = 0
        self.offset = self._end = offset
        self.line = self._line = line
        self._may_be_marked = offset == 0

    def feed(self, piece: bytes) -> list[Record]:
        """Return the records that end in the next piece of the file. Raises EndlessRecordError.

        The smaller the pieces, the less memory it needs.
        """
        data = self._rest + piece
        if self._may_be_marked:
            if len(data) < len(_MARK) and _MARK.startswith(data):
                self._rest = data
                return []
            data = self._unmarked(data)
        lines = data.splitlines(keepends=True)
        # A CR at the end may be half of a CR LF.
        self._rest = lines.pop() if lines and not data.endswith(b"\n") else b""
        records = self._records_of(lines)
        self._require_an_end(self._held_bytes + len(self._rest.removesuffix(b"\r")))
        return records

    def finish(self) -> list[Record]:
        """Return the last record, which has no line end, if there is one. Raises EndlessRecordError."""
        records = self._records_of([self._rest] if self._rest else [])
        self._rest = b""
        if self._held:
            raise EndlessRecordError(self.line)
        return records

    def _unmarked(self, data: bytes) -> bytes:
        self._may_be_marked = False
        if data.startswith(_MARK):
            self.offset = self._end = len(_MARK)
        return data.removeprefix(_MARK)

    def _records_of(self, lines: list[bytes]) -> list[Record]:
        records = []
        for line in lines:
            self._end += len(line)
            self._line += 1
            if self._goes_on_after(line):
                self._hold(line)
                continue
            if raw := self._released(line).rstrip(b"\r\n"):
                self._require_an_end(len(raw))
                records.append(Record(raw, self.line, self._end, self._line))
            self.offset, self.line = self._end, self._line
        return records

    def _goes_on_after(self, line: bytes) -> bool:
        if self._held:
            return self._ends_within.match(line) is None
        return b'"' in line and self._ends_outside.match(line) is None

    def _hold(self, line: bytes) -> None:
        self._held.append(line)
        self._held_bytes += len(line)
        self._require_an_end(self._held_bytes)

    def _released(self, line: bytes) -> bytes:
        if not self._held:
            return line
        whole = b"".join((*self._held, line))
        self._held, self._held_bytes = [], 0
        return whole

    def _require_an_end(self, length: int) -> None:
        if length > LONGEST_RECORD_BYTES:
            raise EndlessRecordError(self.line)


def read_header(raw: bytes) -> Header:
    """Return the header that the first record is. Raises MalformedRecordError."""
    if raw.startswith(_OTHER_MARKS):
        raise MalformedRecordError("encoding", "It is UTF-16 or UTF-32: save it as CSV in UTF-8.")
    # The delimiter is what makes the most fields of it; of none at all the comma.
    delimiter = max(DELIMITERS, key=lambda each: _count_fields(raw, delimiter=each))
    return Header(delimiter, fields_of(raw, delimiter=delimiter))


def fields_of(raw: bytes, *, delimiter: str) -> list[str]:
    """Return the fields of a record. Raises MalformedRecordError."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise MalformedRecordError("encoding", "It is not UTF-8.") from error
    if "\0" in text:
        raise MalformedRecordError("nul", "It holds a NUL byte: is it text, in UTF-8?")
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error as error:
        message = "Text follows a closing quote: within quotes, a quote is written twice."
        raise MalformedRecordError("quotes", message) from error


def _count_fields(raw: bytes, *, delimiter: str) -> int:
    try:
        return len(fields_of(raw, delimiter=delimiter))
    except MalformedRecordError:
        return 0


@cache
def _patterns(delimiters: str) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """Return what matches a line that ends a record, begun outside of quotes and within them."""
    # Possessive throughout: whatever the line, it is looked at once.
    between = b"[" + re.escape(delimiters.encode()) + b"]"
    rest = rb"[^\r\n" + between[1:-1] + b"]*+"
    closing = rb'(?:[^"]++|"")*+"' + rest
    field = b'(?:"' + closing + rb'|(?!")' + rest + b")"
    following = b"(?:" + between + field + rb")*+[\r\n]*+\Z"
    return re.compile(field + following), re.compile(closing + following)
