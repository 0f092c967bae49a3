"""What stands in the cells of a CSV file, so that a spreadsheet shows it and reading it gives it back.

A spreadsheet takes a cell that begins with = + - @ or a control character for a formula, and would carry
out what somebody wrote into a name. So a single quote is put before such a text, and one is taken
off again from a cell that has one there. A text that begins with quotes already, and then with such a
character, gets one more, so that taking one off gives any text back as it was. A cell that begins with
a formula and has no quote is text like any other.
Source: OWASP, "CSV Injection".
"""

import csv
import io
import re
from collections.abc import Sequence

_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
_ESCAPED = re.compile(r"[|\\]")
_PART = re.compile(r"\\[|\\]|.", re.DOTALL)


def guard(text: str) -> str:
    """Return the cell of a text, which no spreadsheet takes for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def unguard(cell: str) -> str:
    """Return the text of a cell."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def join_list(texts: Sequence[str]) -> str:
    r"""Return several texts as one, with | between them; | and \ within them get a \ before."""
    return "|".join(_ESCAPED.sub(r"\\\g<0>", each) for each in texts)


def split_list(text: str) -> list[str]:
    r"""Return the texts that `join_list` made one; of an empty one none. A \ before another character is one."""
    if not text:
        return []
    if "\\" not in text:
        return text.split("|")
    parts = [""]
    for part in _PART.findall(text):
        if part == "|":
            parts.append("")
        else:
            parts[-1] += part[-1]
    return parts


def line_of(cells: Sequence[str]) -> str:
    """Return a line of a file, its CR LF included (RFC 4180)."""
    line = io.StringIO(newline="")
    csv.writer(line).writerow(cells)
    return line.getvalue()
