"""Signing in by an outside provider, through the gateway of a cloud that was started with one declared."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from tests.cloud_fixtures import Cloud, running_cloud
from tests.openid_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    Provider,
    fragment_of,
    running_provider,
)


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def federated(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    declared = {
        "id": "acme",
        "name": "Acme",
        "issuer": provider.url,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    }
    state: Path = tmp_path_factory.mktemp("federated") / "state"
    with running_cloud(state, environment={"OPENID_PROVIDERS": json.dumps([declared])}) as cloud:
        yield cloud


@pytest.fixture
def client(federated: Cloud) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=federated.url, timeout=60, trust_env=False) as client:
        yield client


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_browser_goes_to_the_provider_and_comes_back_with_a_session(
    client: httpx.Client, federated: Cloud, provider: Provider, version: str
) -> None:
    base = f"/{version}/webapp"
    named = client.get(f"{base}/external-login").json()["items"]
    assert named == [{"id": "acme", "name": "Acme"}]
    page = {"return_to": f"{federated.url}/docs"}
    begun: dict[str, Any] = client.post(f"{base}/external-login/acme", json=page).json()
    back = provider.consent(begun["authorization_url"])
    answer = client.get(back, follow_redirects=False)
    assert answer.status_code == 303
    location = answer.headers["Location"]
    assert location.startswith(f"{federated.url}/docs#")
    completion = {"flow_token": begun["flow_token"], **fragment_of(location)}
    done = client.post(f"{base}/external-login/handover", json=completion)
    assert done.status_code == 200, done.text
    bearer = {"Authorization": f"Bearer {done.json()['access_token']}"}
    me = client.get(f"{base}/users/me", headers=bearer).json()
    assert (me["username"], me["email_verified"]) == ("ada", True)
    links = client.get(f"{base}/external-login/links", headers=bearer).json()["items"]
    assert [each["provider"] for each in links] == ["acme"]
    again = client.post(f"{base}/external-login/handover", json=completion)
    assert (again.status_code, again.json()["code"]) == (400, "invalid_sign_in")


def test_no_secret_of_it_stands_in_a_log(
    federated: Cloud, client: httpx.Client, provider: Provider
) -> None:
    page = {"return_to": f"{federated.url}/docs"}
    begun = client.post("/v2/webapp/external-login/acme", json=page).json()
    back = provider.consent(begun["authorization_url"])
    location = client.get(back, follow_redirects=False).headers["Location"]
    told = dict(parse_qsl(urlsplit(back).query)) | fragment_of(location)
    secrets = [told[name] for name in ("state", "code", "handover")]
    secrets += [begun["flow_token"], CLIENT_SECRET]
    log = federated.log()
    assert "external-login/acme/callback" in log
    assert [each for each in secrets if each in log] == []


def test_whom_nobody_declared_is_404(client: httpx.Client) -> None:
    answer = client.post("/v2/webapp/external-login/nobody", json={})
    assert (answer.status_code, answer.json()["code"]) == (404, "no_such_provider")
