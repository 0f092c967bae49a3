"""`make dev`, running: what it shows, what answers."""

import sys

import httpx
import pytest

from tests.cloud_fixtures import Cloud
from tests.infra_cdk.local.runner.process_tree import (
    descendants_of,
    eventually,
    listening_addresses_of,
)


def test_it_tells_where_everything_is(cloud: Cloud) -> None:
    shown = cloud.terminal()
    for line in (
        f"API        {cloud.url}\n",
        f"Docs       {cloud.url}/docs and {cloud.url}/redoc\n",
        f"Portal     {cloud.url}/portal\n",
        f"Mailbox    {cloud.url}/_local/mailbox\n",
        "Demo user  demo, password correct-switch-yard-42\n",
        "Operator   operator, password correct-switch-yard-42\n",
        "Database   postgresql://app@127.0.0.1:",
        f"Logs       {cloud.state}/logs/\n",
        "Stop       Ctrl-C",
    ):
        assert line in shown


def test_it_tells_how_long_it_took(cloud: Cloud) -> None:
    """Five seconds are the promise; here other tests share the machine."""
    seconds = float(cloud.terminal().partition("Ready in ")[2].partition(" s.")[0])
    assert 0 < seconds < 30


def test_every_dependency_answers(cloud: Cloud) -> None:
    answer = httpx.get(f"{cloud.url}/ready", timeout=30)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/portal", "/openapi.json"])
def test_the_documentation_is_served(cloud: Cloud, path: str) -> None:
    assert httpx.get(f"{cloud.url}{path}", timeout=30).status_code == 200


def test_the_demo_user_can_log_in_and_the_token_is_good(cloud: Cloud) -> None:
    form = {"username": "demo", "password": "correct-switch-yard-42"}
    login = httpx.post(f"{cloud.url}/v1/webapp/login", data=form, timeout=30)
    assert login.status_code == 200, login.text
    bearer = {"Authorization": f"Bearer {login.json()['access_token']}"}
    me = httpx.get(f"{cloud.url}/v1/webapp/users/me", headers=bearer, timeout=30)
    assert (me.status_code, me.json()["username"]) == (200, "demo")


def test_both_names_of_this_machine_are_trusted(cloud: Cloud) -> None:
    for host in ("127.0.0.1", "localhost"):
        named = {"Host": f"{host}:{cloud.port}"}
        assert httpx.get(f"{cloud.url}/health", headers=named, timeout=30).status_code == 200


def test_a_page_of_this_origin_may_call(cloud: Cloud) -> None:
    origin = f"http://localhost:{cloud.port}"
    answer = httpx.get(f"{cloud.url}/health", headers={"Origin": origin}, timeout=30)
    assert answer.headers["access-control-allow-origin"] == origin


def test_a_request_is_shown_and_the_functions_words_are_kept(cloud: Cloud) -> None:
    httpx.get(f"{cloud.url}/health", headers={"X-Request-ID": "shown-and-kept-0001"}, timeout=30)
    cloud.wait_for("GET /health 200 ")
    log = cloud.state / "logs" / "functions.log"
    assert eventually(lambda: "shown-and-kept-0001" in log.read_text(), within_s=5)


def test_every_server_has_a_log(cloud: Cloud) -> None:
    logs = {file.name for file in (cloud.state / "logs").iterdir()}
    servers = {"postgres.log", "valkey.log", "moto.log", "data-api.log"}
    assert logs == {*servers, "functions.log"}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_nothing_listens_beyond_this_machine(cloud: Cloud) -> None:
    listening = listening_addresses_of({cloud.pid, *descendants_of(cloud.pid)})
    assert len(listening) >= 5
    assert {address for address in listening if not address.startswith("0100007F:")} == set()
