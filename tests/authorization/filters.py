"""The conditions of repositories that keep things to their owners, each of which can be taken away."""

import ast
import importlib
import inspect
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from types import CodeType

from sqlalchemy import true

from infra_cdk.registry import ROOT

OWNERS = frozenset({"owner_id", "author_id", "viewer_id", "user_id", "partner_id", "admin_id"})
"""What whoever asks is called in repositories."""

_TELLING = OWNERS | {"manager", "user"}
"""The parameters that tell whose a thing is."""

_EVERY_ROW = "_every_row"


@dataclass(frozen=True)
class Filter:
    """The `number`-th comparison with an owner in a function of a repository."""

    module: str
    function: str
    number: int

    def __str__(self) -> str:
        domain = self.module.split(".")[2]
        return f"{domain}.{self.function}[{self.number}]"

    @property
    def function_of(self) -> tuple[str, str]:
        """Where it is: the module and the function."""
        return self.module, self.function


@contextmanager
def without(some: Collection[Filter]) -> Iterator[None]:
    """Let functions run without some of their comparisons: every row will do."""
    with ExitStack() as stack:
        for module, function in {each.function_of for each in some}:
            numbers = {each.number for each in some if each.function_of == (module, function)}
            stack.enter_context(_mutated(module, function, frozenset(numbers)))
        yield


@contextmanager
def _mutated(module_name: str, function: str, numbers: frozenset[int]) -> Iterator[None]:
    module = importlib.import_module(module_name)
    kept = getattr(module, function)
    module.__dict__[_EVERY_ROW] = true
    try:
        exec(_compiled(module_name, function, numbers), module.__dict__)  # noqa: S102  # the repository's own code, less its conditions
        yield
    finally:
        setattr(module, function, kept)


@cache
def _compiled(module_name: str, function: str, numbers: frozenset[int]) -> CodeType:
    path = Path(inspect.getfile(importlib.import_module(module_name)))
    mutated = _Remover(numbers).visit(_functions(path)[function])
    assert isinstance(mutated, ast.stmt)
    source = ast.Module(body=[mutated], type_ignores=[])
    return compile(ast.fix_missing_locations(source), str(path), "exec")


def filters() -> list[Filter]:
    """Return every filter of every repository."""
    return [
        Filter(_module_of(path), function, number)
        for path in repositories()
        for function, node in _functions(path).items()
        for number, _ in enumerate(filter(_keeps_to_owner, ast.walk(node)))
    ]


def not_asking() -> set[str]:
    """Name the functions of repositories that are told whose a thing is, and filter by it nowhere."""
    return {
        f"{_module_of(path).split('.')[2]}.{name}"
        for path in repositories()
        for name, node in _functions(path).items()
        if _TELLING & {each.arg for each in (*node.args.args, *node.args.kwonlyargs)}
        and not _asks(node, _functions(path))
    }


def comparing_elsewhere() -> list[str]:
    """Name the lines outside repositories that compare whose something is: it is theirs to ask."""
    paths = {*(ROOT / "shared").rglob("*.py"), *(ROOT / "functions").rglob("*.py")}
    return [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted(paths.difference(repositories()))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Compare) and _compares_owners(node)
    ]


def repositories() -> list[Path]:
    """Return the files of every domain's repository, be it a module or a package."""
    domains = ROOT / "shared" / "domains"
    return sorted([*domains.glob("*/repository.py"), *domains.glob("*/repository/*.py")])


def _module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def _functions(path: Path) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    body = ast.parse(path.read_text()).body
    return {node.name: node for node in body if isinstance(node, kinds)}


def _asks(node: ast.AST, functions: Mapping[str, ast.AST]) -> bool:
    """Tell whether a function has a filter, or calls one of its module that has."""
    called = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    asked = [node, *(functions[name] for name in called & functions.keys())]
    return any(_keeps_to_owner(each) for one in asked for each in ast.walk(one))


def _compares_owners(node: ast.Compare) -> bool:
    named = any(_is_owner(each) for each in (node.left, *node.comparators))
    return named and not isinstance(node.ops[0], ast.Is | ast.IsNot)


def _keeps_to_owner(node: ast.AST) -> bool:
    """Tell whether a node is `Table.column == owner_id`, or one of its other forms.

    They are `... == manager.user_id`, `... == user.id`, and `Table.column.is_not_distinct_from(...)`.
    """
    match node:
        case ast.Compare(left=ast.Attribute(), ops=[ast.Eq()], comparators=[other]):
            return _is_owner(other)
        case ast.Call(func=ast.Attribute(attr="is_not_distinct_from"), args=[other]):
            return _is_owner(other)
        case _:
            return False


def _is_owner(node: ast.expr) -> bool:
    match node:
        case ast.Name(id=name):
            return name in OWNERS
        case ast.Attribute(attr=name, value=ast.Name(id=of)):
            return of.islower() and (name in OWNERS or (name == "id" and f"{of}_id" in OWNERS))
        case _:
            return False


class _Remover(ast.NodeTransformer):
    def __init__(self, numbers: Collection[int]) -> None:
        self._numbers = numbers
        self._seen = count()

    def visit(self, node: ast.AST) -> ast.AST:
        if not _keeps_to_owner(node):
            return self.generic_visit(node)
        if next(self._seen) not in self._numbers:
            return node
        return ast.parse(f"{_EVERY_ROW}()", mode="eval").body
