"""Every public event of the bus becomes deliveries, and what was left does each minute."""

import copy
import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from functions.queues.webhook_fanout.handler import handler
from functions.queues.webhook_fanout.spec import SPEC
from infra_cdk.registry import ROOT
from shared.domains.webhooks import api
from shared.domains.webhooks.service import catalogue
from shared.domains.webhooks.service.fanout import FannedOut
from tests.lambda_context import LambdaContext

EVENT = json.loads((ROOT / "events/sqs/webhook-fanout/disabled.json").read_text())
EVENT_ID = UUID("019ab8f2-1c00-7d3e-8b21-6f4a5c9d0e17")


def event_of(*, type_: str, data: dict[str, Any]) -> dict[str, Any]:
    event: dict[str, Any] = copy.deepcopy(EVENT)
    body = json.loads(event["Records"][0]["body"])
    body["detail"] |= {"type": type_, "data": data}
    event["Records"][0]["body"] = json.dumps(body)
    return event


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[UUID]]:
    """The events whose deliveries were to be made."""
    told: list[list[UUID]] = []

    async def fan_out(event_ids: list[UUID]) -> FannedOut:
        told.append(list(event_ids))
        return FannedOut()

    monkeypatch.setattr(api, "fan_out", fan_out)
    return told


def test_it_subscribes_to_exactly_the_public_events() -> None:
    assert SPEC.sources[0].types == catalogue.bus_types()


def test_an_event_is_fanned_out_by_its_id(asked: list[list[UUID]]) -> None:
    assert handler(EVENT, LambdaContext()) == {"batchItemFailures": []}
    assert asked == [[EVENT_ID]]


def test_many_that_were_added_at_once_are_by_theirs(asked: list[list[UUID]]) -> None:
    ids = [uuid4(), uuid4()]
    event = event_of(
        type_="journal.public_events_added", data={"event_ids": [str(each) for each in ids]}
    )
    assert handler(event, LambdaContext()) == {"batchItemFailures": []}
    assert asked == [ids]


@pytest.mark.parametrize("data", [{}, {"event_ids": []}, {"event_ids": ["x"]}])
def test_what_is_none_fails(asked: list[list[UUID]], data: dict[str, Any]) -> None:
    event = event_of(type_="journal.public_events_added", data=data)
    failed = handler(event, LambdaContext())["batchItemFailures"]
    assert [each["itemIdentifier"] for each in failed] == [EVENT["Records"][0]["messageId"]]
    assert asked == []


def test_the_schedule_sweeps(migrated_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def sweep(*, has_time: Any) -> FannedOut:
        assert has_time()
        return FannedOut(events=3, deliveries=4)

    monkeypatch.setattr(api, "sweep", sweep)
    event = json.loads((ROOT / "events/schedule/webhook-fanout/scheduled.json").read_text())
    assert handler(event, LambdaContext())["report"] == {"events": 3, "deliveries": 4}
