"""What every schema builds on: unknown fields are refused, values are frozen, text is storable.

The rules stand as patterns, so that OpenAPI tells a client all that is checked.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)
from pydantic_core import PydanticCustomError

from shared.core.pagination import LONGEST_CURSOR

# PostgreSQL's text holds no NUL; a line holds no control character and no space at its ends.
_NO_NUL = r"^[^\x00]*$"
_LINE = r"^[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$"


Cursor = Annotated[
    str, StringConstraints(min_length=1, max_length=LONGEST_CURSOR, pattern=r"^[A-Za-z0-9_-]+$")
]
"""The `next_cursor` of the page before."""


class Schema(BaseModel):
    """A frozen value that refuses unknown fields."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        from_attributes=True,
        # An input may be a password: it stands in no message and so in no log.
        hide_input_in_errors=True,
    )


class Listing[T](Schema):
    """One page of a list; `next_cursor` asks for the next one and is null on the last."""

    items: tuple[T, ...]
    next_cursor: str | None

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """Return the name that clients get: `ItemListing`."""
        return f"{params[0].__name__}Listing"


class Paging(Schema):
    """Which page of a list: the query parameters that every list has."""

    limit: int = Field(default=20, ge=1, le=100)
    cursor: Cursor | None = None


Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, pattern=_LINE),
    Field(examples=["Signal lantern"]),
]
"""One line that names something: at most 200 characters."""

Label = Annotated[
    str,
    StringConstraints(min_length=1, max_length=32, pattern=_LINE),
    Field(examples=["brass"]),
]
"""A short word that things are grouped by: at most 32 characters."""

Prose = Annotated[
    str,
    StringConstraints(max_length=5000, pattern=_NO_NUL),
    Field(examples=["It burns paraffin, and has lenses in red and green."]),
]
"""Running text: at most 5,000 characters, line ends included."""

SearchText = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_NO_NUL)]
"""What a reader searches for."""


def _in_utc(moment: datetime) -> datetime:
    """Return the same moment in UTC: the database takes no displacement beyond its own range."""
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("it is outside the years 1 to 9999 in UTC") from error


def _text(moment: object) -> object:
    """Refuse what would be taken for seconds since 1970: a number, or a text of one."""
    if isinstance(moment, datetime) or (isinstance(moment, str) and _DATE.match(moment)):
        return moment
    raise PydanticCustomError("datetime_parsing", "It is no time of RFC 3339.")


_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]")

Moment = Annotated[AwareDatetime, BeforeValidator(_text), AfterValidator(_in_utc)]
"""A time with its displacement from UTC (RFC 3339)."""


def _number(value: object) -> object:
    """Refuse what JSON Schema does not take for an integer, though Python may; 20.0 it does."""
    if isinstance(value, bool | str):
        raise PydanticCustomError("int_type", "It is no whole number.")
    return value


WHOLE = BeforeValidator(_number)
"""Of a number of a body: `Annotated[int, Field(ge=1), WHOLE]`; before it the bounds are OpenAPI's, too."""
