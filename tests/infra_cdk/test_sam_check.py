"""`make sam-check` says what it needs, and its events are such as the gateway makes."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra_cdk.local.clock.clock import event_of as job_event
from infra_cdk.local.event_sources.event import record_of
from infra_cdk.local.event_sources.mapping import EventSource
from infra_cdk.local.gateway.event import event_of
from infra_cdk.local.gateway.keys import Caller
from infra_cdk.local.gateway.request import Request
from infra_cdk.local.gateway.routes import Routes
from infra_cdk.registry import ROOT, queue_names, registry
from infra_cdk.sam_check import CASES, NO_DOCKER, Case
from shared.manifest.function import Function
from shared.manifest.triggers import Delivery, Invoke
from shared.worker.job import scheduled_moment
from tests.benchmarks.cold_start import start_function

EVENTS = sorted((ROOT / "events" / "http").rglob("*.json"))
QUEUE_EVENTS = sorted((ROOT / "events" / "sqs").rglob("*.json"))
SCHEDULE_EVENTS = sorted((ROOT / "events" / "schedule").rglob("*.json"))
KINDS: dict[str, Callable[[Function], bool]] = {
    "http": lambda spec: bool(spec.http),
    "invoke": lambda spec: any(isinstance(each, Invoke) for each in spec.triggers),
    "schedule": lambda spec: bool(spec.schedules),
    "sqs": lambda spec: bool(spec.sources or spec.dead_letters),
}
"""The folders of `events/`, and which functions have some there."""

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
    @pytest.mark.parametrize("kind", KINDS)
    def test_every_function_has_events_of_each_kind_that_starts_it(self, kind: str) -> None:
        starts = KINDS[kind]
        assert {path.parent.name for path in (ROOT / "events" / kind).rglob("*.json")} == {
            name for name, each in FUNCTIONS.items() if starts(each.spec)
        }

    def test_there_is_no_other_kind(self) -> None:
        assert {path.name for path in (ROOT / "events").iterdir()} == set(KINDS)

    @pytest.mark.parametrize("path", EVENTS, ids=name_of)
    def test_an_event_has_the_members_that_the_gateway_sends(
        self, path: Path, route_of: Routes
    ) -> None:
        request = Request(
            method="GET",
            path="/health",
            query="",
            protocol="HTTP/1.1",
            headers=[("Host", "localhost")],
            client="127.0.0.1",
            port=80,
        )
        route = route_of.find(read(path)["path"])
        assert route is not None
        caller = Caller(key="a key", key_id="its id") if route.api_key else None
        made = json.loads(event_of(request, route=route, caller=caller))
        assert members(read(path)) == members(made)

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


class TestQueueEvents:
    @pytest.mark.parametrize("path", QUEUE_EVENTS, ids=name_of)
    def test_a_record_has_the_members_that_lambda_sends(self, path: Path) -> None:
        """The local poller's records are the pattern: its tests compare them with AWS's."""
        message = {"MessageId": "m", "ReceiptHandle": "r", "Body": "b", "MD5OfBody": "d"}
        source = EventSource(queue="q", function="f", delivery=Delivery())
        for record in read(path)["Records"]:
            assert set(record) == set(record_of(message, source=source))
            assert record["eventSource"] == "aws:sqs"
            digest = hashlib.md5(record["body"].encode(), usedforsecurity=False).hexdigest()
            assert record["md5OfBody"] == digest

    @pytest.mark.parametrize("path", QUEUE_EVENTS, ids=name_of)
    def test_a_record_comes_from_a_queue_that_starts_the_function(self, path: Path) -> None:
        spec = FUNCTIONS[path.parent.name].spec
        queues = {source.queue for source in spec.sources}
        if spec.dead_letters:
            queues |= {f"{name}-dead" for name in queue_names()}
        for record in read(path)["Records"]:
            name = record["eventSourceARN"].rpartition(":")[2]
            assert name.split("-", 2)[2] in queues


class TestScheduleEvents:
    @pytest.mark.parametrize("path", SCHEDULE_EVENTS, ids=name_of)
    def test_it_names_its_job_and_a_moment_as_the_scheduler_does(self, path: Path) -> None:
        event = read(path)
        moment = scheduled_moment(event, job=path.parent.name)
        # The events of a rotation that somebody asks for say why, and nothing else more.
        asked = {"rotate": path.stem} if path.stem in {"now", "compromised"} else {}
        scheduled = json.loads(job_event(path.parent.name, scheduled_at=moment))
        assert event == scheduled | asked


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
