"""Who may see what in the webhooks' portal, and how long: in a real browser, against the running cloud."""

import time
from datetime import UTC, datetime
from http.client import UNAUTHORIZED
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Browser, Route, expect

from infra_cdk.local.seeding import DEMO_OPERATOR
from tests.cloud_fixtures import Cloud
from tests.portal_fixtures import CHROMIUM, PATIENCE_S, Owner, Portal, Receiver, owning, visiting
from tests.second_factors import code_of
from tests.web_fixtures import PASSWORD

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no browser at {CHROMIUM}"),
    pytest.mark.xdist_group("cloud"),
]

KEPT = "JSON.stringify([localStorage.length, sessionStorage.length, document.cookie])"


def sessions_of(owner: Owner) -> list[dict[str, Any]]:
    """Return the owner's sessions but that of the test's own client."""
    listed = owner.call("GET", "/sessions")["items"]
    return [each for each in listed if not each["current"]]


def end_sessions(owner: Owner) -> None:
    """End the sessions of the browser."""
    for each in sessions_of(owner):
        owner.call("DELETE", f"/sessions/{each['id']}", status=204)


def test_a_wrong_password_is_told_and_another_try_goes_on_to_the_page_that_was_asked_for(
    portal: Portal, owner: Owner
) -> None:
    portal.open("#/new")
    portal.sign_in(owner.name, "nonsense-nonsense")
    portal.refuses("The user name or the password is wrong.")
    portal.sign_in(owner.name)
    expect(portal.page.get_by_role("heading", name="Add endpoint")).to_be_focused()


def test_what_a_person_signed_in_by_is_kept_nowhere_and_gone_with_the_page(
    portal: Portal, owner: Owner
) -> None:
    portal.enter(owner)
    expect(portal.page.get_by_text("There is no endpoint yet.")).to_be_visible()
    assert portal.page.evaluate(KEPT) == '[0,0,""]'
    assert len(sessions_of(owner)) == 1
    portal.page.reload()
    expect(portal.page.get_by_label("User name")).to_be_focused()
    # What a page sends as it closes is told to nobody.
    began = time.monotonic()
    while sessions_of(owner):
        assert time.monotonic() - began < PATIENCE_S
        time.sleep(0.2)


def test_who_signs_out_ends_the_session(portal: Portal, owner: Owner) -> None:
    portal.enter(owner)
    expect(portal.page.get_by_text("There is no endpoint yet.")).to_be_visible()
    sent = next(each for each in portal.requests if "/webapp/webhooks" in each.url).headers
    with portal.page.expect_response(lambda answer: answer.url.endswith("/logout")) as ended:
        portal.button("Sign out").click()
    assert ended.value.status == 204
    expect(portal.page.get_by_role("heading", name="Sign in to your webhooks")).to_be_visible()
    headers = {"Authorization": sent["authorization"]}
    answer = httpx.get(f"{portal.url}/v2/webapp/webhooks", headers=headers, timeout=60)
    assert answer.status_code == UNAUTHORIZED
    portal.page.go_back()
    assert portal.page.get_by_text("There is no endpoint yet.").count() == 0


def test_a_second_factor_is_asked_for(portal: Portal, owner: Owner) -> None:
    secret = owner.call("POST", "/mfa/totp", json={}, status=201)["secret"]
    code = {"code": code_of(secret, datetime.now(UTC), steps=-1)}
    recovery = owner.call("POST", "/mfa/totp/confirmation", json=code)["recovery_codes"]
    portal.open()
    portal.sign_in(owner.name)
    field = portal.page.get_by_label("Code of your authenticator")
    expect(field).to_be_focused()
    field.fill("AAAA-BBBB-CCCC")
    portal.button("Continue").click()
    expect(portal.page.get_by_role("alert").locator(".problem")).to_be_visible()
    field.fill(code_of(secret, datetime.now(UTC)))
    portal.button("Continue").click()
    expect(portal.page.get_by_text("There is no endpoint yet.")).to_be_visible()

    portal.button("Sign out").click()
    portal.sign_in(owner.name)
    field.fill(recovery[0])
    portal.button("Continue").click()
    expect(portal.page.get_by_text("There is no endpoint yet.")).to_be_visible()


def test_a_session_that_ended_is_taken_up_over_the_page_as_it_stands(
    portal: Portal, owner: Owner, receiver: Receiver
) -> None:
    portal.enter(owner, "#/new")
    portal.page.get_by_label("URL").fill(receiver.url)
    portal.page.get_by_label("Description").fill("typed before")
    end_sessions(owner)
    portal.button("Add endpoint").click()
    expect(portal.dialog.get_by_text("Your session is over")).to_be_visible()
    expect(portal.dialog.get_by_label("Password")).to_be_focused()
    portal.page.keyboard.press("Escape")
    portal.dialog.get_by_label("Password").fill("nonsense-nonsense")
    portal.dialog.get_by_role("button", name="Sign in").click()
    expect(portal.dialog.get_by_role("alert")).to_contain_text("wrong")
    portal.dialog.get_by_label("Password").fill(PASSWORD)
    portal.dialog.get_by_role("button", name="Sign in").click()
    expect(portal.page.get_by_role("heading", name="The endpoint is added")).to_be_focused()
    (made,) = owner.call("GET", "/webhooks")["items"]
    assert made["description"] == "typed before"


def test_somebody_else_sees_nothing_of_a_session_that_ended(
    portal: Portal, owner: Owner, receiver: Receiver, cloud: Cloud
) -> None:
    owner.add_endpoint(receiver.url)
    portal.enter(owner)
    expect(portal.link(receiver.url)).to_be_visible()
    end_sessions(owner)
    portal.page.get_by_label("State").select_option("Enabled")
    with owning(cloud) as other:
        portal.dialog.get_by_label("User name").fill(other.name)
        portal.dialog.get_by_label("Password").fill(PASSWORD)
        portal.dialog.get_by_role("button", name="Sign in").click()
        expect(portal.page.get_by_label("User name")).to_be_focused()
        assert receiver.url not in portal.page.content()


