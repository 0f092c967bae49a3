"""What goes into webhooks and comes out of them."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import MISSING, Field, StrictBool, StringConstraints

from shared.core.schema import WHOLE, Moment, Schema

MOST_ENDPOINTS = 50
"""Endpoints of one owner."""

MOST_SECRETS = 5
"""Secrets of one scheme that sign at once."""

MOST_QUEUED = 10_000
"""Messages that one request has sent again: a statement of the Data API does them in a second or two."""

MOST_HEADERS = 10
"""Headers of the owner's own that an endpoint is sent."""

LONGEST_OVERLAP_S = 7 * 24 * 3600
"""How long a rotated secret may still sign beside the new one, in seconds."""


class EndpointState(StrEnum):
    """Whether an endpoint is sent anything."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    UNVERIFIED = "unverified"
    """It is sent its verification only, until it has answered that."""
    REMOVED = "removed"


class DisabledReason(StrEnum):
    """Why an endpoint is disabled."""

    BY_OWNER = "by_owner"
    GONE = "gone"
    """It answered 410."""
    FAILING = "failing"
    """Nothing was delivered for five days."""


class Verification(StrEnum):
    """How an endpoint shows that it is its owner's, before it is sent anything else."""

    NONE = "none"
    CHALLENGE = "challenge"
    """It answers a message of the type `endpoint.verification` by the challenge in its data."""
    TEST_EVENT = "test_event"
    """It answers a test event by any 2xx."""


class SecretScheme(StrEnum):
    """How a secret signs (Standard Webhooks 1.0.0, signature schemes)."""

    V1 = "v1"
    """HMAC-SHA256, by a secret that both have."""
    V1A = "v1a"
    """Ed25519, whose public key verifies."""


class DeliveryState(StrEnum):
    """How far a delivery is."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    """Every attempt of the schedule failed: it can be sent again."""
    DROPPED = "dropped"
    """Its endpoint was disabled or removed before it was delivered: it can be sent again likewise."""


class Cause(StrEnum):
    """Why a delivery is made."""

    EVENT = "event"
    RESEND = "resend"
    REPLAY = "replay"
    TEST = "test"
    VERIFICATION = "verification"


class AttemptOutcome(StrEnum):
    """Whether an attempt delivered: any status of 2xx does."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"


EventPattern = Annotated[
    str,
    StringConstraints(max_length=128, pattern=r"^(\*|[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*(\.\*)?)$"),
    Field(examples=["item.*"]),
]
"""An event type (`item.created`), all below a prefix (`item.*`), or all (`*`)."""

