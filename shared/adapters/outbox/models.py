"""The tables of the outbox and of the journal."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, Integer, false, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.adapters.database.base import Base
from shared.core.clock import now
from shared.core.ids import new_id


class OutboxRow(Base):
    """An event that is not on the bus yet; its row goes when it is.

    `due_at` is when it may be published: at once, or after a back-off, or, while a relay has it, when
    that relay's claim ends. `set_aside_at` says that it was given up: an operator decides.
    """

    __tablename__ = "outbox"

    sequence: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    id: Mapped[UUID] = mapped_column(unique=True, default=new_id)
    type: Mapped[str]
    version: Mapped[int] = mapped_column(Integer)
    aggregate: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    occurred_at: Mapped[datetime] = mapped_column(default=now)
    correlation_id: Mapped[str | None]
    causation_id: Mapped[str | None]
    traceparent: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    due_at: Mapped[datetime] = mapped_column(server_default=func.now())
    set_aside_at: Mapped[datetime | None]
    error: Mapped[str | None]

    __table_args__ = (
        # The oldest of an aggregate is looked up for every row that is claimed.
        Index(
            "ix_outbox_waiting",
            "aggregate",
            "sequence",
            postgresql_where=text("set_aside_at IS NULL"),
        ),
        Index("ix_outbox_due", "due_at", postgresql_where=text("set_aside_at IS NULL")),
    )


class PublicEventRow(Base):
    """A public event in the journal: what webhooks deliver, in its order, and can deliver again.

    It is written in the transaction of the change, as the outbox is, and stays for as long as events are
    kept. `fanned_out_at` is when its deliveries were made; a `trial` was asked for by one endpoint only.
    """

    __tablename__ = "public_events"

    sequence: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    id: Mapped[UUID] = mapped_column(unique=True)
    owner_id: Mapped[UUID | None]
    type: Mapped[str]
    aggregate: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    occurred_at: Mapped[datetime] = mapped_column(default=now)
    trial: Mapped[bool] = mapped_column(default=False, server_default=false())
    fanned_out_at: Mapped[datetime | None]

    __table_args__ = (
        Index(
            "ix_public_events_waiting",
            "aggregate",
            "sequence",
            postgresql_where=text("fanned_out_at IS NULL"),
        ),
        Index("ix_public_events_owner", "owner_id", "occurred_at", "sequence"),
        Index("ix_public_events_occurred", "occurred_at"),
    )
