"""A cold start loads what its first answer needs, and costs little more than a hello-world."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from infra_cdk.registry import Registered
from tests.benchmarks.cold_start import (
    FIRST_EVENTS,
    functions,
    ratio_to_hello,
    start_function,
)

CEILING = 1.8
"""Of the webapp function's start, in starts of a hello-world FastAPI behind Mangum.

It is 1.5 on a machine with nothing else to do, and up to 1.75 on a busy one.
"""

RUNS = 7

NOWHERE = {
    "alembic", "boto3", "botocore.client", "botocore.session", "httpx", "jinja2", "moto", "pytest",
    "strawberry", "typer", "uvicorn",
}  # fmt: skip
STORAGE = {"sqlalchemy", "aurora_data_api", "psycopg", "redis"}
CRYPTOGRAPHY = {"argon2", "joserfc", "cryptography", "pyotp", "webauthn"}
WEB = {"fastapi", "starlette", "mangum"}

BEHIND_THE_API = NOWHERE | STORAGE | CRYPTOGRAPHY
"""What no function behind the API must load for an answer that needs no other server."""

BACKGROUND = BEHIND_THE_API | WEB
"""What no other function must load before its first event."""

BESIDES = {"docs": {"fastapi", "shared.domains"}}
"""What a function must not load besides those of its kind."""

STATUSES = {
    "docs": 200,
    "federation": 200,
    "infrastructure": 200,
    "mfa": 401,
    "oauth": 404,
    "oauth-clients": 401,
    "partner": 401,
    "partner-admin": 401,
    "webapp": 401,
    "webhooks": 401,
}


@pytest.fixture(scope="module")
def bytecode(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place for the `.pyc` files that a bundle would carry."""
    return tmp_path_factory.mktemp("bytecode")


def forbidden_to(each: Registered) -> set[str]:
    kind = BEHIND_THE_API if each.spec.http else BACKGROUND
    return kind | BESIDES.get(each.spec.name, set())


def test_every_function_behind_the_api_has_a_first_answer() -> None:
    behind_the_api = {name for name, each in functions().items() if each.spec.http}
    assert set(STATUSES) == set(FIRST_EVENTS) == behind_the_api


def test_a_name_that_is_forbidden_is_a_modules() -> None:
    """Else the lists would guard nothing: these are all installed here."""
    names = STORAGE | CRYPTOGRAPHY | WEB | {"alembic", "boto3", "botocore.client", "jinja2"}
    assert [name for name in sorted(names) if find_spec(name) is None] == []


@pytest.mark.parametrize("name", sorted(functions()))
def test_a_start_loads_nothing_that_its_first_answer_does_not_need(
    name: str, bytecode: Path
) -> None:
    started = start_function(name, bytecode=bytecode)
    assert started.status == STATUSES.get(name)
    assert started.modules & forbidden_to(functions()[name]) == set()


def test_a_start_of_the_webapp_function_costs_little_more_than_a_hello_world(
    bytecode: Path,
) -> None:
    assert ratio_to_hello("webapp", bytecode=bytecode, runs=RUNS) <= CEILING
