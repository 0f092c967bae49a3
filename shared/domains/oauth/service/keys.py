"""The public keys of clients, as the library that verifies signatures takes them."""

import base64

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from shared.domains.oauth.schemas import PublicKeys, RsaKey

_SMALLEST_RSA_BITS = 2048


def import_keys(keys: PublicKeys) -> dict[str | None, tuple[str, ECKey | RSAKey]]:
    """Return keys by their `kid`, each with its algorithm. Raises ValueError where one is none, or too small."""
    found: dict[str | None, tuple[str, ECKey | RSAKey]] = {}
    for each in keys.keys:
        members = each.model_dump(exclude_none=True)
        if isinstance(each, RsaKey) and _bits_of(each.n) < _SMALLEST_RSA_BITS:
            raise ValueError("too small a key")
        try:
            key = (ECKey if each.kty == "EC" else RSAKey).import_key(members)
            _ = key.public_key
        except (JoseError, TypeError, ValueError, OverflowError) as error:
            raise ValueError("no such key") from error
        found[each.kid] = (each.alg, key)
    if len(found) < len(keys.keys):
        raise ValueError("several keys need a kid each")
    return found


def _bits_of(number: str) -> int:
    """Return how long a number in base64url is. Raises ValueError."""
    padded = number + "=" * (-len(number) % 4)
    return int.from_bytes(base64.urlsafe_b64decode(padded)).bit_length()
