"""ID tokens: who a provider says that a user is, believed only after every check of the specification."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError

from shared.adapters.openid.discovery import Metadata, keys_of
from shared.adapters.openid.http import ProviderRefusedError
from shared.core.clock import now

LEEWAY_S = 60
"""How far the provider's clock and this one may be apart, in seconds."""

ALGORITHMS = {"RS256", "PS256", "ES256"}
"""The signatures that are verified at all: no symmetric one, and none that is none. All hash by SHA-256."""

LONGEST = 16 * 1024
"""The characters of a token that is looked at at all."""


async def claims_of(
    token: str, *, metadata: Metadata, client_id: str, nonce: str, access_token: str
) -> Mapping[str, Any]:
    """Return the claims of an ID token (OpenID Connect Core 1.0, section 3.1.3.7).

    Raises ProviderRefusedError where one check fails, ProviderFailedError where the keys cannot be had.
    """
    if len(token) > LONGEST:
        raise ProviderRefusedError("the ID token is too long")
    try:
        claims = await _verified(token, metadata=metadata)
        _rules(metadata, client_id=client_id, nonce=nonce).validate(dict(claims))
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise ProviderRefusedError(f"the ID token is not valid: {type(error).__name__}") from None
    _require_party(claims, client_id=client_id)
    _require_hash(claims, access_token=access_token)
    return claims


async def _verified(token: str, *, metadata: Metadata) -> Mapping[str, Any]:
    allowed = sorted(ALGORITHMS & set(metadata.id_token_signing_alg_values_supported))
    key_id = jws.extract_compact(token.encode()).headers().get("kid")
    keys = await keys_of(metadata, key_id=None if key_id is None else str(key_id))
    if len(keys) != 1:
        raise ProviderRefusedError("no one key of the provider has the ID token's id")
    claims: Mapping[str, Any] = jwt.decode(token, keys[0].key, algorithms=allowed).claims
    return claims


def _rules(metadata: Metadata, *, client_id: str, nonce: str) -> jwt.JWTClaimsRegistry:
    return jwt.JWTClaimsRegistry(
        now=int(now().timestamp()),
        leeway=LEEWAY_S,
        iss={"essential": True, "value": metadata.issuer},
        aud={"essential": True, "value": client_id},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
        nonce={"essential": True, "value": nonce},
    )


def _require_party(claims: Mapping[str, Any], *, client_id: str) -> None:
    # Steps 3 to 5: a token that is for others, too, must say that it was made for this client.
    audience, party = claims["aud"], claims.get("azp")
    alone = audience in (client_id, [client_id])
    if not alone and party is None:
        raise ProviderRefusedError("the ID token is for several, and does not say for whom")
    if party not in (None, client_id):
        raise ProviderRefusedError("the ID token was made for another client")


def _require_hash(claims: Mapping[str, Any], *, access_token: str) -> None:
    # Section 3.1.3.8: it binds the access token that came with it.
    if "at_hash" not in claims:
        return
    half = hashlib.sha256(access_token.encode()).digest()[:16]
    wanted = base64.urlsafe_b64encode(half).rstrip(b"=")
    if not hmac.compare_digest(wanted, str(claims["at_hash"]).encode()):
        raise ProviderRefusedError("the ID token belongs to another access token")
