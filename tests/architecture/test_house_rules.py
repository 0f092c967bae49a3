"""The rules of docs/architecture.md that no linter knows, read from the source itself."""

import ast
import statistics
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = ("functions", "shared", "infra_cdk")
LONGEST_FILE_LINES = 400
LONGEST_MEDIAN_FUNCTION_LINES = 10
DOMAIN_MODULES = {
    "__init__",
    "api",
    "service",
    "repository",
    "models",
    "schemas",
    "events",
    "errors",
}
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}


@cache
def sources() -> tuple[Path, ...]:
    """Return the project's own Python files: those that git tracks or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *CODE],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = (ROOT / line for line in sorted(set(listed.stdout.splitlines())))
    return tuple(path for path in paths if path.suffix == ".py" and path.exists())


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions_of(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count a function's lines without its docstring: the code that a reader follows."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    if not body:
        return 0
    return (body[-1].end_lineno or 0) - body[0].lineno + 1


def uses(path: Path, *, attribute: str, of: str | None = None) -> bool:
    return any(
        isinstance(node, ast.Attribute)
        and node.attr == attribute
        and (of is None or (isinstance(node.value, ast.Name) and node.value.id == of))
        for node in ast.walk(tree(path))
    )


def test_there_are_sources_to_judge() -> None:
    assert len(sources()) > 30


def test_every_package_initialiser_is_empty() -> None:
    full = [name_of(p) for p in sources() if p.name == "__init__.py" and p.read_text().strip()]
    assert full == []


def test_no_file_has_a_name_that_says_nothing() -> None:
    vague = [name_of(p) for p in sources() if FORBIDDEN_NAMES & {p.stem, p.parent.name}]
    assert vague == []


def test_no_file_is_longer_than_four_hundred_lines() -> None:
    lengths = {name_of(p): len(p.read_text().splitlines()) for p in sources()}
    assert {name: n for name, n in lengths.items() if n > LONGEST_FILE_LINES} == {}


def test_the_median_function_is_short() -> None:
    lengths = [lines_of(function) for path in sources() for function in functions_of(path)]
    assert statistics.median(lengths) <= LONGEST_MEDIAN_FUNCTION_LINES


def test_the_environment_is_read_in_config_only() -> None:
    readers = [
        name_of(path)
        for path in sources()
        if not name_of(path).startswith(("shared/config/", "infra_cdk/"))
        and (uses(path, attribute="environ", of="os") or uses(path, attribute="getenv", of="os"))
    ]
    assert readers == []


def test_only_the_unit_of_work_commits() -> None:
    committers = [
        name_of(path)
        for path in sources()
        if not name_of(path).startswith(("shared/adapters/database/", "infra_cdk/local/"))
        and uses(path, attribute="commit")
    ]
    assert committers == []


def test_a_domain_holds_only_the_seven_modules() -> None:
    domains = ROOT / "shared" / "domains"
    strangers = [
        name_of(path)
        for path in sources()
        if path.parent.parent == domains and path.stem not in DOMAIN_MODULES
    ]
    assert strangers == []


def is_repository(path: Path) -> bool:
    """Tell whether a file is a domain's repository, or in one that is a package."""
    return "repository" in (path.stem, path.parent.name)


def test_selects_stand_in_repositories_only() -> None:
    def selects(path: Path) -> bool:
        return any(
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in {"select", "update", "delete", "insert"}
            for node in ast.walk(tree(path))
        )

    in_domains = (p for p in sources() if name_of(p).startswith("shared/domains/"))
    assert [name_of(p) for p in in_domains if not is_repository(p) and selects(p)] == []


def test_routes_are_coroutines_of_at_most_five_statements() -> None:
    wrong = [
        f"{name_of(path)}:{function.name}"
        for path in sources()
        if name_of(path).startswith("functions/api/")
        for function in functions_of(path)
        if any(is_route(decorator) for decorator in function.decorator_list)
        and (isinstance(function, ast.FunctionDef) or statements_of(function) > 5)
    ]
    assert wrong == []


def is_route(decorator: ast.expr) -> bool:
    verbs = {"get", "post", "put", "patch", "delete", "head", "options"}
    return (
        isinstance(decorator, ast.Call)
        and isinstance(decorator.func, ast.Attribute)
        and decorator.func.attr in verbs
    )


def statements_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return len(function.body) - (1 if ast.get_docstring(function) is not None else 0)


@pytest.mark.parametrize("name", ["BackgroundTasks", "BaseHTTPMiddleware"])
def test_what_blocks_or_slows_a_response_is_not_used(name: str) -> None:
    users = [
        name_of(path)
        for path in sources()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Name) and node.id == name
    ]
    assert users == []


def test_every_function_has_its_spec_and_handler() -> None:
    folders = {p.parent for p in sources() if p.name in {"spec.py", "handler.py"}}
    functions = ROOT / "functions"
    half = [
        name_of(folder)
        for folder in sorted(folders)
        if functions in folder.parents
        and not ((folder / "spec.py").exists() and (folder / "handler.py").exists())
    ]
    assert half == []
