"""docs/webhooks-specification.md goes through all of Standard Webhooks 1.0.0, and names tests that exist."""

import ast
import re
from functools import cache
from itertools import pairwise

import pytest

from tests.node_fixtures import ROOT

DOCUMENT = ROOT / "docs" / "webhooks-specification.md"

SECTIONS = (
    "Specification",
    "Payload structure",
    '"Thin" and "full" payloads',
    "Payload size",
    "Verifying webhook authenticity",
    "Webhook metadata",
    "Signature scheme",
    "Additional considerations",
    "Webhook headers",
    "Verifying signatures",
    "Event types",
    "Deliverability and reliability",
    "Delivery success and failure",
    "Request timeouts",
    "Enforcing HTTPS",
    "Static source IPs",
    "Server side request forgery",
    "Multiple endpoints",
    "Visibility into failures and manual retries",
    "Endpoint management API",
    "Migrating to Standard Webhooks",
)
"""The sections of the specification that say something about a sender or a receiver, in their order."""

_HEADING = re.compile(r"^##+ \d+[a-z]?\. (.+)$", re.MULTILINE)
_ROW = re.compile(r"^\| (\d+)\.(\d+) \|(.*)\|$", re.MULTILINE)
_FILE = re.compile(r"^\| `(\w+)` \| `(tests/[\w/]+\.py)` \|$", re.MULTILINE)
_NAMED = re.compile(r"`(\w+)::(test_\w+)`")


@cache
def text() -> str:
    return DOCUMENT.read_text()


@cache
def rows() -> dict[tuple[int, int], list[str]]:
    """Return the cells of each row, by its number."""
    found = [(int(section), int(row), cells) for section, row, cells in _ROW.findall(text())]
    return {(section, row): cells.split(" | ") for section, row, cells in found}


@cache
def files() -> dict[str, str]:
    return dict(_FILE.findall(text()))


@cache
def names_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, functions)}


def test_every_section_of_the_specification_is_there_with_rows() -> None:
    assert tuple(_HEADING.findall(text())) == SECTIONS
    parts = _HEADING.split(text())[2::2]
    assert [name for name, part in zip(SECTIONS, parts, strict=True) if not _ROW.search(part)] == []


def test_no_row_is_missing_or_there_twice() -> None:
    numbers = [(int(section), int(row)) for section, row, _ in _ROW.findall(text())]
    assert len(numbers) > 90
    for (section, row), following in pairwise(numbers):
        assert following in {(section, row + 1), (section + 1, 1)}


@pytest.mark.parametrize("number", rows(), ids=lambda number: ".".join(map(str, number)))
def test_every_row_names_a_test(number: tuple[int, int]) -> None:
    says, does, proof = rows()[number]
    assert says.strip()
    assert does.strip()
    assert _NAMED.search(proof)
    assert "TO BE LINKED" not in proof


def test_every_test_that_is_named_exists() -> None:
    named = set(_NAMED.findall(text()))
    assert len(named) > 50
    missing = [f"{file}::{name}" for file, name in named if name not in names_in(files()[file])]
    assert missing == []


def test_every_file_is_named_by_a_row() -> None:
    assert set(files()) == {file for file, _ in _NAMED.findall(text())}
