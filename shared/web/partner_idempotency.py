"""Idempotency-Key for partners: the keys are the partner's, whichever API key it calls with."""

from typing import TYPE_CHECKING, Annotated

from fastapi import Depends
from starlette.requests import Request

from shared.core.lazy import lazy_module
from shared.web.idempotency import SentKey, claim_key
from shared.web.partner_auth import AnyKeyHolder
from shared.web.sessions import WriteSession

if TYPE_CHECKING:
    from shared.adapters.idempotency import idempotency
else:
    idempotency = lazy_module("shared.adapters.idempotency.idempotency")


async def _claim_for_partner(
    request: Request,
    holder: AnyKeyHolder,
    session: WriteSession,
    sent: Annotated[str | None, SentKey] = None,
) -> None:
    # The account's: what is kept goes with it, as any user's does.
    scope = idempotency.scope_of_user(holder.account_id)
    await claim_key(request, session, scope=scope, sent=sent)


PartnerIdempotencyKey = Annotated[None, Depends(_claim_for_partner)]
"""For routes for partners: the caller may send a key."""
