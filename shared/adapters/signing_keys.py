"""The keys that access tokens are signed with: a ring of them, read again now and then.

A key that another process began to sign with is met by its unknown id, and asked for at once; at most
every half minute, so that forged ids cost nothing. Where Secrets Manager does not answer, what is known
stays in use, and `SigningKeysStale` counts it.
"""

import secrets as random
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc.jwk import ECKey

from shared.adapters import secrets
from shared.adapters.logging import logger
from shared.adapters.metrics import Metric, count
from shared.config.identity import identity_settings, token_settings
from shared.core.clock import now
from shared.core.errors import ServiceUnavailableError
from shared.core.key_ring import REREAD, KeyRing, MalformedRingError, Rotation

ALGORITHM = "ES256"

CLOCK_SKEW_S = 60
"""How far the clocks of who signs and who verifies may be apart, in seconds."""

RETRY = timedelta(seconds=30)
"""How long a process waits before it asks again, after a failure or for an unknown key."""

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""The order of the curve P-256 (FIPS 186-5)."""

_SEED_BYTES = 48

_SECRET_BYTES = 48

_PURPOSE = b"switchyard access token signing key"


class UnknownKeyError(LookupError):
    """No key that is in use, or was lately, has this id."""


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What this process knows of the ring, since when, and when it asked last."""

    ring: KeyRing
    read_at: datetime
    asked_at: datetime


_known: dict[str, _Known] = {}
"""By secret: there is one at most. A dictionary, so that tests and functions share one way to forget."""


async def signing_key() -> ECKey:
    """Return the key that signs now. Raises ServiceUnavailableError where there never was an answer."""
    return derive_key((await _ring()).signing(at=now()).secret)


async def verification_key(key_id: str) -> ECKey:
    """Return the key of an id, where tokens that it signed may be good still. Raises UnknownKeyError."""
    key = _find(await _ring(), key_id)
    if key is None:
        key = _find(await _ring(wanted=RETRY), key_id)
    if key is None:
        raise UnknownKeyError("no key has this id")
    return key


async def public_keys() -> list[dict[str, Any]]:
    """Return the public parts of all keys that may have signed, or soon will, as JWKs (RFC 7517)."""
    more = {"use": "sig", "alg": ALGORITHM}
    keys = [derive_key(each.secret) for each in (await _ring()).keys]
    return [key.as_dict(private=False, kid=key.thumbprint(), **more) for key in keys]


async def rotate(why: Rotation) -> tuple[KeyRing, bool]:
    """Replace the keys where there is a reason to, and drop those that are done with.

    Return the ring, and whether it has changed.

    Raises botocore's errors, MalformedRingError: then nothing is changed. For one process at a time.
    """
    secret_id = identity_settings().signing_secret_id
    old = KeyRing.read(await secrets.newest_text(secret_id))
    life = timedelta(seconds=token_settings().access_token_s + 2 * CLOCK_SKEW_S)
    fresh = random.token_urlsafe(_SECRET_BYTES)
    ring = old.rotated(why, at=now(), secret=fresh, token_life=life)
    if ring != old:
        await secrets.replace_secret(secret_id, ring.text)
        _known.clear()
        count(Metric.SIGNING_KEYS_ROTATED)
    return ring, ring != old


@cache
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
    _known.clear()
    derive_key.cache_clear()


def _find(ring: KeyRing, key_id: str) -> ECKey | None:
    keys = (derive_key(each.secret) for each in ring.keys)
    return next((key for key in keys if key.thumbprint() == key_id), None)


async def _ring(*, wanted: timedelta = REREAD) -> KeyRing:
    """Return the ring as it was at most so long ago, or as it was last known."""
    secret_id, at = identity_settings().signing_secret_id, now()
    known = _known.get(secret_id)
    if known is None:
        return await _read_first(secret_id, at=at)
    if at - known.read_at < wanted or at - known.asked_at < RETRY:
        return known.ring
    return (await _read_again(secret_id, known=known, at=at)).ring


async def _read_first(secret_id: str, *, at: datetime) -> KeyRing:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        ring = KeyRing.read(await secrets.newest_text(secret_id))
    except (BotoCoreError, ClientError, MalformedRingError) as error:
        # Not the token's fault, whichever it is: what is raised must not pass for a refusal of one.
        logger().exception("the signing keys were not read")
        raise ServiceUnavailableError(
            "The keys of tokens cannot be read: try again soon."
        ) from error
    _known[secret_id] = _Known(ring=ring, read_at=at, asked_at=at)
    return ring


async def _read_again(secret_id: str, *, known: _Known, at: datetime) -> _Known:
    from botocore.exceptions import BotoCoreError, ClientError

    # Noted first: of requests at one time, one asks.
    _known[secret_id] = _Known(ring=known.ring, read_at=known.read_at, asked_at=at)
    try:
        ring = KeyRing.read(await secrets.newest_text(secret_id))
    except (BotoCoreError, ClientError, MalformedRingError):
        logger().warning("the signing keys were not read again", exc_info=True)
        count(Metric.SIGNING_KEYS_STALE)
        return known
    _known[secret_id] = _Known(ring=ring, read_at=at, asked_at=at)
    return _known[secret_id]
