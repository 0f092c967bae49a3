"""Items as rows of a CSV file: its columns, and what may stand in them.

`tags` holds the tags with | between them. A cell that would be a formula for a spreadsheet has a single
quote before it, which is no part of the text: see `shared.core.csv_cells`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from shared.core.csv_cells import guard, join_list, line_of, split_list, unguard
from shared.core.errors import FieldError
from shared.domains.catalog.errors import WrongColumnsError
from shared.domains.catalog.schemas import Item, ItemDraft

COLUMNS = ("name", "description", "price_amount", "price_currency", "tags", "status")
"""The columns, as an export writes them. Only the first must be there; the order does not matter."""

MOST_ERRORS = 20
"""How many wrong columns are named."""

_LONGEST_NAME = 60
_MESSAGES = {
    ("name", "string_too_short"): "There is no name.",
    ("name", "string_pattern_mismatch"): "It is no single line, or has spaces at its ends.",
    ("tags", "string_too_short"): "There is an empty tag.",
    ("tags", "string_pattern_mismatch"): "A tag is no single line, or has spaces at its ends.",
    ("price_amount", "string_pattern_mismatch"): (
        "It is no amount: digits, and a point before at most four more."
    ),
    ("price_currency", "literal_error"): "It is no currency of ISO 4217, such as EUR.",
}
"""What is wrong, where Pydantic says it in words that are not for the writer of a table."""


class RefusedRowError(Exception):
    """A row is no item: which of its columns says so, by which rule, and in words without the value."""

    def __init__(self, *, field: str, code: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.code = code


def read_columns(names: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that a header names; case and spaces around do not matter.

    Raises WrongColumnsError where one is missing, unknown or there twice.
    """
    columns = tuple(name.strip().lower() for name in names)
    counts = Counter(columns)
    errors = [
        *(_wrong(name, "unknown", "There is no such column.") for name in counts if name not in COLUMNS),
        *(_wrong(name, "doubled", "The column is there twice.") for name, n in counts.items() if n > 1),
    ]  # fmt: skip
    if COLUMNS[0] not in counts:
        errors.insert(0, _wrong(COLUMNS[0], "missing", "The column is missing."))
    if errors:
        raise WrongColumnsError(errors[:MOST_ERRORS])
    return columns


def read_row(cells: Sequence[str], *, columns: Sequence[str]) -> ItemDraft:
    """Return the item that a row describes; an empty cell is no value. Raises RefusedRowError."""
    if len(cells) != len(columns):
        message = f"The row has {len(cells)} fields and the first line {len(columns)}."
        raise RefusedRowError(field="", code="field_count", message=message)
    try:
        return ItemDraft.model_validate(_draft_of(dict(zip(columns, cells, strict=True))))
    except ValidationError as error:
        raise _refusal_of(error.errors(include_input=False, include_url=False)[0]) from error


def header() -> str:
    """Return the first line of a file."""
    return line_of(COLUMNS)


def write_row(item: Item) -> str:
    """Return an item's line, from which `read_row` makes the same item again."""
    price = (item.price.amount, item.price.currency) if item.price else ("", "")
    texts = (guard(item.name), guard(item.description))
    return line_of((*texts, *price, guard(join_list(item.tags)), item.status))


def _draft_of(cells: Mapping[str, str]) -> dict[str, Any]:
    draft: dict[str, Any] = {"name": unguard(cells["name"])}
    if text := cells.get("description"):
        draft["description"] = unguard(text)
    if text := cells.get("tags"):
        draft["tags"] = tuple(split_list(unguard(text)))
    if text := cells.get("status"):
        draft["status"] = text
    amount, currency = cells.get("price_amount", ""), cells.get("price_currency", "")
    if amount or currency:
        draft["price"] = {"amount": amount, "currency": currency}
    return draft


def _refusal_of(error: ErrorDetails) -> RefusedRowError:
    place = [str(part) for part in error["loc"]]
    field = "_".join(place) if place[0] == "price" else place[0]
    message = _MESSAGES.get((field, error["type"]), error["msg"])
    return RefusedRowError(field=field, code=error["type"], message=message)


def _wrong(column: str, code: str, message: str) -> FieldError:
    return FieldError(location=("file", column[:_LONGEST_NAME]), code=code, message=message)
