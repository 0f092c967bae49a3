"""Who a request with an API key is from: API Gateway says it, the gateway here asks."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What API Gateway says to a key: its id, or the type of the gateway response that refuses it."""

    key_id: str = ""
    refusal: str = ""


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Whose request was let through: the key's value and its id."""

    key: str
    key_id: str


type Admit = Callable[[str], Awaitable[Verdict]]
"""Asks about the value of a key, which counts as one request of its plan. Raises KeysUnknownError."""


class KeysUnknownError(Exception):
    """Whether a key is one cannot be told now."""


NO_KEY = Verdict(refusal="INVALID_API_KEY")
"""A key that is missing, unknown, disabled, or on no plan of this stage."""
