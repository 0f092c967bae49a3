"""Works on a task step by step, each in a transaction that also keeps how far it has come.

Whatever stops it, and wherever, the next delivery goes on at the checkpoint: a message is recorded in the
inbox only with the last step that it leads to, be that the task's end or the hand-over to a new message.
Two that work on one task at once take turns by the lock of its row.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeGuard
from uuid import UUID

from functions.queues.tasks.kinds import Kind, Progress, Step, TaskInHand
from shared.adapters.logging import logger
from shared.core.errors import ProblemError
from shared.domains.tasks import api as tasks
from shared.domains.tasks.errors import TaskFailedError, UnknownTaskKindError
from shared.domains.tasks.schemas import Work

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

CONSUMER = "tasks"
"""What the inbox knows this consumer by."""


class PostponedError(Exception):
    """A step failed and is to be tried again after so many seconds: its message must come again."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"to be tried again in {wait_s:.0f} s")
        self.wait_s = wait_s


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One delivery of a message: the id of its event, and whether so many seconds remain."""

    message_id: UUID
    leaves: Callable[[float], bool]


class _Then(Enum):
    """What follows a step."""

    NEXT = auto()
    BEGIN_ANEW = auto()
    LEAVE = auto()


async def work_on(task_id: UUID, *, turn: Turn, kinds: Mapping[str, Kind]) -> None:
    """Work on a task until it ends or the turn does; not at all where the message was handled before.

    Raises PostponedError where a step failed that is to be tried again, and ServiceUnavailableError
    where the database does not answer.
    """
    work = await _begin_turn(task_id, turn=turn, kinds=kinds)
    if work is None:
        return
    kind = kinds[work.kind]
    try:
        await _advance(work, kind=kind, turn=turn)
    except Exception as error:  # noqa: BLE001  # whatever it is, the task's policy decides
        await _after_failure(error, task_id=task_id, kind=kind, turn=turn)


async def _begin_turn(task_id: UUID, *, turn: Turn, kinds: Mapping[str, Kind]) -> Work | None:
    async with _holding(task_id) as (session, work):
        if work is None or await _was_handled(session, turn=turn):
            return None
        if problem := _hopeless(work, kinds=kinds):
            await _fail(session, work, problem=problem, turn=turn)
            return None
        return await tasks.begin_try(session, work)


def _hopeless(work: Work, *, kinds: Mapping[str, Kind]) -> ProblemError | None:
    kind = kinds.get(work.kind)
    if kind is None:
        return UnknownTaskKindError(work.kind)
    # Here only where the process of the last try was ended before it could say so.
    return TaskFailedError() if kind.retry.gives_up(work.attempts) else None


async def _advance(work: Work, *, kind: Kind, turn: Turn) -> None:
    then = _Then.BEGIN_ANEW
    while then is _Then.BEGIN_ANEW:
        async with kind.begin(_in_hand(work)) as step:
            then = _Then.NEXT
            while then is _Then.NEXT:
                then, work = await _take_step(step, before=work, kind=kind, turn=turn)


async def _take_step(step: Step, *, before: Work, kind: Kind, turn: Turn) -> tuple[_Then, Work]:
    async with _holding(before.id) as (session, work):
        if work is None:
            return _Then.LEAVE, before
        if work.checkpoint != before.checkpoint:
            return _Then.BEGIN_ANEW, work
        progress = await step(session, _in_hand(work))
        after = await _keep(session, work, progress=progress)
        if progress.result is not None:
            return await _succeed(session, after, result=progress.result, turn=turn)
        if turn.leaves(kind.step_s):
            return _Then.NEXT, after
        # After a step in any case: a turn that takes none would only make another like it.
        return await _hand_over(session, after, turn=turn)


async def _hand_over(session: "AsyncSession", work: Work, *, turn: Turn) -> tuple[_Then, Work]:
    # Where another delivery of the same message was faster, that one has handed over.
    if await _record(session, turn=turn):
        await tasks.hand_over(session, work)
    return _Then.LEAVE, work


async def _succeed(
    session: "AsyncSession", work: Work, *, result: dict[str, Any], turn: Turn
) -> tuple[_Then, Work]:
    await tasks.succeed(session, work, result=result)
    await _record(session, turn=turn)
    return _Then.LEAVE, work


async def _keep(session: "AsyncSession", work: Work, *, progress: Progress) -> Work:
    return await tasks.keep_progress(
        session, work, checkpoint=progress.checkpoint, done=progress.done, total=progress.total
    )


async def _after_failure(error: Exception, *, task_id: UUID, kind: Kind, turn: Turn) -> None:
    async with _holding(task_id) as (session, work):
        if work is None:
            return
        if _is_final(error):
            problem = error
        elif kind.retry.gives_up(work.attempts):
            logger().error("task failed", exc_info=error, extra={"task_id": str(task_id)})
            problem = TaskFailedError()
        else:
            raise PostponedError(kind.retry.wait_s(work.attempts)) from error
        await _fail(session, work, problem=problem, turn=turn)


def _is_final(error: Exception) -> TypeGuard[ProblemError]:
    # A problem of the service itself, as that the database does not answer, may pass.
    return isinstance(error, ProblemError) and error.status < HTTPStatus.INTERNAL_SERVER_ERROR


async def _fail(session: "AsyncSession", work: Work, *, problem: ProblemError, turn: Turn) -> None:
    await tasks.fail(session, work, problem=problem)
    await _record(session, turn=turn)


@asynccontextmanager
async def _holding(task_id: UUID) -> "AsyncIterator[tuple[AsyncSession, Work | None]]":
    """Give a transaction and the task in it, which is nobody else's meanwhile; None where it is over."""
    from shared.adapters.database.sessions import unit_of_work

    async with unit_of_work() as session:
        yield session, await tasks.take(session, task_id)


async def _was_handled(session: "AsyncSession", *, turn: Turn) -> bool:
    from shared.adapters.inbox import inbox

    return await inbox.is_recorded(session, consumer=CONSUMER, message_id=turn.message_id)


async def _record(session: "AsyncSession", *, turn: Turn) -> bool:
    from shared.adapters.inbox import inbox

    return await inbox.record(session, consumer=CONSUMER, message_id=turn.message_id)


def _in_hand(work: Work) -> TaskInHand:
    return TaskInHand(
        id=work.id,
        owner_id=work.owner_id,
        parameters=work.parameters,
        checkpoint=work.checkpoint,
        done=work.done,
        total=work.total,
    )
