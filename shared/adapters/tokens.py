"""Signed tokens: JWT (RFC 7519) with Ed25519 (RFC 9864)."""

from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

ALGORITHM = "Ed25519"

_PURPOSE = b"switchyard access token signing key"


class InvalidTokenError(Exception):
    """A token is malformed, not signed by this key, expired, or made for something else."""


def derive_key(secret: str) -> OKPKey:
    """Return the signing key of a secret of high entropy: HKDF (RFC 5869) gives its seed."""
    seed = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(secret.encode())
    private = Ed25519PrivateKey.from_private_bytes(seed)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return OKPKey.import_key(pem)


def sign(claims: Mapping[str, Any], *, key: OKPKey) -> str:
    """Return the compact form of a token with these claims."""
    header = {"alg": ALGORITHM, "typ": "JWT", "kid": key.thumbprint()}
    return jwt.encode(header, dict(claims), key, algorithms=[ALGORITHM])


def verify(token: str, *, key: OKPKey, issuer: str, audience: str, now_s: int) -> Mapping[str, Any]:
    """Return the claims of a token. `now_s` is the present, in seconds since 1970.

    Raises InvalidTokenError.
    """
    rules = jwt.JWTClaimsRegistry(
        now=now_s,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": audience},
        sub={"essential": True},
        exp={"essential": True},
    )
    try:
        decoded = jwt.decode(token, key, algorithms=[ALGORITHM])
        rules.validate(decoded.claims)
    except (JoseError, ValueError) as error:
        raise InvalidTokenError(str(error)) from error
    return decoded.claims
