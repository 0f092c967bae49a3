"""A task is worked on step by step; whatever stops it and wherever, each step has its effect once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from functions.queues.tasks.kinds import Kind, Progress, Step, TaskInHand
from functions.queues.tasks.runner import PostponedError, Turn, work_on
from shared.adapters.database.sessions import autocommit, unit_of_work
from shared.adapters.outbox.models import OutboxRow
from shared.core.correlation import Correlation, correlated
from shared.core.errors import ServiceUnavailableError, ValidationFailedError
from shared.core.ids import new_id
from shared.core.retry import RetryPolicy
from shared.domains.tasks import api as tasks
from shared.domains.tasks.models import Task
from shared.domains.tasks.schemas import RowError, TaskState
from tests.web_fixtures import Log

pytestmark = pytest.mark.anyio

DATA_API = pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)
TWICE = RetryPolicy(first_s=8, longest_s=300, jitter=0, most_attempts=2)

type Happening = Callable[[int], Awaitable[None]]


async def _nothing(_: int) -> None:
    """Happen not at all."""


@dataclass
class Counting:
    """A kind that counts to `most` and leaves a row for each number; what `before` does comes before it."""

    most: int = 5
    before: Happening = _nothing
    begun: list[int] = field(default_factory=list)
    ended: int = 0

    def kind(self, *, step_s: float = 20) -> Kind:
        return Kind(begin=self.begin, step_s=step_s, retry=TWICE)

    @asynccontextmanager
    async def begin(self, task: TaskInHand) -> AsyncIterator[Step]:
        # As a stream would: what is opened once gives the numbers, one after the other.
        numbers = iter(range(task.done + 1, self.most + 1))
        self.begun.append(task.done)

        async def step(session: AsyncSession, task: TaskInHand) -> Progress:
            number = next(numbers)
            assert number == task.done + 1
            row = RowError(line=number, field="n", code="counted", message="")
            await tasks.add_row_errors(session, task_id=task.id, row_errors=[row])
            await self.before(number)
            result = {"rows": number} if number == self.most else None
            return Progress(checkpoint={"at": number}, done=number, total=self.most, result=result)

        try:
            yield step
        finally:
            self.ended += 1


@pytest.fixture
async def owner(migrated_database_url: str) -> UUID:
    user_id = new_id()
    async with unit_of_work() as session:
        await session.execute(
            text(
                "INSERT INTO users (id, username, email, password_hash, created_at, updated_at)"
                " VALUES (CAST(:id AS uuid), 'ada', 'ada@example.com', '', now(), now())"
            ),
            {"id": str(user_id)},
        )
    return user_id


@pytest.fixture
async def task_id(owner: UUID) -> UUID:
    async with unit_of_work() as session:
        task = Task(id=new_id(), owner_id=owner, kind="count", parameters={"by": 1})
        session.add(task)
    return task.id


def turn(*, message_id: UUID | None = None, steps: int = 1000) -> Turn:
    """A delivery that has time for so many steps."""
    left = iter(range(steps - 1))
    return Turn(message_id=message_id or uuid4(), leaves=lambda _: next(left, None) is not None)


async def work(task_id: UUID, counting: Counting, now: Turn | None = None) -> None:
    with correlated(Correlation(request_id="request-1")):
        await work_on(task_id, turn=now or turn(), kinds={"count": counting.kind()})


async def kept(task_id: UUID) -> Any:
    async with autocommit() as session:
        return await session.get(Task, task_id)


async def numbers() -> list[int]:
    async with autocommit() as session:
        rows = await session.execute(text("SELECT line FROM task_row_errors ORDER BY line"))
        return list(rows.scalars())


async def events(*types: str) -> list[dict[str, Any]]:
    async with autocommit() as session:
        rows = await session.scalars(select(OutboxRow).order_by(OutboxRow.sequence))
        return [{"type": row.type, **row.data} for row in rows if not types or row.type in types]


async def types() -> list[str]:
    return [event["type"] for event in await events()]


async def attempts(task_id: UUID) -> int:
    found: int = (await kept(task_id)).attempts
    return found


class Fails:
    """Fails at one number, the first `times` times."""

    def __init__(self, at: int, error: BaseException, *, times: int = 1000) -> None:
        self.at, self.error, self.left = at, error, times

    async def __call__(self, number: int) -> None:
        if number == self.at and self.left:
            self.left -= 1
            raise self.error


class TestAdvance:
    async def test_a_task_is_worked_on_to_its_end(self, task_id: UUID) -> None:
        counting = Counting()
        await work(task_id, counting)
        task = await kept(task_id)
        assert (task.state, task.done, task.total) == (TaskState.SUCCEEDED, 5, 5)
        assert (task.result, task.problem) == ({"rows": 5}, None)
        assert task.started_at < task.finished_at < task.expires_at
        assert await numbers() == [1, 2, 3, 4, 5]
        assert (counting.begun, counting.ended) == ([0], 1)

    @DATA_API
    async def test_every_step_is_told_and_the_end_too(self, task_id: UUID, owner: UUID) -> None:
        await work(task_id, Counting(most=2))
        common = {"task_id": str(task_id), "owner_id": str(owner), "kind": "count"}
        progressed = {"type": "tasks.task_progressed", **common, "total": 2}
        assert await events() == [
            {**progressed, "done": 1},
            {**progressed, "done": 2},
            {"type": "tasks.task_finished", **common, "state": "succeeded", "problem": None},
        ]

    @DATA_API
    async def test_a_step_sees_what_the_one_before_left(self, task_id: UUID) -> None:
        seen: list[TaskInHand] = []

        @asynccontextmanager
        async def begin(_: TaskInHand) -> AsyncIterator[Step]:
            async def step(_: AsyncSession, task: TaskInHand) -> Progress:
                seen.append(task)
                result: dict[str, Any] | None = {} if task.done else None
                return Progress(checkpoint={"at": [1, 2]}, done=7, total=9, result=result)

            yield step

        await work_on(task_id, turn=turn(), kinds={"count": Kind(begin=begin)})
        assert [(each.checkpoint, each.done, each.total) for each in seen] == [
            (None, 0, None),
            ({"at": [1, 2]}, 7, 9),
        ]
        assert seen[0].parameters == {"by": 1}

    @DATA_API
    async def test_a_finished_or_forgotten_task_is_left_alone(self, task_id: UUID) -> None:
        await work(task_id, Counting(most=1))
        before = await types()
        again = Counting()
        await work(task_id, again)
        await work(uuid4(), again)
        assert (again.begun, await types()) == ([], before)


class TestDeadline:
    async def test_before_its_time_is_up_it_hands_over(self, task_id: UUID) -> None:
        counting = Counting()
        await work(task_id, counting, turn(steps=2))
        task = await kept(task_id)
        assert (task.state, task.done, task.checkpoint) == (TaskState.RUNNING, 2, {"at": 2})
        assert (await types())[-1] == "tasks.task_continued"
        assert counting.ended == 1

    async def test_the_next_one_goes_on_at_the_checkpoint(self, task_id: UUID) -> None:
        counting = Counting()
        for _ in range(3):
            await work(task_id, counting, turn(steps=2))
        assert (await kept(task_id)).state is TaskState.SUCCEEDED
        assert await numbers() == [1, 2, 3, 4, 5]
        assert counting.begun == [0, 2, 4]
        assert (await types()).count("tasks.task_continued") == 2

    @DATA_API
    async def test_with_no_time_at_all_it_takes_one_step(self, task_id: UUID) -> None:
        await work(task_id, Counting(), turn(steps=0))
        assert (await kept(task_id)).done == 1

    @DATA_API
    async def test_a_step_is_asked_for_as_much_time_as_its_kind_says(self, task_id: UUID) -> None:
        asked: list[float] = []

        def leaves(seconds: float) -> bool:
            asked.append(seconds)
            return False

        now = Turn(message_id=uuid4(), leaves=leaves)
        await work_on(task_id, turn=now, kinds={"count": Counting().kind(step_s=77)})
        assert asked == [77]


class TestDeliveredAgain:
    async def test_after_the_end_it_does_nothing(self, task_id: UUID) -> None:
        message_id = uuid4()
        await work(task_id, Counting(), turn(message_id=message_id))
        before = await types()
        await work(task_id, Counting(), turn(message_id=message_id))
        assert await types() == before

    async def test_after_it_handed_over_it_does_nothing(self, task_id: UUID) -> None:
        message_id = uuid4()
        again = Counting()
        await work(task_id, Counting(), turn(message_id=message_id, steps=2))
        await work(task_id, again, turn(message_id=message_id))
        assert (again.begun, (await kept(task_id)).done) == ([], 2)

    async def test_after_a_crash_it_goes_on_at_the_checkpoint(self, task_id: UUID) -> None:
        counting = Counting(before=Fails(3, asyncio.CancelledError(), times=1))
        message_id = uuid4()
        with pytest.raises(asyncio.CancelledError):
            await work(task_id, counting, turn(message_id=message_id))
        assert (await kept(task_id)).done == 2
        await work(task_id, counting, turn(message_id=message_id))
        assert (await kept(task_id)).state is TaskState.SUCCEEDED
        assert await numbers() == [1, 2, 3, 4, 5]
        assert counting.begun == [0, 2]

    async def test_two_deliveries_at_once_take_turns(self, task_id: UUID) -> None:
        message_id = uuid4()
        counting = Counting(most=12)
        both = (work(task_id, counting, turn(message_id=message_id)) for _ in range(2))
        await asyncio.gather(*both)
        assert (await kept(task_id)).state is TaskState.SUCCEEDED
        assert await numbers() == list(range(1, 13))
        told = await types()
        assert told.count("tasks.task_progressed") == 12
        assert told.count("tasks.task_finished") == 1
        assert counting.ended == len(counting.begun)

    async def test_of_two_at_once_one_hands_over(self, task_id: UUID) -> None:
        message_id = uuid4()
        both = (
            work(task_id, Counting(most=12), turn(message_id=message_id, steps=2)) for _ in range(2)
        )
        await asyncio.gather(*both)
        assert (await types()).count("tasks.task_continued") == 1


class TestFailure:
    async def test_a_problem_ends_the_task_and_nothing_of_its_step_is_kept(
        self, task_id: UUID
    ) -> None:
        problem = ValidationFailedError("The third is wrong.")
        await work(task_id, Counting(before=Fails(3, problem)))
        task = await kept(task_id)
        assert (task.state, task.done) == (TaskState.FAILED, 2)
        assert task.problem == {
            "type": "urn:switchyard:problem:validation_failed",
            "title": "Validation failed",
            "status": 422,
            "detail": "The third is wrong.",
            "code": "validation_failed",
            "request_id": "request-1",
            "errors": [],
        }
        assert await numbers() == [1, 2]
        (finished,) = await events("tasks.task_finished")
        assert (finished["state"], finished["problem"]) == ("failed", "validation_failed")

    @DATA_API
    async def test_a_problem_at_the_beginning_ends_it_too(self, task_id: UUID) -> None:
        class Unopened(AbstractAsyncContextManager[Step]):
            async def __aenter__(self) -> Step:
                raise ValidationFailedError("It cannot be opened.")

            async def __aexit__(self, *_: object) -> None: ...

        kind = Kind(begin=lambda _: Unopened())
        await work_on(task_id, turn=turn(), kinds={"count": kind})
        assert (await kept(task_id)).problem["detail"] == "It cannot be opened."

    @pytest.mark.parametrize("error", [OSError("gone"), ServiceUnavailableError("Try again.")])
    async def test_any_other_error_undoes_the_step_and_has_it_tried_again(
        self, task_id: UUID, error: Exception
    ) -> None:
        counting = Counting(before=Fails(3, error, times=1))
        message_id = uuid4()
        with pytest.raises(PostponedError) as raised:
            await work(task_id, counting, turn(message_id=message_id))
        assert (raised.value.wait_s, raised.value.__cause__) == (8, error)
        assert (await numbers(), (await kept(task_id)).state) == ([1, 2], TaskState.RUNNING)
        await work(task_id, counting, turn(message_id=message_id))
        assert (await kept(task_id)).state is TaskState.SUCCEEDED
        assert await numbers() == [1, 2, 3, 4, 5]

    async def test_at_the_end_of_its_tries_the_task_fails_without_saying_why(
        self, task_id: UUID, log: Log
    ) -> None:
        counting = Counting(before=Fails(3, OSError("the secret cause")))
        message_id = uuid4()
        with pytest.raises(PostponedError):
            await work(task_id, counting, turn(message_id=message_id))
        await work(task_id, counting, turn(message_id=message_id))
        task = await kept(task_id)
        assert task.state is TaskState.FAILED
        assert (task.problem["code"], task.problem["request_id"]) == ("task_failed", "request-1")
        assert "secret" not in str(task.problem)
        (line,) = [line for line in log() if line["level"] == "ERROR"]
        assert "the secret cause" in line["exception"]
        before = await types()
        await work(task_id, counting, turn(message_id=message_id))
        assert await types() == before

    @DATA_API
    async def test_tries_are_counted_for_one_step_only(self, task_id: UUID) -> None:
        async def fail_once_each(number: int, seen: set[int] = set()) -> None:  # noqa: B006
            if number not in seen:
                seen.add(number)
                raise OSError

        counting = Counting(before=fail_once_each)
        for _ in range(5):
            with pytest.raises(PostponedError):
                await work(task_id, counting)
        await work(task_id, counting)
        assert (await kept(task_id)).state is TaskState.SUCCEEDED

    @DATA_API
    async def test_a_step_whose_process_dies_each_time_is_given_up_too(self, task_id: UUID) -> None:
        counting = Counting(before=Fails(1, asyncio.CancelledError()))
        for expected in (1, 2):
            with pytest.raises(asyncio.CancelledError):
                await work(task_id, counting)
            assert await attempts(task_id) == expected
        await work(task_id, counting)
        assert (await kept(task_id)).problem["code"] == "task_failed"
        assert counting.begun == [0, 0]

    @DATA_API
    async def test_a_kind_that_is_no_more_fails_clearly(self, task_id: UUID) -> None:
        await work_on(task_id, turn=turn(), kinds={})
        task = await kept(task_id)
        assert (task.state, task.problem["code"]) == (TaskState.FAILED, "unknown_task_kind")
        assert "'count'" in task.problem["detail"]


class TestCancel:
    async def test_no_step_follows(self, task_id: UUID, owner: UUID) -> None:
        counting = Counting()
        await work(task_id, counting, turn(steps=2))
        async with unit_of_work() as session:
            await tasks.cancel(session, owner_id=owner, task_id=task_id)
        await work(task_id, counting)
        task = await kept(task_id)
        assert (task.state, task.done) == (TaskState.CANCELED, 2)
        assert await numbers() == [1, 2]

    async def test_the_step_that_runs_is_waited_for(self, task_id: UUID, owner: UUID) -> None:
        canceling: list[asyncio.Task[Any]] = []

        async def cancel() -> None:
            async with unit_of_work() as session:
                await tasks.cancel(session, owner_id=owner, task_id=task_id)

        async def meanwhile(number: int) -> None:
            if number == 2:
                canceling.append(asyncio.create_task(cancel()))
                while not await somebody_waits():
                    pass

        await work(task_id, Counting(before=meanwhile))
        await canceling[0]
        task = await kept(task_id)
        assert task.state is TaskState.CANCELED
        assert await numbers() == list(range(1, task.done + 1))
        assert 2 <= task.done < 5
        assert (await types()).count("tasks.task_finished") == 1


async def somebody_waits() -> bool:
    async with autocommit() as session:
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool((await session.execute(waiting)).scalar())