def test_who_rather_leaves_is_signed_out(portal: Portal, owner: Owner) -> None:
    portal.enter(owner, "#/new")
    portal.page.get_by_label("URL").fill("https://example.com/hooks")
    end_sessions(owner)
    portal.button("Add endpoint").click()
    portal.dialog.get_by_role("button", name="Leave instead").click()
    expect(portal.page.get_by_role("heading", name="Sign in to your webhooks")).to_be_visible()


def test_the_token_is_renewed_before_it_runs_out(portal: Portal, owner: Owner) -> None:
    portal.page.clock.install()
    portal.enter(owner)
    expect(portal.page.get_by_text("There is no endpoint yet.")).to_be_visible()
    with portal.page.expect_response(lambda answer: answer.url.endswith("/refresh")) as renewed:
        portal.page.clock.fast_forward("14:01")
    assert renewed.value.status == 200
    successor = renewed.value.json()["access_token"]
    with portal.page.expect_request(lambda request: "/event-types" in request.url) as asked:
        portal.link("Add endpoint").click()
    assert asked.value.headers["authorization"] == f"Bearer {successor}"
    expect(portal.page.get_by_role("heading", name="Add endpoint")).to_be_focused()


def test_a_service_that_cannot_be_reached_is_told(portal: Portal, owner: Owner) -> None:
    portal.open()
    portal.page.route("**/v2/webapp/login", lambda route: route.abort())
    portal.sign_in(owner.name)
    portal.refuses("The service cannot be reached.")
    portal.complaints = [each for each in portal.complaints if "ERR_FAILED" not in each]


def test_an_operator_has_the_installation_s_endpoints_and_others_have_no_choice(
    chromium: Browser, cloud: Cloud, receiver: Receiver, owner: Owner
) -> None:
    url = f"{receiver.url}/{uuid4().hex}"
    with owning(cloud, DEMO_OPERATOR) as operator, visiting(chromium, cloud) as portal:
        portal.enter(operator)
        portal.page.get_by_label("Whose endpoints").select_option("infrastructure")
        portal.link("Add endpoint").click()
        portal.page.get_by_label("URL").fill(url)
        portal.button("Add endpoint").click()
        portal.link("I have kept it").click()
        expect(portal.page.get_by_role("heading", level=1, name=url)).to_be_visible()
        portal.page.get_by_label("Whose endpoints").select_option("My own")
        expect(portal.page.get_by_role("heading", name="Endpoints")).to_be_visible()
        expect(portal.link(url)).to_have_count(0)
    with visiting(chromium, cloud) as portal:
        with portal.page.expect_response(lambda answer: "/infrastructure/" in answer.url) as probed:
            portal.enter(owner)
        assert probed.value.status == 403
        assert portal.page.get_by_label("Whose endpoints").count() == 0


@pytest.fixture
def partner_key(cloud: Cloud, owner: Owner) -> str:
    with owning(cloud, DEMO_OPERATOR) as operator:
        draft = {"name": f"P {uuid4()}", "plan": "pro", "contact": "x@example.com"}
        place = "/../infrastructure/partners"
        admin = {"admin_id": owner.call("GET", "/users/me")["id"]}
        partner = operator.call("POST", place, json=draft | admin, status=201)
    key = {"name": "portal", "scopes": ["webhooks"]}
    made = owner.call("POST", f"/partners/{partner['id']}/keys", json=key, status=201)
    return str(made["key"])


def test_a_partner_signs_in_by_a_key(portal: Portal, partner_key: str, receiver: Receiver) -> None:
    portal.open()
    portal.page.get_by_label("Partner key").check()
    key = portal.page.get_by_label("API key")
    key.fill("swy_local_nonsense")
    portal.button("Sign in").click()
    expect(portal.page.get_by_role("alert").locator(".problem")).to_be_visible()
    # The gateway learns of a new key within seconds.
    for _ in range(30):
        key.fill(partner_key)
        with portal.page.expect_response(lambda answer: "/partner/" in answer.url) as answered:
            portal.button("Sign in").click()
        if answered.value.ok:
            break
        expect(portal.page.get_by_role("alert").locator(".problem")).to_be_visible()
    portal.link("Add endpoint").click()
    portal.page.get_by_label("URL").fill(receiver.url)
    portal.button("Add endpoint").click()
    portal.link("I have kept it").click()
    expect(portal.page.get_by_role("heading", level=1, name=receiver.url)).to_be_visible()
    assert portal.page.evaluate(KEPT) == '[0,0,""]'
    assert not [each for each in portal.requests if partner_key in each.url]


def test_the_portal_works_below_a_stage(portal: Portal, owner: Owner) -> None:
    asked: list[str] = []

    def without_stage(route: Route) -> None:
        asked.append(urlsplit(route.request.url).path)
        address = route.request.url.replace("/live/", "/", 1)
        route.fulfill(response=route.fetch(url=address))

    portal.page.route(f"{portal.url}/live/**", without_stage)
    portal.url = f"{portal.url}/live"
    portal.enter(owner)
    expect(portal.page.get_by_text("There is no endpoint yet.")).to_be_visible()
    assert {"/live/portal", "/live/v2/webapp/login", "/live/v2/webapp/webhooks"} <= set(asked)
    beside = {urlsplit(each.url).path for each in portal.requests}
    assert {path for path in beside if not path.startswith("/live/")} == set()
