"""The worker runs by a nudge, and each minute, until nothing is due or its time is nearly up."""

import json
from collections.abc import Callable

import pytest

from functions.queues.webhook_delivery.handler import ENOUGH_S, handler
from functions.queues.webhook_delivery.spec import SPEC
from infra_cdk.registry import ROOT
from shared.adapters.outbound.limits import Limits
from shared.domains.webhooks import api
from shared.domains.webhooks.service.delivering import LATEST, LIMITS, Delivered
from tests.lambda_context import LambdaContext

NUDGE = json.loads((ROOT / "events/sqs/webhook-delivery/nudge.json").read_text())
SCHEDULED = json.loads((ROOT / "events/schedule/webhook-delivery/scheduled.json").read_text())


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each run had time."""
    runs: list[bool] = []

    async def deliver(*, has_time: Callable[[], bool]) -> Delivered:
        runs.append(has_time())
        return Delivered(attempts=2, delivered=1)

    monkeypatch.setattr(api, "deliver", deliver)
    return runs


def test_a_nudge_runs_it(worker: list[bool]) -> None:
    answer = handler(NUDGE, LambdaContext(remaining_s=SPEC.timeout_s))
    assert answer["batchItemFailures"] == []
    assert (answer["report"]["attempts"], answer["report"]["delivered"]) == (2, 1)
    assert worker == [True]


def test_the_schedule_does(migrated_database_url: str, worker: list[bool]) -> None:
    assert handler(SCHEDULED, LambdaContext(remaining_s=SPEC.timeout_s))["report"]["delivered"] == 1
    assert worker == [True]


def test_the_time_that_is_left_is_enough_for_the_longest_attempt() -> None:
    limits = Limits()
    assert limits.wait_s + limits.total_s < LATEST.total_seconds()
    # Nothing is begun that its claim would not outlast, and nothing claimed that the function would not.
    assert LIMITS.lease > LATEST
    assert LIMITS.lease.total_seconds() < ENOUGH_S < SPEC.timeout_s
