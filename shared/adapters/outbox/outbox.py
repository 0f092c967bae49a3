"""Adding events: a row in the transaction of the change, and a nudge for the relay after it."""

import json
from collections.abc import Sequence
from itertools import batched
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters import queues
from shared.adapters.database.sessions import after_commit
from shared.adapters.logging import logger
from shared.adapters.metrics import Metric, count
from shared.adapters.outbox import journal
from shared.adapters.outbox.models import OutboxRow, PublicEventRow
from shared.config.messaging import outbox_settings
from shared.core.clock import now
from shared.core.correlation import current
from shared.core.events import Event, PublicEvent, PublicEventsAdded, data_of
from shared.core.ids import new_id

MOST_DATA_BYTES = 40 * 1024
"""Largest data of an event, as JSON in bytes: the Data API returns no row of more than 64 KB."""

MOST_NAMED = 500
"""Events that one `PublicEventsAdded` names: half of `MOST_DATA_BYTES`."""


class EventTooLargeError(ValueError):
    """An event is too large: it shall hold ids and facts, not content."""


def add(session: AsyncSession, event: Event) -> UUID:
    """Add an event to the transaction of `session`; return the event's id.

    Once that transaction is committed, the event is published at least once, after all earlier events
    of its aggregate; a public one stands in the journal, too. Raises UnfitEventError, EventTooLargeError.
    """
    data = _data_of(event)
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
        session.add(PublicEventRow(id=row.id, **_columns_of(event, data=data)))
    after_commit(session, nudge)
    return row.id


async def add_public(session: AsyncSession, events: Sequence[PublicEvent]) -> None:
    """Add many public events by few statements: each stands in the journal, as if added alone.

    On the bus they are a few `PublicEventsAdded`, which name them: whoever else shall get each one of
    them needs `add`. Raises UnfitEventError, EventTooLargeError.
    """
    moment = now().isoformat()
    for some in batched(events, MOST_NAMED, strict=False):
        rows = [_values_of(event, occurred_at=moment) for event in some]
        await journal.add(session, rows)
        add(session, PublicEventsAdded(event_ids=tuple(row["id"] for row in rows)))


def _data_of(event: Event) -> dict[str, Any]:
    data = data_of(event)
    if (size := len(json.dumps(data).encode())) > MOST_DATA_BYTES:
        raise EventTooLargeError(
            f"{event.type} of {event.aggregate} has {size} bytes of at most {MOST_DATA_BYTES}: "
            "let it name the content, and keep that elsewhere"
        )
    return data


def _values_of(event: PublicEvent, *, occurred_at: str) -> dict[str, Any]:
    columns = _columns_of(event, data=_data_of(event))
    owner_id = str(event.owner_id) if event.owner_id else None
    return {**columns, "id": str(new_id()), "owner_id": owner_id, "occurred_at": occurred_at}


def _columns_of(event: PublicEvent, *, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "owner_id": event.owner_id,
        "type": event.public_type,
        "aggregate": event.aggregate,
        "data": data,
    }


async def nudge() -> None:
    """Tell the relay that the outbox has rows.

    That it fails costs a delay at most, for the relay also runs on schedule: it is counted, not raised.
    """
    try:
        await queues.send(outbox_settings().outbox_queue_url, "{}")
    except Exception:  # noqa: BLE001  # whatever it is, the change is committed
        logger().exception("the relay could not be nudged")
        count(Metric.NUDGE_FAILED)
