"""What holds for every route of every function."""

from typing import Any

import pytest
from fastapi import FastAPI

from shared.web.idempotency import ON_EVERY_KEY
from shared.web.limits import EXTENSION, SHOWN_ONCE, LimitGroup, limited
from shared.web.openapi import document_of
from shared.web.problems import MEDIA_TYPE

METHODS = {"get", "post", "put", "patch", "delete"}


def applications() -> list[FastAPI]:
    from functions.api.infrastructure.handler import app as infrastructure
    from functions.api.mfa.handler import app as mfa
    from functions.api.webapp.handler import app as webapp

    return [webapp, infrastructure, mfa]


def operations() -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method.upper()} {path}", operation)
        for app in applications()
        for path, item in document_of(app)["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


OPERATIONS = pytest.mark.parametrize(
    "operation", [each for _, each in operations()], ids=[name for name, _ in operations()]
)


@OPERATIONS
def test_names_its_limit_group_and_cost(operation: dict[str, Any]) -> None:
    limit = operation[EXTENSION]
    assert limit["group"] in set(LimitGroup)
    assert limit["cost"] >= 1


@OPERATIONS
def test_says_in_words_what_it_does(operation: dict[str, Any]) -> None:
    assert operation["description"]


@OPERATIONS
def test_a_route_with_a_body_declares_what_is_wrong_with_one(operation: dict[str, Any]) -> None:
    if "requestBody" in operation:
        assert {"400", "413", "415", "422"} <= set(operation["responses"])


@OPERATIONS
def test_a_route_for_users_declares_401(operation: dict[str, Any]) -> None:
    assert ("security" not in operation) or ("401" in operation["responses"])


@OPERATIONS
def test_a_route_that_creates_takes_an_idempotency_key_and_says_all_about_it(
    operation: dict[str, Any],
) -> None:
    names = {parameter["name"] for parameter in operation.get("parameters", ())}
    creates = "201" in operation["responses"] and not operation.get(SHOWN_ONCE)
    assert not creates or ("Idempotency-Key" in names)
    if "Idempotency-Key" in names:
        (success,) = (s for code, s in operation["responses"].items() if code.startswith("2"))
        assert "Idempotent-Replayed" in success["headers"]
        assert codes_of(operation) >= {each.code for each in ON_EVERY_KEY}


@OPERATIONS
def test_a_key_that_is_required_has_its_problem(operation: dict[str, Any]) -> None:
    keys = [each for each in operation.get("parameters", ()) if each["name"] == "Idempotency-Key"]
    required = any(key["required"] for key in keys)
    assert required == ("idempotency_key_missing" in codes_of(operation))


def codes_of(operation: dict[str, Any]) -> set[str]:
    """Return the codes of the problems that an operation declares."""
    contents = (each.get("content", {}) for each in operation["responses"].values())
    return {code for each in contents for code in each.get(MEDIA_TYPE, {}).get("examples", ())}


def test_ids_are_unique() -> None:
    ids = [operation["operationId"] for _, operation in operations()]
    assert len(set(ids)) == len(ids)


def test_a_cost_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        limited(LimitGroup.READ, cost=0)
