"""A problem document has its standard members, and those of its own kind besides (RFC 9457, section 3.2)."""

import pytest

from shared.core.errors import NotFoundError, ProblemError
from shared.core.problems import document_of
from shared.domains.mfa.errors import SecondFactorRequiredError
from shared.web.openapi import _kinds

STANDARD = {"type", "title", "status", "detail", "code", "request_id", "errors"}


def test_most_have_the_standard_members_only() -> None:
    assert set(document_of(NotFoundError("Nothing."))) == STANDARD


def test_an_error_may_bring_members_of_its_own() -> None:
    error = SecondFactorRequiredError(mfa_token="token", methods=["totp"], expires_in=300)
    document = document_of(error)
    assert set(document) == STANDARD | {"mfa_token", "methods", "expires_in"}
    assert (document["mfa_token"], document["methods"]) == ("token", ["totp"])


def test_they_are_those_that_its_kind_declares() -> None:
    error = SecondFactorRequiredError(mfa_token="token", methods=["totp"], expires_in=300)
    assert set(error.members) == set(SecondFactorRequiredError.extension)


def test_none_takes_the_place_of_a_standard_one() -> None:
    error = NotFoundError("Nothing.", members={"status": 200, "code": "ok", "hint": "Look."})
    document = document_of(error)
    assert (document["status"], document["code"], document["hint"]) == (404, "not_found", "Look.")


def test_neither_the_text_nor_the_representation_of_an_error_tells_them() -> None:
    error = SecondFactorRequiredError(mfa_token="secret-token", methods=[], expires_in=300)
    assert "secret-token" not in f"{error} {error!r}"


@pytest.mark.parametrize("kind", [e for e in _kinds(ProblemError) if e.extension])
def test_every_kind_with_members_shows_an_example_of_each(kind: type[ProblemError]) -> None:
    assert not STANDARD & set(kind.extension)
    assert all(schema["examples"] for schema in kind.extension.values())
