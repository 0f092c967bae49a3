"""The statement that makes deliveries of events: one call, and a transaction of its own."""

import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

# Of two that do it for one aggregate at once the second waits for the first's locks, and then finds
# nothing left of it: the deliveries of an aggregate are there in the order of its events, and once.
_FAN_OUT = text("""
WITH this AS (
    SELECT aggregate, max(sequence) AS sequence FROM public_events
    WHERE fanned_out_at IS NULL
        AND id IN (SELECT CAST(value AS uuid) FROM jsonb_array_elements_text(CAST(:ids AS jsonb)))
    GROUP BY aggregate
), waiting AS MATERIALIZED (
    SELECT p.sequence, p.id, p.owner_id, p.type, p.aggregate
    FROM public_events p JOIN this ON p.aggregate = this.aggregate AND p.sequence <= this.sequence
    WHERE p.fanned_out_at IS NULL
    ORDER BY p.sequence
    FOR UPDATE OF p
), marked AS (
    UPDATE public_events p SET fanned_out_at = CAST(:at AS timestamptz)
    FROM waiting w WHERE p.sequence = w.sequence
), made AS (
    INSERT INTO webhook_deliveries
        (id, endpoint_id, event_id, event_type, aggregate, sequence, cause, due_at, created_at)
    SELECT gen_random_uuid(), e.id, w.id, w.type, w.aggregate, w.sequence, 'event',
        CAST(:at AS timestamptz), CAST(:at AS timestamptz)
    FROM waiting w JOIN webhook_endpoints e ON e.owner_id = w.owner_id OR e.owner_id IS NULL
    WHERE e.state = 'enabled' AND EXISTS (
        SELECT FROM unnest(e.event_types) AS pattern
        WHERE pattern IN ('*', w.type)
            OR (right(pattern, 2) = '.*' AND starts_with(w.type, left(pattern, -1)))
    )
    ON CONFLICT (event_id, endpoint_id) DO NOTHING
    RETURNING 1
)
SELECT (SELECT count(*) FROM waiting), (SELECT count(*) FROM made)
""")


async def fan_out(
    session: AsyncSession, event_ids: Sequence[UUID], *, at: datetime
) -> tuple[int, int]:
    """Make the deliveries of events, and first those of earlier ones of their aggregates that wait.

    Return how many events that were, and how many deliveries. An event that is no public one, or whose
    deliveries are made, is none.
    """
    ids = json.dumps([str(each) for each in event_ids])
    found = await session.execute(_FAN_OUT, {"ids": ids, "at": at})
    events, deliveries = found.one()
    return events, deliveries
