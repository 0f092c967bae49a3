"""What a kind of task is: work in steps, each a transaction, that can be taken up again anywhere."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from shared.core.retry import RetryPolicy

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession


@dataclass(frozen=True, kw_only=True)
class TaskInHand:
    """A task as its next step finds it. `checkpoint` is None before the first step."""

    id: UUID
    owner_id: UUID
    parameters: dict[str, Any]
    checkpoint: dict[str, Any] | None
    done: int
    total: int | None


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a step has brought its task; a `result` ends it.

    Where a kind opens something, no two of its steps leave the same `checkpoint`. A result is shown to
    the owner. It tells what the mail about it names: an import's `imported` and `failed`, an export's
    `rows`. Its `file`, where it has one, holds the `key` of the file, which is not shown, the `name`
    that a download gets, and more if wanted, such as `size_bytes`.
    """

    checkpoint: dict[str, Any]
    done: int
    total: int | None
    result: dict[str, Any] | None = None


type Step = Callable[["AsyncSession", TaskInHand], Awaitable[Progress]]
"""Does one step in the session's transaction, which also keeps its progress, and commits nothing.

A ProblemError with a status below 500 ends the task as failed; any other error undoes the step, which
is then tried again. What it did outside of the database it may find done when it is tried again.
"""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of task.

    `begin` opens what the steps of one invocation share, such as a stream, and gives the step. It begins
    anew where the checkpoint is not the one that its own last step left: another invocation may
    work on the same task meanwhile, though never within the same step.
    `step_s` is what a step takes at most, in seconds: with less time left another invocation goes on.
    """

    begin: Callable[[TaskInHand], AbstractAsyncContextManager[Step]]
    step_s: float = 20.0
    retry: RetryPolicy = field(
        default_factory=lambda: RetryPolicy(first_s=5, longest_s=300, most_attempts=5)
    )
