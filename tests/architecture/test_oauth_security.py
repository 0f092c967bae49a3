"""docs/oauth-security.md names every section of RFC 9700 that asks something of a server, with tests that exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "oauth-security.md"

SECTIONS = (
    *("2.1", "2.1.1", "2.1.2", "2.2.1", "2.2.2", "2.3", "2.4", "2.5", "2.6"),
    *(f"4.{number}" for number in range(1, 18)),
)
"""The sections of RFC 9700 with recommendations (2) and with attacks (4)."""

FILES = {
    "access": "tests/functions/api/webapp/test_tokens.py",
    "authorize": "tests/functions/api/oauth/test_authorize.py",
    "browser": "tests/e2e/test_oauth_browser.py",
    "clients": "tests/functions/api/oauth_clients/test_clients.py",
    "code_flow": "tests/functions/api/oauth/test_code_flow.py",
    "e2e": "tests/e2e/test_oauth.py",
    "tokens": "tests/functions/api/oauth/test_tokens.py",
    "uris": "tests/shared/core/test_redirect_uris.py",
}

_NAMED = re.compile(r"`(\w+)::(test_\w+)`")


@cache
def rows() -> dict[str, str]:
    """Return the table's rows by section."""
    cells = re.findall(r"^\| ([0-9.]+) \|(.*)$", DOCUMENT.read_text(), re.MULTILINE)
    assert len(dict(cells)) == len(cells)
    return dict(cells)


@cache
def names_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, functions)}


def test_every_section_has_a_row() -> None:
    assert tuple(rows()) == SECTIONS


@pytest.mark.parametrize("section", SECTIONS)
def test_every_row_names_a_test(section: str) -> None:
    assert _NAMED.search(rows()[section].rsplit("|", 2)[-2])


def test_every_test_that_is_named_exists() -> None:
    named = set(_NAMED.findall(DOCUMENT.read_text()))
    assert len(named) > 30
    missing = [f"{file}::{name}" for file, name in named if name not in names_in(FILES[file])]
    assert missing == []
