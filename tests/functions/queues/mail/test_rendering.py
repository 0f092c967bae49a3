"""Every mail is whole, says the same in text and in HTML, and shows values as what they are."""

import re
from html.parser import HTMLParser
from io import BytesIO
from typing import Any

import pytest
from jinja2 import UndefinedError
from jinja2.ext import babel_extract

from functions.queues.mail.rendering import TEMPLATES, Mail, render
from shared.domains.mail.events import VALUES, AccountDeletedValues, MailTemplate

TASK = "019ab8f1-5b7e-7c1a-9d55-3f2b8e6a1c42"
CONTENT: dict[MailTemplate, dict[str, Any]] = {
    MailTemplate.WELCOME: {"username": "ada"},
    MailTemplate.IMPORT_FINISHED: {
        "username": "ada",
        "task_id": TASK,
        "imported": "998",
        "failed": "2",
    },
    MailTemplate.EXPORT_READY: {"username": "ada", "task_id": TASK, "rows": "1000"},
    MailTemplate.TASK_FAILED: {
        "username": "ada",
        "task_id": TASK,
        "kind": "import_items",
        "code": "unreadable_file",
        "detail": "Line 17 is not UTF-8.",
    },
    MailTemplate.ACCOUNT_DELETED: {"username": "ada"},
    MailTemplate.VERIFY_EMAIL: {"username": "ada", "token": "dGhlLWNvZGUtdGhhdC13YXMtc2VudA"},
    MailTemplate.RESET_PASSWORD: {"username": "ada", "token": "dGhlLWNvZGUtdGhhdC13YXMtc2VudA"},
    MailTemplate.PASSWORD_CHANGED: {"username": "ada"},
    MailTemplate.EMAIL_CHANGED: {"username": "ada"},
    MailTemplate.LOGIN_LINKED: {"username": "ada", "provider": "Acme"},
    MailTemplate.LOGIN_UNLINKED: {"username": "ada", "provider": "Acme"},
    MailTemplate.FACTOR_ADDED: {"username": "ada", "kind": "passkey"},
    MailTemplate.FACTOR_REMOVED: {"username": "ada", "kind": "totp"},
    MailTemplate.RECOVERY_CODE_USED: {"username": "ada", "left": "9"},
    MailTemplate.WEBHOOK_DISABLED: {
        "username": "ada",
        "endpoint": "example.com/webhooks",
        "kind": "failing",
    },
}
SUBJECTS = {
    MailTemplate.WELCOME: "Welcome to Switchyard",
    MailTemplate.IMPORT_FINISHED: "Your import is finished",
    MailTemplate.EXPORT_READY: "Your export is ready",
    MailTemplate.TASK_FAILED: "Your import failed",
    MailTemplate.ACCOUNT_DELETED: "Your account is deleted",
    MailTemplate.VERIFY_EMAIL: "Verify your e-mail address",
    MailTemplate.RESET_PASSWORD: "Choose another password",
    MailTemplate.PASSWORD_CHANGED: "Your password was changed",
    MailTemplate.EMAIL_CHANGED: "Your e-mail address was changed",
    MailTemplate.LOGIN_LINKED: "You can log in by Acme",
    MailTemplate.LOGIN_UNLINKED: "You cannot log in by Acme any more",
    MailTemplate.FACTOR_ADDED: "You have a new passkey",
    MailTemplate.FACTOR_REMOVED: "Your authenticator application was removed",
    MailTemplate.RECOVERY_CODE_USED: "A recovery code was used",
    MailTemplate.WEBHOOK_DISABLED: "A webhook endpoint of yours was disabled",
}
HOSTILE = """<script>alert("1")</script><img src=x onerror='x'>{{ 7 * 7 }}{% raw %}%(name)s &amp;"""

every_template = pytest.mark.parametrize("template", MailTemplate)


def mail(template: MailTemplate, **changes: str) -> Mail:
    content = VALUES[template].model_validate(CONTENT[template] | changes)
    return render(template, locale="en", content=content)


