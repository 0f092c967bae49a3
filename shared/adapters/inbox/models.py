"""The table of the inbox."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from shared.adapters.database.base import Base
from shared.core.clock import now


class HandledMessage(Base):
    """That a consumer has handled a message: its row is committed with what the message did."""

    __tablename__ = "inbox"

    consumer: Mapped[str] = mapped_column(primary_key=True)
    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    handled_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (Index("ix_inbox_handled_at", "handled_at"),)
