"""Events that the bus did not take, for operators. The same in every version."""

from typing import Annotated

from fastapi import APIRouter, Body, Query

from shared.core.schema import Listing, Paging
from shared.domains.dead_letters import api as dead_letters
from shared.domains.dead_letters.errors import EventNotFoundError, EventNotSetAsideError
from shared.domains.dead_letters.schemas import Decided, Discard, Redrive, SetAsideEvent
from shared.web.auth import CurrentOperator
from shared.web.limits import LimitGroup, limited
from shared.web.openapi import FOR_OPERATORS, ON_EVERY_BODY, problems
from shared.web.sessions import ReadSession, WriteSession

router = APIRouter(prefix="/outbox", tags=["queues"])

_DECIDING = (*FOR_OPERATORS, *ON_EVERY_BODY, EventNotFoundError, EventNotSetAsideError)


@router.get(
    "/set-aside",
    responses=problems(*FOR_OPERATORS),
    openapi_extra=limited(LimitGroup.OPERATIONS),
)
async def list_set_aside_events(
    _: CurrentOperator, paging: Annotated[Paging, Query()], session: ReadSession
) -> Listing[SetAsideEvent]:
    """List the events that the bus did not take and that were set aside, newest first."""
    page = await dead_letters.list_set_aside(session, paging)
    return Listing(items=tuple(page.items), next_cursor=page.next_cursor)


@router.post(
    "/redrive",
    responses=problems(*_DECIDING),
    openapi_extra=limited(LimitGroup.OPERATIONS),
)
async def redrive_events(
    operator: CurrentOperator, wanted: Annotated[Redrive, Body()], session: WriteSession
) -> Decided:
    """Let events that were set aside be published: some by their ids, or all, at most 100 a request.

    Later events of the same things may have gone before them: `sequence` tells a consumer.
    """
    return await dead_letters.redrive_events(session, operator_id=operator.user_id, wanted=wanted)


@router.post(
    "/discard",
    responses=problems(*_DECIDING),
    openapi_extra=limited(LimitGroup.OPERATIONS),
)
async def discard_events(
    operator: CurrentOperator, discard: Discard, session: WriteSession
) -> Decided:
    """Give up events that were set aside, for a reason. Only the audit trail keeps them, whole."""
    return await dead_letters.discard_events(
        session, operator_id=operator.user_id, ids=discard.ids, reason=discard.reason
    )
