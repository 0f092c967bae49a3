"""Tables of tasks."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.adapters.database.base import Base, Identified, enum_of
from shared.domains.identity.models import User
from shared.domains.tasks.schemas import TaskState


class Task(Identified, Base):
    """Long work that a user asked for.

    `checkpoint` is how far the work has come, committed with each step of it: whoever goes on, goes on
    there. `attempts` counts the tries of its next step. `total` is None while it is not known.
    """

    __tablename__ = "tasks"

    owner_id: Mapped[UUID] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"))
    kind: Mapped[str]
    parameters: Mapped[dict[str, Any]] = mapped_column(JSONB)
    state: Mapped[TaskState] = mapped_column(
        enum_of(TaskState, name="task_state"),
        default=TaskState.QUEUED,
        server_default=TaskState.QUEUED.value,
    )
    checkpoint: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    done: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    total: Mapped[int | None]
    attempts: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    problem: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_tasks_owner_created", "owner_id", "created_at", "id"),
        Index("ix_tasks_expires_at", "expires_at"),
        Index(
            "ix_tasks_unfinished",
            "updated_at",
            postgresql_where=text("finished_at IS NULL"),
        ),
    )


class TaskRowError(Base):
    """A row of a file that was not imported, and why."""

    __tablename__ = "task_row_errors"

    task_id: Mapped[UUID] = mapped_column(ForeignKey(Task.id, ondelete="CASCADE"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True)
    field: Mapped[str]
    code: Mapped[str]
    message: Mapped[str]
