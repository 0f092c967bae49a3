"""What tasks refuse, and why."""

from shared.core.errors import (
    ConflictError,
    FieldError,
    NotFoundError,
    ProblemError,
    ValidationFailedError,
)


class TaskNotFoundError(NotFoundError):
    """The user has no such task."""

    code = "task_not_found"
    title = "Task not found"

    def __init__(self) -> None:
        super().__init__("You have no task with this id, or it is finished and forgotten.")


class TaskFinishedError(ConflictError):
    """The task has come to its end: nothing is left to be canceled."""

    code = "task_finished"
    title = "Task finished"

    def __init__(self) -> None:
        super().__init__("The task is finished: it can be canceled no more.")


class TaskUnstoppableError(ConflictError):
    """The task deletes an account and has begun: half an account would be left."""

    code = "task_unstoppable"
    title = "Task unstoppable"

    def __init__(self) -> None:
        super().__init__("The deletion of the account has begun: it can be canceled no more.")


class TooManyTasksError(ConflictError):
    """The user has as many unfinished tasks as one may have."""

    code = "too_many_tasks"
    title = "Too many tasks"

    def __init__(self, most: int) -> None:
        super().__init__(f"You have {most} unfinished tasks: wait until one ends, or cancel one.")


class AccountClosingError(ConflictError):
    """The user has asked for the deletion of their account: no other work is begun."""

    code = "account_closing"
    title = "Account closing"

    def __init__(self) -> None:
        super().__init__("Your account is about to be deleted: cancel that task first.")


class NoSuchUploadError(ValidationFailedError):
    """There is no uploaded file with this id."""

    code = "no_such_upload"
    title = "No such upload"

    def __init__(self) -> None:
        message = "Upload the file first: POST uploads tells where to."
        field = FieldError(location=("body", "upload_id"), code="unknown", message=message)
        super().__init__("You have uploaded no file with this id.", errors=[field])


class TaskFailedError(ProblemError):
    """The task failed for a reason that is no fault of its owner, however often it was tried."""

    code = "task_failed"
    title = "Task failed"

    def __init__(self) -> None:
        super().__init__("The task failed. Queue it again; report the request id if it persists.")


class UnknownTaskKindError(ProblemError):
    """The service knows this kind of task no more, or not yet."""

    status = 501
    code = "unknown_task_kind"
    title = "Unknown kind of task"

    def __init__(self, kind: str) -> None:
        super().__init__(f"This service does not know tasks of the kind {kind!r}.")
