"""Queues and their dead letters, for operators. The same in every version."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Query

from shared.core.schema import Listing, Paging
from shared.domains.dead_letters import api as dead_letters
from shared.domains.dead_letters.errors import (
    DeadLetterDecidedError,
    DeadLetterNotFoundError,
    QueueGoneError,
    QueueNotFoundError,
    QueuesUnavailableError,
)
from shared.domains.dead_letters.schemas import (
    DeadLetter,
    DeadLetterDetails,
    DeadLetterFilter,
    Decided,
    Discard,
    QueueName,
    Queues,
    Redrive,
    Redriven,
)
from shared.web.auth import CurrentOperator
from shared.web.limits import LimitGroup, limited
from shared.web.openapi import FOR_OPERATORS, ON_EVERY_BODY, problems
from shared.web.sessions import ReadSession, WriteSession

router = APIRouter(prefix="/queues", tags=["queues"])


class DeadLetterQuery(DeadLetterFilter, Paging):
    """Which dead letters."""


@router.get(
    "",
    responses=problems(*FOR_OPERATORS, QueuesUnavailableError),
    openapi_extra=limited(LimitGroup.OPERATIONS, cost=5),
)
async def list_queues(_: CurrentOperator, session: ReadSession) -> Queues:
    """List the queues with what waits in them, how old it is, and how many dead letters there are.

    The outbox stands beside them: events that are not on the bus yet, and those that were set aside.
    A queue that is no more is listed for as long as dead letters of it wait.
    """
    return await dead_letters.list_queues(session)


@router.get(
    "/{queue}/dead-letters",
    responses=problems(*FOR_OPERATORS, QueueNotFoundError),
    openapi_extra=limited(LimitGroup.OPERATIONS),
)
async def list_dead_letters(
    _: CurrentOperator,
    queue: QueueName,
    query: Annotated[DeadLetterQuery, Query()],
    session: ReadSession,
) -> Listing[DeadLetter]:
    """List a queue's dead letters, newest first, a page at a time, by state."""
    which = DeadLetterFilter(state=query.state)
    page = await dead_letters.list_dead_letters(session, queue=queue, which=which, paging=query)
    return Listing(items=tuple(page.items), next_cursor=page.next_cursor)


@router.get(
    "/{queue}/dead-letters/{dead_letter_id}",
    responses=problems(*FOR_OPERATORS, QueueNotFoundError, DeadLetterNotFoundError),
    openapi_extra=limited(LimitGroup.OPERATIONS),
)
async def get_dead_letter(
    _: CurrentOperator, queue: QueueName, dead_letter_id: UUID, session: ReadSession
) -> DeadLetterDetails:
    """Get a dead letter with all of its body, and what helps to find out why it died."""
    return await dead_letters.get_dead_letter(session, queue=queue, letter_id=dead_letter_id)


@router.post(
    "/{queue}/redrive",
    responses=problems(
        *FOR_OPERATORS,
        *ON_EVERY_BODY,
        QueueNotFoundError,
        DeadLetterNotFoundError,
        DeadLetterDecidedError,
        QueueGoneError,
        QueuesUnavailableError,
    ),
    openapi_extra=limited(LimitGroup.OPERATIONS, cost=5),
)
async def redrive_dead_letters(
    operator: CurrentOperator,
    queue: QueueName,
    wanted: Annotated[Redrive, Body()],
    session: WriteSession,
) -> Redriven:
    """Send dead letters to their queue again: some by their ids, or all, at most 100 a request.

    Each has its own result. What is not sent waits as before, and `remaining` counts it. If this
    request breaks off, a message may have been sent and wait all the same: redriven again, it comes
    twice, and consumers that record what they handled do it once.
    """
    return await dead_letters.redrive(
        session, operator_id=operator.user_id, queue=queue, wanted=wanted
    )


@router.post(
    "/{queue}/discard",
    responses=problems(
        *FOR_OPERATORS,
        *ON_EVERY_BODY,
        QueueNotFoundError,
        DeadLetterNotFoundError,
        DeadLetterDecidedError,
    ),
    openapi_extra=limited(LimitGroup.OPERATIONS),
)
async def discard_dead_letters(
    operator: CurrentOperator, queue: QueueName, discard: Discard, session: WriteSession
) -> Decided:
    """Give dead letters up, for a reason that the audit trail keeps. They can still be looked at."""
    return await dead_letters.discard(
        session,
        operator_id=operator.user_id,
        queue=queue,
        ids=discard.ids,
        reason=discard.reason,
    )
