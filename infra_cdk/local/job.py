"""`make job NAME=...`: a periodic job, run now by the `make dev` that is running."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from typing import Any

from infra_cdk.local.clock.clock import event_of
from infra_cdk.local.console.console import FUNCTIONS
from infra_cdk.local.lambda_service.outcome import Outcome
from infra_cdk.local.lambda_service.worker import INIT_TIMEOUT_S
from infra_cdk.local.ports import HOST
from infra_cdk.local.processes import StartError
from infra_cdk.registry import Registered

_CONNECT_TIMEOUT_S = 5.0
_OK = 200
_FAILED = 502


def run_job(
    name: str,
    *,
    functions: Sequence[Registered],
    port: int,
    besides: Mapping[str, str] | None = None,
) -> str:
    """Run a job for this moment, on the cloud whose API is at `port`; return its report, as JSON.

    `besides` are further fields of its event.

    Raises StartError, of one line, where there is no such job, no cloud, or the job failed.
    """
    job = _job_of(name, functions=functions)
    patience_s = job.spec.timeout_s + INIT_TIMEOUT_S
    scheduled = json.loads(event_of(name, scheduled_at=datetime.now(UTC)))
    event = json.dumps(scheduled | dict(besides or {})).encode()
    status, answer = _post(f"{FUNCTIONS}{name}", event, port=port, patience_s=patience_s)
    if status == _OK:
        return json.dumps(answer, indent=2, ensure_ascii=False)
    if status == _FAILED and "errorMessage" in answer:
        failed = Outcome(payload=json.dumps(answer).encode(), error=True)
        raise StartError(f"the job {name} failed: {failed.reason}")
    raise StartError(f"port {port} refused the job {name}: {answer.get('detail', status)}")


def _job_of(name: str, *, functions: Sequence[Registered]) -> Registered:
    jobs = {each.spec.name: each for each in functions if each.spec.schedules}
    if name not in jobs:
        wrong = f"there is no job {name!r}" if name else "name a job, like make job NAME=..."
        raise StartError(f"{wrong}; the jobs are {', '.join(jobs)}")
    return jobs[name]


def _post(path: str, body: bytes, *, port: int, patience_s: float) -> tuple[int, dict[str, Any]]:
    connection = HTTPConnection(HOST, port, timeout=_CONNECT_TIMEOUT_S)
    try:
        connection.connect()
    except OSError:
        raise StartError(
            f"nothing runs at port {port}: start `make dev` first, or say where it is by PORT=..."
        ) from None
    try:
        connection.sock.settimeout(patience_s)
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, _object(json.loads(response.read()))
    except TimeoutError:
        raise StartError(f"the job did not end in {patience_s:g} s") from None
    except (OSError, HTTPException, ValueError):
        raise StartError(f"what runs at port {port} is not `make dev`, or it ended") from None
    finally:
        connection.close()


def _object(answer: object) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise ValueError("not the answer of a job")  # noqa: TRY004  # told as any other bad answer
    return answer
