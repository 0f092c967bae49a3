"""`python -m infra_cdk.sam_check`: the functions under `sam local`, in AWS's own container image.

It exits with 0 where every answer is as expected, 1 where one is not, 3 where there is no Docker and
nothing could be checked. What it makes stays in `.local/sam`, sam itself in `.venv-sam`.
"""

import base64
import hashlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra_cdk.bundle import make_bundle
from infra_cdk.local.processes import free_port
from infra_cdk.registry import ROOT, registry

NO_DOCKER = 3
"""The exit status where nothing was checked."""

EVENTS = ROOT / "events" / "http"
STATE = ROOT / ".local" / "sam"
_TEMPLATE = STATE / "cdk.out" / "switchyard-staging.template.json"
_LOCK = ROOT / "requirements" / "sam.txt"
_ENVIRONMENT = ROOT / ".venv-sam"
_ARCHITECTURES = {"amd64": "x86_64", "arm64": "arm64"}
_START_TIMEOUT_S = 120.0
_ANSWER_TIMEOUT_S = 60.0


class NoDockerError(Exception):
    """Docker is not there or does not answer."""


class SamError(Exception):
    """sam itself failed."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """An event, `events/http/<function>/<name>.json`, and its answer without any other server."""

    function: str
    name: str
    status: int
    media_type: str

    @property
    def path(self) -> Path:
        """The file of the event."""
        return EVENTS / self.function / f"{self.name}.json"

    @property
    def event(self) -> dict[str, Any]:
        """The event itself."""
        event: dict[str, Any] = json.loads(self.path.read_text())
        return event

    @property
    def body(self) -> bytes:
        """The body that a client sent for this event."""
        body = (self.event["body"] or "").encode()
        return base64.b64decode(body) if self.event["isBase64Encoded"] else body


_PROBLEM = "application/problem+json"
CASES = (
    Case(function="docs", name="openapi", status=200, media_type="application/json"),
    Case(function="docs", name="page", status=200, media_type="text/html"),
    Case(function="infrastructure", name="health", status=200, media_type="application/json"),
    Case(function="webapp", name="list_items_without_token", status=401, media_type=_PROBLEM),
    Case(function="webapp", name="register_malformed", status=400, media_type=_PROBLEM),
    Case(function="webapp", name="register_with_unknown_field", status=422, media_type=_PROBLEM),
)


@dataclass(frozen=True)
class Answer:
    """What came back: the HTTP status and the media type without parameters."""

    status: int
    media_type: str


def docker_architecture() -> str:
    """Return the architecture that containers have, as Lambda names it. Raises NoDockerError."""
    command = ["docker", "version", "--format", "{{.Server.Arch}}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise NoDockerError("no program `docker` is installed") from error
    if done.returncode:
        raise NoDockerError(done.stderr.strip().splitlines()[-1])
    return _ARCHITECTURES[done.stdout.strip()]


def prepare(architecture: str) -> None:
    """Bundle, synthesise and install sam, each in a place of its own."""
    from infra_cdk.app import build_app

    build = STATE / "build"
    for each in registry():
        make_bundle(each, architecture=architecture, build=build)
    context: dict[str, object] = {"bundles": str(build), "architecture": architecture}
    build_app(outdir=_TEMPLATE.parent, context=context).synth()
    _install_sam()


def _install_sam() -> None:
    stamp = _ENVIRONMENT / ".installed"
    locked = hashlib.sha256(_LOCK.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == locked:
        return
    uv, python = Path(sys.executable).parent / "uv", _ENVIRONMENT / "bin" / "python"
    subprocess.run(
        [uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, _ENVIRONMENT],
        check=True,
    )
    subprocess.run(
        [uv, "pip", "sync", "--quiet", "--python", python, "--require-hashes", _LOCK], check=True
    )
    stamp.write_text(locked)


def _sam(*arguments: str) -> list[str]:
    # The image is pulled where it is missing; asking for a newer one needs a registry each time.
    options = ["--template", str(_TEMPLATE), "--region", "eu-west-1", "--skip-pull-image"]
    return [str(_ENVIRONMENT / "bin" / "sam"), "local", *arguments, *options]


def _sam_environment() -> Mapping[str, str]:
    # With any credentials, and be they invented, sam asks STS who they belong to.
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return own | {"SAM_CLI_TELEMETRY": "0", "AWS_EC2_METADATA_DISABLED": "true"}


def invoke(case: Case) -> Answer:
    """Answer a case by `sam local invoke`. Raises SamError."""
    function = f"switchyard-staging-{case.function}"
    command = _sam("invoke", function, "--event", str(case.path))
    done = subprocess.run(
        command, env=_sam_environment(), capture_output=True, text=True, check=False
    )
    try:
        answer = json.loads(done.stdout.splitlines()[-1])
        headers = {name.lower(): value for name, value in answer["headers"].items()}
        return Answer(answer["statusCode"], _media_type(headers["content-type"]))
    except (IndexError, KeyError, ValueError) as error:
        raise SamError(f"{done.stderr[-2000:]}\n{done.stdout[-2000:]}") from error


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0]


@contextmanager
def started_api() -> Iterator[int]:
    """Run `sam local start-api`, and yield its port. Raises SamError where it does not start."""
    port, log = free_port(), STATE / "start-api.log"
    with log.open("w") as opened:
        command = _sam("start-api", "--port", str(port), "--warm-containers", "LAZY")
        process = subprocess.Popen(command, env=_sam_environment(), stdout=opened, stderr=opened)
        try:
            if not _await_port(port, process=process):
                raise SamError(log.read_text()[-2000:])
            yield port
        finally:
            process.terminate()
            process.wait()


def _await_port(port: int, *, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return True
    return False


def request(case: Case, *, port: int) -> Answer:
    """Answer a case by HTTP."""
    event = case.event
    kept = ("Accept", "Authorization", "Content-Type")
    headers = {name: event["headers"][name] for name in kept if name in event["headers"]}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_TIMEOUT_S)
    try:
        connection.request(event["httpMethod"], event["path"], case.body, headers)
        response = connection.getresponse()
        return Answer(response.status, _media_type(response.headers["Content-Type"]))
    finally:
        connection.close()


def _report(case: Case, answer: Answer, *, way: str) -> bool:
    right = answer == Answer(case.status, case.media_type)
    expected = "" if right else f", not {case.status} {case.media_type}"
    print(f"{way:9} {case.function}/{case.name}: {answer.status} {answer.media_type}{expected}")
    return right


def check() -> bool:
    """Answer every case in both ways, say what came back, and return whether all was right."""
    results = [_report(case, invoke(case), way="invoke") for case in CASES]
    with started_api() as port:
        results += [_report(case, request(case, port=port), way="start-api") for case in CASES]
    return all(results)


def main() -> int:
    """Check, and return the exit status."""
    try:
        prepare(docker_architecture())
        return 0 if check() else 1
    except NoDockerError as error:
        print(f"sam local needs Docker, so nothing was checked: {error}", file=sys.stderr)
        return NO_DOCKER
    except (SamError, ValueError, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
