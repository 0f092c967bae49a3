"""Adding events: a row in the transaction of the change, and a nudge for the relay after it."""

import json
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters import queues
from shared.adapters.database.sessions import after_commit
from shared.adapters.logging import logger
from shared.adapters.metrics import Metric, count
from shared.adapters.outbox.models import OutboxRow, PublicEventRow
from shared.config.messaging import outbox_settings
from shared.core.correlation import current
from shared.core.events import Event, PublicEvent
from shared.core.ids import new_id

MOST_DATA_BYTES = 40 * 1024
"""Largest data of an event, as JSON in bytes: the Data API returns no row of more than 64 KB."""


class EventTooLargeError(ValueError):
    """An event is too large: it shall hold ids and facts, not content."""


def add(session: AsyncSession, event: Event) -> UUID:
    """Add an event to the transaction of `session`; return the event's id.

    Once that transaction is committed, the event is published at least once, after all earlier events
    of its aggregate; a public one stands in the journal, too. Raises EventTooLargeError.
    """
    data = event.model_dump(mode="json")
    if (size := len(json.dumps(data).encode())) > MOST_DATA_BYTES:
        raise EventTooLargeError(
            f"{event.type} of {event.aggregate} has {size} bytes of at most {MOST_DATA_BYTES}: "
            "let it name the content, and keep that elsewhere"
        )
    correlation = current()
    row = OutboxRow(
        id=new_id(),
        type=event.type,
        version=event.version,
        aggregate=event.aggregate,
        data=data,
        correlation_id=correlation.request_id if correlation else None,
        causation_id=correlation.causation_id if correlation else None,
        traceparent=correlation.traceparent if correlation else None,
    )
    session.add(row)
    if isinstance(event, PublicEvent):
        session.add(_journal_row(event, event_id=row.id, data=data))
    after_commit(session, nudge)
    return row.id


def _journal_row(event: PublicEvent, *, event_id: UUID, data: dict[str, Any]) -> PublicEventRow:
    return PublicEventRow(
        id=event_id,
        owner_id=event.owner_id,
        type=event.public_type,
        aggregate=event.aggregate,
        data=data,
    )


async def nudge() -> None:
    """Tell the relay that the outbox has rows.

    That it fails costs a delay at most, for the relay also runs on schedule: it is counted, not raised.
    """
    try:
        await queues.send(outbox_settings().outbox_queue_url, "{}")
    except Exception:  # noqa: BLE001  # whatever it is, the change is committed
        logger().exception("the relay could not be nudged")
        count(Metric.NUDGE_FAILED)
