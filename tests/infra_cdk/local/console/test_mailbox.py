"""The page of the mail that was sent."""

from html import unescape
from html.parser import HTMLParser
from typing import Any

from infra_cdk.local.console.mailbox import SHOWN, page_of

MAIL: dict[str, Any] = {
    "id": "id-1",
    "sent_at": "2026-11-25T10:00:00.000Z",
    "from": "switchyard@example.com",
    "to": ["ada@example.com"],
    "cc": [],
    "bcc": [],
    "reply_to": [],
    "subject": "Hello",
    "text": "Read https://example.com/a?b=1&c=2.",
    "html": "<!doctype html><p>Read <a href='https://example.com'>this</a></p>",
    "headers": {"X-Message-ID": "7"},
}
EVIL = "</pre></title><script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


class Elements(HTMLParser):
    """Every element of a page, with its attributes, and the text between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def test_it_shows_each_mail_newest_first_and_the_newest_open() -> None:
    mails = [MAIL | {"subject": "Second"}, MAIL | {"subject": "First"}]
    page = Elements(page_of(mails))
    assert page.text.index("Second") < page.text.index("First")
    assert ["open" in each for each in page.all("details")] == [True, False]
    for text in ("to ada@example.com", "2026-11-25 10:00:00 UTC", "X-Message-ID", "2 mails since"):
        assert text in page.text


def test_an_empty_mailbox_says_so() -> None:
    assert "No mail was sent since make dev started" in Elements(page_of([])).text


def test_whatever_a_mail_holds_is_shown_as_text() -> None:
    evil: dict[str, Any] = {
        "id": EVIL,
        "sent_at": EVIL,
        "from": EVIL,
        "to": [EVIL],
        "cc": [EVIL],
        "bcc": [EVIL],
        "reply_to": [EVIL],
        "subject": EVIL,
        "text": f"{EVIL} https://example.com/{EVIL}",
        "html": None,
        "headers": {EVIL: EVIL},
    }
    page = Elements(page_of([evil]))
    harmless = {name for name, _ in Elements(page_of([MAIL])).found} | {"a"}
    assert {name for name, _ in page.found} <= harmless
    assert not [attributes for _, attributes in page.found if "onerror" in attributes]
    assert EVIL in page.text


def test_the_html_of_a_mail_is_framed_where_no_script_runs() -> None:
    html = f'<!DOCTYPE html><p title="{EVIL}">Hi</p><script>alert(1)</script>'
    page = Elements(page_of([MAIL | {"html": html}]))
    [frame] = page.all("iframe")
    assert frame["sandbox"] == "allow-popups allow-popups-to-escape-sandbox"
    assert frame["srcdoc"] == html.replace("html>", 'html><base target="_blank">', 1)
    assert page.all("script") == []


def test_html_without_a_doctype_stays_without_one() -> None:
    [frame] = Elements(page_of([MAIL | {"html": "<p>Hi</p>"}])).all("iframe")
    assert frame["srcdoc"] == '<base target="_blank"><p>Hi</p>'


def test_an_address_in_a_text_is_a_link_without_the_stop_that_follows_it() -> None:
    page = Elements(page_of([MAIL]))
    [link] = [each for each in page.all("a") if each.get("target") == "_blank"]
    assert link["href"] == "https://example.com/a?b=1&c=2"
    assert link["rel"] == "noopener noreferrer"
    assert "Read https://example.com/a?b=1&c=2." in unescape(page.text)


def test_no_other_scheme_is_linked() -> None:
    page = Elements(page_of([MAIL | {"text": "javascript:alert(1) data:text/html,x ftp://x.y"}]))
    assert [each["href"] for each in page.all("a")] == ["/_local/mailbox.json"]


def test_a_full_mailbox_shows_its_newest_part_and_says_so() -> None:
    page = Elements(page_of([MAIL] * (SHOWN + 1)))
    assert len(page.all("details")) == SHOWN
    assert f"{SHOWN + 1} mails since" in page.text
    assert f"these are the newest {SHOWN}" in page.text


def test_nothing_comes_from_elsewhere() -> None:
    page = Elements(page_of([MAIL]))
    assert {tag for tag, _ in page.found}.isdisjoint({"script", "link", "img", "object", "embed"})
