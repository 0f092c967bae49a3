"""Through the gateway, by as many processes as there are: one successor, and a revocation within seconds."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.cloud_fixtures import Cloud
from tests.web_fixtures import PASSWORD

SOON_S = 10
"""Within how many seconds a revoked session's token must be refused; it is about one."""


@pytest.fixture
def client(cloud: Cloud) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{cloud.url}/v2/webapp", timeout=60) as client:
        yield client


@pytest.fixture
def pair(client: httpx.Client) -> dict[str, Any]:
    """The tokens of a new user."""
    name = f"user-{uuid4().hex[:8]}"
    user = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
    assert client.post("/users", json=user).status_code == 201
    tokens: dict[str, Any] = client.post("/login", data=user).json()
    return tokens


def test_refreshes_at_once_by_several_processes_get_one_successor(
    client: httpx.Client, cloud: Cloud, pair: dict[str, Any]
) -> None:
    body = {"refresh_token": pair["refresh_token"]}

    def refresh(_: int) -> httpx.Response:
        return httpx.post(f"{cloud.url}/v2/webapp/refresh", json=body, timeout=120)

    # Few enough to be done within the grace of 10 s on a busy machine; the function's own test has 200.
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(refresh, range(16)))
    assert {answer.status_code for answer in answers} == {200}
    (successor,) = {answer.json()["refresh_token"] for answer in answers}
    assert client.post("/refresh", json={"refresh_token": successor}).status_code == 200


def test_a_revoked_sessions_access_token_stops_working_within_seconds(
    client: httpx.Client, pair: dict[str, Any]
) -> None:
    bearer = {"Authorization": f"Bearer {pair['access_token']}"}
    assert client.get("/users/me", headers=bearer).status_code == 200
    assert client.post("/logout", headers=bearer).status_code == 204
    began = time.monotonic()
    while client.get("/users/me", headers=bearer).status_code == 200:
        assert time.monotonic() - began < SOON_S
        time.sleep(0.1)  # asked again, for there is no event of it to wait for