EventTypeName = Annotated[
    str,
    StringConstraints(max_length=128, pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$"),
    Field(examples=["item.created"]),
]
"""An event type."""

EndpointUrl = Annotated[
    str,
    StringConstraints(min_length=9, max_length=2000, pattern=r"^https?://[\x21-\x7e]+$"),
    Field(examples=["https://example.com/webhooks"], json_schema_extra={"format": "uri"}),
]
"""Where messages are posted: https, a public name, and one of the ports that are allowed."""

_HEADER_NAME = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"
_LONGEST_HEADER_NAME = 64

HeaderName = Annotated[
    str, StringConstraints(max_length=_LONGEST_HEADER_NAME, pattern=_HEADER_NAME)
]
HeaderValue = Annotated[
    str,
    StringConstraints(max_length=1000, pattern=r"^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$"),
]

Headers = Annotated[
    dict[HeaderName, HeaderValue],
    Field(
        max_length=MOST_HEADERS,
        description="Sent with each message.",
        # Else a client could read that a name of any other form may have any value.
        json_schema_extra={
            "propertyNames": {"maxLength": _LONGEST_HEADER_NAME, "pattern": _HEADER_NAME}
        },
    ),
]

Description = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")]

RateLimit = Annotated[int, Field(ge=1, le=1000), WHOLE]
"""Deliveries a second at most."""


class Owner(Schema):
    """Whose endpoints: a user's or a partner's, by its account; the installation's without one.

    `actor_id` is who acts for it, where that is somebody else: the audit trail names them.
    """

    owner_id: UUID | None
    actor_id: UUID | None = None


INSTALLATION = Owner(owner_id=None)
"""The operators' endpoints: they are sent the events of everybody."""


class EndpointDraft(Schema):
    """A new endpoint."""

    url: EndpointUrl
    event_types: tuple[EventPattern, ...] = Field(min_length=1, max_length=50)
    description: Description = ""
    ordered: StrictBool = Field(
        default=False,
        description="Send the events about one thing strictly in their order: one that fails holds "
        "the later ones about the same thing back.",
    )
    headers: Headers = Field(default_factory=dict)
    rate_limit: RateLimit | None = Field(default=None, description="Deliveries a second at most.")
    enabled: StrictBool = True
    verification: Verification = Verification.NONE
    schemes: tuple[SecretScheme, ...] = Field(
        default=(SecretScheme.V1,), min_length=1, max_length=2, description="How to sign."
    )


class EndpointChange(Schema):
    """New values for some of an endpoint's fields."""

    url: EndpointUrl | MISSING = MISSING
    event_types: (
        Annotated[tuple[EventPattern, ...], Field(min_length=1, max_length=50)] | MISSING
    ) = MISSING
    description: Description | MISSING = MISSING
    ordered: StrictBool | MISSING = MISSING
    headers: Headers | MISSING = MISSING
    rate_limit: RateLimit | MISSING | None = MISSING
    enabled: StrictBool | MISSING = MISSING


class EndpointFilter(Schema):
    """Which endpoints."""

    state: (
        Literal[EndpointState.ENABLED, EndpointState.DISABLED, EndpointState.UNVERIFIED] | None
    ) = None


class EndpointHealth(Schema):
    """How an endpoint answers."""

    failures: int = Field(description="Failed attempts since the last success.")
    failing_since: datetime | None
    succeeded_at: datetime | None = Field(description="The last success.")
    paused_until: datetime | None = Field(
        description="It failed too often: until then nothing is sent, and then one message first."
    )


class Endpoint(Schema):
    """Where events go."""

    id: UUID
    url: str
    description: str
    event_types: tuple[str, ...]
    ordered: bool
    header_names: tuple[str, ...] = Field(description="Of the headers; their values are not shown.")
    rate_limit: int | None
    state: EndpointState
    disabled_reason: DisabledReason | None
    disabled_at: datetime | None
    verification: Verification
    verified_at: datetime | None
    health: EndpointHealth
    created_at: datetime
    updated_at: datetime


class Secret(Schema):
    """What messages are signed with, without what would let anybody sign."""

    id: UUID
    scheme: SecretScheme
    public_key: str | None = Field(description="Of v1a (`whpk_`): it verifies, and is no secret.")
    created_at: datetime
    expires_at: datetime | None = Field(description="Until when it signs beside its successor.")


class NewSecret(Secret):
    """A new secret. `secret` is told this once: v1's `whsec_`; null for v1a, whose own stays here."""

    secret: str | None = Field(description="It cannot be shown again.")


class CreatedEndpoint(Endpoint):
    """A new endpoint with its secrets, which are told this once."""

    secrets: tuple[NewSecret, ...]


class SecretRotation(Schema):
    """How a secret is replaced."""

    scheme: SecretScheme = SecretScheme.V1
    overlap_s: Annotated[int, Field(ge=0, le=LONGEST_OVERLAP_S), WHOLE] = Field(
        default=24 * 3600,
        description="For how many seconds messages are signed by the old secret as well.",
    )
    all_schemes: StrictBool = Field(
        default=False,
        description="Replace the secrets of the other scheme, too: the endpoint changes to this one.",
    )


class AttemptFilter(Schema):
    """Which attempts."""

    outcome: AttemptOutcome | None = None
    event_type: EventTypeName | None = None
    message_id: UUID | None = None
    since: Moment | None = None
    until: Moment | None = None


class Attempt(Schema):
    """One POST of a message to an endpoint."""

    id: UUID
    message_id: UUID = Field(description="The `webhook-id`: the same in every attempt.")
    event_type: str
    cause: Cause
    number: int = Field(description="Which attempt of the schedule, from 1.")
    started_at: datetime
    latency_ms: int
    outcome: AttemptOutcome
    status_code: int | None
    failure: str | None = Field(description="Why no answer came: `timed_out`, `refused_address`...")
    detail: str | None
    next_at: datetime | None = Field(description="When the message is tried again.")


class AttemptDetails(Attempt):
    """An attempt, with what was sent and what was answered: bounded, and without what is secret."""

    request: dict[str, Any]
    response: dict[str, Any] | None


class Message(Schema):
    """A message's body, whole: also where it was too large to be sent so."""

    id: UUID = Field(description="The `webhook-id`.")
    type: EventTypeName
    timestamp: datetime = Field(description="When it happened.")
    data: dict[str, Any]


class TestRequest(Schema):
    """Which example is sent."""

    event_type: EventTypeName


class Resend(Schema):
    """Which messages are sent again: those that were given up, by when they were to be sent first."""

    since: Moment


class Replay(Schema):
    """Which messages are sent again, delivered before or not, by when their events happened."""

    since: Moment
    until: Moment
    event_types: tuple[EventPattern, ...] = Field(
        default=("*",),
        min_length=1,
        max_length=50,
        description="Which of the types that the endpoint asks for: it is sent no others.",
    )


class Queued(Schema):
    """How many messages are sent (again); they keep their ids."""

    messages: int
    continue_from: datetime | None = Field(
        description="Null where these are all. Else there are more than one request takes: "
        "send it again, with this as `since`."
    )


class SentTest(Schema):
    """A test that is on its way: its attempts are in the log."""

    message_id: UUID


class StatisticsQuery(Schema):
    """Over which time."""

    hours: int = Field(
        default=24, ge=1, le=30 * 24, description="The last ones, this one included."
    )


class Hour(Schema):
    """The attempts of an hour."""

    hour: datetime
    succeeded: int
    failed: int


class Statistics(Schema):
    """How an endpoint's deliveries went, hour by hour, and how many wait."""

    pending: int
    hours: tuple[Hour, ...]


class EventType(Schema):
    """A type of the catalogue."""

    name: str
    description: str
    json_schema: dict[str, Any] = Field(description="JSON Schema 2020-12 of a message's body.")
    example: dict[str, Any] = Field(description="A message's body.")
