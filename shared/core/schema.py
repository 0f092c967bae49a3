"""What every schema builds on: unknown fields are refused, values are frozen, text is storable.

The rules stand as patterns, so that OpenAPI tells a client all that is checked.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

# PostgreSQL's text holds no NUL; a line holds no control character and no space at its ends.
_NO_NUL = r"^[^\x00]*$"
_LINE = r"^[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$"


class Schema(BaseModel):
    """A frozen value that refuses unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True)


Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_LINE)]
"""One line that names something: at most 200 characters."""

Label = Annotated[str, StringConstraints(min_length=1, max_length=32, pattern=_LINE)]
"""A short word that things are grouped by: at most 32 characters."""

Prose = Annotated[str, StringConstraints(max_length=5000, pattern=_NO_NUL)]
"""Running text: at most 5,000 characters, line ends included."""

SearchText = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_NO_NUL)]
"""What a reader searches for."""
