"""What happens to tasks."""

from typing import Any, ClassVar
from uuid import UUID

from pydantic import Field

from shared.core.events import Event, PublicEvent
from shared.domains.tasks.schemas import TaskState


class TaskEvent(Event):
    """Base of what happens to a task: all of it in its order."""

    task_id: UUID = Field(description="Which task.")
    owner_id: UUID = Field(description="Whose task it is.")
    kind: str = Field(description="What it did: `import_items`, `export_items`...")

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


class TaskFinished(TaskEvent, PublicEvent):
    """A task came to its end: it succeeded, failed or was canceled."""

    type: ClassVar[str] = "tasks.task_finished"
    public_type: ClassVar[str] = "task.finished"
    example: ClassVar[dict[str, Any]] = {
        "task_id": "0199f3a6-2b1e-7f60-8d94-5c3a1e7b9f02",
        "owner_id": "0199f3a2-1c07-7b1d-8a54-6f3e9d2c4b10",
        "kind": "import_items",
        "state": "succeeded",
        "problem": None,
    }

    owner_id: UUID = Field(description="Whose task it is.")
    state: TaskState = Field(description="One of the last three, which are ends.")
    problem: str | None = Field(
        default=None, description="Of a failed task the code of the problem that stands in it."
    )
