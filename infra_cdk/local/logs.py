"""What the functions and the gateway write: functions whole into a file, all short onto the terminal."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

_LONGEST = 160
"""Characters of one line on the terminal."""


class FunctionLog:
    """The log of all functions of this run: a line is `webapp | ...`."""

    def __init__(self, path: Path, *, say: Callable[[str], None]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w", encoding="utf-8", errors="backslashreplace", buffering=1)
        self._say = say

    def write(self, line: str) -> None:
        """Keep a line, and show it."""
        self._file.write(f"{line}\n")
        if short := shorten(line):
            self._say(short)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class TerminalHandler(logging.Handler):
    """The runner's own records, such as the gateway's line for each request."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__(level=logging.INFO)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        """Show a record."""
        self._say(self.format(record))


def shorten(line: str) -> str | None:
    """Return `webapp | ...` as a person reads it: of a JSON record its level and its message.

    None for the record of a request, for which the gateway has a line, and for metrics: a person reads
    neither a count nor its namespace.
    """
    name, bar, text = line.partition(" | ")
    if text.startswith('{"_aws":'):
        return None
    if (record := _record(text)) is not None:
        if record["message"] == "request":
            return None
        words = (record.get("level"), record["message"], record.get("exception_name"))
        text = " ".join(str(word) for word in words if word)
    short = f"{name}{bar}{text}"
    return short if len(short) <= _LONGEST else f"{short[: _LONGEST - 3]}..."


def _record(text: str) -> dict[str, Any] | None:
    try:
        record = json.loads(text)
    except ValueError:
        return None
    return record if isinstance(record, dict) and "message" in record else None
