"""Whose webhooks a request is about: the surface says it, by the guard that its routes are included with.

The routes are the same on every surface, and so is what they ask for: `WebhookOwner`. What makes one is
the surface's guard, which runs before everything else of the route.
"""

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from shared.domains.webhooks.schemas import Owner
from shared.web.auth import CurrentOperator, CurrentUser
from shared.web.partner_auth import PartnerWebhooks


async def as_user(request: Request, user: CurrentUser) -> None:
    """Let a user who logged in by themselves have their own webhooks."""
    request.state.webhook_owner = Owner(owner_id=user.user_id)


async def as_partner(request: Request, partner: PartnerWebhooks) -> None:
    """Let a partner's key with the scope have the partner's webhooks, whichever of its keys made them."""
    request.state.webhook_owner = Owner(owner_id=partner.account_id)


async def as_operator(request: Request, operator: CurrentOperator) -> None:
    """Let an operator have the installation's webhooks, and nobody else's."""
    request.state.webhook_owner = Owner(owner_id=None, actor_id=operator.user_id)


async def webhook_owner(request: Request) -> Owner:
    """Return whose webhooks they are. Raises AttributeError where no guard stands before the route."""
    owner: Owner = request.state.webhook_owner
    return owner


WebhookOwner = Annotated[Owner, Depends(webhook_owner)]
