"""Tasks' face: for the users who ask for long work, and for those who do it."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from shared.core.errors import ProblemError
from shared.core.lazy import lazy_module
from shared.core.pagination import Page
from shared.core.schema import Paging
from shared.domains.tasks.schemas import (
    Progress,
    RowError,
    Task,
    TaskDetails,
    TaskFilter,
    TaskRequest,
    Upload,
    UploadRequest,
    Work,
)

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from shared.domains.tasks import models, service
else:
    service = lazy_module("shared.domains.tasks.service")


async def begin_upload(*, owner_id: UUID, request: UploadRequest) -> Upload:
    """Return where an owner may upload a file of the size that they name."""
    return await service.begin_upload(owner_id=owner_id, request=request)


async def queue(session: "AsyncSession", *, owner_id: UUID, wanted: TaskRequest) -> Task:
    """Make a task, which begins once the transaction is committed.

    Raises NoSuchUploadError, WrongPasswordError, NoPasswordError, TooManyLoginAttemptsError,
    TooManyTasksError, AccountClosingError and, where the owner is gone, UnauthorizedError.
    """
    return _task_of(await service.queue(session, owner_id=owner_id, wanted=wanted))


async def get_task(session: "AsyncSession", *, owner_id: UUID, task_id: UUID) -> TaskDetails:
    """Return an owner's task, with a new link to its file. Raises TaskNotFoundError."""
    task = await service.get(session, owner_id=owner_id, task_id=task_id)
    url, expires_at = await service.link_to_file(task) or (None, None)
    return TaskDetails(**dict(_task_of(task)), download_url=url, download_expires_at=expires_at)


async def list_tasks(
    session: "AsyncSession", *, owner_id: UUID, which: TaskFilter, paging: Paging
) -> Page[Task]:
    """Return a page of an owner's tasks, newest first. Raises ValidationFailedError for a bad cursor."""
    page = await service.list_tasks(session, owner_id=owner_id, which=which, paging=paging)
    return page.map(_task_of)


async def list_row_errors(
    session: "AsyncSession", *, owner_id: UUID, task_id: UUID, paging: Paging
) -> Page[RowError]:
    """Return a page of a task's row errors, by line. Raises TaskNotFoundError, ValidationFailedError."""
    page = await service.list_row_errors(session, owner_id=owner_id, task_id=task_id, paging=paging)
    return page.map(RowError.model_validate)


async def cancel(session: "AsyncSession", *, owner_id: UUID, task_id: UUID) -> Task:
    """End a task before its next step; while one runs, this waits for its end.

    Raises TaskNotFoundError, TaskFinishedError, TaskUnstoppableError.
    """
    return _task_of(await service.cancel(session, owner_id=owner_id, task_id=task_id))


async def take(session: "AsyncSession", task_id: UUID) -> Work | None:
    """Return an unfinished task that nobody else works on until the transaction ends, or None.

    While another transaction works on it, this waits for its end.
    """
    task = await service.take(session, task_id)
    return Work.model_validate(task) if task else None


async def begin_try(session: "AsyncSession", work: Work) -> Work:
    """Count a try of a task's next step, before it: one that never comes to an end is counted too."""
    task = await service.begin_try(session, work)
    return Work.model_validate(task) if task else work


async def keep_progress(
    session: "AsyncSession",
    work: Work,
    *,
    checkpoint: dict[str, Any],
    done: int,
    total: int | None,
) -> Work:
    """Keep how far a step has come, and return the task as it now is.

    Where the step made an end of the task itself, with its owner, it is returned as it was.
    """
    task = await service.keep_progress(session, work, checkpoint=checkpoint, done=done, total=total)
    return Work.model_validate(task) if task else work


async def hand_over(session: "AsyncSession", work: Work) -> None:
    """Have another invocation go on at the checkpoint."""
    await service.hand_over(session, work)


async def succeed(session: "AsyncSession", work: Work, *, result: dict[str, Any]) -> None:
    """End a task well, and tell its owner by mail."""
    await service.succeed(session, work, result=result)


async def fail(session: "AsyncSession", work: Work, *, problem: ProblemError) -> None:
    """End a task with a problem, and tell its owner by mail."""
    await service.fail(session, work, problem=problem)


async def add_row_errors(
    session: "AsyncSession", *, task_id: UUID, row_errors: Sequence[RowError]
) -> None:
    """Keep what is wrong with rows of a task's file; of two errors of one line the first is kept."""
    await service.add_row_errors(session, task_id=task_id, row_errors=row_errors)


async def cancel_others(session: "AsyncSession", *, owner_id: UUID, task_id: UUID) -> None:
    """Cancel every unfinished task of an owner but one; this waits for the steps that run."""
    await service.cancel_others(session, owner_id=owner_id, task_id=task_id)


async def delete_others(
    session: "AsyncSession", *, owner_id: UUID, task_id: UUID, limit: int
) -> int:
    """Delete at most `limit` tasks of an owner, but not one; return how many."""
    return await service.delete_others(session, owner_id=owner_id, task_id=task_id, limit=limit)


async def delete_files_of(owner_id: UUID, *, limit: int) -> int:
    """Delete at most `limit` of the files that an owner uploaded or had made; return how many."""
    return await service.delete_files_of(owner_id, limit=limit)


async def requeue_stuck(session: "AsyncSession", *, before: datetime, limit: int) -> int:
    """Have at most `limit` tasks gone on with that made no progress since a moment; return how many."""
    return await service.requeue_stuck(session, before=before, limit=limit)


async def forget_expired(session: "AsyncSession", *, before: datetime, limit: int) -> list[UUID]:
    """Delete at most `limit` tasks that expired before a moment, and their files; return their ids.

    Raises what the file store raises: then the transaction must not be committed, and it is done again.
    """
    return await service.forget_expired(session, before=before, limit=limit)


def upload_key(*, owner_id: UUID, upload_id: UUID) -> str:
    """Return where an uploaded file is kept."""
    return service.upload_key(owner_id=owner_id, upload_id=upload_id)


def export_key(*, owner_id: UUID, task_id: UUID, extension: str) -> str:
    """Return where the file that a task makes is kept."""
    return service.export_key(owner_id=owner_id, task_id=task_id, extension=extension)


def _task_of(task: "models.Task") -> Task:
    return Task.model_validate(
        {
            "id": task.id,
            "kind": task.kind,
            "state": task.state,
            "progress": Progress(done=task.done, total=task.total),
            "result": _shown(task.result),
            "problem": task.problem,
            "created_at": task.created_at,
            "started_at": task.started_at,
            "finished_at": task.finished_at,
            "expires_at": task.expires_at,
        }
    )


def _shown(result: dict[str, Any] | None) -> dict[str, Any] | None:
    # Where a file is kept is nobody's business: its link says so while it works.
    if result is None or "file" not in result:
        return result
    return result | {"file": {name: v for name, v in result["file"].items() if name != "key"}}
