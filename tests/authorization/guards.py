"""What stands before a route, and what would stand there if somebody removed its check."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Depends

from infra_cdk.authorization import Caller
from shared.core.scopes import USER_SCOPES
from shared.domains.sessions.schemas import Principal
from shared.web import auth
from tests.web_fixtures import token_of


async def anybody() -> Principal:
    user_id = uuid4()
    await token_of(user_id)
    return Principal(user_id=user_id, session_id=uuid4(), scopes=USER_SCOPES)


async def whatever_their_scopes(principal: Annotated[Principal, Depends(auth.caller)]) -> Principal:
    return principal


async def whatever_their_role(user: auth.CurrentUser) -> Principal:
    return user


@dataclass(frozen=True)
class Removal:
    """A guard without its check, and who gets through then."""

    instead: Callable[..., Any]
    who: Caller


REMOVALS: Mapping[Callable[..., Any], Removal] = {
    auth.caller: Removal(anybody, Caller.ANONYMOUS),
    auth.current_user: Removal(whatever_their_scopes, Caller.UNGRANTED),
    auth.current_operator: Removal(whatever_their_role, Caller.OTHER),
}
"""Every guard there is."""

HARMLESS = frozenset[Callable[..., Any]]({auth.device_of})
"""The dependencies beside them that let everybody through."""

MODULES = frozenset({auth.__name__})
"""Where guards are."""
