"""What goes into partners and comes out of them."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import MISSING, AfterValidator, Field, StringConstraints

from shared.core.networks import normalised
from shared.core.schema import Moment, Name, Schema
from shared.core.scopes import Scope
from shared.manifest.plans import PLANS, Period

LONGEST_GRACE_S = 7 * 24 * 3600
"""How long a rotated key may stay good, in seconds."""

MOST_NETWORKS = 16
"""Networks of one key."""

_PLANS = "|".join(plan.name for plan in PLANS)

PlanName = Annotated[
    str, StringConstraints(pattern=rf"^({_PLANS})$"), Field(examples=[PLANS[0].name])
]
"""One of the plans of `shared.manifest.plans`."""

KeyScope = Literal[Scope.ITEMS_READ, Scope.ITEMS_WRITE, Scope.USAGE_READ, Scope.WEBHOOKS]
"""What a key may be allowed: `shared.core.scopes.KEY_SCOPES`, as a client reads it."""


class PartnerState(StrEnum):
    """Whether a partner's keys work: those of a suspended one do not, for the time being."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REMOVED = "removed"


class KeyState(StrEnum):
    """How far a key is in its life, between our database and the gateway."""

    PENDING = "pending"
    """Not at the gateway (yet), and shown to nobody: it becomes active at once, or never."""
    ACTIVE = "active"
    REMOVING = "removing"
    """Ended here, and so good no more; the gateway may still know it."""
    REMOVED = "removed"


class KeyStatus(StrEnum):
    """A key as its partner sees it."""

    ACTIVE = "active"
    RETIRING = "retiring"
    EXPIRED = "expired"
    BROKEN = "broken"
    REVOKED = "revoked"


def _block(text: str) -> str:
    try:
        return normalised(text)
    except ValueError as error:
        raise ValueError("It is no network in CIDR notation.") from error


NetworkBlock = Annotated[
    str,
    StringConstraints(min_length=2, max_length=49),
    AfterValidator(_block),
    Field(examples=["192.0.2.0/24"], json_schema_extra={"format": "cidr"}),
]
"""A network of IPv4 or IPv6 in CIDR notation; a single address is a network of one."""


class Manager(Schema):
    """Who manages partners: an operator all of them, a user those whose admin they are."""

    user_id: UUID
    operator: bool


class PartnerDraft(Schema):
    """A new partner."""

    name: Name
    plan: PlanName
    contact: Name = Field(description="Whom to write to or call: for operators only.")
    admin_id: UUID | None = Field(
        default=None, description="The user who manages the partner's keys on the webapp surface."
    )


class PartnerChange(Schema):
    """New values for some of a partner's fields."""

    name: Name | MISSING = MISSING
    plan: PlanName | MISSING = MISSING
    contact: Name | MISSING = MISSING
    admin_id: UUID | MISSING | None = MISSING
    state: Literal[PartnerState.ACTIVE, PartnerState.SUSPENDED] | MISSING = MISSING


class PartnerFilter(Schema):
    """Which partners."""

    state: Literal[PartnerState.ACTIVE, PartnerState.SUSPENDED] | None = None
    plan: PlanName | None = None


class Partner(Schema):
    """A partner, as operators see it."""

    id: UUID
    name: str
    plan: str
    contact: str
    state: PartnerState
    admin_id: UUID | None
    created_at: datetime
    updated_at: datetime


class OwnPartner(Schema):
    """A partner, as its admin sees it."""

    id: UUID
    name: str
    plan: str
    state: PartnerState
    created_at: datetime


class KeyDraft(Schema):
    """A new key."""

    name: Name
    scopes: tuple[KeyScope, ...] = Field(min_length=1, max_length=4)
    expires_at: Moment | None = Field(default=None, description="Null: it never does.")
    networks: tuple[NetworkBlock, ...] = Field(
        default=(),
        max_length=MOST_NETWORKS,
        description="From where it may be used; from anywhere if there is none.",
    )


class KeyRotation(Schema):
    """How a key is replaced."""

    grace_s: int = Field(
        ge=0,
        le=LONGEST_GRACE_S,
        description="For how many seconds the old key stays good beside the new one.",
    )
    expires_at: Moment | MISSING | None = Field(
        default=MISSING, description="When the new key expires; left out, when the old one would."
    )


class PartnerKey(Schema):
    """A key, without what would let anybody use it."""

    id: UUID
    name: str
    hint: str = Field(description="How the key begins and ends, to recognise it.")
    scopes: tuple[Scope, ...]
    networks: tuple[str, ...]
    status: KeyStatus = Field(
        description="`retiring`: rotated, and good until `good_until`. `broken`: the gateway has lost "
        "it, and only a rotation helps."
    )
    created_at: datetime
    expires_at: datetime | None
    good_until: datetime | None = Field(
        description="When it stops working; null if nothing says so."
    )
    last_used_at: datetime | None = Field(description="To the minute.")
    ended_at: datetime | None


class IssuedKey(PartnerKey):
    """A new key. `key` is told this once, and kept nowhere."""

    key: str = Field(description="Send it as `x-api-key`. It cannot be shown again.")


class KeyHolder(Schema):
    """Who a request with an API key speaks for: a partner, whose things are its account's."""

    partner_id: UUID
    account_id: UUID
    key_id: UUID
    plan: str
    gateway_id: str
    scopes: frozenset[Scope]
    use_is_noted: bool
    """Whether the last use that is on record is of the last minute."""


class PlanUsage(Schema):
    """What a key has used and has left of its plan's quota in the period that runs."""

    plan: str
    rate_per_s: int = Field(description="Requests a second that the key may make in the long run.")
    burst: int = Field(description="Requests that it may make at once.")
    quota: int = Field(description="Requests that it may make in a period.")
    period: Period
    period_start: datetime
    period_end: datetime = Field(
        description="When the quota is whole again: the next period's start."
    )
    used: int
    left: int
    day: date = Field(description="The day, in UTC, up to which requests are counted.")


class Drift(StrEnum):
    """How our database and the gateway may differ."""

    STALE = "stale"
    """A creation broke off: the key is nobody's, and goes."""
    ENDED = "ended"
    """Revoked here, and still at the gateway: it goes there too."""
    EXPIRED = "expired"
    """Past its time: it ends."""
    MISSING = "missing"
    """Good here, and not at the gateway: nobody can bring its value back, and it is marked."""
    FOUND = "found"
    """Was missing, and is there again: the mark goes."""
    MISPLACED = "misplaced"
    """On another plan than its partner, on none, or disabled: it is moved and enabled."""
    UNKNOWN = "unknown"
    """At the gateway, and not here: it goes."""


class Reconciliation(Schema):
    """What a run found, by kind; how much of it was healed, and whether that was all."""

    found: dict[Drift, int]
    healed: dict[Drift, int]
    complete: bool
