"""The routes behind operations: which dependencies they have, in which order."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts

from infra_cdk.authorization import Permission
from tests.authorization.world import applications


def contexts() -> Iterator[RouteContext]:
    for app in applications().values():
        yield from iter_route_contexts(app.routes)


@cache
def _by_name() -> Mapping[str, RouteContext]:
    return {f"{method} {each.path}": each for each in contexts() for method in each.methods or ()}


def dependant_of(permission: Permission) -> Dependant:
    dependant: Dependant = _by_name()[permission.name].dependant
    return dependant


def calls_of(dependant: Dependant) -> list[Callable[..., Any]]:
    """Return what is called before the route is, in its order."""
    called: list[Callable[..., Any]] = []
    for each in dependant.dependencies:
        called += calls_of(each)
        if each.call:
            called.append(each.call)
    return called
