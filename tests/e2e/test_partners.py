"""Through the gateway: an operator makes a partner, whose key is asked for, throttled, counted and revoked."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import TOO_MANY_REQUESTS as TOO_MANY
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.cloud_fixtures import Cloud
from tests.web_fixtures import PASSWORD

PARTNERS = "/v2/infrastructure/partners"
ITEMS = "/v2/partner/items"
SOON_S = 15
"""Within how many seconds the gateway must know of a new key, and tell of a request."""


def log_in(client: httpx.Client, username: str) -> dict[str, str]:
    form = {"username": username, "password": PASSWORD}
    answer = client.post("/v2/webapp/login", data=form)
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


@pytest.fixture
def client(cloud: Cloud) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=cloud.url, timeout=60) as client:
        yield client


@pytest.fixture
def operator(client: httpx.Client) -> dict[str, str]:
    return log_in(client, "operator")


@pytest.fixture
def admin(client: httpx.Client) -> tuple[str, dict[str, str]]:
    """The id of a new user, and their token."""
    name = f"user-{uuid4().hex[:8]}"
    user = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
    made = client.post("/v2/webapp/users", json=user)
    assert made.status_code == 201, made.text
    return made.json()["id"], log_in(client, name)


def make_partner(client: httpx.Client, operator: dict[str, str], **fields: Any) -> str:
    draft = {"name": f"P {uuid4()}", "plan": "free", "contact": "x@example.com"} | fields
    made = client.post(PARTNERS, json=draft, headers=operator)
    assert made.status_code == 201, made.text
    id_: str = made.json()["id"]
    return id_


def heard(client: httpx.Client, key: dict[str, str]) -> httpx.Response:
    """Return the first answer to a key that is not about its plan's rate."""
    return until(partial(client.get, ITEMS, headers=key), lambda got: got.status_code != TOO_MANY)


def make_key(client: httpx.Client, place: str, token: dict[str, str]) -> dict[str, Any]:
    draft = {"name": "checkout", "scopes": ["items:read", "items:write", "usage:read"]}
    made = client.post(place, json=draft, headers=token)
    assert made.status_code == 201, made.text
    key: dict[str, Any] = made.json()
    return key


def until(
    ask: Callable[[], httpx.Response], good: Callable[[httpx.Response], bool]
) -> httpx.Response:
    """Ask again until the answer is good: there is no event of it to wait for."""
    began = time.monotonic()
    while not good(answer := ask()):
        assert time.monotonic() - began < SOON_S, answer.text
        time.sleep(0.6)  # slower than the free plan's rate
    return answer


def test_a_partners_life_through_the_gateway(
    client: httpx.Client, operator: dict[str, str], admin: tuple[str, dict[str, str]], cloud: Cloud
) -> None:
    admin_id, token = admin
    partner = make_partner(client, operator, admin_id=admin_id)
    keys = f"/v2/webapp/partners/{partner}/keys"
    key = make_key(client, keys, token)
    bearer = {"x-api-key": key["key"]}

    made = until(
        lambda: client.post(ITEMS, json={"name": "Lamp"}, headers=bearer),
        lambda answer: answer.status_code == 201,
    )
    listed = until(lambda: client.get(ITEMS, headers=bearer), lambda each: each.status_code == 200)
    assert [each["id"] for each in listed.json()["items"]] == [made.json()["id"]]

    usage = until(
        lambda: client.get("/v2/partner/usage", headers=bearer),
        lambda each: each.status_code == 200 and each.json()["used"] >= 2,
    ).json()
    assert (usage["plan"], usage["quota"], usage["period"]) == ("free", 1000, "DAY")
    assert usage["used"] + usage["left"] == 1000

    successor = client.post(
        f"{keys}/{key['id']}/rotate", json={"grace_s": 3600}, headers=token
    ).json()
    both = [{"x-api-key": each["key"]} for each in (key, successor)]
    for each in both:
        until(partial(client.get, ITEMS, headers=each), lambda got: got.is_success)

    assert client.delete(f"{keys}/{key['id']}", headers=token).status_code == 204
    refused = heard(client, bearer)
    assert refused.status_code in (401, 403)
    assert refused.json()["code"] == "invalid_api_key"

    assert client.delete(f"{PARTNERS}/{partner}", headers=operator).status_code == 204
    refused = heard(client, both[1])
    assert refused.status_code in (401, 403)
    assert [each["key"] for each in (key, successor) if each["key"] in cloud.log()] == []


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "swy_local_" + "x" * 36}])
@pytest.mark.parametrize("path", [ITEMS, "/v1/partner/items", "/v2/partner/usage"])
def test_a_missing_or_unknown_key_is_refused_by_the_gateway(
    client: httpx.Client, headers: dict[str, str], path: str
) -> None:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 403
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "invalid_api_key"


def test_the_free_plan_is_throttled_and_another_key_is_not(
    client: httpx.Client, operator: dict[str, str]
) -> None:
    keys = [
        make_key(client, f"{PARTNERS}/{make_partner(client, operator, plan=plan)}/keys", operator)
        for plan in ("free", "pro")
    ]
    free, pro = [{"x-api-key": key["key"]} for key in keys]
    for each in (free, pro):
        until(partial(client.get, ITEMS, headers=each), lambda got: got.is_success)

    def ask(headers: dict[str, str]) -> httpx.Response:
        return client.get(ITEMS, headers=headers)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, [free] * 40))
    found = Counter(answer.status_code for answer in answers)
    assert set(found) == {200, 429}
    assert found[429] > found[200]
    (code,) = {answer.json()["code"] for answer in answers if answer.status_code == 429}
    assert code == "throttled"
    assert {ask(pro).status_code for _ in range(10)} == {200}
