"""Every deployed function, read from its `spec.py`; no handler is imported.

The CDK stacks, the local runner and the tests read this one registry.
"""

import importlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from shared.manifest.function import Function

ROOT = Path(__file__).resolve().parent.parent
"""The top of the checkout."""


@dataclass(frozen=True)
class Registered:
    """A function and where it stands: `package` is its dotted name, `functions.api.webapp`."""

    spec: Function
    package: str

    @property
    def handler(self) -> str:
        """The handler as Lambda names it: `functions.api.webapp.handler.handler`."""
        return f"{self.package}.handler.handler"


@cache
def registry() -> tuple[Registered, ...]:
    """Return every function, ordered by name.

    Raises ValueError where two functions share a name, a path or a queue, or both would get the dead
    letters; TypeError where a folder has no `SPEC`.
    """
    specs = sorted((ROOT / "functions").rglob("spec.py"))
    found = sorted((_load(path) for path in specs), key=lambda each: each.spec.name)
    _refuse_doubles("name", (each.spec.name for each in found))
    _refuse_doubles("path", (http.path for each in found for http in each.spec.http))
    _refuse_doubles("queue", (source.queue for each in found for source in each.spec.sources))
    _refuse_doubles("trigger", ("DeadLetters" for each in found if each.spec.dead_letters))
    return tuple(found)


def queue_names() -> tuple[str, ...]:
    """Return the name of every queue that a function is started by, ordered."""
    return tuple(sorted(source.queue for each in registry() for source in each.spec.sources))


def keeper_of_dead_letters() -> Registered | None:
    """Return the function that gets the dead letters of every queue, or None."""
    return next((each for each in registry() if each.spec.dead_letters), None)


def _load(path: Path) -> Registered:
    package = ".".join(path.parent.relative_to(ROOT).parts)
    spec = getattr(importlib.import_module(f"{package}.spec"), "SPEC", None)
    if not isinstance(spec, Function):
        raise TypeError(f"{package}.spec holds no SPEC of type shared.manifest.function.Function")
    return Registered(spec=spec, package=package)


def _refuse_doubles(what: str, values: Iterable[str]) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"two functions have the {what} {value!r}")
        seen.add(value)
