"""The body of a webhook: the same bytes in every attempt.

Source: Standard Webhooks 1.0.0, "Payload structure" and "Payload size".
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

MOST_BYTES = 20 * 1024
"""Largest body that is sent whole; of a larger message only its ids are, and where to get the rest."""

PLACE = "/v2/webapp/webhooks/messages/"
"""Where the owner of an event gets a message whole, by its id."""

OPERATORS_PLACE = "/v2/infrastructure/webhooks/messages/"
"""Where operators do, who have what is sent to the installation's endpoints."""

_LONGEST_ID = 200


def body_of(type_: str, occurred_at: datetime, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of a message, whole."""
    moment = occurred_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return {"type": type_, "timestamp": moment, "data": dict(data)}


def encode(body: Mapping[str, Any]) -> bytes:
    """Return a body as it is signed and sent: compact JSON, in UTF-8."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def thin_body(body: Mapping[str, Any], *, url: str) -> bytes:
    """Return what is sent of a body that is too large: its ids, and the URL of the whole."""
    data = {name: value for name, value in body["data"].items() if _is_id(name, value)}
    return encode({**body, "data": {**data, "url": url}})


def _is_id(name: str, value: object) -> bool:
    return (name == "id" or name.endswith("_id")) and (
        value is None or (isinstance(value, str) and len(value) <= _LONGEST_ID)
    )
