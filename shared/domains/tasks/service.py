"""The rules of tasks: who may ask for what, and what becomes of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters import files
from shared.adapters.outbox import outbox
from shared.core.clock import now
from shared.core.errors import ProblemError
from shared.core.ids import new_id
from shared.core.pagination import Page
from shared.core.problems import document_of
from shared.core.schema import Paging
from shared.domains.identity import api as identity
from shared.domains.mail import api as mail
from shared.domains.mail.events import MailTemplate
from shared.domains.tasks import repository
from shared.domains.tasks.errors import (
    AccountClosingError,
    NoSuchUploadError,
    TaskFinishedError,
    TaskNotFoundError,
    TaskUnstoppableError,
    TooManyTasksError,
)
from shared.domains.tasks.events import TaskContinued, TaskFinished, TaskProgressed, TaskQueued
from shared.domains.tasks.models import Task, TaskRowError
from shared.domains.tasks.schemas import (
    DeleteAccount,
    ExportAccount,
    ExportItems,
    ImportItems,
    RowError,
    TaskFilter,
    TaskKind,
    TaskState,
    Upload,
    UploadRequest,
    Work,
)

MOST_UNFINISHED = 5
"""How many of a user's tasks may wait or run at once."""

KEPT = timedelta(days=7)
"""How long a finished task and its file are kept."""

LINK_S = 900
"""How long a link to a file works, in seconds."""

_MAILS: Mapping[str, MailTemplate] = {
    TaskKind.IMPORT_ITEMS: MailTemplate.IMPORT_FINISHED,
    TaskKind.EXPORT_ITEMS: MailTemplate.EXPORT_READY,
    TaskKind.EXPORT_ACCOUNT: MailTemplate.EXPORT_READY,
}
"""What is sent when a task has succeeded; of a deleted account the task itself sends a mail."""


def upload_key(*, owner_id: UUID, upload_id: UUID) -> str:
    """Return where an uploaded file is kept."""
    return f"uploads/{owner_id}/{upload_id}"


def export_key(*, owner_id: UUID, task_id: UUID, extension: str) -> str:
    """Return where the file that a task makes is kept."""
    return f"exports/{owner_id}/{task_id}.{extension}"


async def begin_upload(*, owner_id: UUID, request: UploadRequest) -> Upload:
    """Return where an owner may upload a file."""
    upload_id = new_id()
    expires_at = now() + timedelta(seconds=LINK_S)
    url = await files.upload_link(
        upload_key(owner_id=owner_id, upload_id=upload_id),
        size_bytes=request.size_bytes,
        content_type=request.content_type,
        expires_s=LINK_S,
    )
    # Both are signed: a file of another size or type is refused.
    headers = {"Content-Length": str(request.size_bytes), "Content-Type": request.content_type}
    return Upload(upload_id=upload_id, url=url, headers=headers, expires_at=expires_at)


async def queue(
    session: AsyncSession,
    *,
    owner_id: UUID,
    wanted: ImportItems | ExportItems | ExportAccount | DeleteAccount,
) -> Task:
    """Make a task and have it begun.

    Raises NoSuchUploadError, WrongPasswordError, NoPasswordError, TooManyLoginAttemptsError,
    TooManyTasksError, AccountClosingError and, where the owner is gone, UnauthorizedError.
    """
    await _require_means(session, owner_id=owner_id, wanted=wanted)
    await _require_room(session, owner_id=owner_id, kind=wanted.kind)
    task = Task(
        id=new_id(), owner_id=owner_id, kind=wanted.kind.value, parameters=_parameters_of(wanted)
    )
    await repository.save(session, task)
    outbox.add(session, TaskQueued(task_id=task.id, owner_id=owner_id, kind=task.kind))
    return task


async def get(session: AsyncSession, *, owner_id: UUID, task_id: UUID) -> Task:
    """Return an owner's task. Raises TaskNotFoundError."""
    task = await repository.find(session, owner_id=owner_id, task_id=task_id)
    if task is None:
        raise TaskNotFoundError
    return task


async def link_to_file(task: Task) -> tuple[str, datetime] | None:
    """Return a new link to the file that a task made and until when it works, or None without one."""
    if (file := _file_of(task)) is None:
        return None
    expires_at = now() + timedelta(seconds=LINK_S)
    url = await files.download_link(file["key"], filename=file["name"], expires_s=LINK_S)
    return url, expires_at


