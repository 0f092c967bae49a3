"""The webhooks' portal as an owner uses it: in a real browser, against the running cloud and a real receiver."""

import json
import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from shared.core.webhook_signing import Verifier
from tests.cloud_fixtures import Cloud
from tests.portal_fixtures import CHROMIUM, HOSTILE, Owner, Portal, Receiver, owning
from tests.web_fixtures import PASSWORD

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no browser at {CHROMIUM}"),
    pytest.mark.xdist_group("cloud"),
]


def add_endpoint(portal: Portal, url: str) -> list[str]:
    """Add an endpoint that signs in both ways; return its secret and its public key, as they are shown."""
    page = portal.page
    portal.link("Add endpoint").click()
    page.get_by_label("URL").fill(url)
    page.get_by_label("Description").fill(HOSTILE)
    page.get_by_label("v1a: Ed25519").check()
    portal.button("Add endpoint").click()
    expect(page.get_by_role("heading", name="The endpoint is added")).to_be_focused()
    keys = page.locator(".token").all_inner_texts()
    portal.button("Copy the secret of v1").click()
    portal.says("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == keys[0]
    portal.link("I have kept it").click()
    expect(page.get_by_role("heading", level=1, name=url)).to_be_focused()
    return keys


def send_test(portal: Portal, type_: str) -> None:
    """Send a test, and wait until its attempt is in the log."""
    portal.button("Send a test").click()
    portal.dialog.get_by_label("Event type").select_option(type_)
    expect(portal.dialog.get_by_role("region")).to_contain_text(f'"type": "{type_}"')
    portal.dialog.get_by_role("button", name="Send", exact=True).click()
    portal.says("The test is on its way.")
    expect(portal.page.get_by_role("row")).to_have_count(2)


def badge(portal: Portal, text: str) -> None:
    expect(portal.page.get_by_role("main").locator(".badge").first).to_have_text(text)


def test_a_new_endpoint_is_tested_and_its_attempt_is_looked_at(
    portal: Portal, owner: Owner, receiver: Receiver
) -> None:
    page = portal.page
    portal.enter(owner)
    expect(page.get_by_text("There is no endpoint yet.")).to_be_visible()
    secret, public_key = add_endpoint(portal, receiver.url)
    assert (secret[:6], public_key[:5]) == ("whsec_", "whpk_")
    assert secret not in page.content()

    send_test(portal, "item.created")
    came = receiver.next()
    assert json.loads(came.body)["type"] == "item.created"
    for key in (secret, public_key):
        Verifier.of(key).verify(came.headers, body=came.body, at=datetime.now(UTC))

    portal.link("item.created").click()
    expect(page.get_by_role("heading", level=2, name="item.created")).to_be_focused()
    badge(portal, "Enabled")
    expect(page.get_by_text(came.headers["webhook-id"]).first).to_be_visible()
    expect(page.get_by_role("region", name="Response: body")).to_have_text(HOSTILE)
    assert page.locator("main img").count() == 0

    receiver.status = 500
    portal.button("Send again").click()
    portal.says("The message is on its way again.")
    again = receiver.next()
    assert again.headers["webhook-id"] == came.headers["webhook-id"]


def test_a_secret_is_rotated_and_what_happened_is_replayed_by_both(
    portal: Portal, owner: Owner, receiver: Receiver
) -> None:
    page = portal.page
    portal.enter(owner)
    secret, public_key = add_endpoint(portal, receiver.url)
    portal.link("Secrets").click()
    portal.button("Rotate a secret").click()
    portal.dialog.get_by_label("The old secret also signs").select_option("for an hour")
    portal.dialog.get_by_role("button", name="Rotate a secret").click()
    expect(portal.dialog.get_by_text("Keep it now.")).to_be_visible()
    successor = portal.dialog.locator(".token").inner_text()
    portal.dialog.get_by_role("button", name="I have kept it").click()
    expect(page.get_by_text("Signs beside its successor until")).to_be_visible()
    assert successor not in page.content()

    made = owner.call("POST", "/items", json={"name": "Lantern"}, status=201)
    event = receiver.next()
    assert json.loads(event.body)["data"]["item_id"] == made["id"]
    portal.link("Overview").click()
    portal.button("Replay").click()
    portal.dialog.get_by_role("button", name="Replay").click()
    portal.says("1 message is on its way.")
    replayed = receiver.next()
    assert replayed.headers["webhook-id"] == event.headers["webhook-id"]
    for key in (secret, successor, public_key):
        Verifier.of(key).verify(replayed.headers, body=replayed.body, at=datetime.now(UTC))


def test_an_endpoint_is_disabled_enabled_and_removed(
    portal: Portal, owner: Owner, receiver: Receiver
) -> None:
    page = portal.page
    portal.enter(owner, f"#/endpoints/{owner.add_endpoint(receiver.url)}")
    portal.button("Resend failed").click()
    portal.dialog.get_by_role("button", name="Send again").click()
    portal.says("0 messages are on their way.")
    portal.button("Disable").click()
    portal.says("The endpoint is disabled")
    badge(portal, "Disabled")
    portal.button("Send a test").click()
    portal.dialog.get_by_role("button", name="Send", exact=True).click()
    portal.refuses("enable it first")
    portal.dialog.get_by_role("button", name="Cancel").click()
    portal.button("Enable").click()
    badge(portal, "Enabled")

    portal.button("Remove").click()
    portal.dialog.get_by_role("button", name="Remove").click()
    portal.says("The endpoint is removed.")
    expect(page.get_by_text("There is no endpoint yet.")).to_be_visible()
    assert page.title().startswith("Endpoints")


def test_the_keyboard_alone_is_enough(portal: Portal, owner: Owner, receiver: Receiver) -> None:
    page, keys = portal.page, portal.page.keyboard
    portal.open()
    expect(page.get_by_label("User name")).to_be_focused()
    keys.type(owner.name)
    keys.press("Tab")
    keys.type(PASSWORD)
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Endpoints")).to_be_focused()

    portal.tab_to(portal.link("Add endpoint"))
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Add endpoint")).to_be_focused()
    portal.tab_to(page.get_by_label("URL"))
    keys.type(receiver.url)
    keys.press("Enter")
    expect(page.get_by_role("heading", name="The endpoint is added")).to_be_focused()
    portal.tab_to(portal.link("I have kept it"))
    keys.press("Enter")
    expect(page.get_by_role("heading", level=1, name=receiver.url)).to_be_focused()

    portal.tab_to(portal.button("Remove"))
    keys.press("Enter")
    expect(portal.dialog).to_be_visible()
    keys.press("Escape")
    expect(portal.button("Remove")).to_be_focused()

    page.keyboard.press("Shift+Tab")
    portal.tab_to(portal.button("Remove"))
    for _ in range(5):
        keys.press("Shift+Tab")
    expect(portal.button("Send a test")).to_be_focused()
    keys.press("Enter")
    expect(portal.dialog.get_by_label("Event type")).to_be_focused()
    keys.press("End")
    portal.tab_to(portal.dialog.get_by_role("button", name="Send", exact=True))
    keys.press("Enter")
    receiver.next()
    expect(page.get_by_role("row")).to_have_count(2)
    portal.tab_to(page.get_by_role("row").nth(1).get_by_role("link"))
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Response")).to_be_visible()


def test_the_skip_link_leads_to_the_content(portal: Portal) -> None:
    portal.open("#/new")
    expect(portal.page.get_by_label("User name")).to_be_focused()
    portal.page.evaluate("document.activeElement.blur()")
    portal.tab_to(portal.link("Skip to the content"))
    portal.page.keyboard.press("Enter")
    expect(portal.page.get_by_role("main")).to_be_focused()
    assert portal.page.url.endswith("#/new")


def test_attempts_are_filtered_and_paged(portal: Portal, owner: Owner, receiver: Receiver) -> None:
    id_ = owner.add_endpoint(receiver.url)
    receiver.status = 500
    owner.call("POST", f"/webhooks/{id_}/test", json={"event_type": "item.deleted"}, status=202)
    receiver.next()
    receiver.status = 200
    for _ in range(21):
        owner.call("POST", f"/webhooks/{id_}/test", json={"event_type": "item.created"}, status=202)
        receiver.next()
    portal.enter(owner, f"#/endpoints/{id_}/attempts")
    rows = portal.page.get_by_role("row")
    expect(rows).to_have_count(21)
    portal.button("Load more").click()
    expect(rows).to_have_count(23)
    expect(rows.nth(21).get_by_role("link")).to_be_focused()
    expect(portal.button("Load more")).to_have_count(0)

    portal.page.get_by_label("Result").select_option("failed")
    portal.button("Apply").click()
    expect(portal.page.get_by_role("heading", name="Attempts found")).to_be_focused()
    expect(rows).to_have_count(2)
    expect(rows.nth(1)).to_contain_text("failed 500")
    portal.page.go_back()
    expect(rows).to_have_count(21)

    portal.link("Overview").click()
    drawing = portal.page.get_by_role("img", name="The last 24 hours")
    expect(drawing.locator("desc")).to_have_text("21 succeeded, 1 failed")
    portal.page.get_by_text("Show as a table").click()
    table = portal.page.get_by_role("table").first
    expect(table.get_by_role("cell")).to_have_text(["21", "1"])


def test_an_endpoint_is_changed_and_keeps_what_is_not_shown(
    portal: Portal, owner: Owner, receiver: Receiver
) -> None:
    id_ = owner.add_endpoint(receiver.url, headers={"X-Team": "yard"}, rate_limit=7)
    portal.enter(owner, f"#/endpoints/{id_}/edit")
    page = portal.page
    expect(page.get_by_label("Rate limit")).to_have_value("7")
    page.get_by_label("Only these").check()
    page.get_by_label("item.*", exact=True).check()
    page.get_by_label("Rate limit").fill("")
    portal.button("Save").click()
    portal.says("The changes are saved.")
    changed = owner.call("GET", f"/webhooks/{id_}")
    assert changed["event_types"] == ["item.*"]
    assert (changed["rate_limit"], changed["header_names"]) == (None, ["X-Team"])

    portal.link("Edit").click()
    portal.button("Replace the headers").click()
    portal.button("Add a header").click()
    page.get_by_label("Name").fill("X-Yard")
    page.get_by_label("Value").fill("north")
    portal.button("Save").click()
    portal.says("The changes are saved.")
    assert owner.call("GET", f"/webhooks/{id_}")["header_names"] == ["X-Yard"]


def test_what_is_wrong_with_a_field_is_said_at_the_field(portal: Portal, owner: Owner) -> None:
    portal.enter(owner, "#/new")
    url = portal.page.get_by_label("URL")
    url.fill("https://10.0.0.1/hooks")
    portal.page.get_by_label("Description").fill("kept")
    portal.button("Add endpoint").click()
    expect(url).to_be_focused()
    expect(url).to_have_attribute("aria-invalid", "true")
    expect(url).to_have_accessible_description(re.compile("public"))
    portal.refuses("Nothing may be sent to this address.")
    expect(portal.page.get_by_label("Description")).to_have_value("kept")


def test_what_is_not_the_owner_s_is_not_there(
    portal: Portal, owner: Owner, cloud: Cloud, receiver: Receiver
) -> None:
    with owning(cloud) as other:
        foreign = other.add_endpoint(receiver.url)
    portal.enter(owner, f"#/endpoints/{foreign}")
    portal.refuses("There is no endpoint with this id, or it is not yours.")
    expect(portal.page.get_by_role("heading", level=1)).to_be_focused()
