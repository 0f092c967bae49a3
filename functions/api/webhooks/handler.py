"""Webhooks on every surface, in all versions. The routes are the same: a surface says whose webhooks they are."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import APIRouter, Depends
from fastapi.routing import APIRoute

from functions.api.webhooks import owners
from functions.api.webhooks.v1 import endpoints, log, messages
from shared.core.errors import ProblemError
from shared.web.app import create_app, operation_id
from shared.web.handler import lambda_handler
from shared.web.openapi import FOR_OPERATORS, FOR_USERS, problems
from shared.web.partner_auth import FOR_PARTNERS


@dataclass(frozen=True, kw_only=True)
class Surface:
    """An audience: who is let in, what refuses the others, and what its webhooks are called."""

    name: str
    guard: Callable[..., Awaitable[None]]
    refusals: tuple[type[ProblemError], ...]
    noun: str

    def operation_id(self, route: APIRoute) -> str:
        """Return an id that no other surface has: `v2_create_partner_webhook`."""
        return operation_id(route).replace("webhook", self.noun)


SURFACES = (
    Surface(name="webapp", guard=owners.as_user, refusals=FOR_USERS, noun="webhook"),
    Surface(name="partner", guard=owners.as_partner, refusals=FOR_PARTNERS, noun="partner_webhook"),
    Surface(
        name="infrastructure",
        guard=owners.as_operator,
        refusals=FOR_OPERATORS,
        noun="installation_webhook",
    ),
)


def _routes_of(surface: Surface, *, version: str) -> APIRouter:
    whole = APIRouter(deprecated=version == "v1" or None)
    for each in (endpoints, messages, log):
        whole.include_router(
            each.router,
            prefix=f"/{version}/{surface.name}/webhooks",
            dependencies=[Depends(surface.guard)],
            responses=problems(*surface.refusals),
            generate_unique_id_function=surface.operation_id,
        )
    return whole


app = create_app(
    title="Switchyard",
    routers=(_routes_of(each, version=version) for version in ("v1", "v2") for each in SURFACES),
)
handler = lambda_handler(app)
