"""The webhooks' portal in a browser: its visitors, what they see, and a server that webhooks are sent to."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any
from uuid import uuid4

import httpx
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, expect

from infra_cdk.docs_assets import MODULES
from tests.cloud_fixtures import Cloud
from tests.web_fixtures import PASSWORD

CHROMIUM = Path("/usr/bin/chromium")

AXE = MODULES / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

HOSTILE = '<img src=x onerror="document.title = 1">'
"""What would run where data became markup."""

PATIENCE_MS = 30_000
PATIENCE_S = PATIENCE_MS / 1000
SCREENSHOTS = os.environ.get("SCREENSHOTS")
"""A folder to keep pictures of the pages in, for whoever wants to look at them."""


@dataclass(frozen=True, kw_only=True)
class Received:
    """A webhook as it arrived."""

    headers: dict[str, str]
    body: bytes


@dataclass(kw_only=True)
class Receiver:
    """A server that takes webhooks, and answers by a text that is markup."""

    url: str
    status: int = 200
    received: Queue[Received] = field(default_factory=Queue)

    def next(self) -> Received:
        """Return what comes next. Raises queue.Empty where nothing does."""
        return self.received.get(timeout=PATIENCE_S)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver on this machine."""
    receiver = Receiver(url="")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.received.put(Received(headers=dict(self.headers), body=body))
            self.send_response(receiver.status)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(HOSTILE)))
            self.end_headers()
            self.wfile.write(HOSTILE.encode())

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/hooks"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()


@dataclass(frozen=True)
class Owner:
    """A user who has webhooks, and what speaks to the API for them."""

    name: str
    client: httpx.Client

    def call(self, method: str, path: str, *, status: int = 200, **sent: Any) -> Any:
        """Return what the API answers."""
        answer = self.client.request(method, path, **sent)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def add_endpoint(self, url: str, **fields: Any) -> str:
        """Make an endpoint; return its id."""
        draft = {"url": url, "event_types": ["*"]} | fields
        id_: str = self.call("POST", "/webhooks", json=draft, status=201)["id"]
        return id_


@contextmanager
def owning(cloud: Cloud, username: str | None = None) -> Iterator[Owner]:
    """Register a user, or log one in who is there."""
    name = username or f"owner-{uuid4().hex[:8]}"
    with httpx.Client(base_url=f"{cloud.url}/v2/webapp", timeout=PATIENCE_S) as client:
        owner = Owner(name, client)
        user = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
        if username is None:
            owner.call("POST", "/users", json=user, status=201)
        pair = owner.call("POST", "/login", data=user)
        client.headers["Authorization"] = f"Bearer {pair['access_token']}"
        yield owner


@dataclass  # not frozen: Playwright leaves a mark on what listens
class Portal:
    """The portal's page, every request that it made, and all that the browser complained about."""

    page: Page
    url: str
    requests: list[Request] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def note(self, message: ConsoleMessage) -> None:
        """Keep an error or a warning; that the API refused something is none of the page's."""
        refused = message.text.startswith("Failed to load resource: the server responded with")
        if message.type in {"error", "warning"} and not refused:
            self.complaints.append(message.text)

    def listen(self, request: Request) -> None:
        """Keep a request."""
        self.requests.append(request)

    def open(self, place: str = "") -> None:
        self.page.goto(f"{self.url}/portal{place}")

    def sign_in(self, name: str, password: str = PASSWORD) -> None:
        self.page.get_by_label("User name").fill(name)
        self.page.get_by_label("Password").fill(password)
        self.button("Sign in").click()

    def enter(self, owner: Owner, place: str = "") -> None:
        """Open a place of the portal and sign in."""
        self.open(place)
        self.sign_in(owner.name)
        expect(self.button("Sign out")).to_be_visible()

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def link(self, name: str) -> Locator:
        return self.page.get_by_role("link", name=name, exact=True)

    @property
    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog")

    def says(self, text: str) -> None:
        """Wait until the page says something, as a screen reader tells it."""
        expect(self.page.get_by_role("status").filter(has_text=text)).to_be_visible()

    def refuses(self, text: str) -> None:
        """Wait until the page says what went wrong."""
        expect(self.page.get_by_role("alert").filter(has_text=text)).to_be_visible()

    def tab_to(self, target: Locator) -> None:
        """Press Tab until something has the focus, as somebody does who has a keyboard only."""
        for _ in range(60):
            if target.evaluate("found => found === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"the Tab key does not lead to {target}")

    def paths(self, method: str) -> list[str]:
        """Return the paths that were asked for by a method so far."""
        return [
            request.url.removeprefix(self.url)
            for request in self.requests
            if request.method == method
        ]

    def pictured(self, name: str) -> None:
        """Keep a picture, where somebody wants one."""
        if SCREENSHOTS:
            self.page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png", full_page=True)

    def breaches(self) -> list[str]:
        """Return what axe finds wrong with what is shown, as rules and the elements that break them."""
        found = self.page.evaluate(
            "async ([source, rules]) => {\n"
            "    if (!window.axe) (0, eval)(source);\n"
            "    return (await axe.run({runOnly: rules})).violations;\n"
            "}",
            [AXE.read_text(), RULES],
        )
        return [f"{each['id']}: {node['html']}" for each in found for node in each["nodes"]]

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than its window."""
        wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        return int(self.page.evaluate(wider))


@contextmanager
def visiting(browser: Browser, cloud: Cloud, **options: Any) -> Iterator[Portal]:
    """Open a page of a browser without a past; nothing may be wrong with it in the end."""
    context = browser.new_context(**{"locale": "en-GB"} | options)
    context.set_default_timeout(PATIENCE_MS)
    portal = Portal(context.new_page(), cloud.url)
    portal.page.on("console", portal.note)
    portal.page.on("pageerror", lambda error: portal.complaints.append(str(error)))
    portal.page.on("request", portal.listen)
    yield portal
    context.close()
    strange = [each.url for each in portal.requests if not each.url.startswith(f"{cloud.url}/")]
    assert (portal.complaints, strange) == ([], [])
