"""The conditions of repositories that keep things to their owners, each of which can be taken away."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from infra_cdk.registry import ROOT

OWNERS = frozenset({"owner_id", "author_id", "viewer_id", "user_id", "partner_id", "admin_id"})
"""What whoever asks is called in repositories."""


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
    def removed(self) -> Iterator[None]:
        """Let the function run without the comparison: every row will do."""
        module = importlib.import_module(self.module)
        kept = getattr(module, self.function)
        tree = _tree_of(module)
        mutated = _Remover(self.number).visit(_functions(tree)[self.function])
        source = ast.Module(body=[mutated], type_ignores=[])
        ast.fix_missing_locations(source)
        module.__dict__["_every_row"] = _every_row
        try:
            exec(compile(source, str(module.__file__), "exec"), module.__dict__)  # noqa: S102  # the repository's own code, less one condition
            yield
        finally:
            setattr(module, self.function, kept)
            del module.__dict__["_every_row"]


def filters() -> Iterator[Filter]:
    """Iterate over every filter of every repository."""
    domains = ROOT / "shared" / "domains"
    for path in sorted([*domains.glob("*/repository.py"), *domains.glob("*/repository/*.py")]):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for function, node in _functions(ast.parse(path.read_text())).items():
            found = [each for each in ast.walk(node) if _keeps_to_owner(each)]
            yield from (Filter(name, function, number) for number in range(len(found)))


def _tree_of(module: ModuleType) -> ast.Module:
    return ast.parse(Path(inspect.getfile(module)).read_text())


def _functions(tree: ast.Module) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name: node for node in tree.body if isinstance(node, kinds)}


def _keeps_to_owner(node: ast.AST) -> bool:
    """Tell whether a node is `Table.column == owner_id` or `... == manager.user_id`."""
    if not (isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq)):
        return False
    return isinstance(node.left, ast.Attribute) and _is_owner(node.comparators[0])


def _is_owner(node: ast.expr) -> bool:
    match node:
        case ast.Name(id=name):
            return name in OWNERS
        case ast.Attribute(attr=name, value=ast.Name(id=of)):
            return name in OWNERS and of.islower()
        case _:
            return False


class _Remover(ast.NodeTransformer):
    def __init__(self, number: int) -> None:
        self._left = number

    def visit_Compare(self, node: ast.Compare) -> ast.AST:  # ast's name
        if not _keeps_to_owner(node):
            return node
        self._left -= 1
        if self._left >= 0:
            return node
        self._left = len(ast.dump(node)) ** 3  # no other one
        return ast.parse("_every_row()", mode="eval").body


def _every_row() -> object:
    from sqlalchemy import true

    return true()
