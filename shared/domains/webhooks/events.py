"""What happens to webhooks themselves."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from pydantic import Field

from shared.core.events import PublicEvent
from shared.core.schema import Schema
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

    owner_id: UUID | None = Field(description="Whose endpoint it is; null for the installation's.")
    endpoint_id: UUID = Field(description="Which endpoint.")
    url: str = Field(description="Where it was sent to, without the query.")
    reason: DisabledReason = Field(description="Why it is disabled.")
    since: datetime = Field(description="Since when it failed.")

    @property
    def aggregate(self) -> str:
        """The endpoint."""
        return f"endpoint:{self.endpoint_id}"


class EndpointVerification(Schema):
    """An endpoint shall show that it is its owner's: it answers 2xx, with the challenge as its body.

    Its body is the challenge as text, or JSON with the challenge as `challenge`. It is sent to this one
    endpoint, whatever that asked for, and until it is answered nothing else is.
    """

    public_type: ClassVar[str] = "endpoint.verification"
    example: ClassVar[dict[str, Any]] = {"challenge": "b7e1c2f04a9d4d6f8c35"}

    challenge: str = Field(description="What it answers.")
