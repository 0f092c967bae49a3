"""What happens to tasks."""

from typing import ClassVar
from uuid import UUID

from shared.core.events import Event
from shared.domains.tasks.schemas import TaskState


class TaskEvent(Event):
    """Base of what happens to a task: all of it in its order."""

    task_id: UUID
    owner_id: UUID
    kind: str

    @property
    def aggregate(self) -> str:
        """The task."""
        return f"task:{self.task_id}"


class TaskQueued(TaskEvent):
    """A user asked for work: somebody shall begin it."""

    type: ClassVar[str] = "tasks.task_queued"


class TaskContinued(TaskEvent):
    """An invocation's time was up, or a message lost: somebody shall go on at the checkpoint."""

    type: ClassVar[str] = "tasks.task_continued"


class TaskProgressed(TaskEvent):
    """A step of a task is done."""

    type: ClassVar[str] = "tasks.task_progressed"

    done: int
    total: int | None


class TaskFinished(TaskEvent):
    """A task came to its end. `problem` is the code of what it failed of."""

    type: ClassVar[str] = "tasks.task_finished"

    state: TaskState
    problem: str | None = None
