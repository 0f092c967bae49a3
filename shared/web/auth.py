"""Who is calling, as a dependency: a route that takes `CurrentUser` is for logged-in users."""

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
