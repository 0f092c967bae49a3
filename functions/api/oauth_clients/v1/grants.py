"""What a user lets the clients of others do. The same in every version."""

from uuid import UUID

from fastapi import APIRouter

from shared.core.schema import Schema
from shared.domains.oauth import api as oauth
from shared.domains.oauth.errors import GrantNotFoundError
from shared.domains.oauth.schemas import Grant
from shared.web.auth import CurrentUser
from shared.web.limits import LimitGroup, limited
from shared.web.openapi import FOR_USERS, problems
from shared.web.sessions import ReadSession, WriteSession

router = APIRouter(prefix="/grants", tags=["oauth"])


class Grants(Schema):
    """What a user lets clients do, the newest first."""

    items: tuple[Grant, ...]


@router.get("", responses=problems(*FOR_USERS), openapi_extra=limited(LimitGroup.READ))
async def list_oauth_grants(user: CurrentUser, session: ReadSession) -> Grants:
    """List what you let clients do: 200 at most."""
    return Grants(items=await oauth.list_grants(session, user.user_id))


@router.delete(
    "/{client_id}",
    status_code=204,
    responses=problems(*FOR_USERS, GrantNotFoundError),
    openapi_extra=limited(LimitGroup.WRITE),
)
async def revoke_oauth_grant(user: CurrentUser, client_id: UUID, session: WriteSession) -> None:
    """Take back what you let a client do. Its tokens are good no more within seconds."""
    await oauth.revoke_grant(session, user_id=user.user_id, client_id=client_id)
