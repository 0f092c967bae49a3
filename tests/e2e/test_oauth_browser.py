"""The authorization server's pages as a person uses them: in a real browser, in two languages, without a script."""

import os
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from infra_cdk.local.seeding import DEMO_PASSWORD, DEMO_USERNAME
from tests.cloud_fixtures import Cloud
from tests.oauth_fixtures import Pkce

CHROMIUM = Path("/usr/bin/chromium")
PATIENCE_MS = 30_000
SCREENSHOTS = os.environ.get("SCREENSHOTS")
"""A folder to keep pictures of the pages in, for whoever wants to look at them."""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no browser at {CHROMIUM}"),
    pytest.mark.xdist_group("cloud"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


class _Callback(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>callback</title><link rel=icon href=data:,>")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture(scope="module")
def callback() -> Iterator[str]:
    """Where a native application listens: on a port that it did not register."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Callback)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/callback"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def client_id(cloud: Cloud) -> str:
    form = {"username": DEMO_USERNAME, "password": DEMO_PASSWORD}
    login = httpx.post(f"{cloud.url}/v2/webapp/login", data=form, timeout=60).json()
    new = {
        "name": "Lantern Reader",
        "auth_method": "none",
        "redirect_uris": ["http://127.0.0.1/callback"],
        "scopes": ["items:read", "items:write", "profile:read"],
    }
    headers = {"Authorization": f"Bearer {login['access_token']}"}
    address = f"{cloud.url}/v2/webapp/oauth/clients"
    made = httpx.post(address, json=new, headers=headers, timeout=60)
    assert made.status_code == 201, made.text
    return str(made.json()["client_id"])


@pytest.fixture(params=["en-GB", "de-DE"])
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page of a browser that runs no script; nothing may be wrong with it in the end."""
    context = browser.new_context(
        locale=request.param, java_script_enabled=False, viewport={"width": 900, "height": 900}
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    yield page
    context.close()
    # A login that failed is an answer that browsers count as an error; nothing else is one.
    assert [each for each in complaints if "400 (Bad Request)" not in each] == []


WORDS = {
    "en": {
        "sign_in": "Sign in",
        "username": "User name or e-mail address",
        "password": "Password",
        "wrong": "The user name or the password is wrong.",
        "title": "Let Lantern Reader act for you?",
        "scope": "see your items",
        "allow": "Allow",
        "deny": "Deny",
        "other": "Use another account",
    },
    "de": {
        "sign_in": "Anmelden",
        "username": "Benutzername oder E-Mail-Adresse",
        "password": "Passwort",
        "wrong": "Benutzername oder Passwort ist falsch.",
        "title": "Darf Lantern Reader für Sie handeln?",
        "scope": "Ihre Artikel sehen",
        "allow": "Erlauben",
        "deny": "Ablehnen",
        "other": "Anderes Konto verwenden",
    },
}


def link_of(cloud: Cloud, client_id: str, callback: str, pkce: Pkce) -> str:
    asked = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": callback,
        "state": "a state",
        "code_challenge": pkce.challenge,
        "code_challenge_method": "S256",
    }
    return f"{cloud.url}/oauth/authorize?{urlencode(asked)}"


def log_in(page: Page, words: dict[str, str], *, password: str) -> None:
    page.get_by_label(words["username"]).fill(DEMO_USERNAME)
    page.get_by_label(words["password"]).fill(password)
    page.get_by_role("button", name=words["sign_in"]).click()


def language_of(page: Page) -> str:
    return page.locator("html").get_attribute("lang") or ""


def pictured(page: Page, name: str) -> None:
    if SCREENSHOTS:
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}-{language_of(page)}.png")


def test_a_person_logs_in_allows_denies_and_changes_the_account(
    page: Page, cloud: Cloud, client_id: str, callback: str
) -> None:
    pkce = Pkce()
    link = link_of(cloud, client_id, callback, pkce)
    page.goto(link)
    words = WORDS[language_of(page)]
    log_in(page, words, password="nonsense-nonsense")
    expect(page.get_by_role("alert")).to_have_text(words["wrong"])
    pictured(page, "login")
    log_in(page, words, password=DEMO_PASSWORD)

    expect(page.get_by_role("heading", name=words["title"])).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text=words["scope"])).to_be_visible()
    expect(page.get_by_text(DEMO_USERNAME, exact=True)).to_be_visible()
    expect(page.get_by_text(urlsplit(callback).netloc)).to_be_visible()
    pictured(page, "consent")
    page.get_by_role("button", name=words["allow"]).click()
    page.wait_for_url(re.compile(re.escape(callback)))
    answer = parse_qs(urlsplit(page.url).query)
    assert answer["iss"] == [cloud.url]
    form = {
        "grant_type": "authorization_code",
        "client_id": client_id,
        "code": answer["code"][0],
        "code_verifier": pkce.verifier,
    }
    tokens = httpx.post(f"{cloud.url}/oauth/token", data=form, timeout=60)
    assert tokens.status_code == 200, tokens.text

    page.goto(link)
    page.get_by_role("button", name=words["deny"]).click()
    page.wait_for_url(re.compile(re.escape(callback)))
    assert parse_qs(urlsplit(page.url).query)["error"] == ["access_denied"]

    page.goto(link)
    page.get_by_role("button", name=words["other"]).click()
    expect(page.get_by_label(words["password"])).to_be_visible()


def test_the_pages_are_used_by_the_keyboard_alone(
    page: Page, cloud: Cloud, client_id: str, callback: str
) -> None:
    page.goto(link_of(cloud, client_id, callback, Pkce()))
    expect(page.get_by_role("textbox").first).to_be_focused()
    page.keyboard.type(DEMO_USERNAME)
    page.keyboard.press("Tab")
    page.keyboard.type(DEMO_PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    expect(page.get_by_role("button", name=WORDS[language_of(page)]["allow"])).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(re.escape(callback)))
    assert "code" in parse_qs(urlsplit(page.url).query)


def test_an_error_is_a_page_that_leads_nowhere(page: Page, cloud: Cloud) -> None:
    page.goto(f"{cloud.url}/oauth/authorize?client_id=x&redirect_uri=https://evil.example/")
    expect(page.get_by_role("alert")).to_be_visible()
    assert page.get_by_role("link").count() == 0
    pictured(page, "error")
