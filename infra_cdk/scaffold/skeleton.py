"""Skeletons: files made from `templates/`, all of them or none.

A template stands where its file will stand: `NAME` in its path is the name in snake_case, `KEBAB`
the name in kebab-case. Its text is that of `string.Template`: `${name}`, `${kebab}`, `${camel}`.
"""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory

from infra_cdk.registry import ROOT
from infra_cdk.scaffold.names import Name, ScaffoldError

TEMPLATES = Path(__file__).parent / "templates"
_SUFFIX = ".tmpl"


class Kind(StrEnum):
    """What can be written: each is a folder of templates."""

    JOB = "job"
    TASK = "task"


def rendered(kind: Kind, *, name: Name) -> dict[Path, str]:
    """Return the texts of a skeleton by their paths below the top of the checkout, formatted."""
    folder = TEMPLATES / kind
    values = {"name": name.snake, "kebab": name.kebab, "camel": name.camel}
    texts = {
        _target(template.relative_to(folder), name=name): Template(
            template.read_text(encoding="utf-8")
        ).substitute(values)
        for template in sorted(folder.rglob(f"*{_SUFFIX}"))
    }
    return _formatted(texts)


def write(texts: Mapping[Path, str], *, root: Path = ROOT) -> None:
    """Write every file below `root`, or none. Raises ScaffoldError where something is in the way."""
    folders = sorted({path.parent for path in texts})
    for folder in folders:
        if any(each.is_file() for each in (root / folder).glob("*")):
            raise ScaffoldError(f"{folder} is there already")
    with _undone_on_error() as made:
        for path, text in texts.items():
            _make_folder(root / path.parent, made=made)
            made.append(root / path)
            with (root / path).open("x", encoding="utf-8") as file:
                file.write(text)


def _target(template: Path, *, name: Name) -> Path:
    parts = {"NAME": name.snake, "KEBAB": name.kebab}
    return Path(*(parts.get(part, part) for part in template.parts)).with_suffix("")


def _formatted(texts: Mapping[Path, str]) -> dict[Path, str]:
    # How a line breaks depends on how long the name is.
    with TemporaryDirectory() as folder:
        place = Path(folder)
        for path, text in texts.items():
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_text(text, encoding="utf-8")
        ruff = [sys.executable, "-m", "ruff", "format", "--quiet", "--no-cache"]
        subprocess.run([*ruff, "--config", ROOT / "pyproject.toml", place], check=True)
        return {path: (place / path).read_text(encoding="utf-8") for path in texts}


def _make_folder(folder: Path, *, made: list[Path]) -> None:
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir()
        made.append(each)


@contextmanager
def _undone_on_error() -> Iterator[list[Path]]:
    """Give a list of what is made, in its order; on any error all of that is removed again."""
    made: list[Path] = []
    try:
        yield made
    except BaseException as error:
        for path in reversed(made):
            with suppress(OSError):
                path.rmdir() if path.is_dir() else path.unlink()
        if isinstance(error, OSError):
            raise ScaffoldError(f"nothing is written: {error}") from error
        raise
