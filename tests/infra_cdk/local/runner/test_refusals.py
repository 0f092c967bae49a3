"""`make dev` where it cannot run: one clear line, exit status 1, nothing started."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from infra_cdk.local.processes import free_port
from infra_cdk.registry import ROOT
from tests.cloud_fixtures import Cloud, runner_environment


def refusal_of(*arguments: str, state: Path, port: int = 8000, **environment: str) -> str:
    """What the command writes before it ends with 1; it writes nothing else."""
    done = subprocess.run(
        [sys.executable, "-m", "infra_cdk.local", *arguments],
        env={**runner_environment(state, port=port), **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr


def test_a_taken_port_is_named(cloud: Cloud, tmp_path: Path) -> None:
    assert refusal_of(state=tmp_path / "state", port=cloud.port) == (
        f"switchyard: port {cloud.port} cannot be used: another program listens on it. "
        "Choose another one, like PORT=8080 make dev\n"
    )
    assert not (tmp_path / "state").exists()


def test_a_port_that_is_none_is_named(tmp_path: Path) -> None:
    expected = "switchyard: PORT must be a number from 1 to 65535, not 'http'\n"
    assert refusal_of(state=tmp_path / "state", PORT="http") == expected
    assert not (tmp_path / "state").exists()


def test_a_second_runner_on_one_state_is_refused(cloud: Cloud) -> None:
    expected = (
        f"switchyard: a runner already uses {cloud.state} (process {cloud.pid}): stop it first\n"
    )
    assert refusal_of(state=cloud.state, port=free_port()) == expected


def test_a_reset_under_a_runner_is_refused(cloud: Cloud) -> None:
    assert refusal_of("reset", state=cloud.state).count("\n") == 1
    assert httpx.get(f"{cloud.url}/ready", timeout=30).status_code == 200


@pytest.mark.parametrize("arguments", [("rest",), ("job",), ("job", "a", "b"), ("reset", "a")])
def test_another_argument_is_refused(arguments: tuple[str, ...], tmp_path: Path) -> None:
    expected = "switchyard: usage: python -m infra_cdk.local [reset | job NAME | rotate-keys WHY]\n"
    assert refusal_of(*arguments, state=tmp_path) == expected


def test_a_job_where_nothing_runs_is_refused(tmp_path: Path) -> None:
    port = free_port()
    assert refusal_of("job", "outbox-relay", state=tmp_path, port=port) == (
        f"switchyard: nothing runs at port {port}: start `make dev` first, or say where it is by "
        "PORT=...\n"
    )


def test_a_job_that_there_is_not_is_refused(cloud: Cloud, tmp_path: Path) -> None:
    refusal = refusal_of("job", "outbox-rely", state=tmp_path, port=cloud.port)
    assert refusal.startswith("switchyard: there is no job 'outbox-rely'; the jobs are ")
    assert "outbox-relay" in refusal


@pytest.mark.parametrize(
    ("name", "scheme"), [("DATABASE_URL", "postgresql"), ("REDIS_URL", "redis")]
)
def test_a_server_that_does_not_answer_is_named_without_its_password(
    name: str, scheme: str, tmp_path: Path
) -> None:
    port = free_port()
    address = {name: f"{scheme}://me:my-password@127.0.0.1:{port}/0"}
    refusal = refusal_of(state=tmp_path, port=free_port(), **address)
    assert refusal.startswith(f"switchyard: {name}: 127.0.0.1:{port}/0 does not answer: ")
    assert refusal.count("\n") == 1
    assert "my-password" not in refusal


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_state_of_another_user_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    refusal = refusal_of(state=tmp_path / "state", port=free_port())
    assert refusal == (
        f"switchyard: the state in {tmp_path / 'state'} cannot be used: Permission denied\n"
    )
