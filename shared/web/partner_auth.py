"""Which partner is calling, as a dependency: the signature of a route is its permission.

`PartnerItemsReader` and its like are for API keys with that scope. `PartnerManager` is for the user who
administers partners of their own, `PartnerOperator` for operators, who manage all of them.

A key that opens nothing is 401, one that opens something else 403, both with a challenge of the scheme
`ApiKey`, which says why. That name is in no registry: none that is there carries a key in a header of
its own (RFC 9110, section 11.6.1, wants a challenge with each 401). API Gateway itself answers 403 to a
key that it does not know, before any of this.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Security
from fastapi.security import APIKeyHeader, SecurityScopes
from starlette.requests import Request

from shared.core.errors import (
    InsufficientScopeError,
    ServiceUnavailableError,
    ValidationFailedError,
)
from shared.core.scopes import Scope, scopes_in
from shared.domains.partners import api as partners
from shared.domains.partners.errors import (
    CHALLENGE,
    ApiKeyExpiredError,
    InvalidApiKeyError,
    NetworkNotAllowedError,
    PartnerSuspendedError,
)
from shared.domains.partners.schemas import KeyHolder, Manager
from shared.web.auth import CallingDevice, CurrentOperator, CurrentUser

HEADER = "x-api-key"

api_key = APIKeyHeader(
    name=HEADER,
    scheme_name="api_key",
    description="A partner's key: `swy_live_` and 36 characters.",
    auto_error=False,
)


async def key_holder(
    request: Request, device: CallingDevice, _: Annotated[str | None, Depends(api_key)]
) -> AsyncIterator[KeyHolder]:
    """Give who the API key of a request speaks for, and note meanwhile that it was used.

    Raises InvalidApiKeyError, ApiKeyExpiredError, PartnerSuspendedError, NetworkNotAllowedError.
    """
    if hasattr(request.state, "key_holder"):
        yield request.state.key_holder
        return
    sent = request.headers.getlist(HEADER)
    if len(sent) != 1:
        raise InvalidApiKeyError
    holder = await partners.authenticate(sent[0], address=device.address)
    request.state.key_holder = holder
    # Beside the route's own work, and done before the answer: Lambda freezes what comes after.
    noting = None if holder.use_is_noted else asyncio.create_task(partners.note_use(holder.key_id))
    try:
        yield holder
    finally:
        if noting:
            await noting


AnyKeyHolder = Annotated[KeyHolder, Depends(key_holder, scope="function")]
"""Whoever has a good API key: for dependencies of routes that name a scope themselves."""


async def current_partner(scopes: SecurityScopes, holder: AnyKeyHolder) -> KeyHolder:
    """Return who is calling, if their key has the scopes. Raises InsufficientScopeError."""
    if missing := scopes_in(" ".join(scopes.scopes)) - holder.scopes:
        raise InsufficientScopeError(*sorted(missing), scheme=CHALLENGE)
    return holder


FOR_PARTNERS = (
    InvalidApiKeyError,
    ApiKeyExpiredError,
    InsufficientScopeError,
    PartnerSuspendedError,
    NetworkNotAllowedError,
    ValidationFailedError,
    ServiceUnavailableError,
)
"""What every route for partners may answer."""

PartnerItemsReader = Annotated[KeyHolder, Security(current_partner, scopes=[Scope.ITEMS_READ])]
PartnerItemsWriter = Annotated[KeyHolder, Security(current_partner, scopes=[Scope.ITEMS_WRITE])]
PartnerUsageReader = Annotated[KeyHolder, Security(current_partner, scopes=[Scope.USAGE_READ])]
PartnerWebhooks = Annotated[KeyHolder, Security(current_partner, scopes=[Scope.WEBHOOKS])]


async def partner_manager(user: CurrentUser) -> Manager:
    """Return the user who is calling, as the manager of the partners that they are the admin of."""
    return Manager(user_id=user.user_id, operator=False)


async def partner_operator(operator: CurrentOperator) -> Manager:
    """Return the operator who is calling, as the manager of every partner."""
    return Manager(user_id=operator.user_id, operator=True)


PartnerManager = Annotated[Manager, Depends(partner_manager)]
"""A user who logged in by themselves; which partners are theirs the repository asks for in each statement."""

PartnerOperator = Annotated[Manager, Depends(partner_operator)]
