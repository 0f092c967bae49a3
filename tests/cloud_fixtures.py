"""The cloud that `make dev` runs, started as a user starts it: one for each test process."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra_cdk.local.ports import HOST, held_port
from infra_cdk.local.processes import Child, accepts_connections, dying_with_parent, start
from infra_cdk.local.servers import server_environment

_OWN = ("PORT", "SWITCHYARD_STATE", "DATABASE_URL", "REDIS_URL", "LOG_LEVEL", "OPENID_PROVIDERS")


@dataclass(frozen=True)
class Cloud:
    """A running `python -m infra_cdk.local`."""

    child: Child
    port: int
    state: Path

    @property
    def url(self) -> str:
        """The base address of the API, without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self.child.process.pid

    def terminal(self) -> str:
        """What a user sees so far."""
        return self.child.log.read_text(errors="replace")

    def log(self) -> str:
        """All that was written so far: the terminal and every file of logs."""
        files = sorted((self.state / "logs").glob("*.log"))
        return "\n".join([self.terminal(), *(file.read_text(errors="replace") for file in files)])

    def wait_for(self, text: str) -> None:
        """Return once the terminal shows a text. Raises StartError where the runner ends before."""
        self.child.wait_until(lambda: text in self.terminal(), timeout_s=60)


def runner_environment(state: Path, *, port: int, **more: str) -> dict[str, str]:
    """The environment of a runner of the test's own, whatever the developer's shell holds."""
    inherited = {name: value for name, value in os.environ.items() if name not in _OWN}
    return {**inherited, "SWITCHYARD_STATE": str(state), "PORT": str(port), **more}


@contextmanager
def running_cloud(
    state: Path,
    *,
    environment: Mapping[str, str] | None = None,
    prefix: Sequence[str] = (),
    until: str = "Ready in",
) -> Iterator[Cloud]:
    """Run the local cloud on a state directory; it is gone at the end, whatever happens.

    `prefix` is a command that starts it; `until` is what its terminal shows first.
    """
    command = dying_with_parent([*prefix, sys.executable, "-m", "infra_cdk.local"])
    terminal = state.with_name(f"{state.name}.terminal")
    with held_port() as port:
        variables = runner_environment(state, port=port, **(environment or {}))
        child = start("the local cloud", command, log=terminal, environment=variables)
        cloud = Cloud(child=child, port=port, state=state)
        try:
            cloud.wait_for(until)
            yield cloud
        finally:
            child.stop()


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The cloud, with its demo user. What a test puts there, later tests find there."""
    with running_cloud(tmp_path_factory.mktemp("cloud") / "state") as running:
        yield running


@pytest.fixture(scope="session")
def aws_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """AWS as the cloud has it, alone and empty at first."""
    log = tmp_path_factory.mktemp("aws") / "aws.log"
    with held_port() as port:
        command = dying_with_parent([sys.executable, "-m", "infra_cdk.local.aws", str(port)])
        child = start("aws", command, log=log, environment=server_environment(os.environ))
        try:
            child.wait_until(lambda: accepts_connections(port), timeout_s=60)
            yield f"http://{HOST}:{port}"
        finally:
            child.stop()


@pytest.fixture(scope="session")
def lasting_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state that tests use in turn, each with a cloud of its own: only the first runs initdb."""
    return tmp_path_factory.mktemp("lasting") / "state"
