"""The events of `events/http/infrastructure` reach their routes as API Gateway sends them."""

import asyncio
import json
from typing import Any

import pytest

from functions.api.infrastructure.handler import handler
from infra_cdk.registry import ROOT
from tests.functions.api.infrastructure.conftest import Caller, Die
from tests.lambda_context import LambdaContext
from tests.queue_fixtures import Sqs

pytestmark = pytest.mark.anyio

EVENTS = {
    path.stem: path.read_text()
    for path in (ROOT / "events" / "http" / "infrastructure").glob("*.json")
    if path.stem not in {"health", "ready"}
}
DATA_API = pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)


async def answer(name: str, *, authorization: str) -> tuple[int, dict[str, Any]]:
    """What Lambda's handler answers; in a thread, for it runs a loop of its own."""
    event = json.loads(EVENTS[name].replace("Bearer TOKEN", authorization))
    response = await asyncio.to_thread(handler, event, LambdaContext())
    return response["statusCode"], json.loads(response["body"])


async def test_with_a_token_that_is_none_each_is_401(signing_secret: None) -> None:
    assert len(EVENTS) == 3
    for name in EVENTS:
        status, problem = await answer(name, authorization="Bearer nothing")
        assert (status, problem["code"]) == (401, "invalid_token")


@DATA_API
async def test_an_operator_sends_all_of_a_queue_again(operator: Caller, sqs: Sqs, die: Die) -> None:
    await die("lit", queue="tasks")
    authorization = operator.client.headers["Authorization"]
    status, queues = await answer("list_queues", authorization=authorization)
    waiting = {each["name"]: each["dead_letters"] for each in queues["queues"]}
    assert (status, waiting["tasks"]) == (200, 1)
    status, redriven = await answer("redrive_all", authorization=authorization)
    assert (status, redriven["remaining"]) == (200, 0)
    assert sqs.bodies("tasks") == ["lit"]
    status, problem = await answer("discard", authorization=authorization)
    assert (status, problem["code"]) == (404, "dead_letter_not_found")
