"""Who is calling, as a dependency: the signature of a route is its permission.

`CurrentUser` is for users who logged in by themselves. `ItemsReader` and its like also take the access
token of a third party whom the user granted that scope. `CurrentOperator` is for operators.
"""

from typing import Annotated

from fastapi import Depends, Security
from fastapi.security import OAuth2PasswordBearer, SecurityScopes
from starlette.requests import Request

from shared.core.errors import InsufficientScopeError, UnauthorizedError
from shared.core.scopes import USER_SCOPES, Scope, scopes_in
from shared.domains.identity import api as identity
from shared.domains.sessions import api as sessions
from shared.domains.sessions.schemas import Device, Principal

bearer = OAuth2PasswordBearer(
    # Relative: the API may stand below a stage of the gateway.
    tokenUrl="v2/webapp/login",
    scheme_name="login",
    scopes={scope.value: "" for scope in sorted(USER_SCOPES)},
    description="The access token that `POST /v2/webapp/login` gives.",
    auto_error=False,
)


async def caller(request: Request, token: Annotated[str | None, Depends(bearer)]) -> Principal:
    """Return who the access token was given to. Raises UnauthorizedError without a valid one."""
    if token is None:
        raise UnauthorizedError("This route needs an access token: log in and send it as Bearer.")
    if not hasattr(request.state, "principal"):
        request.state.principal = await sessions.authenticate(token)
    principal: Principal = request.state.principal
    return principal


async def current_user(
    scopes: SecurityScopes, principal: Annotated[Principal, Depends(caller)]
) -> Principal:
    """Return the caller, if their token has the scopes. Raises UnauthorizedError, InsufficientScopeError."""
    if missing := scopes_in(" ".join(scopes.scopes)) - principal.scopes:
        raise InsufficientScopeError(*sorted(missing))
    return principal


AnyCaller = Annotated[Principal, Depends(caller)]
"""Whoever has a valid access token: for dependencies of routes that name a scope themselves."""

CurrentUser = Annotated[Principal, Security(current_user, scopes=[Scope.ACCOUNT])]
"""A user who logged in by themselves: no third party's token has this scope."""

ProfileReader = Annotated[Principal, Security(current_user, scopes=[Scope.PROFILE_READ])]
ItemsReader = Annotated[Principal, Security(current_user, scopes=[Scope.ITEMS_READ])]
ItemsWriter = Annotated[Principal, Security(current_user, scopes=[Scope.ITEMS_WRITE])]
PostsReader = Annotated[Principal, Security(current_user, scopes=[Scope.POSTS_READ])]
PostsWriter = Annotated[Principal, Security(current_user, scopes=[Scope.POSTS_WRITE])]


async def current_operator(user: CurrentUser) -> Principal:
    """Return who the access token was given to, if they are an operator at this moment.

    Their role is in no token: the database is asked each time, so that it is lost at once.
    Raises UnauthorizedError, InsufficientScopeError, OperatorsOnlyError, ServiceUnavailableError.
    """
    from shared.adapters.database.sessions import autocommit

    # Not the route's own session, which may be a transaction and would begin with this.
    async with autocommit() as session:
        await identity.require_operator(session, user.user_id)
    return user


CurrentOperator = Annotated[Principal, Depends(current_operator)]


def device_of(request: Request) -> Device:
    """Return where a request came from: the address is the one that the gateway saw."""
    address = request.client.host if request.client else ""
    return Device(address=address, user_agent=request.headers.get("user-agent", "")[:256])


CallingDevice = Annotated[Device, Depends(device_of)]
"""The client's address and name."""
