"""Passkeys as a browser makes and uses them, by chromium's virtual authenticator, against the running cloud."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from tests.cloud_fixtures import Cloud
from tests.web_fixtures import PASSWORD

CHROMIUM = Path("/usr/bin/chromium")
PATIENCE_S = 60
INTERNAL = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no browser at {CHROMIUM}"),
    pytest.mark.xdist_group("cloud"),
]

CREATE = """async options => {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
    return (await navigator.credentials.create({publicKey})).toJSON();
}"""
GET = """async options => {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
    return (await navigator.credentials.get({publicKey})).toJSON();
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Chromium's own sandbox refuses to run as root, as which CI runs.
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser, cloud: Cloud) -> Iterator[Page]:
    """A page of the API's own, by the name that may have passkeys: an address may not."""
    page = browser.new_page()
    page.set_default_timeout(PATIENCE_S * 1000)
    page.goto(f"http://localhost:{cloud.port}/docs")
    yield page
    page.close()


@pytest.fixture
def devices(page: Page) -> Iterator[CDPSession]:
    """What the browser's authenticators are plugged into."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    yield session
    session.send("WebAuthn.disable")
    session.detach()


@pytest.fixture
def client(cloud: Cloud) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{cloud.url}/v2/webapp", timeout=PATIENCE_S) as client:
        yield client


def new_user(client: httpx.Client) -> dict[str, str]:
    """Register a user and log them in with their password; the client speaks for them."""
    name = f"user-{uuid4().hex[:8]}"
    user = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
    assert client.post("/users", json=user).status_code == 201
    pair = client.post("/login", data=user).json()
    client.headers["Authorization"] = f"Bearer {pair['access_token']}"
    return user


def posted(client: httpx.Client, path: str, body: Any = None, *, status: int = 200) -> Any:
    answer = client.post(path, json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def me(client: httpx.Client, pair: dict[str, Any]) -> str:
    """The name of whoever a token speaks for."""
    headers = {"Authorization": f"Bearer {pair['access_token']}"}
    name: str = client.get("/users/me", headers=headers).json()["username"]
    return name


def test_a_passkey_is_made_then_logs_in_alone_and_after_the_password(
    page: Page, devices: CDPSession, client: httpx.Client
) -> None:
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": INTERNAL})
    user = new_user(client)

    made = page.evaluate(CREATE, posted(client, "/mfa/passkeys/options"))
    body = {"name": "Laptop", "passkey": made}
    assert len(posted(client, "/mfa/passkeys", body, status=201)["recovery_codes"]) == 10

    used = page.evaluate(GET, posted(client, "/login/passkey/options"))
    pair = posted(client, "/login/passkey", {"passkey": used})
    assert me(client, pair) == user["username"]

    refused = client.post("/login", data=user)
    assert (refused.status_code, refused.json()["code"]) == (403, "second_factor_required")
    token = {"mfa_token": refused.json()["mfa_token"]}
    second = page.evaluate(GET, posted(client, "/login/second-factor/passkey-options", token))
    pair = posted(client, "/login/second-factor", token | {"passkey": second})
    assert me(client, pair) == user["username"]

    again = client.post("/login/passkey", json={"passkey": used})
    assert (again.status_code, again.json()["code"]) == (401, "invalid_passkey")


def test_one_authenticator_makes_no_second_passkey_for_one_user(
    page: Page, devices: CDPSession, client: httpx.Client
) -> None:
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": INTERNAL})
    new_user(client)
    made = page.evaluate(CREATE, posted(client, "/mfa/passkeys/options"))
    posted(client, "/mfa/passkeys", {"name": "Laptop", "passkey": made}, status=201)
    refused = """options => navigator.credentials.create({
        publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options)
    }).then(() => "made", error => error.name)"""
    assert page.evaluate(refused, posted(client, "/mfa/passkeys/options")) == "InvalidStateError"


def test_a_page_by_address_can_have_none(page: Page, cloud: Cloud, client: httpx.Client) -> None:
    """Why the domain of passkeys is `localhost` here."""
    new_user(client)
    options = posted(client, "/mfa/passkeys/options")
    assert options["rp"]["id"] == "localhost"
    page.goto(f"{cloud.url}/docs")
    refused = """options => navigator.credentials.create({
        publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options)
    }).then(() => "made", error => error.name)"""
    assert page.evaluate(refused, options) == "SecurityError"
