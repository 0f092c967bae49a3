"""The worker runs by a nudge, and each minute, until nothing is due or its time is nearly up."""

import json
from collections.abc import Callable

import pytest

from functions.queues.webhook_delivery.handler import ENOUGH_S, handler
from functions.queues.webhook_delivery.spec import SPEC
from infra_cdk.registry import ROOT
from shared.adapters.outbound.limits import Limits
from shared.domains.webhooks import api
from shared.domains.webhooks.service.delivering import LIMITS, Delivered
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
    # Of those in hand some wait for others of their endpoint, which all may hang; then its circuit is open.
    rounds = 2
    longest_s = limits.wait_s + rounds * limits.total_s + LIMITS.ahead.total_seconds()
    assert longest_s < ENOUGH_S < SPEC.timeout_s
    # And a claim holds until what came of it is kept.
    assert longest_s < LIMITS.lease.total_seconds()
