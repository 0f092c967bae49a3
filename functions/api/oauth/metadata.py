"""What a client needs to know of the authorization server (RFC 8414)."""

from fastapi import APIRouter
from starlette.responses import Response

from functions.api.oauth.texts import LANGUAGES
from shared.config.http import public_settings
from shared.core.schema import Schema
from shared.core.scopes import GRANTABLE_SCOPES
from shared.domains.oauth.schemas import AuthMethod, GrantType
from shared.web.limits import LimitGroup, limited

router = APIRouter(tags=["oauth"])

MAX_AGE_S = 3600
"""How long the document may be kept, in seconds."""

_METHODS = tuple(AuthMethod)
_PROVING = (AuthMethod.CLIENT_SECRET_BASIC, AuthMethod.PRIVATE_KEY_JWT)
_ALGORITHMS = ("ES256", "RS256", "PS256")


class ServerMetadata(Schema):
    """The members of RFC 8414, section 2, and of RFC 9207, section 3. There is no registration endpoint."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str
    introspection_endpoint: str
    jwks_uri: str
    scopes_supported: tuple[str, ...] = tuple(sorted(GRANTABLE_SCOPES))
    response_types_supported: tuple[str, ...] = ("code",)
    response_modes_supported: tuple[str, ...] = ("query",)
    grant_types_supported: tuple[GrantType, ...] = tuple(GrantType)
    code_challenge_methods_supported: tuple[str, ...] = ("S256",)
    token_endpoint_auth_methods_supported: tuple[AuthMethod, ...] = _METHODS
    token_endpoint_auth_signing_alg_values_supported: tuple[str, ...] = _ALGORITHMS
    revocation_endpoint_auth_methods_supported: tuple[AuthMethod, ...] = _METHODS
    revocation_endpoint_auth_signing_alg_values_supported: tuple[str, ...] = _ALGORITHMS
    introspection_endpoint_auth_methods_supported: tuple[AuthMethod, ...] = _PROVING
    introspection_endpoint_auth_signing_alg_values_supported: tuple[str, ...] = _ALGORITHMS
    authorization_response_iss_parameter_supported: bool = True
    ui_locales_supported: tuple[str, ...] = tuple(LANGUAGES)


@router.get(
    "/.well-known/oauth-authorization-server",
    openapi_extra=limited(LimitGroup.READ),
)
async def get_server_metadata(response: Response) -> ServerMetadata:
    """Get the endpoints of the authorization server, and what it supports."""
    response.headers["Cache-Control"] = f"public, max-age={MAX_AGE_S}"
    issuer = public_settings().public_url
    return ServerMetadata(
        issuer=issuer,
        authorization_endpoint=f"{issuer}/oauth/authorize",
        token_endpoint=f"{issuer}/oauth/token",
        revocation_endpoint=f"{issuer}/oauth/revoke",
        introspection_endpoint=f"{issuer}/oauth/introspect",
        jwks_uri=f"{issuer}/.well-known/jwks.json",
    )
