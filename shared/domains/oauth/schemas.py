"""What goes into the authorization server and comes out of it."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import (
    MISSING,
    AfterValidator,
    Field,
    StringConstraints,
    WithJsonSchema,
)

from shared.core.schema import Name, Schema
from shared.core.scopes import GRANTABLE_SCOPES, Scope


class GrantType(StrEnum):
    """How a client gets tokens."""

    AUTHORIZATION_CODE = "authorization_code"
    REFRESH_TOKEN = "refresh_token"  # noqa: S105  # a name, no token
    CLIENT_CREDENTIALS = "client_credentials"


class AuthMethod(StrEnum):
    """How a client proves who it is (RFC 7591, section 2)."""

    NONE = "none"
    CLIENT_SECRET_BASIC = "client_secret_basic"  # noqa: S105  # a name, no secret
    PRIVATE_KEY_JWT = "private_key_jwt"


class ClientType(StrEnum):
    """Whether a client can keep a secret (RFC 6749, section 2.1)."""

    PUBLIC = "public"
    CONFIDENTIAL = "confidential"


def _grantable(scope: Scope) -> Scope:
    if scope not in GRANTABLE_SCOPES:
        raise ValueError("no third party may have this scope")
    return scope


GrantableScope = Annotated[
    Scope,
    AfterValidator(_grantable),
    WithJsonSchema({"type": "string", "enum": sorted(GRANTABLE_SCOPES)}),
]
"""What a user may let a third party do."""

RedirectUri = Annotated[
    str,
    StringConstraints(
        min_length=1,
        max_length=512,
        # Visible ASCII that RFC 3986 knows; no fragment, no backslash, no wildcard.
        pattern=r"^[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9._~:/?\[\]@!$&'()+,;=%-]+$",
    ),
    Field(examples=["https://app.example.com/callback"]),
]
"""Where an answer may be sent: `https`, `http` on 127.0.0.1 or [::1], or an application's own scheme."""

_BASE64URL = r"^[A-Za-z0-9_-]+$"
_Number = Annotated[str, StringConstraints(min_length=1, max_length=1024, pattern=_BASE64URL)]
_KeyId = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[!-~]+$")]


class EcKey(Schema):
    """A public key of the curve P-256, for ES256 (RFC 7518, section 6.2)."""

    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: _Number
    y: _Number
    kid: _KeyId | None = None
    use: Literal["sig"] = "sig"
    alg: Literal["ES256"] = "ES256"


class RsaKey(Schema):
    """A public RSA key of 2048 bits at least, for RS256 or PS256 (RFC 7518, section 6.3)."""

    kty: Literal["RSA"]
    n: _Number
    e: _Number
    kid: _KeyId | None = None
    use: Literal["sig"] = "sig"
    alg: Literal["RS256", "PS256"] = "RS256"


PublicKey = Annotated[EcKey | RsaKey, Field(discriminator="kty")]


class PublicKeys(Schema):
    """A client's public keys (RFC 7517, section 5). A private key's members are refused."""

    keys: Annotated[tuple[PublicKey, ...], Field(min_length=1, max_length=5)]


RedirectUris = Annotated[tuple[RedirectUri, ...], Field(max_length=10)]
GrantTypes = Annotated[frozenset[GrantType], Field(min_length=1)]
GrantableScopes = Annotated[frozenset[GrantableScope], Field(min_length=1)]


class NewClient(Schema):
    """A program that is to act for others, or for its owner.

    `authorization_code` needs a redirect address, `client_credentials` a client that authenticates,
    `private_key_jwt` its public keys.
    """

    name: Name
    auth_method: AuthMethod
    redirect_uris: RedirectUris = ()
    grant_types: GrantTypes = frozenset({GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN})
    scopes: GrantableScopes
    jwks: PublicKeys | None = None


class ClientChange(Schema):
    """New values for some of a client's fields. How it authenticates stays as it is."""

    name: Name | MISSING = MISSING
    redirect_uris: RedirectUris | MISSING = MISSING
    grant_types: GrantTypes | MISSING = MISSING
    scopes: GrantableScopes | MISSING = MISSING
    jwks: PublicKeys | MISSING = MISSING


class Client(Schema):
    """A client, as its owner and the authorization server see it."""

    client_id: UUID
    owner_id: UUID = Field(exclude=True)
    name: str
    type: ClientType
    auth_method: AuthMethod
    redirect_uris: tuple[str, ...]
    grant_types: tuple[GrantType, ...]
    scopes: tuple[Scope, ...]
    jwks: PublicKeys | None
    created_at: datetime
    updated_at: datetime


class ClientWithSecret(Client):
    """A client and its secret, which is told this once; null where it has none."""

    client_secret: str | None


class Grant(Schema):
    """What a user lets a client do."""

    client_id: UUID
    client_name: str
    scopes: tuple[Scope, ...]
    granted_at: datetime


class ClientProof(Schema):
    """How a client says who it is: by its id alone, with a secret, or by an assertion (RFC 7523)."""

    client_id: str | None = None
    secret: str | None = None
    assertion: str | None = None


class AuthorizationParameters(Schema):
    """The parameters of an authorization request (RFC 6749, section 4.1.1), each at most once.

    `repeated` is whether another than these two came twice: the address that is answered is certain then.
    """

    client_id: str | None = None
    redirect_uri: str | None = None
    response_type: str | None = None
    response_mode: str | None = None
    scope: str | None = None
    state: str | None = None
    code_challenge: str | None = None
    code_challenge_method: str | None = None
    resource: str | None = None
    request: str | None = None
    request_uri: str | None = None
    repeated: bool = False


class AuthorizationRequest(Schema):
    """A request of a known client with a redirect address of its own; whether it can be granted is another thing."""

    client: Client
    redirect_uri: str
    state: str | None
    scopes: frozenset[Scope]
    challenge: str
    refusal: str | None
    """Why it cannot: the `error` that the client is told."""


class BrowserLogin(Schema):
    """Who is logged in on the authorization server's own pages, and how they proved it."""

    session_id: UUID
    user_id: UUID
    methods: tuple[str, ...]


class CodeExchange(Schema):
    """What a client sends for a code (RFC 6749, section 4.1.3; RFC 7636, section 4.5)."""

    code: str
    verifier: str
    redirect_uri: str | None


class Tokens(Schema):
    """A successful answer of the token endpoint (RFC 6749, section 5.1). `expires_in` is in seconds."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  # a scheme, no secret
    expires_in: int
    refresh_token: str | None = Field(
        default=None,
        description="Rotates: good for one refresh, and for 10 seconds more with the same answer.",
    )
    scope: str


class Introspection(Schema):
    """What a token is (RFC 7662, section 2.2): of one that is not good nothing but that."""

    active: bool
    scope: str | None = None
    client_id: str | None = None
    token_type: Literal["Bearer", "refresh_token"] | None = None
    sub: str | None = None
    iss: str | None = None
    aud: str | None = None
    exp: int | None = None
    iat: int | None = None
    jti: str | None = None
