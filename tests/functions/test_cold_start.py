"""A cold start loads what its first answer needs, and costs little more than a hello-world."""

from pathlib import Path

import pytest

from tests.benchmarks.cold_start import functions, ratio_to_hello, start_function

CEILING = 1.6
"""Of the webapp function's start, in starts of a hello-world FastAPI behind Mangum."""

RUNS = 7

NOWHERE = {"alembic", "boto3", "httpx", "moto", "pytest", "strawberry", "typer", "uvicorn"}
STORAGE = {"sqlalchemy", "aurora_data_api", "psycopg", "redis"}
CRYPTOGRAPHY = {"argon2", "joserfc", "cryptography"}
FORBIDDEN = {
    "docs": NOWHERE | STORAGE | CRYPTOGRAPHY | {"fastapi", "shared.domains"},
    "infrastructure": NOWHERE | STORAGE | CRYPTOGRAPHY,
    "migrate": NOWHERE | STORAGE | CRYPTOGRAPHY | {"fastapi", "starlette", "mangum"},
    "webapp": NOWHERE | STORAGE | CRYPTOGRAPHY,
}
"""What each function must not load until it has answered a request that needs no other server."""

STATUSES = {"docs": 200, "infrastructure": 200, "migrate": None, "webapp": 401}


@pytest.fixture(scope="module")
def bytecode(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place for the `.pyc` files that a bundle would carry."""
    return tmp_path_factory.mktemp("bytecode")


def test_every_function_has_its_list() -> None:
    assert set(FORBIDDEN) == set(functions())


@pytest.mark.parametrize("name", sorted(FORBIDDEN))
def test_a_start_loads_nothing_that_its_first_answer_does_not_need(
    name: str, bytecode: Path
) -> None:
    started = start_function(name, bytecode=bytecode)
    assert started.status == STATUSES[name]
    assert started.modules & FORBIDDEN[name] == set()


def test_a_start_of_the_webapp_function_costs_little_more_than_a_hello_world(
    bytecode: Path,
) -> None:
    assert ratio_to_hello("webapp", bytecode=bytecode, runs=RUNS) <= CEILING
