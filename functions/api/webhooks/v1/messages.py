"""Messages whole: what a thin one names the address of. The same on every surface and in every version."""

from uuid import UUID

from fastapi import APIRouter

from functions.api.webhooks.owners import WebhookOwner
from shared.domains.webhooks import api as webhooks
from shared.domains.webhooks.errors import MessageNotFoundError
from shared.domains.webhooks.schemas import Message
from shared.web.limits import LimitGroup, limited
from shared.web.openapi import problems
from shared.web.sessions import ReadSession

router = APIRouter(prefix="/messages", tags=["webhooks"])


@router.get(
    "/{message_id}",
    responses=problems(MessageNotFoundError),
    openapi_extra=limited(LimitGroup.READ),
)
async def get_webhook_message(
    owner: WebhookOwner, message_id: UUID, session: ReadSession
) -> Message:
    """Get a message by its id (`webhook-id`), whole; messages are kept for 30 days.

    One that is larger than 20 KB is sent without what is large, and names this address as its `url`.
    """
    return await webhooks.get_message(session, message_id, owner=owner)
