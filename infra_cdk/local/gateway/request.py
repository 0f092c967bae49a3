"""An HTTP request as the gateway took it, whole."""

import base64
import secrets
import time
import uuid
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from infra_cdk.local.gateway.headers import Headers
from shared.manifest.gateway import BINARY_MEDIA_TYPES


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request. `path` and `query` are as sent, still encoded; `time` is seconds since 1970."""

    method: str
    path: str
    query: str
    protocol: str
    headers: Headers
    client: str
    port: int
    body: bytes = b""
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    extended_id: str = field(
        default_factory=lambda: base64.urlsafe_b64encode(secrets.token_bytes(11)).decode()
    )
    time: float = field(default_factory=time.time)

    def header(self, name: str) -> str | None:
        """Return the last header of that name, or None."""
        found = [value for each, value in self.headers if each.lower() == name]
        return found[-1] if found else None


def is_binary(media_type: str | None, *, patterns: tuple[str, ...] = BINARY_MEDIA_TYPES) -> bool:
    """Tell whether API Gateway takes a body of this Content-Type for binary.

    A body without one counts as JSON.
    """
    essence = (media_type or "application/json").partition(";")[0].strip().lower()
    return any(fnmatchcase(essence, pattern) for pattern in patterns)
