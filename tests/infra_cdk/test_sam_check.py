"""`make sam-check` says what it needs, and its events are such as the gateway makes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra_cdk.local.gateway.event import event_of
from infra_cdk.local.gateway.request import Request
from infra_cdk.local.gateway.routes import Route, Routes
from infra_cdk.registry import ROOT, registry
from infra_cdk.sam_check import CASES, NO_DOCKER, Case
from tests.benchmarks.cold_start import start_function

EVENTS = sorted((ROOT / "events" / "http").rglob("*.json"))
FUNCTIONS = {each.spec.name: each for each in registry()}


def read(path: Path) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(path.read_text())
    return event


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def members(event: dict[str, Any]) -> tuple[set[str], set[str], set[str]]:
    context = event["requestContext"]
    return set(event), set(context), set(context["identity"])


@pytest.fixture
def route_of() -> Routes:
    return Routes(registry())


@pytest.fixture(scope="module")
def bytecode(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place for `.pyc` files, so that only the first start compiles."""
    return tmp_path_factory.mktemp("bytecode")


class TestEvents:
    def test_every_function_has_events(self) -> None:
        assert {path.parent.name for path in EVENTS} == {
            name for name, each in FUNCTIONS.items() if each.spec.http
        }
        invoked = (ROOT / "events" / "invoke").rglob("*.json")
        assert {path.parent.name for path in invoked} == {
            name for name, each in FUNCTIONS.items() if not each.spec.http
        }

    @pytest.mark.parametrize("path", EVENTS, ids=name_of)
    def test_an_event_has_the_members_that_the_gateway_sends(self, path: Path) -> None:
        request = Request(
            method="GET",
            path="/health",
            query="",
            protocol="HTTP/1.1",
            headers=[("Host", "localhost")],
            client="127.0.0.1",
            port=80,
        )
        route = Route(function="infrastructure", path="/health", proxy=None)
        assert members(read(path)) == members(json.loads(event_of(request, route=route)))

    @pytest.mark.parametrize("path", EVENTS, ids=name_of)
    def test_an_event_stands_with_the_function_that_serves_its_path(
        self, path: Path, route_of: Routes
    ) -> None:
        event = read(path)
        route = route_of.find(event["path"])
        assert route is not None
        assert (route.function, route.path) == (path.parent.name, event["resource"])
        assert (event["pathParameters"] or {}).get("proxy") == route.proxy

    @pytest.mark.parametrize("path", EVENTS, ids=name_of)
    def test_single_and_multiple_values_agree(self, path: Path) -> None:
        event = read(path)
        for single, multiple in (
            ("headers", "multiValueHeaders"),
            ("queryStringParameters", "multiValueQueryStringParameters"),
        ):
            last = {name: values[-1] for name, values in (event[multiple] or {}).items()}
            assert last == (event[single] or {})


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.function}-{case.name}")
def test_an_expected_status_is_the_handler_s(case: Case, tmp_path: Path) -> None:
    started = start_function(
        case.function, bytecode=tmp_path, event=f"http/{case.function}/{case.name}"
    )
    assert started.status == case.status


class TestWithoutDocker:
    def check(self, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "infra_cdk.sam_check"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def test_a_missing_program_is_said_in_one_line(self, tmp_path: Path) -> None:
        done = self.check(PATH=str(tmp_path))
        assert done.returncode == NO_DOCKER
        assert done.stderr.splitlines() == [
            "sam local needs Docker, so nothing was checked: no program `docker` is installed"
        ]

    def test_a_silent_daemon_is_said_in_one_line(self, tmp_path: Path) -> None:
        docker = tmp_path / "docker"
        docker.write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2\nexit 1\n")
        docker.chmod(0o755)
        done = self.check(PATH=f"{tmp_path}{os.pathsep}{os.defpath}")
        assert done.returncode == NO_DOCKER
        assert done.stderr.splitlines() == [
            "sam local needs Docker, so nothing was checked: Cannot connect to the Docker daemon"
        ]