async def list_tasks(
    session: AsyncSession, *, owner_id: UUID, which: TaskFilter, paging: Paging
) -> Page[Task]:
    """Return a page of an owner's tasks, newest first. Raises ValidationFailedError for a bad cursor."""
    return await repository.list_tasks(session, owner_id=owner_id, which=which, paging=paging)


async def list_row_errors(
    session: AsyncSession, *, owner_id: UUID, task_id: UUID, paging: Paging
) -> Page[TaskRowError]:
    """Return a page of a task's row errors. Raises TaskNotFoundError, ValidationFailedError."""
    await get(session, owner_id=owner_id, task_id=task_id)
    return await repository.list_row_errors(session, task_id=task_id, paging=paging)


async def cancel(session: AsyncSession, *, owner_id: UUID, task_id: UUID) -> Task:
    """End a task before its next step: this waits for the one that runs.

    Raises TaskNotFoundError, TaskFinishedError, TaskUnstoppableError.
    """
    task = await repository.find_own_for_change(session, owner_id=owner_id, task_id=task_id)
    if task is None:
        raise TaskNotFoundError
    if task.finished_at is not None:
        raise TaskFinishedError
    if task.kind == TaskKind.DELETE_ACCOUNT and task.state is TaskState.RUNNING:
        raise TaskUnstoppableError
    return await _end(session, task, state=TaskState.CANCELED) or task


async def cancel_others(session: AsyncSession, *, owner_id: UUID, task_id: UUID) -> None:
    """Cancel every unfinished task of an owner but one; this waits for the steps that run."""
    for task in await repository.unfinished_of(session, owner_id, beside=task_id):
        await _end(session, task, state=TaskState.CANCELED)


async def delete_others(session: AsyncSession, *, owner_id: UUID, task_id: UUID, limit: int) -> int:
    """Delete at most `limit` tasks of an owner, but not one; return how many."""
    return await repository.remove_of(session, owner_id, beside=task_id, limit=limit)


async def delete_files_of(owner_id: UUID, *, limit: int) -> int:
    """Delete at most `limit` of an owner's files; return how many."""
    for prefix in (f"uploads/{owner_id}/", f"exports/{owner_id}/"):
        if deleted := await files.remove_below(prefix, limit):
            return deleted
    return 0


async def add_row_errors(
    session: AsyncSession, *, task_id: UUID, row_errors: Sequence[RowError]
) -> None:
    """Keep what is wrong with rows; of two errors of one line the first is kept."""
    await repository.add_row_errors(session, task_id=task_id, row_errors=row_errors)


async def take(session: AsyncSession, task_id: UUID) -> Task | None:
    """Return an unfinished task that nobody else works on until the transaction ends, or None.

    While another transaction works on it, this waits for its end.
    """
    task = await repository.find_for_change(session, task_id)
    return None if task is None or task.finished_at is not None else task


async def begin_try(session: AsyncSession, work: Work) -> Task | None:
    """Count a try of a task's next step, before it: one that never comes to an end is counted too.

    Return the task, None where it is gone, as with its owner.
    """
    first = {"started_at": now()} if work.started_at is None else {}
    return await repository.change(
        session, work.id, state=TaskState.RUNNING, attempts=work.attempts + 1, **first
    )


async def keep_progress(
    session: AsyncSession, work: Work, *, checkpoint: dict[str, Any], done: int, total: int | None
) -> Task | None:
    """Keep how far a step has come; what follows is the first try of the next one.

    Return the task, None where it is gone, as with its owner.
    """
    outbox.add(session, TaskProgressed(**_names_of(work), done=done, total=total))
    return await repository.change(
        session, work.id, checkpoint=checkpoint, done=done, total=total, attempts=1
    )


async def hand_over(session: AsyncSession, work: Work) -> None:
    """Have somebody else go on at the checkpoint."""
    await repository.change(session, work.id, attempts=0)
    outbox.add(session, TaskContinued(**_names_of(work)))


