"""What stands before a route, and what would stand there if somebody removed its check."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Depends

from functions.api.webhooks import owners
from infra_cdk.authorization import Caller
from shared.core.scopes import USER_SCOPES
from shared.domains.partners import api as partners
from shared.domains.partners.schemas import KeyHolder, Manager
from shared.domains.sessions.schemas import Principal
from shared.web import auth, partner_auth
from tests.partner_fixtures import new_key, new_partner
from tests.web_fixtures import token_of


async def anybody() -> Principal:
    user_id = uuid4()
    await token_of(user_id)
    return Principal(user_id=user_id, session_id=uuid4(), scopes=USER_SCOPES)


async def whatever_their_scopes(principal: Annotated[Principal, Depends(auth.caller)]) -> Principal:
    return principal


async def whatever_their_role(user: auth.CurrentUser) -> Principal:
    return user


async def any_holder() -> KeyHolder:
    key = await new_key(await new_partner(f"Anybody {uuid4()}"))
    return await partners.authenticate(key.key, address="192.0.2.1")


async def whatever_their_key_s_scopes(holder: partner_auth.AnyKeyHolder) -> KeyHolder:
    return holder


async def manager_of_all(user: auth.CurrentUser) -> Manager:
    return Manager(user_id=user.user_id, operator=True)


@dataclass(frozen=True)
class Removal:
    """A guard without its check, and who gets through then."""

    instead: Callable[..., Any]
    who: Caller


REMOVALS: Mapping[Callable[..., Any], Removal] = {
    auth.caller: Removal(anybody, Caller.ANONYMOUS),
    auth.current_user: Removal(whatever_their_scopes, Caller.UNGRANTED),
    auth.current_operator: Removal(whatever_their_role, Caller.OTHER),
    partner_auth.key_holder: Removal(any_holder, Caller.ANONYMOUS),
    partner_auth.current_partner: Removal(whatever_their_key_s_scopes, Caller.UNGRANTED_KEY),
    partner_auth.partner_manager: Removal(manager_of_all, Caller.OTHER),
}
"""Every guard there is."""

HARMLESS = frozenset[Callable[..., Any]](
    {
        auth.device_of,
        partner_auth.partner_operator,
        owners.as_user,
        owners.as_partner,
        owners.as_operator,
        owners.webhook_owner,
    }
)
"""The dependencies beside them that let everybody through whom those let through that they depend on."""

MODULES = frozenset({auth.__name__, partner_auth.__name__, owners.__name__})
"""Where guards are."""
