"""A revoked session is denied for as long as its last access token lives."""

import copy
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from redis.exceptions import ConnectionError as NoConnectionError

from functions.queues.deny_sessions.handler import handler
from infra_cdk.registry import ROOT
from shared.adapters import denials
from tests.lambda_context import LambdaContext

EVENT = json.loads((ROOT / "events/sqs/deny-sessions/revoked.json").read_text())
SESSION = UUID("019ab8f1-5b7e-7c1a-9d55-3f2b8e6a1c42")
LIFE_S = 900 + denials.MARGIN_S


class Cache:
    """What was put on the list, and for how long."""

    def __init__(self) -> None:
        self.denied: dict[UUID, int] = {}
        self.is_down = False

    async def deny(self, session_ids: Iterable[UUID], *, for_s: int) -> None:
        if self.is_down:
            raise NoConnectionError
        self.denied |= dict.fromkeys(session_ids, for_s)


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch) -> Cache:
    cache = Cache()
    monkeypatch.setattr(denials, "deny", cache.deny)
    return cache


def revoked(age: timedelta, **changes: Any) -> dict[str, Any]:
    """Return the event of a revocation of some time ago."""
    event: dict[str, Any] = copy.deepcopy(EVENT)
    record = event["Records"][0]
    body = json.loads(record["body"])
    body["detail"]["occurred_at"] = (datetime.now(UTC) - age).isoformat()
    body["detail"] |= changes
    record["body"] = json.dumps(body)
    return event


def failures(event: dict[str, Any]) -> list[str]:
    answer = handler(event, LambdaContext())
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def test_a_session_is_denied_until_its_last_token_has_expired(cache: Cache) -> None:
    assert failures(revoked(timedelta(seconds=100))) == []
    assert list(cache.denied) == [SESSION]
    assert LIFE_S - 102 <= cache.denied[SESSION] <= LIFE_S - 100


def test_a_revocation_that_came_too_late_denies_nobody(cache: Cache) -> None:
    assert failures(EVENT) == []
    assert failures(revoked(timedelta(seconds=LIFE_S + 1))) == []
    assert cache.denied == {}


def test_a_message_comes_again_where_the_cache_is_down(cache: Cache) -> None:
    cache.is_down = True
    assert failures(revoked(timedelta())) == [EVENT["Records"][0]["messageId"]]


def test_a_version_that_is_not_known_comes_again_and_ends_as_a_dead_letter(cache: Cache) -> None:
    assert failures(revoked(timedelta(), version=2)) == [EVENT["Records"][0]["messageId"]]
    assert cache.denied == {}