async def succeed(session: AsyncSession, work: Work, *, result: dict[str, Any]) -> None:
    """End a task well, and tell its owner by mail."""
    await _end(session, work, state=TaskState.SUCCEEDED, result=result)
    if template := _MAILS.get(work.kind):
        await _write(session, work, template=template, about=result)


async def fail(session: AsyncSession, work: Work, *, problem: ProblemError) -> None:
    """End a task with a problem, and tell its owner by mail."""
    document = document_of(problem)
    await _end(session, work, state=TaskState.FAILED, problem=document)
    await _write(session, work, template=MailTemplate.TASK_FAILED, about=document)


async def requeue_stuck(session: AsyncSession, *, before: datetime, limit: int) -> int:
    """Have at most `limit` tasks gone on with that made no progress since a moment; return how many.

    Their message was lost, or is only late: then the task has two, which is as good as one.
    """
    stuck = await repository.unfinished_since(session, before, limit=limit)
    for task in stuck:
        await repository.change(session, task.id, updated_at=now())
        outbox.add(session, TaskContinued(**_names_of(task)))
    return len(stuck)


async def forget_expired(session: AsyncSession, *, before: datetime, limit: int) -> list[UUID]:
    """Delete at most `limit` tasks that expired before a moment, and their files; return their ids."""
    expired = await repository.expired_since(session, before, limit=limit)
    if expired:
        # First the files: whoever is stopped in between finds the tasks again.
        await files.remove([key for task in expired for key in _keys_of(task)])
        await repository.remove(session, [task.id for task in expired])
    return [task.id for task in expired]


async def _require_means(
    session: AsyncSession,
    *,
    owner_id: UUID,
    wanted: ImportItems | ExportItems | ExportAccount | DeleteAccount,
) -> None:
    match wanted:
        case ImportItems(upload_id=upload_id):
            if await files.size_of(upload_key(owner_id=owner_id, upload_id=upload_id)) is None:
                raise NoSuchUploadError
        case DeleteAccount(current_password=password):
            await identity.confirm_password(session, user_id=owner_id, password=password)
        case _:
            pass


async def _require_room(session: AsyncSession, *, owner_id: UUID, kind: TaskKind) -> None:
    # Held before it is counted: of two requests at once the second sees the first.
    await repository.hold_owner(session, owner_id)
    unfinished = await repository.unfinished_kinds(session, owner_id)
    if TaskKind.DELETE_ACCOUNT in unfinished:
        raise AccountClosingError
    if kind is not TaskKind.DELETE_ACCOUNT and len(unfinished) >= MOST_UNFINISHED:
        raise TooManyTasksError(MOST_UNFINISHED)


async def _end(
    session: AsyncSession, task: Task | Work, *, state: TaskState, **values: Any
) -> Task | None:
    ended_at = now()
    changed = await repository.change(
        session, task.id, state=state, finished_at=ended_at, expires_at=ended_at + KEPT, **values
    )
    problem = values.get("problem", {}).get("code")
    outbox.add(session, TaskFinished(**_names_of(task), state=state, problem=problem))
    return changed


async def _write(
    session: AsyncSession, work: Work, *, template: MailTemplate, about: dict[str, Any]
) -> None:
    owner = await identity.find_contact(session, work.owner_id)
    if owner is None:
        return
    known = {**about, "username": owner.username, "task_id": work.id, "kind": work.kind}
    values = {name: str(known[name]) for name in mail.names_of(template)}
    await mail.request(
        session, to=owner.email, template=template, locale=owner.locale, values=values
    )


def _parameters_of(wanted: ImportItems | ExportItems | ExportAccount | DeleteAccount) -> Any:
    # The password was compared: it is kept nowhere.
    return wanted.model_dump(mode="json", exclude={"kind", "current_password"}, exclude_none=True)


def _names_of(task: Task | Work) -> dict[str, Any]:
    return {"task_id": task.id, "owner_id": task.owner_id, "kind": task.kind}


def _file_of(task: Task) -> dict[str, Any] | None:
    return (task.result or {}).get("file")


def _keys_of(task: Task) -> list[str]:
    keys = []
    if file := _file_of(task):
        keys.append(file["key"])
    if upload_id := task.parameters.get("upload_id"):
        keys.append(upload_key(owner_id=task.owner_id, upload_id=upload_id))
    return keys
