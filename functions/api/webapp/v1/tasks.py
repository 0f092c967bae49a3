"""Long work that users ask for. The same in every version."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Query
from starlette.responses import Response

from shared.core.errors import IdempotencyKeyMissingError
from shared.core.schema import Listing, Paging
from shared.domains.identity.errors import NoPasswordError, WrongPasswordError
from shared.domains.logins.errors import TooManyLoginAttemptsError
from shared.domains.tasks import api as tasks
from shared.domains.tasks.errors import (
    AccountClosingError,
    NoSuchUploadError,
    TaskFinishedError,
    TaskNotFoundError,
    TaskUnstoppableError,
    TooManyTasksError,
)
from shared.domains.tasks.schemas import RowError, Task, TaskDetails, TaskFilter, TaskRequest
from shared.web.auth import CurrentUser
from shared.web.idempotency import (
    ON_EVERY_KEY,
    IdempotentRoute,
    RequiredIdempotencyKey,
    replayable,
)
from shared.web.limits import LimitGroup, limited
from shared.web.openapi import FOR_USERS, ON_EVERY_BODY, problems
from shared.web.sessions import ReadSession, WriteSession

router = APIRouter(prefix="/tasks", tags=["tasks"], route_class=IdempotentRoute)


class TaskQuery(TaskFilter, Paging):
    """Which tasks."""


@router.post(
    "",
    status_code=202,
    responses={
        **problems(
            *FOR_USERS,
            *ON_EVERY_BODY,
            *ON_EVERY_KEY,
            IdempotencyKeyMissingError,
            NoSuchUploadError,
            WrongPasswordError,
            NoPasswordError,
            TooManyLoginAttemptsError,
            TooManyTasksError,
            AccountClosingError,
        ),
        **replayable(202),
    },
    openapi_extra=limited(LimitGroup.WRITE, cost=5),
)
async def queue_task(
    user: CurrentUser,
    _: RequiredIdempotencyKey,
    wanted: Annotated[TaskRequest, Body()],
    session: WriteSession,
    response: Response,
) -> Task:
    """Ask for work that takes longer than a request: it is queued, and `Location` tells how it goes.

    At most 5 of your tasks may be unfinished at once. A mail tells you of the end.
    """
    task = await tasks.queue(session, owner_id=user.user_id, wanted=wanted)
    response.headers["Location"] = f"tasks/{task.id}"
    return task


@router.get("", responses=problems(*FOR_USERS), openapi_extra=limited(LimitGroup.READ))
async def list_tasks(
    user: CurrentUser, query: Annotated[TaskQuery, Query()], session: ReadSession
) -> Listing[Task]:
    """List your tasks, newest first, a page at a time, by state and kind."""
    which = TaskFilter(state=query.state, kind=query.kind)
    page = await tasks.list_tasks(session, owner_id=user.user_id, which=which, paging=query)
    return Listing(items=tuple(page.items), next_cursor=page.next_cursor)


@router.get(
    "/{task_id}",
    responses=problems(*FOR_USERS, TaskNotFoundError),
    openapi_extra=limited(LimitGroup.READ),
)
async def get_task(user: CurrentUser, task_id: UUID, session: ReadSession) -> TaskDetails:
    """Get a task: its progress, then its result or problem, and a link to its file for 15 minutes.

    It is forgotten, its file too, 7 days after its end.
    """
    return await tasks.get_task(session, owner_id=user.user_id, task_id=task_id)


@router.get(
    "/{task_id}/errors",
    responses=problems(*FOR_USERS, TaskNotFoundError),
    openapi_extra=limited(LimitGroup.READ),
)
async def list_task_errors(
    user: CurrentUser, task_id: UUID, paging: Annotated[Paging, Query()], session: ReadSession
) -> Listing[RowError]:
    """List the rows of a file that a task did not import and why, by line, a page at a time."""
    page = await tasks.list_row_errors(
        session, owner_id=user.user_id, task_id=task_id, paging=paging
    )
    return Listing(items=tuple(page.items), next_cursor=page.next_cursor)


@router.post(
    "/{task_id}/cancel",
    responses=problems(*FOR_USERS, TaskNotFoundError, TaskFinishedError, TaskUnstoppableError),
    openapi_extra=limited(LimitGroup.WRITE),
)
async def cancel_task(user: CurrentUser, task_id: UUID, session: WriteSession) -> Task:
    """Cancel a task. What it did already stays done.

    A step that is running is waited for. The deletion of an account can be canceled until it begins.
    """
    return await tasks.cancel(session, owner_id=user.user_id, task_id=task_id)
