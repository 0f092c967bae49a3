"""`make job`: a periodic job, run now."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from infra_cdk.local.job import run_job
from infra_cdk.local.processes import StartError, free_port
from infra_cdk.registry import Registered
from shared.manifest.function import Function
from shared.manifest.triggers import Invoke, Schedule

FUNCTIONS = [
    Registered(spec=Function(name=name, triggers=(trigger,)), package=name)
    for name, trigger in (
        ("prune", Schedule("rate(1 day)")),
        ("sweep", Schedule("rate(1 hour)")),
        ("migrate", Invoke()),
    )
]


@dataclass
class Cloud:
    """Something that answers at a port, and what it was asked."""

    port: int = 0
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)


@contextmanager
def answering(status: int, body: bytes) -> Iterator[Cloud]:
    cloud = Cloud()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            cloud.asked.append((self.path, json.loads(self.rfile.read(length))))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        cloud.port = server.server_address[1]
        try:
            yield cloud
        finally:
            server.shutdown()
            thread.join()


def refusal_of(name: str, *, port: int = 1) -> str:
    with pytest.raises(StartError) as refused:
        run_job(name, functions=FUNCTIONS, port=port)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_the_job_runs_for_this_moment_and_its_report_is_returned() -> None:
    with answering(200, '{"outcome": "ran", "report": {"grüße": 1}}'.encode()) as cloud:
        report = run_job("sweep", functions=FUNCTIONS, port=cloud.port)
    assert json.loads(report) == {"outcome": "ran", "report": {"grüße": 1}}
    assert "grüße" in report
    [(path, event)] = cloud.asked
    assert (path, event["job"]) == ("/_local/functions/sweep", "sweep")
    assert event["scheduled_at"].endswith("Z")


def test_its_event_says_what_else_it_is_told() -> None:
    with answering(200, b"{}") as cloud:
        run_job("sweep", functions=FUNCTIONS, port=cloud.port, besides={"rotate": "now"})
    [(_, event)] = cloud.asked
    assert (event["job"], event["rotate"]) == ("sweep", "now")


@pytest.mark.parametrize("name", ["swep", "migrate"])
def test_a_name_of_no_job_is_refused_with_those_there_are(name: str) -> None:
    assert refusal_of(name) == f"there is no job {name!r}; the jobs are prune, sweep"


def test_no_name_is_refused_with_those_there_are() -> None:
    assert refusal_of("") == "name a job, like make job NAME=...; the jobs are prune, sweep"


def test_where_nothing_runs_it_says_so() -> None:
    port = free_port()
    assert refusal_of("sweep", port=port).startswith(f"nothing runs at port {port}: ")


def test_a_job_that_fails_is_told_in_one_line() -> None:
    error = {"errorType": "ValueError", "errorMessage": "no such\ntable", "stackTrace": ["..."]}
    with answering(502, json.dumps(error).encode()) as cloud:
        assert refusal_of("sweep", port=cloud.port) == "the job sweep failed: ValueError: no such"


def test_a_cloud_of_other_code_may_not_know_the_job() -> None:
    problem = {"status": 404, "detail": "no function is named 'sweep'"}
    with answering(404, json.dumps(problem).encode()) as cloud:
        assert "no function is named 'sweep'" in refusal_of("sweep", port=cloud.port)


@pytest.mark.parametrize(("status", "body"), [(200, b"<html>"), (404, b""), (200, b"[]")])
def test_another_program_at_the_port_is_told_apart(status: int, body: bytes) -> None:
    with answering(status, body) as cloud:
        expected = f"what runs at port {cloud.port} is not `make dev`, or it ended"
        assert refusal_of("sweep", port=cloud.port) == expected
