"""The conditions by which repositories keep to one owner and one thing: each can be taken away."""

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

_ONES = ("_id", "digest")
"""How the names of values end that there is one owner or one thing of."""

_OWNERS = frozenset({"owner_id", "author_id", "viewer_id", "user_id", "partner_id", "admin_id"})
"""What whoever asks is called in repositories."""

_HOLDERS = _OWNERS | {"endpoint_id"}
"""What is theirs and has things of its own, too."""

_EVERY_ROW = "_every_row"


@dataclass(frozen=True)
class Filter:
    """The `number`-th condition of a function of a repository, and the name of what it compares with."""

    module: str
    function: str
    number: int
    name: str

    def __str__(self) -> str:
        domain = self.module.split(".")[2]
        return f"{domain}.{self.function}[{self.number}:{self.name}]"

    @property
    def of_owner(self) -> bool:
        """Whether it asks whose a thing is; else which one it is."""
        return self.name in _HOLDERS

    @property
    def function_of(self) -> tuple[str, str]:
        """Where it is: the module and the function."""
        return self.module, self.function


@contextmanager
def without(some: Collection[Filter]) -> Iterator[None]:
    """Let functions run without some of their conditions: every row will do."""
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
        Filter(_module_of(path), function, number, name)
        for path in repositories()
        for function, node in _functions(path).items()
        for number, name in enumerate(_compared(node))
    ]


def not_asking() -> set[str]:
    """Name the functions of repositories that are told whose a thing is, and filter by it nowhere."""
    return {
        f"{_module_of(path).split('.')[2]}.{name}"
        for path in repositories()
        for name, node in _functions(path).items()
        if any(each.arg.endswith(_ONES) for each in (*node.args.args, *node.args.kwonlyargs))
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
    return any(name for one in asked for name in _compared(one))


def _compares_owners(node: ast.Compare) -> bool:
    operands = (node.left, *node.comparators)
    names = {getattr(each, "attr", getattr(each, "id", "")) for each in operands}
    return bool(names & _OWNERS) and not isinstance(node.ops[0], ast.Is | ast.IsNot)


def _compared(node: ast.AST) -> Iterator[str]:
    """Name what the conditions below a node compare with, in the order in which they are visited."""
    if name := _kept_to(node):
        yield name
        return
    for child in ast.iter_child_nodes(node):
        yield from _compared(child)


def _kept_to(node: ast.AST) -> str | None:
    """Return with what a node compares a column, if that is one owner or one thing.

    It is `Table.column == owner_id`, `... == manager.user_id`, `... == user.id`, or
    `Table.column.is_not_distinct_from(...)` of one of these.
    """
    match node:
        case ast.Compare(left=ast.Attribute(), ops=[ast.Eq()], comparators=[other]):
            name = _name_of(other)
        case ast.Call(func=ast.Attribute(attr="is_not_distinct_from"), args=[other]):
            name = _name_of(other)
        case _:
            return None
    return name if name.endswith(_ONES) else None


def _name_of(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(attr="id", value=ast.Name(id=of)) if of.islower():
            return f"{of}_id"
        case ast.Attribute(attr=name, value=ast.Name(id=of)) if of.islower():
            return name
        case _:
            return ""


class _Remover(ast.NodeTransformer):
    def __init__(self, numbers: Collection[int]) -> None:
        self._numbers = numbers
        self._seen = count()

    def visit(self, node: ast.AST) -> ast.AST:
        if _kept_to(node) is None:
            return self.generic_visit(node)
        if next(self._seen) not in self._numbers:
            return node
        return ast.parse(f"{_EVERY_ROW}()", mode="eval").body
