"""Signed tokens: JWT (RFC 7519) with ES256 (RFC 7518), which every verifier knows."""

from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

ALGORITHM = "ES256"

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""The order of the curve P-256 (FIPS 186-5)."""

_SEED_BYTES = 48

_PURPOSE = b"switchyard access token signing key"


class InvalidTokenError(Exception):
    """A token is malformed, not signed by this key, expired, or made for something else."""


def derive_key(secret: str) -> ECKey:
    """Return the signing key of a secret of high entropy.

    HKDF (RFC 5869) gives its seed, which is longer than the key, so that the remainder favours no key
    (FIPS 186-5, appendix A.2.1).
    """
    derivation = HKDF(algorithm=SHA256(), length=_SEED_BYTES, salt=None, info=_PURPOSE)
    number = int.from_bytes(derivation.derive(secret.encode())) % (_ORDER - 1) + 1
    private = derive_private_key(number, SECP256R1())
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return ECKey.import_key(pem)


def sign(claims: Mapping[str, Any], *, key: ECKey) -> str:
    """Return the compact form of a token with these claims."""
    header = {"alg": ALGORITHM, "typ": "JWT", "kid": key.thumbprint()}
    return jwt.encode(header, dict(claims), key, algorithms=[ALGORITHM])


def verify(token: str, *, key: ECKey, issuer: str, audience: str, now_s: int) -> Mapping[str, Any]:
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
