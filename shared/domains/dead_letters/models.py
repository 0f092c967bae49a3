"""Tables of dead letters."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, func, text
from sqlalchemy.orm import Mapped, column_property, mapped_column

from shared.adapters.database.base import Base, Identified, enum_of
from shared.domains.dead_letters.schemas import PREVIEW_CHARACTERS, DeadLetterState


class DeadLetter(Identified, Base):
    """A message that its consumer gave up on, as it was in the queue.

    `message_id` is SQS's: one that is stored twice is one. `sent_at` is when it was first sent. `body`
    and `attributes`, JSON as text, may have a megabyte, and a row of the Data API 64 KB: they are read
    in pieces, and no row brings them along.
    """

    __tablename__ = "dead_letters"

    queue: Mapped[str]
    message_id: Mapped[str] = mapped_column(unique=True)
    body: Mapped[str] = mapped_column(deferred=True, deferred_raiseload=True)
    escaped: Mapped[bool]
    attributes: Mapped[str] = mapped_column(deferred=True, deferred_raiseload=True)
    event_type: Mapped[str | None]
    event_id: Mapped[UUID | None]
    sent_at: Mapped[datetime]
    receives: Mapped[int]
    state: Mapped[DeadLetterState] = mapped_column(
        enum_of(DeadLetterState, name="dead_letter_state"),
        default=DeadLetterState.DEAD,
        server_default=DeadLetterState.DEAD.value,
    )
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[UUID | None]
    reason: Mapped[str | None]

    preview: Mapped[str] = column_property(func.left(body, PREVIEW_CHARACTERS))
    size_bytes: Mapped[int] = column_property(func.octet_length(body))
    characters: Mapped[int] = column_property(func.char_length(attributes) + func.char_length(body))
    """How long its attributes and its body are together."""

    __table_args__ = (
        Index("ix_dead_letters_queue", "queue", "created_at", "id"),
        Index(
            "ix_dead_letters_waiting",
            "queue",
            "created_at",
            "id",
            postgresql_where=text("state = 'dead'"),
        ),
    )
