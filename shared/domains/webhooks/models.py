"""Tables of webhooks: endpoints and their secrets, deliveries and their attempts."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, String, false, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shared.adapters.database.base import Base, Identified, enum_of
from shared.core.clock import now
from shared.core.ids import new_id
from shared.domains.identity.models import User
from shared.domains.webhooks.schemas import (
    AttemptOutcome,
    Cause,
    DeliveryState,
    EndpointState,
    SecretScheme,
    Verification,
)

_CAUSE = enum_of(Cause, name="webhook_cause")


class EndpointRow(Identified, Base):
    """Where an owner's events go. Without an owner it is the installation's, and gets everybody's.

    `sealed_headers` are the owner's own, a JSON object, as `header_names` names them. A removed one stays until its log is gone.
    """

    __tablename__ = "webhook_endpoints"

    owner_id: Mapped[UUID | None] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"))
    url: Mapped[str] = mapped_column(String(2000))
    description: Mapped[str] = mapped_column(default="", server_default="")
    event_types: Mapped[list[str]] = mapped_column(ARRAY(String))
    ordered: Mapped[bool] = mapped_column(default=False, server_default=false())
    header_names: Mapped[list[str]] = mapped_column(
        ARRAY(String), default=list, server_default="{}"
    )
    sealed_headers: Mapped[str | None]
    rate_limit: Mapped[int | None]
    state: Mapped[EndpointState] = mapped_column(
        enum_of(EndpointState, name="webhook_endpoint_state")
    )
    disabled_reason: Mapped[str | None] = mapped_column(String(32))
    disabled_at: Mapped[datetime | None]
    verification: Mapped[Verification] = mapped_column(
        enum_of(Verification, name="webhook_verification")
    )
    challenge: Mapped[str | None] = mapped_column(String(64))
    verified_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1, server_default=text("1"))

    health: Mapped["HealthRow | None"] = relationship(lazy="raise", viewonly=True, uselist=False)

    __table_args__ = (Index("ix_webhook_endpoints_owner", "owner_id", "created_at", "id"),)


class HealthRow(Base):
    """How an endpoint answers: written by every delivery, and so apart from what its owner writes.

    `failures` are those since the last success, which began `failing_since`. Until `open_until` the
    circuit is open and nothing is sent but one probe after it; `interval_ms` is the least time between
    two deliveries that 429, 502 and 504 led to, and `next_at` when the next may be sent.
    """

    __tablename__ = "webhook_health"

    endpoint_id: Mapped[UUID] = mapped_column(
        ForeignKey(EndpointRow.id, ondelete="CASCADE"), primary_key=True
    )
    failures: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    failing_since: Mapped[datetime | None]
    open_until: Mapped[datetime | None]
    interval_ms: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    next_at: Mapped[datetime] = mapped_column(default=now, server_default=func.now())
    succeeded_at: Mapped[datetime | None]


class SecretRow(Identified, Base):
    """What an endpoint's messages are signed with, sealed. `expires_at` ends that of a rotated one."""

    __tablename__ = "webhook_secrets"

    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey(EndpointRow.id, ondelete="CASCADE"))
    scheme: Mapped[SecretScheme] = mapped_column(enum_of(SecretScheme, name="webhook_scheme"))
    sealed: Mapped[str]
    public_key: Mapped[str | None] = mapped_column(String(64))
    expires_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_webhook_secrets_endpoint", "endpoint_id", "created_at", "id"),)


class DeliveryRow(Base):
    """A message for an endpoint, until it is delivered or given up.

    `event_id` is the message's, and so `webhook-id`. `attempts` are those of the schedule that runs,
    `claims` how often a worker took it since the last one that ended. `due_at` is when it may be taken:
    while a worker has it, when that claim ends.
    """

    __tablename__ = "webhook_deliveries"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey(EndpointRow.id, ondelete="CASCADE"))
    event_id: Mapped[UUID]
    event_type: Mapped[str]
    aggregate: Mapped[str]
    sequence: Mapped[int] = mapped_column(BigInteger)
    cause: Mapped[Cause] = mapped_column(_CAUSE)
    state: Mapped[DeliveryState] = mapped_column(
        enum_of(DeliveryState, name="webhook_delivery_state"),
        default=DeliveryState.PENDING,
        server_default=DeliveryState.PENDING.value,
    )
    attempts: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    claims: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    claimed: Mapped[bool] = mapped_column(default=False, server_default=false())
    due_at: Mapped[datetime] = mapped_column(default=now, server_default=func.now())
    created_at: Mapped[datetime] = mapped_column(default=now, server_default=func.now())
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        Index("uq_webhook_deliveries_event", "event_id", "endpoint_id", unique=True),
        Index(
            "ix_webhook_deliveries_due",
            "endpoint_id",
            "due_at",
            postgresql_where=text("state = 'pending'"),
        ),
        Index(
            "ix_webhook_deliveries_pending",
            "endpoint_id",
            "aggregate",
            "sequence",
            postgresql_where=text("state = 'pending'"),
        ),
        Index("ix_webhook_deliveries_endpoint", "endpoint_id", "created_at", "id"),
        Index(
            "ix_webhook_deliveries_finished",
            "finished_at",
            postgresql_where=text("finished_at IS NOT NULL"),
        ),
    )


class AttemptRow(Base):
    """One POST, as the log shows it: bounded, and without what is secret."""

    __tablename__ = "webhook_attempts"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    delivery_id: Mapped[UUID] = mapped_column(ForeignKey(DeliveryRow.id, ondelete="CASCADE"))
    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey(EndpointRow.id, ondelete="CASCADE"))
    event_id: Mapped[UUID]
    event_type: Mapped[str]
    cause: Mapped[Cause] = mapped_column(_CAUSE)
    number: Mapped[int]
    started_at: Mapped[datetime]
    latency_ms: Mapped[int]
    outcome: Mapped[AttemptOutcome] = mapped_column(
        enum_of(AttemptOutcome, name="webhook_attempt_outcome")
    )
    status_code: Mapped[int | None]
    failure: Mapped[str | None] = mapped_column(String(32))
    detail: Mapped[str | None] = mapped_column(String(300))
    request: Mapped[dict[str, Any]] = mapped_column(JSONB)
    response: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    next_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_webhook_attempts_endpoint", "endpoint_id", "started_at", "id"),
        Index("ix_webhook_attempts_delivery", "delivery_id"),
        Index("ix_webhook_attempts_started", "started_at"),
    )
