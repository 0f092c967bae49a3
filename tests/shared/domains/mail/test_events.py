"""A mail that is asked for has one recipient and exactly the values that its template needs."""

from typing import Any

import pytest
from pydantic import ValidationError

from shared.domains.mail.api import names_of
from shared.domains.mail.events import VALUES, MailRequested, MailTemplate, WelcomeValues

VALID: dict[str, Any] = {
    "to": "ada@example.com",
    "template": "welcome",
    "locale": "en",
    "values": {"username": "ada"},
}


def asked(**changes: Any) -> MailRequested:
    return MailRequested.model_validate(VALID | changes)


class TestValues:
    def test_every_template_says_which_it_needs(self) -> None:
        assert set(VALUES) == set(MailTemplate)
        assert names_of(MailTemplate.EXPORT_READY) == {"username", "task_id", "rows"}

    def test_they_are_the_templates_own(self) -> None:
        assert asked().content == WelcomeValues(username="ada")

    @pytest.mark.parametrize(
        ("values", "wrong"),
        [
            ({}, r"username \(missing\)"),
            ({"username": "ada", "rows": "1"}, r"rows \(extra_forbidden\)"),
            ({"username": ""}, r"username \(string_too_short\)"),
        ],
    )
    def test_one_too_few_or_too_many_is_an_error_that_names_it(
        self, values: dict[str, str], wrong: str
    ) -> None:
        with pytest.raises(ValidationError, match=wrong):
            asked(values=values)

    @pytest.mark.parametrize("count", ["-1", "many", "1.5"])
    def test_a_count_that_is_none_is_an_error(self, count: str) -> None:
        values = {"username": "ada", "task_id": "t", "rows": count}
        with pytest.raises(ValidationError, match="rows"):
            asked(template="export_ready", values=values)

    def test_an_error_tells_no_value(self) -> None:
        with pytest.raises(ValidationError) as caught:
            asked(values={"name": "somebody's secret"})
        assert "secret" not in str(caught.value)


class TestRecipient:
    @pytest.mark.parametrize(
        "to", ["ada@example.com", "a+b.c@example.co.uk", "!#$%&'*+/=?^_`{|}~-@localhost"]
    )
    def test_every_address_that_a_user_may_have_is_taken(self, to: str) -> None:
        assert asked(to=to).to == to

    @pytest.mark.parametrize(
        "to",
        [
            "ada@example.com\r\nBcc: eve@example.com",
            "ada@example.com\n",
            "ada@example.com,eve@example.com",
            "ada@example.com eve@example.com",
            '"Ada" <ada@example.com>',
            "ada@example.com@example.org",
            "ada",
            "",
        ],
    )
    def test_what_is_more_or_less_than_one_address_is_refused(self, to: str) -> None:
        with pytest.raises(ValidationError, match="to"):
            asked(to=to)


class TestLocale:
    @pytest.mark.parametrize("locale", ["en", "de-AT", "zh-Hant-TW"])
    def test_a_language_tag_is_taken(self, locale: str) -> None:
        assert asked(locale=locale).locale == locale

    @pytest.mark.parametrize("locale", ["", "../de", "de_AT", "de/x", "d", "e" * 36, "en\n"])
    def test_what_is_none_is_refused(self, locale: str) -> None:
        with pytest.raises(ValidationError, match="locale"):
            asked(locale=locale)
