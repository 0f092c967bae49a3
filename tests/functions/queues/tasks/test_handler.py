"""A message is a task to be worked on; one that fails comes again when it makes sense, not before."""

import json
from typing import Any

import pytest

from functions.queues.tasks import handler as module
from functions.queues.tasks.registry import KINDS
from functions.queues.tasks.runner import PostponedError, Turn
from functions.queues.tasks.spec import SPEC
from shared.adapters import queues
from shared.core.correlation import current
from shared.domains.tasks.schemas import TaskKind
from tests.benchmarks.cold_start import event_named
from tests.lambda_context import LambdaContext

RECEIPT = "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a"
QUEUE = "switchyard-production-tasks"

type Hidden = list[tuple[str, str, int]]


@pytest.fixture
def hidden(monkeypatch: pytest.MonkeyPatch) -> Hidden:
    """What was hidden: its queue, its receipt, and for how many seconds."""
    calls: Hidden = []

    async def hide(queue: str, *, receipt: str, seconds: int) -> None:
        calls.append((queue, receipt, seconds))

    monkeypatch.setattr(queues, "hide", hide)
    return calls


def work_with(monkeypatch: pytest.MonkeyPatch, *, error: Exception | None = None) -> list[Any]:
    seen: list[Any] = []

    async def work_on(task_id: Any, *, turn: Turn, kinds: Any) -> None:
        correlation = current()
        assert correlation is not None
        seen.append((str(task_id), str(turn.message_id), correlation.request_id, kinds))
        seen.append([seconds for seconds in (1, 20, 49, 51, 60) if turn.leaves(seconds)])
        if error:
            raise error

    monkeypatch.setattr(module, "work_on", work_on)
    return seen


def handle(event: dict[str, Any]) -> list[str]:
    answer = module.handler(event, LambdaContext(remaining_s=60))
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


class TestHandle:
    @pytest.mark.parametrize("name", ["task_queued", "task_continued"])
    def test_its_task_is_worked_on(
        self, monkeypatch: pytest.MonkeyPatch, hidden: Hidden, name: str
    ) -> None:
        seen = work_with(monkeypatch)
        event = event_named(f"sqs/tasks/{name}")
        envelope = json.loads(event["Records"][0]["body"])["detail"]
        assert handle(event) == []
        assert seen[0] == (
            envelope["data"]["task_id"],
            envelope["id"],
            envelope["correlation_id"],
            KINDS,
        )
        # 10 of the 60 seconds are kept for a clean end.
        assert seen[1] == [1, 20, 49]
        assert hidden == []

    def test_one_to_be_tried_again_comes_when_its_policy_says(
        self, monkeypatch: pytest.MonkeyPatch, hidden: Hidden
    ) -> None:
        work_with(monkeypatch, error=PostponedError(7.2))
        event = event_named("sqs/tasks/task_queued")
        assert handle(event) == [event["Records"][0]["messageId"]]
        assert hidden == [(QUEUE, RECEIPT, 8)]

    def test_one_that_fails_otherwise_comes_later_each_time(
        self, monkeypatch: pytest.MonkeyPatch, hidden: Hidden
    ) -> None:
        work_with(monkeypatch, error=OSError("no database"))
        event = event_named("sqs/tasks/task_queued")
        for receives in (1, 3, 19):
            event["Records"][0]["attributes"]["ApproximateReceiveCount"] = str(receives)
            assert len(handle(event)) == 1
        first, third, last = (seconds for *_, seconds in hidden)
        assert (first <= 5, 10 <= third <= 20, 150 <= last <= 300) == (True, True, True)

    @pytest.mark.parametrize(
        "change", [{"version": 2}, {"type": "tasks.task_finished"}, {"data": {}}, {"id": "x"}]
    )
    def test_what_cannot_be_read_fails_and_so_ends_with_the_dead_letters(
        self, monkeypatch: pytest.MonkeyPatch, hidden: Hidden, change: dict[str, Any]
    ) -> None:
        seen = work_with(monkeypatch)
        event = event_named("sqs/tasks/task_queued")
        body = json.loads(event["Records"][0]["body"])
        event["Records"][0]["body"] = json.dumps(body | {"detail": body["detail"] | change})
        assert (len(handle(event)), seen) == (1, [])

    def test_one_that_cannot_be_hidden_fails_all_the_same(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def hide(queue: str, *, receipt: str, seconds: int) -> None:
            raise OSError

        work_with(monkeypatch, error=PostponedError(7))
        monkeypatch.setattr(queues, "hide", hide)
        assert len(handle(event_named("sqs/tasks/task_queued"))) == 1


class TestKinds:
    def test_whatever_can_be_asked_for_can_be_done(self) -> None:
        assert set(KINDS) == set(TaskKind)

    @pytest.mark.parametrize("name", list(TaskKind))
    def test_an_invocation_has_time_for_steps_of_each(self, name: str) -> None:
        assert SPEC.timeout_s >= 3 * KINDS[name].step_s + module.RESERVE_S

    @pytest.mark.parametrize("name", list(TaskKind))
    def test_a_task_is_given_up_before_its_message_is(self, name: str) -> None:
        most = KINDS[name].retry.most_attempts
        assert most is not None
        assert 2 * most <= SPEC.sources[0].delivery.max_receives
