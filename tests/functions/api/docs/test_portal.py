"""The portal's own code: checked by TypeScript, made of nodes only, in words that every language has."""

import re
from pathlib import Path
from subprocess import run

import pytest

from infra_cdk.docs_assets import MODULES, PORTAL
from tests.node_fixtures import NODE

MODULE_PATHS = sorted(PORTAL.glob("*.js"))
LANGUAGES = {"english.js", "german.js"}
LONGEST_MODULE = 400

MARKUP = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|setHTML|\beval\b|new Function"
    r"|createContextualFragment|srcdoc|localStorage|sessionStorage|document\.cookie|indexedDB"
)
"""What makes markup or a script of a text, or keeps one beyond the page."""


def test_typescript_finds_nothing_wrong() -> None:
    compiler = MODULES / "typescript" / "bin" / "tsc"
    checked = run([NODE, compiler, "-p", PORTAL], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout) == (0, "")


@pytest.mark.parametrize("path", MODULE_PATHS, ids=lambda path: path.name)
def test_a_module_makes_nodes_and_keeps_nothing(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert [line for line in lines if MARKUP.search(line)] == []
    assert len(lines) < LONGEST_MODULE


@pytest.mark.parametrize("language", ["english.js", "german.js"])
def test_every_word_of_a_language_is_said_somewhere(language: str) -> None:
    code = "\n".join(path.read_text() for path in MODULE_PATHS if path.name not in LANGUAGES)
    keys = re.findall(r"^  (\w+): ", (PORTAL / language).read_text(), re.MULTILINE)
    prefixes = set(re.findall(r'(?:named|counted)\("(\w+)"', code))
    unsaid = [
        key for key in keys if f'"{key}"' not in code and key.partition("_")[0] not in prefixes
    ]
    assert len(keys) > 150
    assert unsaid == []
