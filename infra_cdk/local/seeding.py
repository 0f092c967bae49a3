"""What a new cloud must hold before it is of use: somebody to log in as, and an operator."""

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from infra_cdk.local.lambda_service.outcome import Outcome

if TYPE_CHECKING:
    from aiohttp import ClientSession

DEMO_USERNAME = "demo"
DEMO_OPERATOR = "operator"
DEMO_PASSWORD = "correct-switch-yard-42"  # noqa: S105  # printed at every start: it guards nothing

REGISTRATION = "webapp"
"""The function that registers users."""

OPERATORS = "operators"
"""The function that makes a user an operator."""

_CREATED = 201
_EXISTS = 409


async def add_demo_user(username: str, *, client: "ClientSession", url: str) -> str | None:
    """Register a demo user through the API at `url`, as anybody would; twice does no harm.

    Returns the API's answer where it is a refusal.
    """
    email = f"{username}@example.com"
    user = {"username": username, "email": email, "password": DEMO_PASSWORD}
    async with client.post(f"{url}/v1/webapp/users", json=user) as response:
        if response.status in {_CREATED, _EXISTS}:
            return None
        return f"{response.status} {await response.text()}"


async def make_operator(
    username: str, *, invoke: Callable[[str, bytes], Awaitable[Outcome]]
) -> str | None:
    """Give a user the role of an operator; twice does no harm.

    Returns the function's error where it fails.
    """
    event = {"username": username, "role": "operator"}
    outcome = await invoke(OPERATORS, json.dumps(event).encode())
    return outcome.reason if outcome.error else None
