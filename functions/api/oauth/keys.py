"""The public keys that verify access tokens (RFC 7517)."""

from typing import TYPE_CHECKING, Literal

from fastapi import APIRouter
from starlette.responses import Response

from shared.core.errors import ServiceUnavailableError
from shared.core.lazy import lazy_module
from shared.core.schema import Schema
from shared.web.limits import LimitGroup, limited
from shared.web.openapi import problems

if TYPE_CHECKING:
    from shared.adapters import signing_keys
else:
    signing_keys = lazy_module("shared.adapters.signing_keys")

router = APIRouter(tags=["keys"])

MAX_AGE_S = 300
"""How long the document may be kept, in seconds: less than a new key waits before it signs."""


class PublicKey(Schema):
    """A key of the curve P-256 that verifies ES256 (RFC 7518, section 6.2.1)."""

    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: str
    y: str
    use: Literal["sig"]
    alg: Literal["ES256"]
    kid: str


class KeySet(Schema):
    """A JWK Set (RFC 7517, section 5)."""

    keys: list[PublicKey]


@router.get(
    "/.well-known/jwks.json",
    responses=problems(ServiceUnavailableError),
    openapi_extra=limited(LimitGroup.READ),
)
async def get_public_keys(response: Response) -> KeySet:
    """Get the keys that verify access tokens: those that sign or did lately, and the next one."""
    response.headers["Cache-Control"] = f"public, max-age={MAX_AGE_S}"
    keys = await signing_keys.public_keys()
    return KeySet(keys=[PublicKey.model_validate(key) for key in keys])
