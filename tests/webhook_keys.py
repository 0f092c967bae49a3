"""Keys of webhooks that are the same in every process: they stand in the names of tests."""

import hashlib
from base64 import b64encode

from shared.core.webhook_signing import PRIVATE_PREFIX, SECRET_PREFIX


def _key(prefix: str, seed: str) -> str:
    return prefix + b64encode(hashlib.sha256(seed.encode()).digest()).decode()


SECRET, OTHER_SECRET = _key(SECRET_PREFIX, "a secret"), _key(SECRET_PREFIX, "another secret")
PRIVATE, OTHER_PRIVATE = _key(PRIVATE_PREFIX, "a key"), _key(PRIVATE_PREFIX, "another key")
