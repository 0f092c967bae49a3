"""How the webhooks' portal looks and reads: on a desk and a phone, light and dark, and to a screen reader."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.cloud_fixtures import Cloud
from tests.portal_fixtures import CHROMIUM, HOSTILE, Owner, Portal, Receiver, visiting

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no browser at {CHROMIUM}"),
    pytest.mark.xdist_group("cloud"),
]

DESK: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 320, "height": 640}

LOOKS = [
    pytest.param("light", DESK, "en-GB", id="desk-light"),
    pytest.param("dark", DESK, "en-GB", id="desk-dark"),
    pytest.param("light", PHONE, "en-GB", id="phone-light"),
    pytest.param("dark", PHONE, "de-DE", id="phone-dark"),
]


@pytest.fixture
def endpoint(owner: Owner, receiver: Receiver) -> str:
    """An endpoint with a hostile description, two attempts, and another one that is disabled."""
    owner.add_endpoint("https://example.com/" + "long/" * 30, enabled=False)
    fields = {"description": HOSTILE, "schemes": ["v1", "v1a"], "headers": {"X-Team": "yard"}}
    id_ = owner.add_endpoint(receiver.url, **fields)
    for status in (200, 500):
        receiver.status = status
        test = {"event_type": "item.created"}
        owner.call("POST", f"/webhooks/{id_}/test", json=test, status=202)
        receiver.next()
    return id_


def dialogs(page: Page) -> Iterator[str]:
    """Open each dialog of an endpoint in turn."""
    buttons = page.locator("main .buttons").first.get_by_role("button")
    for index in (0, 2, 3, 4):
        buttons.nth(index).click()
        expect(page.get_by_role("dialog")).to_be_visible()
        yield f"dialog-{index}"
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)


def views(page: Page, endpoint: str) -> Iterator[str]:
    """Show every view and dialog in turn."""
    main = page.get_by_role("main")
    expect(main.get_by_role("row")).to_have_count(3)
    yield "endpoints"
    places = {
        "new": "#/new",
        "edit": f"#/endpoints/{endpoint}/edit",
        "attempts": f"#/endpoints/{endpoint}/attempts",
        "secrets": f"#/endpoints/{endpoint}/secrets",
        "missing": "#/nowhere",
        "endpoint": f"#/endpoints/{endpoint}",
    }
    for name, place in places.items():
        heading = main.get_by_role("heading", level=1).element_handle()
        page.goto(page.url.partition("#")[0] + place)
        page.wait_for_function("old => !old.isConnected", arg=heading)
        yield name
    main.get_by_role("group").first.locator("summary").click()
    yield "chart-as-table"
    yield from dialogs(page)
    main.get_by_role("table").last.get_by_role("link").first.click()
    expect(main.locator("pre").last).to_have_text(HOSTILE)
    yield "attempt"
    page.goto(page.url.partition("#")[0] + "#/new")
    main.locator("input[name=url]").fill("http://127.0.0.1:9/hooks")
    main.locator("input[value=v1a]").check()
    main.locator("button[type=submit]").click()
    expect(main.locator(".token")).to_have_count(2)
    yield "created"


@pytest.mark.parametrize(("scheme", "size", "locale"), LOOKS)
def test_every_view_fits_reads_well_and_shows_data_as_text(
    chromium: Browser,
    cloud: Cloud,
    owner: Owner,
    endpoint: str,
    request: pytest.FixtureRequest,
    scheme: str,
    size: ViewportSize,
    locale: str,
) -> None:
    look = request.node.callspec.id
    with visiting(chromium, cloud, color_scheme=scheme, viewport=size, locale=locale) as portal:
        portal.open()
        page = portal.page
        expect(page.locator("input[name=username]")).to_be_focused()
        found = {"sign-in": faults(portal, f"{look}-sign-in")}
        page.locator("input[name=username]").fill(owner.name)
        page.locator("input[name=password]").fill("correct-switch-yard-42")
        page.keyboard.press("Enter")
        for name in views(page, endpoint):
            found[name] = faults(portal, f"{look}-{name}")
        assert {name: wrong for name, wrong in found.items() if wrong} == {}
        assert page.locator("html").get_attribute("lang") == locale[:2]


def faults(portal: Portal, name: str) -> list[str]:
    """Return what is wrong with what is shown: breaches of WCAG, a page too wide, data that became markup."""
    portal.pictured(name)
    wrong = portal.breaches()
    if (wider := portal.overflow()) > 0:
        wrong.append(f"{wider} pixels too wide")
    if portal.page.locator("img").count() or portal.page.title() == "1":
        wrong.append("what somebody wrote became markup")
    return wrong


def test_the_language_can_be_changed(portal: Portal, owner: Owner) -> None:
    portal.enter(owner)
    portal.page.get_by_label("Language").select_option("Deutsch")
    expect(portal.page.get_by_role("heading", name="Endpunkte")).to_be_visible()
    assert portal.page.locator("html").get_attribute("lang") == "de"


@pytest.mark.parametrize(
    "attempt",
    [
        "() => { document.body.innerHTML = '<b>x</b>' }",
        "() => { document.createElement('script').text = 'alert(1)' }",
    ],
)
def test_the_policy_lets_no_text_become_markup_or_a_script(
    chromium: Browser, cloud: Cloud, attempt: str
) -> None:
    with visiting(chromium, cloud) as portal:
        portal.open()
        tried = (
            f"attempt => {{ try {{ ({attempt})(); return 'done' }} catch (e) {{ return e.name }} }}"
        )
        assert portal.page.evaluate(tried) == "TypeError"
        assert portal.complaints
        portal.complaints.clear()


def test_motion_is_left_out_where_somebody_wants_none(
    chromium: Browser, cloud: Cloud, owner: Owner, receiver: Receiver
) -> None:
    id_ = owner.add_endpoint(receiver.url)
    waiting = f"#/endpoints/{id_}/attempts?message_id=00000000-0000-7000-8000-000000000000"
    for reduced, name in (("no-preference", "turn"), ("reduce", "none")):
        with visiting(chromium, cloud, reduced_motion=reduced) as portal:
            portal.enter(owner, waiting)
            look = "found => getComputedStyle(found, '::before').animationName"
            assert portal.page.locator(".waiting").evaluate(look) == name
