"""The inbox: a message that comes twice has its effect once."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters.inbox.models import HandledMessage


async def record(session: AsyncSession, *, consumer: str, message_id: UUID) -> bool:
    """Record in the transaction of `session` that a message is handled; False where it was already.

    While another transaction that records it is open, this waits for its end: of two deliveries at
    once the second learns what became of the first.
    """
    recorded = (
        insert(HandledMessage)
        .values(consumer=consumer, message_id=message_id)
        .on_conflict_do_nothing()
        .returning(HandledMessage.message_id)
    )
    return (await session.execute(recorded)).first() is not None


async def is_recorded(session: AsyncSession, *, consumer: str, message_id: UUID) -> bool:
    """Tell whether a message is handled, for a consumer that works in many transactions."""
    found = select(HandledMessage.message_id).where(
        HandledMessage.consumer == consumer, HandledMessage.message_id == message_id
    )
    return (await session.execute(found)).first() is not None


async def forget(session: AsyncSession, *, before: datetime, limit: int) -> int:
    """Remove at most `limit` rows of messages handled before a moment; return how many."""
    old = (
        select(HandledMessage.consumer, HandledMessage.message_id)
        .where(HandledMessage.handled_at < before)
        .limit(limit)
    )
    keys = tuple_(HandledMessage.consumer, HandledMessage.message_id)
    removed = await session.execute(
        delete(HandledMessage).where(keys.in_(old)).returning(HandledMessage.message_id)
    )
    return len(removed.all())