class Page(HTMLParser):
    """What a reader sees of an HTML mail, and of what it consists."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"head", "style"} & set(self.open):
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


class TestRender:
    @every_template
    def test_its_subject_is_one_line_that_says_what_happened(self, template: MailTemplate) -> None:
        assert mail(template).subject == SUBJECTS[template]

    @every_template
    def test_every_line_of_the_text_stands_in_the_html(self, template: MailTemplate) -> None:
        made = mail(template)
        seen = Page(made.html).text
        lines = [line for line in made.text.splitlines() if line.strip("- ")]
        assert len(lines) >= 4
        assert [line for line in lines if line not in seen] == []

    @every_template
    def test_the_html_says_nothing_beyond_the_subject_that_the_text_does_not(
        self, template: MailTemplate
    ) -> None:
        made = mail(template)
        lines = sorted(made.text.splitlines(), key=len, reverse=True)
        rest = Page(made.html).text
        for line in filter(None, lines):
            rest = rest.replace(line, "", 1)
        assert rest.replace(made.subject, "", 1).replace("Switchyard", "", 1).split() == []

    @every_template
    def test_every_value_but_the_kind_is_shown(self, template: MailTemplate) -> None:
        made = mail(template)
        shown = {name: value for name, value in CONTENT[template].items() if name != "kind"}
        assert [name for name, value in shown.items() if value not in made.text] == []
        assert [name for name, value in shown.items() if value not in made.html] == []

    @every_template
    def test_nothing_is_left_of_the_template(self, template: MailTemplate) -> None:
        made = mail(template)
        for part in (made.subject, made.text, made.html):
            assert re.search(r"\{\{|\{%|%\(|None|Undefined", part) is None
        assert "\n\n\n" not in made.text

    @pytest.mark.parametrize(("name", "count"), [("imported", "1"), ("failed", "1")])
    def test_one_is_told_in_the_singular(self, name: str, count: str) -> None:
        text = mail(MailTemplate.IMPORT_FINISHED, **{name: count}).text
        assert re.search(r"^1 row ", text, re.MULTILINE)

    def test_an_import_without_errors_tells_of_none(self) -> None:
        made = mail(MailTemplate.IMPORT_FINISHED, failed="0")
        assert "errors" not in made.text.lower()
        assert "errors" not in made.html.lower()

    @pytest.mark.parametrize(
        ("kind", "subject"),
        [
            ("export_items", "Your export failed"),
            ("export_account", "Your export failed"),
            ("delete_account", "Your account could not be deleted"),
            ("a kind of tomorrow", "Your task failed"),
        ],
    )
    def test_a_failure_says_of_what(self, kind: str, subject: str) -> None:
        assert mail(MailTemplate.TASK_FAILED, kind=kind).subject == subject

    @pytest.mark.parametrize(
        ("template", "kind", "subject", "sentence"),
        [
            (MailTemplate.FACTOR_ADDED, "passkey", "You have a new passkey", "A passkey was added"),
            (
                MailTemplate.FACTOR_ADDED,
                "totp",
                "You have a new authenticator application",
                "An authenticator application was added",
            ),
            (
                MailTemplate.FACTOR_ADDED,
                "recovery_code",
                "You have new recovery codes",
                "Your account has new recovery codes",
            ),
            (
                MailTemplate.FACTOR_REMOVED,
                "passkey",
                "A passkey was removed",
                "A passkey was removed from",
            ),
            (
                MailTemplate.FACTOR_REMOVED,
                "totp",
                "Your authenticator application was removed",
                "The authenticator application was removed",
            ),
        ],
    )
    def test_a_notice_names_the_factor(
        self, template: MailTemplate, kind: str, subject: str, sentence: str
    ) -> None:
        made = mail(template, kind=kind)
        assert made.subject == subject
        assert sentence in made.text
        assert sentence in made.html

    def test_values_of_another_template_are_an_error(self) -> None:
        with pytest.raises(UndefinedError):
            render(
                MailTemplate.TASK_FAILED, locale="en", content=AccountDeletedValues(username="ada")
            )


TEXTS = [
    (template, name)
    for template in MailTemplate
    for name, value in CONTENT[template].items()
    if not value.isdigit()
]


class TestHostileValues:
    @pytest.mark.parametrize(("template", "name"), TEXTS)
    def test_in_html_a_value_is_text_and_never_markup(
        self, template: MailTemplate, name: str
    ) -> None:
        clean, made = Page(mail(template).html), mail(template, **{name: HOSTILE}).html
        assert "<script" not in made
        assert "<img" not in made
        tags = [tag for tag, _ in Page(made).tags]
        assert tags == [tag for tag, _ in clean.tags]
        if name != "kind":
            assert " ".join(HOSTILE.split()) in Page(made).text

    @pytest.mark.parametrize(("template", "name"), TEXTS)
    def test_in_text_it_stands_as_it_is(self, template: MailTemplate, name: str) -> None:
        assert name == "kind" or HOSTILE in mail(template, **{name: HOSTILE}).text


class TestHtml:
    @every_template
    def test_it_loads_nothing_and_runs_nothing(self, template: MailTemplate) -> None:
        made = mail(template).html
        assert re.search(r"https?://|url\(|@import|javascript:", made) is None
        tags = Page(made).tags
        assert {tag for tag, _ in tags} & {"script", "img", "link", "iframe", "form"} == set()
        assert all(not name.startswith("on") for _, attributes in tags for name in attributes)

    @every_template
    def test_it_is_closed_and_names_its_language_and_heading(self, template: MailTemplate) -> None:
        page = Page(mail(template).html)
        assert page.open == []
        assert ("html", {"lang": "en"}) in page.tags
        assert [tag for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)] == ["h1"]

    @every_template
    def test_a_table_is_layout_and_says_so_or_has_headers(self, template: MailTemplate) -> None:
        page = Page(mail(template).html)
        data = [
            attributes
            for tag, attributes in page.tags
            if tag == "table" and attributes.get("role") != "presentation"
        ]
        headers = [attributes for tag, attributes in page.tags if tag == "th"]
        assert len(data) <= 1
        assert bool(headers) == bool(data)
        assert all(attributes["scope"] == "row" for attributes in headers)

    @every_template
    def test_it_is_small_enough_to_be_shown_whole(self, template: MailTemplate) -> None:
        # Gmail cuts a mail off at 102 KB.
        assert len(mail(template).html.encode()) < 16 * 1024


class TestExtraction:
    @pytest.mark.parametrize("path", sorted(TEMPLATES.iterdir()), ids=lambda path: path.name)
    def test_every_sentence_is_a_message_that_babel_finds(self, path: Any) -> None:
        source = path.read_text()
        # What `pybabel extract` itself calls for each template.
        found = list(babel_extract(BytesIO(source.encode()), ("_", "gettext", "ngettext"), [], {}))
        assert len(found) == source.count("{% trans") + source.count('_("')
        bare = re.sub(r"{% trans.*?{% endtrans %}", "", source, flags=re.DOTALL)
        bare = re.sub(
            r"{#.*?#}|{%.*?%}|{{.*?}}|<style>.*?</style>|<[^>]*>", "", bare, flags=re.DOTALL
        )
        assert re.findall(r"[A-Za-z]{2,}", bare.replace("GET /v1/webapp/tasks/", "")) in (
            [],
            ["errors"],
        )

    def test_text_and_html_have_the_same_messages(self) -> None:
        def messages(ending: str) -> set[Any]:
            return {
                message
                for path in TEMPLATES.glob(f"*.{ending}")
                if not path.name.endswith(".subject.txt")
                for _, _, message, _ in babel_extract(BytesIO(path.read_bytes()), ("_",), [], {})
            }

        assert messages("txt") == messages("html")
