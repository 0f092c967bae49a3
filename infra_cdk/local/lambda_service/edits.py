"""Edits of the code, as they happen."""

import asyncio
import contextlib
import sys
from collections.abc import Callable
from pathlib import Path

from watchfiles import DefaultFilter, awatch

_SETTLE_MS = 50
"""An editor saves a file in several steps; they are one edit when they come this close."""


def packages_of(root: Path) -> list[Path]:
    """Return the folders of `root` that Python can import."""
    return [marker.parent for marker in root.glob("*/__init__.py")]


async def watch(
    root: Path, *, tell: Callable[[frozenset[Path]], None], stop: asyncio.Event
) -> None:
    """Tell of every edit below the packages of `root` until `stop` is set.

    Only packages are watched: a virtual environment beside them has thousands of folders.
    """
    packages = packages_of(root)
    if not packages:
        return
    changes = awatch(
        *packages, watch_filter=DefaultFilter(), debounce=_SETTLE_MS, step=10, stop_event=stop
    )
    async for change in changes:
        tell(frozenset(Path(name) for _, name in change))


def forget_bytecode(edited: frozenset[Path], *, bytecode: Path) -> None:
    """Remove what was compiled from the edited files.

    Python trusts compiled code whose source has the same size and the same second of change: an
    edit that follows another at once would be missed.
    """
    for path in edited:
        folder = bytecode / path.parent.relative_to(path.anchor)
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            (folder / f"{path.stem}.{sys.implementation.cache_tag}.pyc").unlink()
