"""The keys that access tokens are signed with."""

import asyncio
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc.jwk import ECKey

from shared.adapters import secrets
from shared.config.identity import identity_settings

ALGORITHM = "ES256"

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""The order of the curve P-256 (FIPS 186-5)."""

_SEED_BYTES = 48

_PURPOSE = b"switchyard access token signing key"


class UnknownKeyError(LookupError):
    """No key that is in use, or was lately, has this id."""


async def signing_key() -> ECKey:
    """Return the key that signs today."""
    # The first use asks Secrets Manager, which blocks; later ones find the key at hand.
    if not _loaded_key.cache_info().currsize:
        return await asyncio.to_thread(_loaded_key)
    return _loaded_key()


async def verification_key(key_id: str) -> ECKey:
    """Return the key of an id, where tokens that it signed may be good still. Raises UnknownKeyError."""
    key = await signing_key()
    if key.thumbprint() != key_id:
        raise UnknownKeyError("no key has this id")
    return key


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


def forget_keys() -> None:
    """Forget the keys at hand: for tests that change them."""
    _loaded_key.cache_clear()


@cache
def _loaded_key() -> ECKey:
    return derive_key(secrets.read_secret(identity_settings().signing_secret_id))
