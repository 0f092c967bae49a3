"""A mail is in its reader's language where there is a translation, and in English otherwise."""

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from functions.queues.mail import rendering
from functions.queues.mail.catalogue import find_catalogue
from functions.queues.mail.rendering import render
from shared.domains.mail.events import ExportReadyValues, MailTemplate, WelcomeValues

GERMAN = {
    "Welcome to %(product)s": "Willkommen bei %(product)s",
    "Hello %(username)s,": "Guten Tag %(username)s,",
    "The file that you asked for is ready. It holds %(count)s row.\0"
    "The file that you asked for is ready. It holds %(count)s rows.": (
        "Die Datei ist fertig, mit %(count)s Zeile.\0Die Datei ist fertig, mit %(count)s Zeilen."
    ),
}


def compiled(messages: Mapping[str, str], *, language: str) -> bytes:
    """A catalogue as `pybabel compile` writes it. Source: GNU gettext, "The Format of GNU MO Files"."""
    header = (
        f"Language: {language}\nContent-Type: text/plain; charset=utf-8\n"
        "Plural-Forms: nplurals=2; plural=(n != 1);\n"
    )
    pairs = sorted((key.encode(), text.encode()) for key, text in {"": header, **messages}.items())
    count = len(pairs)
    place = 28 + 16 * count
    tables, bodies = [b"", b""], b""
    for which in (0, 1):
        for pair in pairs:
            tables[which] += struct.pack("<II", len(pair[which]), place + len(bodies))
            bodies += pair[which] + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, 0)
    return head + tables[0] + tables[1] + bodies


def translate(locales: Path, language: str, messages: Mapping[str, str]) -> None:
    folder = locales / language / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "messages.mo").write_bytes(compiled(messages, language=language))


@pytest.fixture
def locales(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place for translations that the templates use."""
    monkeypatch.setattr(
        rendering, "find_catalogue", lambda locale: find_catalogue(locale, locales=tmp_path)
    )
    rendering._environment.cache_clear()
    yield tmp_path
    rendering._environment.cache_clear()


def welcome(locale: str) -> rendering.Mail:
    return render(MailTemplate.WELCOME, locale=locale, content=WelcomeValues(username="<ada>"))


class TestFindCatalogue:
    @pytest.mark.parametrize("locale", ["en", "en-GB", "de", "zh-Hant-TW", "tlh"])
    def test_a_language_without_translation_is_english(self, locale: str) -> None:
        assert find_catalogue(locale).language == "en"

    def test_the_nearest_is_found(self, tmp_path: Path) -> None:
        for language in ("pt", "pt_BR", "zh_Hant"):
            translate(tmp_path, language, {})
        tags = ("pt-BR", "pt-PT", "zh-Hant-TW", "zh-Hans")
        found = [find_catalogue(tag, locales=tmp_path).language for tag in tags]
        assert found == ["pt-BR", "pt", "zh-Hant", "en"]

    def test_what_the_nearest_lacks_is_taken_from_the_next(self, tmp_path: Path) -> None:
        translate(tmp_path, "de", {"Task": "Aufgabe", "Rows": "Zeilen"})
        translate(tmp_path, "de_AT", {"Rows": "Reihen"})
        gettext = find_catalogue("de-AT", locales=tmp_path).translations.gettext
        assert [gettext(each) for each in ("Rows", "Task", "Link")] == ["Reihen", "Aufgabe", "Link"]


class TestTranslated:
    def test_subject_text_and_html_are_in_the_language(self, locales: Path) -> None:
        translate(locales, "de", GERMAN)
        made = welcome("de-AT")
        assert made.subject == "Willkommen bei Switchyard"
        assert made.text.startswith("Guten Tag <ada>,\n")
        assert '<html lang="de">' in made.html
        assert "Guten Tag &lt;ada&gt;," in made.html

    def test_numbers_take_the_languages_plural(self, locales: Path) -> None:
        translate(locales, "de", GERMAN)
        for rows, told in ((1, "mit 1 Zeile."), (2, "mit 2 Zeilen.")):
            content = ExportReadyValues(username="ada", task_id="t", rows=rows)
            assert told in render(MailTemplate.EXPORT_READY, locale="de", content=content).text

    def test_what_is_not_translated_is_english(self, locales: Path) -> None:
        translate(locales, "de", GERMAN)
        assert "Your account is ready." in welcome("de").text

    def test_another_language_is_english(self, locales: Path) -> None:
        translate(locales, "de", GERMAN)
        made = welcome("fr")
        assert made.subject == "Welcome to Switchyard"
        assert '<html lang="en">' in made.html
