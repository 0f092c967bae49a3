"""What happens to webhooks themselves."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from shared.core.events import PublicEvent
from shared.domains.webhooks.schemas import DisabledReason


class EndpointDisabled(PublicEvent):
    """An endpoint is sent nothing any more, for it answered that it is gone or nothing for days.

    `url` is without its query, where some keep a token. The installation's endpoints have no owner.
    """

    type: ClassVar[str] = "webhooks.endpoint_disabled"
    public_type: ClassVar[str] = "endpoint.disabled"
    example: ClassVar[dict[str, Any]] = {
        "owner_id": "019ab8f0-0000-7000-8000-000000000001",
        "endpoint_id": "019ab8f0-0000-7000-8000-000000000002",
        "url": "https://example.com/webhooks",
        "reason": "failing",
        "since": "2026-01-01T00:00:00Z",
    }

    owner_id: UUID | None  # type: ignore[assignment]  # narrower elsewhere: the installation's has none
    endpoint_id: UUID
    url: str
    reason: DisabledReason
    since: datetime
    """Since when it failed."""

    @property
    def aggregate(self) -> str:
        """The endpoint."""
        return f"endpoint:{self.endpoint_id}"
