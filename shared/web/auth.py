"""Who is calling, as a dependency.

A route that takes `CurrentUser` is for logged-in users, one that takes `CurrentOperator` for operators.
"""

from typing import Annotated

from fastapi import Depends
from fastapi.security import OAuth2PasswordBearer

from shared.core.errors import UnauthorizedError
from shared.domains.identity import api as identity
from shared.domains.identity.schemas import Principal

bearer = OAuth2PasswordBearer(
    # Relative: the API may stand below a stage of the gateway.
    tokenUrl="v2/webapp/login",
    scheme_name="login",
    description="The access token that `POST /v2/webapp/login` gives.",
    auto_error=False,
)


async def current_user(token: Annotated[str | None, Depends(bearer)]) -> Principal:
    """Return who the access token was given to. Raises UnauthorizedError without a valid one."""
    if token is None:
        raise UnauthorizedError("This route needs an access token: log in and send it as Bearer.")
    return await identity.authenticate(token)


CurrentUser = Annotated[Principal, Depends(current_user)]


async def current_operator(user: CurrentUser) -> Principal:
    """Return who the access token was given to, if they are an operator at this moment.

    Their role is in no token: the database is asked each time, so that it is lost at once.
    Raises UnauthorizedError, OperatorsOnlyError, ServiceUnavailableError.
    """
    from shared.adapters.database.sessions import autocommit

    # Not the route's own session, which may be a transaction and would begin with this.
    async with autocommit() as session:
        await identity.require_operator(session, user.user_id)
    return user


CurrentOperator = Annotated[Principal, Depends(current_operator)]
