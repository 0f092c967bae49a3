"""`make dev`, ending: however it ends, no child, no port and no traceback is left."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from infra_cdk.local.processes import accepts_connections, free_port
from tests.cloud_fixtures import Cloud, runner_environment, running_cloud
from tests.infra_cdk.local.runner.process_tree import (
    alive,
    command_of,
    descendants_of,
    eventually,
    servers_among,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def assert_it_leaves_nothing(cloud: Cloud, children: set[int], *, status: int) -> None:
    """The runner ends with `status`; every child ends, and the port is free."""
    assert cloud.child.process.wait(15) == status
    assert eventually(lambda: not alive(children), within_s=2), alive(children)
    assert not accepts_connections(cloud.port)
    assert "Traceback" not in cloud.terminal()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_every_child(number: signal.Signals, lasting_state: Path) -> None:
    with running_cloud(lasting_state) as cloud:
        children = descendants_of(cloud.pid)
        servers = {"postgres", "valkey-server", "local.aws", "data_api"}
        assert set(servers_among(children)) == servers
        os.kill(cloud.pid, number)
        assert_it_leaves_nothing(cloud, children, status=0)
        assert cloud.terminal().endswith("Stopped.\n")
        assert "Traceback" not in cloud.log()


def test_a_killed_runner_takes_its_children_along(lasting_state: Path) -> None:
    with running_cloud(lasting_state) as cloud:
        children = descendants_of(cloud.pid)
        assert len(children) > 5
        os.kill(cloud.pid, signal.SIGKILL)
        assert_it_leaves_nothing(cloud, children, status=-signal.SIGKILL)
    with running_cloud(lasting_state) as cloud:  # what it left does not keep the next from starting
        assert httpx.get(f"{cloud.url}/ready", timeout=30).status_code == 200


def test_many_signals_end_it_as_cleanly_as_one(lasting_state: Path) -> None:
    with running_cloud(lasting_state) as cloud:
        children = descendants_of(cloud.pid)
        for _ in range(50):
            with suppress(ProcessLookupError):
                os.kill(cloud.pid, signal.SIGINT)
            time.sleep(0.01)  # spread over all of the clean-up
        assert_it_leaves_nothing(cloud, children, status=0)


def test_it_can_be_stopped_while_its_servers_start(lasting_state: Path) -> None:
    with running_cloud(lasting_state, until="Starting") as cloud:
        assert eventually(lambda: len(descendants_of(cloud.pid)) >= 3, within_s=10)
        children = descendants_of(cloud.pid)
        os.kill(cloud.pid, signal.SIGTERM)
        assert_it_leaves_nothing(cloud, children, status=0)
        assert cloud.terminal() == "Starting ...\nStopped.\n"


def test_ctrl_c_during_the_first_start_is_no_failure(tmp_path: Path) -> None:
    """A terminal sends its Ctrl-C to initdb as well."""
    with running_cloud(tmp_path / "state", until="Starting") as cloud:
        assert eventually(
            lambda: any("initdb" in command_of(pid) for pid in descendants_of(cloud.pid)),
            within_s=10,
        )
        children = descendants_of(cloud.pid)
        os.killpg(cloud.pid, signal.SIGINT)
        assert_it_leaves_nothing(cloud, children, status=0)
        assert cloud.terminal() == "Starting ...\nStopped.\n"


def read_terminal(master: int, shown: bytes) -> bytes:
    try:
        return os.read(master, 4096)
    except OSError:  # nobody holds the other end any more
        pytest.fail(f"the runner ended before it was ready: {shown.decode()}")


def test_it_ends_with_its_terminal(lasting_state: Path) -> None:
    master, slave = os.openpty()
    port = free_port()
    with subprocess.Popen(
        ["setsid", "--ctty", sys.executable, "-m", "infra_cdk.local"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=runner_environment(lasting_state, port=port),
    ) as process:
        os.close(slave)
        try:
            shown = b""
            while b"Ready in" not in shown:
                shown += read_terminal(master, shown)
            children = descendants_of(process.pid)
            os.close(master)
            assert process.wait(15) == 0
            assert eventually(lambda: not alive(children), within_s=2)
            assert not accepts_connections(port)
        finally:
            process.kill()


def test_it_ends_when_nobody_reads_its_output(lasting_state: Path) -> None:
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-m", "infra_cdk.local"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=runner_environment(lasting_state, port=port),
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            assert any(b"Stop " in line for line in process.stdout)
            children = descendants_of(process.pid)
            process.stdout.close()
            with suppress(httpx.HTTPError):  # its line is the one that cannot be shown
                httpx.get(f"http://127.0.0.1:{port}/health")
            assert process.wait(15) == 0
            assert eventually(lambda: not alive(children), within_s=2)
            assert process.stderr.read() == b""
        finally:
            process.kill()


def test_a_server_that_ends_is_reported_and_ends_the_rest(lasting_state: Path) -> None:
    with running_cloud(lasting_state) as cloud:
        children = descendants_of(cloud.pid)
        os.kill(servers_among(children)["valkey-server"], signal.SIGKILL)
        assert_it_leaves_nothing(cloud, children, status=1)
        assert "switchyard: valkey ended with -9:" in cloud.terminal()
        assert "Ready to accept connections" in cloud.terminal()


def test_a_server_that_does_not_start_is_reported_with_its_log(tmp_path: Path) -> None:
    state = tmp_path / "state"
    (state / "postgres").mkdir(parents=True, mode=0o700)
    (state / "postgres" / "PG_VERSION").write_text("7.4\n")
    with running_cloud(state, until="Starting") as cloud:
        children = descendants_of(cloud.pid)
        assert_it_leaves_nothing(cloud, children, status=1)
        assert "switchyard: PostgreSQL ended with 2:" in cloud.terminal()
        assert "could not access the server configuration file" in cloud.terminal()


def test_a_state_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "postgres").touch()  # a file, where a directory must be
    with running_cloud(state, until="Starting") as cloud:
        children = descendants_of(cloud.pid)
        assert_it_leaves_nothing(cloud, children, status=1)
        assert f"switchyard: the state in {state} cannot be used: " in cloud.terminal()
