"""All tests that SQLAlchemy has for a dialect (https://docs.sqlalchemy.org, README.dialects)."""

import ast
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.testing import config, fixtures, suite
from sqlalchemy.testing.exclusions import compound
from sqlalchemy.testing.suite import *  # noqa: F403  # the suite is its names

from tests.dialect_suite.requirements import DATA_API_LACKS, POSTGRESQL_LACKS


def names_in(tree: ast.Module) -> Iterator[str]:
    """Yield all attributes and words of a source: the requirements that it asks for among them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


class RequirementsTest(fixtures.TestBase):
    def test_nothing_is_left_out_without_a_reason(self) -> None:
        sources = Path(suite.__file__).parent.glob("*.py")
        asked = {name for path in sources for name in names_in(ast.parse(path.read_text()))}
        closed = {name for name in asked if is_closed(name)}
        assert closed == {*DATA_API_LACKS, *POSTGRESQL_LACKS} & asked


def is_closed(name: str) -> bool:
    requirement = getattr(config.requirements, name, None)
    if not isinstance(requirement, compound):
        return False
    return not requirement.enabled_for_config(config._current)  # type: ignore[no-untyped-call]
