"""A good request for every operation that takes a body: refused, it is refused for its caller alone."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID, uuid4

from infra_cdk.authorization import Permission
from tests.authorization import things
from tests.second_factors import Authenticator

type Request = dict[str, Any]
type Make = Callable[[UUID], Awaitable[Request]]


def body(**fields: Any) -> Make:
    async def make(_: UUID) -> Request:
        return {"json": fields}

    return make


async def _task(_: UUID) -> Request:
    headers = {"Idempotency-Key": f'"{uuid4()}"'}
    return {"json": {"kind": "export_items", "format": "csv"}, "headers": headers}


async def _post(owner_id: UUID) -> Request:
    return {"json": {"item_id": await things.active_item(owner_id), "body": "It shines."}}


async def _dead_letters(owner_id: UUID) -> Request:
    return {"json": {"ids": [await things.dead_letter(owner_id)], "reason": "Not needed."}}


async def _redriven(owner_id: UUID) -> Request:
    return {"json": {"ids": [await things.dead_letter(owner_id)]}}


async def _set_aside(_: UUID) -> Request:
    return {"json": {"ids": [await things.set_aside_event()], "reason": "Not needed."}}


async def _republished(_: UUID) -> Request:
    return {"json": {"ids": [await things.set_aside_event()]}}


async def _name(_: UUID) -> Request:
    return {"json": {"username": f"lamp-{uuid4().hex[:8]}"}}


async def _attested(_: UUID) -> Request:
    user = {"id": "YWRh", "name": "ada", "displayName": "ada"}
    credential = Authenticator().create({"user": user, "challenge": "Zm9yZ2Vk"})
    return {"json": {"name": "Laptop", "passkey": credential}}


async def _partner(_: UUID) -> Request:
    fields = {"name": f"Bell Works {uuid4()}", "plan": "free", "contact": "ops@bells.example"}
    return {"json": fields}


KEY = body(name="checkout", scopes=["items:read"])


def _webhooks_of(surface: str) -> Mapping[str, Make]:
    place = f"/{surface}/webhooks"
    return {
        f"POST {place}": body(url="https://hooks.example.com/in", event_types=["item.*"]),
        f"PATCH {place}/{{endpoint_id}}": body(description="Orders"),
        f"POST {place}/{{endpoint_id}}/rotate-secret": body(overlap_s=60),
        f"POST {place}/{{endpoint_id}}/resend-failed": body(since="2026-01-01T00:00:00Z"),
        f"POST {place}/{{endpoint_id}}/replay": body(
            since="2026-01-01T00:00:00Z", until="2026-01-02T00:00:00Z"
        ),
        f"POST {place}/{{endpoint_id}}/test": body(event_type="item.created"),
    }


BODIES: Mapping[str, Make] = {
    "POST /infrastructure/outbox/discard": _set_aside,
    "POST /infrastructure/outbox/redrive": _republished,
    "POST /infrastructure/queues/{queue}/discard": _dead_letters,
    "POST /infrastructure/queues/{queue}/redrive": _redriven,
    "POST /infrastructure/partners": _partner,
    "PATCH /infrastructure/partners/{partner_id}": body(contact="night@bells.example"),
    "POST /infrastructure/partners/{partner_id}/keys": KEY,
    "POST /infrastructure/partners/{partner_id}/keys/{key_id}/rotate": body(grace_s=60),
    "POST /partner/items": body(name="Lantern"),
    "PATCH /partner/items/{item_id}": body(name="Bell"),
    "POST /webapp/oauth/clients": body(
        name="Timetable",
        auth_method="client_secret_basic",
        redirect_uris=["https://timetable.example/back"],
        scopes=["items:read"],
    ),
    "PATCH /webapp/oauth/clients/{client_id}": body(name="Departures"),
    "POST /webapp/partners/{partner_id}/keys": KEY,
    "POST /webapp/partners/{partner_id}/keys/{key_id}/rotate": body(grace_s=60),
    "POST /webapp/external-login/links": body(handover="x" * 43, flow_token="y" * 43),
    "POST /webapp/external-login/links/{provider}": body(),
    "POST /webapp/items": body(name="Lantern"),
    "PATCH /webapp/items/{item_id}": body(name="Bell"),
    "POST /webapp/mfa/confirmation": body(current_password="seven lanterns"),
    "POST /webapp/mfa/passkeys": _attested,
    "PATCH /webapp/mfa/passkeys/{passkey_id}": body(name="Telephone"),
    "POST /webapp/mfa/totp/confirmation": body(code="123456"),
    "POST /webapp/posts": _post,
    "POST /webapp/tasks": _task,
    "POST /webapp/uploads": body(size_bytes=10),
    "PATCH /webapp/users/me": _name,
    **_webhooks_of("webapp"),
    **_webhooks_of("partner"),
    **_webhooks_of("infrastructure"),
}
"""By operation, without its version."""


REACHED: Mapping[str, str] = {
    "POST /webapp/external-login/links": "invalid_sign_in",
    "POST /webapp/external-login/links/{provider}": "no_such_provider",
    "POST /webapp/mfa/confirmation": "confirmation_failed",
    "POST /webapp/mfa/passkeys": "passkey_refused",
    "POST /webapp/mfa/recovery-codes": "no_second_factor",
    "POST /webapp/mfa/totp": "totp_enrolled",
    "POST /webapp/mfa/totp/confirmation": "totp_not_found",
    "DELETE /webapp/mfa/totp": "totp_not_found",
}
"""Problems of operations that say that the caller was let in: their own refusal comes after the guards."""


def unversioned(permission: Permission) -> str:
    return f"{permission.method} /{permission.path.removeprefix('/').partition('/')[2]}"


async def request_of(permission: Permission, *, owner_id: UUID) -> Request:
    """Return what goes with a request: its body, and the headers that it needs."""
    make = BODIES.get(unversioned(permission))
    return await make(owner_id) if make else {}
