"""What goes into tasks and comes out of them."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from shared.core.schema import Label, Schema, SearchText

LARGEST_UPLOAD_BYTES = 256 * 1024 * 1024
"""Size of the largest file that is taken, in bytes."""


class TaskState(StrEnum):
    """Where a task stands. The last three are ends."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


class TaskKind(StrEnum):
    """What a task does."""

    IMPORT_ITEMS = "import_items"
    EXPORT_ITEMS = "export_items"
    EXPORT_ACCOUNT = "export_account"
    DELETE_ACCOUNT = "delete_account"


class ImportItems(Schema):
    """Make items of the rows of a CSV file that was uploaded before."""

    kind: Literal[TaskKind.IMPORT_ITEMS]
    upload_id: UUID


class ExportItems(Schema):
    """Write your items, all or some of them, into a file."""

    kind: Literal[TaskKind.EXPORT_ITEMS]
    format: Literal["csv", "json"]
    status: Literal["draft", "active", "archived"] | None = None
    tag: Label | None = None
    search: SearchText | None = None


class ExportAccount(Schema):
    """Write all that is kept about you into a JSON file."""

    kind: Literal[TaskKind.EXPORT_ACCOUNT]


class DeleteAccount(Schema):
    """Delete your user and all that is theirs, for good. Other tasks of yours are canceled."""

    kind: Literal[TaskKind.DELETE_ACCOUNT]
    current_password: Annotated[
        str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00]*$")
    ]


TaskRequest = Annotated[
    ImportItems | ExportItems | ExportAccount | DeleteAccount, Field(discriminator="kind")
]
"""Work that a user asks for."""


class TaskFilter(Schema):
    """Which tasks."""

    state: TaskState | None = None
    kind: TaskKind | None = None


class Progress(Schema):
    """How much of a task is done. What is counted depends on its kind; `total` is null until known."""

    done: int
    total: int | None


class Problem(Schema):
    """What went wrong (RFC 9457). `code` is stable: branch on it."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str | None
    errors: tuple[dict[str, Any], ...]


class Task(Schema):
    """Long work that a user asked for."""

    id: UUID
    kind: str = Field(description="A `TaskKind`; of an old task maybe one that is no more.")
    state: TaskState
    progress: Progress
    result: dict[str, Any] | None = Field(description="What a succeeded task tells of its work.")
    problem: Problem | None = Field(description="Why it failed.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None = Field(
        description="When a finished task and its file are forgotten."
    )


class TaskDetails(Task):
    """A task, with a link to the file that it made, if it made one."""

    download_url: str | None = Field(description="Anybody who has it may download the file.")
    download_expires_at: datetime | None = Field(description="Until when that address works.")


class RowError(Schema):
    """A row of a file that was not imported, and why. `line` counts from 1, the header included."""

    line: int
    field: str
    code: str
    message: str


class UploadRequest(Schema):
    """A file that is about to be uploaded: its exact size, at most 256 MiB."""

    size_bytes: int = Field(ge=1, le=LARGEST_UPLOAD_BYTES)
    content_type: Annotated[
        str,
        StringConstraints(
            max_length=127, pattern=r"^[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*$"
        ),
    ] = "text/csv"


class Upload(Schema):
    """Where a file may be uploaded: by one PUT to `url`, with `headers`, until `expires_at`."""

    upload_id: UUID
    url: str
    headers: dict[str, str]
    expires_at: datetime


class Work(Schema):
    """A task as who works on it finds it: locked until the transaction ends.

    `attempts` counts the tries of its next step, those included that never came to an end.
    """

    id: UUID
    owner_id: UUID
    kind: str
    parameters: dict[str, Any]
    checkpoint: dict[str, Any] | None
    done: int
    total: int | None
    attempts: int
    started_at: datetime | None
