import logging

import pytest

from shared.adapters.logging import HIDDEN, logger, redacted
from tests.web_fixtures import Log

JWT = "eyJhbGciOiJFZDI1NTE5In0.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "new_password",
        "PASSWORD_HASH",
        "secret",
        "access_token",
        "Authorization",
        "Cookie",
        "x-api-key",
    ],
)
def test_a_value_with_the_name_of_a_secret_is_hidden(name: str) -> None:
    assert redacted({"outer": [{name: "hush"}]}) == {"outer": [{name: HIDDEN}]}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"got {JWT}, no more", f"got {HIDDEN}, no more"),
        ("Authorization: Bearer abc.def", f"Authorization: Bearer {HIDDEN}"),
        ("postgresql://me:hush@db:5432/x", f"postgresql://{HIDDEN}@db:5432/x"),
        ("rediss://:hush@cache", f"rediss://{HIDDEN}@cache"),
        ("('ada', '$argon2id$v=19$m=65536$c2FsdA$aGFzaA')", f"('ada', '{HIDDEN}"),
        ("a plain text", "a plain text"),
    ],
)
def test_what_looks_like_a_secret_is_hidden_wherever_it_stands(text: str, shown: str) -> None:
    assert redacted(text) == shown


def test_a_librarys_warning_is_json_too_and_its_chatter_is_not_logged(log: Log) -> None:
    logging.getLogger("some.library").info("chatter")
    logging.getLogger("some.library").warning("token was %s", JWT)
    (line,) = log()
    assert line["message"] == f"token was {HIDDEN}"


def test_the_applications_own_lines_come_once(log: Log) -> None:
    logger().info("here", extra={"password": "hush", "count": 2})
    (line,) = log()
    assert (line["password"], line["count"]) == (HIDDEN, 2)
