"""Signed tokens: JWT (RFC 7519) with ES256 (RFC 7518), which every verifier knows.

Access tokens keep to RFC 9068: their type is `at+jwt`, so that no other token passes for one.
"""

import base64
from collections.abc import Mapping
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError

from shared.adapters import signing_keys
from shared.adapters.signing_keys import ALGORITHM, CLOCK_SKEW_S, UnknownKeyError

ACCESS_TOKEN = "at+jwt"  # noqa: S105  # a media type, no secret

LONGEST = 4096
"""The characters of a token that is looked at at all."""


class InvalidTokenError(Exception):
    """A token is malformed, not signed by one of the keys, expired, or made for something else."""


async def sign(claims: Mapping[str, Any], *, kind: str = ACCESS_TOKEN) -> str:
    """Return the compact form of a token with these claims, signed by today's key."""
    key = await signing_keys.signing_key()
    header = {"alg": ALGORITHM, "typ": kind, "kid": key.thumbprint()}
    return jwt.encode(header, dict(claims), key, algorithms=[ALGORITHM])


async def verify(
    token: str, *, issuer: str, audience: str, now_s: int, kind: str = ACCESS_TOKEN
) -> Mapping[str, Any]:
    """Return the claims of a token of one kind. `now_s` is the present, in seconds since 1970.

    Raises InvalidTokenError.
    """
    rules = jwt.JWTClaimsRegistry(
        now=now_s,
        leeway=CLOCK_SKEW_S,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": audience},
        sub={"essential": True},
        iat={"essential": True},
        exp={"essential": True},
        jti={"essential": True},
    )
    if len(token) > LONGEST:
        raise InvalidTokenError("the token is too long")
    try:
        header = jws.extract_compact(token.encode()).headers()
        if header.get("typ") != kind:
            raise InvalidTokenError("the token is of another kind")
        key = await signing_keys.verification_key(str(header.get("kid")))
        decoded = jwt.decode(token, key, algorithms=[ALGORITHM])
        rules.validate(decoded.claims)
    except (JoseError, UnknownKeyError, ValueError) as error:
        raise InvalidTokenError(str(error)) from error
    return decoded.claims


def base64url(data: bytes) -> str:
    """Return bytes as text, base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
