"""The limit group and the cost of a route, as its OpenAPI operation names them."""

from enum import StrEnum
from typing import Any

EXTENSION = "x-rate-limit"

SHOWN_ONCE = "x-shown-once"
"""Marks an operation whose answer tells a secret that is told this once: it takes no Idempotency-Key."""


class LimitGroup(StrEnum):
    """Routes that share one allowance."""

    LOGIN = "login"
    READ = "read"
    WRITE = "write"
    OPERATIONS = "operations"


def limited(group: LimitGroup, *, cost: int = 1) -> dict[str, Any]:
    """Return the `openapi_extra` of a route: what one request takes from its group's allowance."""
    if cost < 1:
        raise ValueError("a request costs at least 1")
    return {EXTENSION: {"group": group.value, "cost": cost}}
