"""The docs pages as a reader uses them: in a real browser, against the running cloud."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect, sync_playwright

from functions.api.docs.files import DOCUMENTS
from infra_cdk.local.seeding import DEMO_PASSWORD, DEMO_USERNAME
from infra_cdk.openapi import operations
from tests.cloud_fixtures import Cloud

CHROMIUM = Path("/usr/bin/chromium")
# The first visit waits for the functions' cold starts, on a machine that other tests use too.
PATIENCE_MS = 30_000

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no browser at {CHROMIUM}"),
    pytest.mark.xdist_group("cloud"),
]


@dataclass  # not frozen: Playwright leaves a mark on what listens
class Visit:
    """A page, every address that it asked for, and all that the browser complained about."""

    page: Page
    addresses: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def note(self, message: ConsoleMessage) -> None:
        """Keep an error or a warning: a breach of the content security policy is one."""
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Chromium's own sandbox refuses to run as root, as which CI runs.
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@contextmanager
def visiting(browser: Browser) -> Iterator[Visit]:
    """Open a page of a browser without a past."""
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.set_default_timeout(PATIENCE_MS)
    visit = Visit(page)
    page.on("console", visit.note)
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    page.on("request", lambda request: visit.addresses.append(request.url))
    yield visit
    page.close()


@pytest.fixture
def visit(browser: Browser, cloud: Cloud) -> Iterator[Visit]:
    """A page that nothing may be wrong with in the end, and that asked this cloud only."""
    with visiting(browser) as visit:
        yield visit
    own = (f"{cloud.url}/", f"blob:{cloud.url}/", "data:")
    assert visit.addresses
    assert [address for address in visit.addresses if not address.startswith(own)] == []
    assert visit.complaints == []


def operation_ids() -> set[str]:
    document = json.loads((DOCUMENTS / "openapi.json").read_text())
    both = [*operations(document["paths"]), *operations(document["webhooks"])]
    return {operation["operationId"] for operation in both}


def authorize(page: Page) -> None:
    """Log the demo user in by the form behind the Authorize button."""
    page.locator("button.authorize").first.click()
    # Each of the security schemes has a form.
    form = page.locator(".dialog-ux .auth-container", has_text="(OAuth2, password)")
    form.locator("#oauth_username").fill(DEMO_USERNAME)
    form.locator("#oauth_password").fill(DEMO_PASSWORD)
    form.locator("button.authorize").click()
    expect(form.get_by_role("heading", name="Authorized", exact=True)).to_be_visible()
    page.locator(".dialog-ux .close-modal").click()


def execute(operation: Locator, *, body: str | None = None) -> tuple[str, str]:
    """Send an operation's request, which is open; return the answer's status and body."""
    if body is not None:
        operation.locator("textarea.body-param__text").fill(body)
    operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table tbody tr").first
    shown = answer.locator(".highlight-code code")
    expect(shown).to_be_visible(timeout=PATIENCE_MS)
    return answer.locator(".response-col_status").inner_text().strip(), shown.inner_text()


def scrolled(page: Page) -> Iterator[set[str]]:
    """Scroll down, and give the ids of the operations that stand there: Swagger UI draws what is near."""
    page.mouse.move(640, 500)
    before = -1
    while (top := page.evaluate("window.scrollY")) != before:
        before = top
        page.locator(".opblock").first.wait_for()
        yield set(page.locator(".opblock").evaluate_all("found => found.map(each => each.id)"))
        page.evaluate("window.scrollBy(0, 600)")
        page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")


def opened(page: Page, operation_id: str) -> Locator:
    page.evaluate("window.scrollTo(0, 0)")
    assert any(any(id_.endswith(f"-{operation_id}") for id_ in ids) for ids in scrolled(page))
    operation = page.locator(f".opblock[id$='-{operation_id}']")
    operation.locator(".opblock-summary-control").click()
    return operation


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_reader_logs_in_and_tries_routes_out(visit: Visit, cloud: Cloud, version: str) -> None:
    page = visit.page
    page.goto(f"{cloud.url}/docs")
    authorize(page)

    name = f"lantern {uuid4()}"
    status, body = execute(opened(page, f"{version}_create_item"), body=json.dumps({"name": name}))
    assert status == "201"
    assert json.loads(body)["name"] == name

    status, body = execute(opened(page, f"{version}_list_items"))
    assert status == "200"
    assert name in [item["name"] for item in json.loads(body)["items"]]


def test_swagger_ui_shows_every_operation(visit: Visit, cloud: Cloud) -> None:
    visit.page.goto(f"{cloud.url}/docs")
    shown = {id_.rpartition("-")[2] for ids in scrolled(visit.page) for id_ in ids}
    assert shown == operation_ids()


def test_swagger_ui_shows_a_message_of_a_webhook(visit: Visit, cloud: Cloud) -> None:
    visit.page.goto(f"{cloud.url}/docs")
    message = opened(visit.page, "receive_item_created")
    for header in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        expect(message.locator(f"tr[data-param-name={header}]")).to_be_visible()
    expect(message.get_by_text("Signal lantern").first).to_be_visible()
    expect(message.locator(".responses-table").get_by_text("410").first).to_be_visible()


def test_redoc_shows_and_finds_every_operation(visit: Visit, cloud: Cloud) -> None:
    visit.page.goto(f"{cloud.url}/redoc")
    for operation_id in operation_ids():
        section = visit.page.locator(f"[data-section-id$='/operation/{operation_id}']")
        expect(section).to_be_attached(timeout=PATIENCE_MS)
    visit.page.get_by_placeholder("Search...").fill("If-None-Match")
    found = visit.page.get_by_role("search").get_by_text("Get Item").first
    expect(found).to_be_visible(timeout=PATIENCE_MS)


def test_a_second_visit_takes_every_asset_from_the_browser_s_cache(
    visit: Visit, cloud: Cloud
) -> None:
    for _ in range(2):
        visit.page.goto(f"{cloud.url}/docs")
        expect(visit.page.locator(".opblock").first).to_be_visible(timeout=PATIENCE_MS)
    transferred = visit.page.evaluate(
        "performance.getEntriesByType('resource').map(each => [each.name, each.transferSize])"
    )
    assets = {name: size for name, size in transferred if "/docs/" in name}
    assert len(assets) >= 4
    assert set(assets.values()) == {0}


def test_a_breach_of_the_policy_would_be_noticed(browser: Browser, cloud: Cloud) -> None:
    """The other tests rest on this: what the policy refuses reaches the complaints."""
    with visiting(browser) as visit:
        visit.page.goto(f"{cloud.url}/docs")
        visit.page.evaluate(
            "document.body.appendChild(document.createElement('script')).text = 'alert(1)'"
        )
        visit.page.evaluate("fetch('https://example.invalid/').catch(() => undefined)")
    assert any("script-src" in complaint for complaint in visit.complaints)
    assert any("connect-src" in complaint for complaint in visit.complaints)
