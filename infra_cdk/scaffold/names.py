"""The name of something new: refused where it would not do, before anything is written."""

import keyword
import re
from dataclasses import dataclass

from infra_cdk.registry import registry
from shared.manifest.function import Function
from shared.manifest.triggers import Invoke

_SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")

RESERVED = frozenset(
    {
        "tables",  # shared/domains/tables.py
        # Names that say nothing: see tests/architecture.
        *("utils", "util", "helpers", "helper", "common", "manager", "misc"),
    }
)
"""Names that something else has, or that the house does not allow."""

_DEAD = "_dead"
"""Ends the name of every queue of dead letters."""


class ScaffoldError(Exception):
    """Nothing can be written, and why, in one line."""


@dataclass(frozen=True)
class Name:
    """A name in snake_case, and what is made of it."""

    snake: str

    @property
    def kebab(self) -> str:
        """What the function is called: `resize-photos`."""
        return self.snake.replace("_", "-")

    @property
    def camel(self) -> str:
        """What its classes begin with: `ResizePhotos`."""
        return "".join(word.capitalize() for word in self.snake.split("_"))


def checked_name(given: str) -> Name:
    """Return the name of a new function. Raises ScaffoldError where it is malformed or taken."""
    if not _SNAKE.fullmatch(given):
        raise ScaffoldError(f"NAME={given!r} is not snake_case, such as resize_photos")
    if keyword.iskeyword(given) or given in RESERVED or given.endswith(_DEAD):
        raise ScaffoldError(f"the name {given} is reserved")
    name = Name(given)
    try:
        Function(name=name.kebab, triggers=(Invoke(),))
    except ValueError as error:
        raise ScaffoldError(str(error)) from error
    taken = {each.spec.name for each in registry()}
    taken |= {source.queue for each in registry() for source in each.spec.sources}
    if name.kebab in taken:
        raise ScaffoldError(f"there is a function or a queue {name.kebab} already")
    return name
