"""`make dev`, what starts functions by itself: queues, events, schedules; and what was sent."""

import json
import subprocess
import sys
import uuid
from typing import Any

import httpx

from infra_cdk.registry import ROOT
from tests.cloud_fixtures import Cloud, runner_environment
from tests.infra_cdk.local.runner.process_tree import eventually


def invoke(cloud: Cloud, name: str, event: dict[str, Any]) -> httpx.Response:
    return httpx.post(f"{cloud.url}/_local/functions/{name}", json=event, timeout=60)


def subjects_of_mail_to(address: str, *, cloud: Cloud) -> list[str]:
    mails = httpx.get(f"{cloud.url}/_local/mailbox.json", timeout=30).json()["mails"]
    return [mail["subject"] for mail in mails if address in mail["to"]]


def test_a_change_goes_by_outbox_bus_and_queue_to_its_consumer(cloud: Cloud) -> None:
    """A registration is answered by two mails: their events pass every part that there is."""
    name = f"traveller-{uuid.uuid4().hex[:8]}"
    address = f"{name}@example.com"
    user = {"username": name, "email": address, "password": "a-long-enough-sentence"}
    registered = httpx.post(f"{cloud.url}/v1/webapp/users", json=user, timeout=60)
    assert registered.status_code == 201, registered.text
    subjects = ["Verify your e-mail address", "Welcome to Switchyard"]
    assert eventually(
        lambda: sorted(subjects_of_mail_to(address, cloud=cloud)) == subjects, within_s=60
    )
    page = httpx.get(f"{cloud.url}/_local/mailbox", timeout=30)
    assert page.status_code == 200
    assert address in page.text


def test_a_job_is_run_at_once_and_its_report_printed(cloud: Cloud) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "infra_cdk.local", "job", "outbox-relay"],
        env=runner_environment(cloud.state, port=cloud.port),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    report = json.loads(done.stdout)
    assert report["job"] == "outbox-relay"
    assert "published" in report["report"]


def test_a_job_that_fails_is_a_502_with_its_error(cloud: Cloud) -> None:
    answer = invoke(cloud, "outbox-relay", {"job": "another", "scheduled_at": "now"})
    assert answer.status_code == 502
    assert answer.json()["errorType"] == "MalformedScheduleError"


def test_the_demo_operator_is_one(cloud: Cloud) -> None:
    form = {"username": "operator", "password": "correct-switch-yard-42"}
    login = httpx.post(f"{cloud.url}/v1/webapp/login", data=form, timeout=60)
    assert login.status_code == 200, login.text
    granted = invoke(cloud, "operators", {"username": "operator", "role": "operator"})
    assert granted.status_code == 200, granted.text
