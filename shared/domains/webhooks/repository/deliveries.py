"""The statements of the worker of webhooks: claiming what is due, and keeping what came of it.

Each is one call, for by the Data API calls are what takes time; and each takes or keeps many rows.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

INLINE_BYTES = 8_000
"""Of larger events the data is read apart: the Data API answers 1 MiB at most, a claim is many rows."""

_FIRST = UUID(int=0)

# `waiting`: the endpoints that have anything pending, from the one after the last that was served, so that
# each has its turn however many there are. Of an index they are found one by one, past
# all that one of them has waiting. `turns` locks the health of those that may be sent something: what
# a pace or a probe allows is given to one worker only; who finds it locked passes by.
# Each may take its share of the limit only: what was locked and is left over would cost for nothing.
# An ordered endpoint is sent the oldest of what waits of an aggregate, and not while another of it is
# on its way (one that was sent again by hand may be older than that).
_CLAIM = text("""
WITH RECURSIVE waiting(endpoint_id, place) AS (
    (SELECT d.endpoint_id, 1 FROM webhook_deliveries d
        WHERE d.state = 'pending' AND d.endpoint_id > CAST(:after AS uuid)
        ORDER BY d.endpoint_id LIMIT 1)
    UNION ALL
    SELECT n.endpoint_id, w.place + 1 FROM waiting w CROSS JOIN LATERAL (
        SELECT d.endpoint_id FROM webhook_deliveries d
        WHERE d.state = 'pending' AND d.endpoint_id > w.endpoint_id
        ORDER BY d.endpoint_id LIMIT 1
    ) n
    WHERE w.place < :window
), turns AS MATERIALIZED (
    SELECT e.id, e.ordered, e.state, e.version,
        greatest(h.next_at, CAST(:at AS timestamptz)) AS start,
        CAST(greatest(h.interval_ms, coalesce(1000.0 / e.rate_limit, 0)) AS double precision)
            AS pace_ms,
        h.open_until IS NOT NULL AS probing,
        h.failures = 0 AND h.failing_since IS NULL AND h.open_until IS NULL AND h.interval_ms = 0
            AS sound,
        CASE WHEN h.open_until IS NOT NULL THEN 1
            WHEN h.failures > 0 OR h.succeeded_at IS NULL THEN CAST(:careful AS integer)
            ELSE CAST(:most AS integer) END AS most
    FROM webhook_health h JOIN webhook_endpoints e ON e.id = h.endpoint_id
    WHERE h.endpoint_id IN (SELECT w.endpoint_id FROM waiting w)
        AND e.state IN ('enabled', 'unverified')
        AND (h.open_until IS NULL OR h.open_until <= CAST(:at AS timestamptz))
        AND h.next_at <= CAST(:soon AS timestamptz)
    FOR UPDATE OF h SKIP LOCKED
), picked AS MATERIALIZED (
    SELECT d.id, d.turn, t.id AS endpoint_id, t.start, t.pace_ms, t.probing, t.sound, t.version
    FROM turns t CROSS JOIN LATERAL (
        SELECT r.id, row_number() OVER (ORDER BY r.due_at, r.sequence) AS turn FROM (
            SELECT d.id, d.due_at, d.sequence FROM webhook_deliveries d
            WHERE d.endpoint_id = t.id AND d.state = 'pending'
                AND d.due_at <= CAST(:at AS timestamptz)
                AND (t.state = 'enabled' OR d.cause = 'verification')
                AND (NOT t.ordered OR NOT EXISTS (
                    SELECT FROM webhook_deliveries o
                    WHERE o.endpoint_id = d.endpoint_id AND o.aggregate = d.aggregate
                        AND o.state = 'pending' AND o.id <> d.id
                        AND (o.sequence < d.sequence
                            OR (o.claimed AND o.due_at > CAST(:at AS timestamptz)))
                ))
            ORDER BY d.due_at, d.sequence
            LIMIT least(
                ceil(CAST(:limit AS double precision) / (SELECT count(*) FROM turns)),
                greatest(t.most - (SELECT count(*) FROM (
                    SELECT FROM webhook_deliveries f
                    WHERE f.endpoint_id = t.id AND f.state = 'pending' AND f.claimed
                        AND f.due_at > CAST(:at AS timestamptz)
                        AND f.due_at <= CAST(:until AS timestamptz)
                    LIMIT t.most
                ) flying), 0),
                CASE WHEN t.pace_ms > 0 THEN greatest(1 + floor(1000 * extract(
                    epoch FROM CAST(:soon AS timestamptz) - t.start
                ) / t.pace_ms), 0) ELSE t.most END
            )
            FOR UPDATE SKIP LOCKED
        ) r
    ) d
    ORDER BY d.turn, t.id
    LIMIT CAST(:limit AS integer)
), taken AS (
    UPDATE webhook_deliveries d
    SET claims = d.claims + 1, claimed = true, due_at = CAST(:until AS timestamptz)
    FROM picked p
    WHERE d.id = p.id AND d.state = 'pending' AND d.due_at <= CAST(:at AS timestamptz)
    RETURNING d.id, d.endpoint_id, d.event_id, d.event_type, d.cause, d.attempts, d.claims,
        d.created_at, p.turn, p.start, p.pace_ms, p.sound, p.version
), paced AS (
    UPDATE webhook_health h
    SET next_at = p.start + p.sent * p.pace_ms * interval '1 millisecond',
        open_until = CASE WHEN p.probing THEN CAST(:until AS timestamptz) ELSE h.open_until END
    FROM (
        SELECT endpoint_id, start, pace_ms, probing, count(*) AS sent FROM picked
        WHERE pace_ms > 0 OR probing GROUP BY endpoint_id, start, pace_ms, probing
    ) p
    WHERE h.endpoint_id = p.endpoint_id
)
SELECT s.seen, s.ready, s.last, t.turn, t.id, t.endpoint_id, t.event_id, t.event_type, CAST(t.cause AS text) AS cause,
    t.attempts, t.claims, t.created_at, t.sound, t.version,
    CAST(1000 * extract(epoch FROM t.start - CAST(:at AS timestamptz)) + (t.turn - 1) * t.pace_ms
        AS double precision) AS wait_ms,
    p.owner_id, p.occurred_at,
    CASE WHEN octet_length(CAST(p.data AS text)) <= :inline THEN CAST(p.data AS text) END AS data,
    (SELECT concat(count(*), ' ', max(x.created_at)) FROM webhook_secrets x
        WHERE x.endpoint_id = t.endpoint_id
            AND (x.expires_at IS NULL OR x.expires_at > CAST(:at AS timestamptz))) AS secrets_mark
FROM (
    SELECT (SELECT count(*) FROM waiting) AS seen, (SELECT count(*) FROM turns) AS ready,
        (SELECT w.endpoint_id FROM waiting w ORDER BY w.place DESC LIMIT 1) AS last
) s LEFT JOIN taken t ON true LEFT JOIN public_events p ON p.id = t.event_id
ORDER BY t.turn, t.endpoint_id
""")

_SETTLE = """
WITH given AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(CAST(:results AS jsonb)) AS g(
        delivery_id uuid, lease timestamptz, state text, attempts integer, due_at timestamptz,
        finished_at timestamptz, tried boolean, attempt_id uuid, number integer,
        started_at timestamptz, latency_ms integer, outcome text, status_code integer,
        failure text, detail text, request jsonb, response jsonb
    )
), present AS MATERIALIZED (
    SELECT d.id, d.endpoint_id, d.event_id, d.event_type, d.cause, d.state, d.claimed, d.due_at
    FROM webhook_deliveries d WHERE d.id IN (SELECT delivery_id FROM given)
    ORDER BY d.id FOR UPDATE OF d
), settled AS (
    UPDATE webhook_deliveries d
    SET state = CASE
            WHEN g.state = 'pending' AND e.state IN ('disabled', 'removed')
                THEN CAST('dropped' AS webhook_delivery_state)
            ELSE CAST(g.state AS webhook_delivery_state) END,
        attempts = g.attempts, claims = 0, claimed = false, due_at = coalesce(g.due_at, d.due_at),
        finished_at = CASE
            WHEN g.state = 'pending' AND e.state IN ('disabled', 'removed')
                THEN g.started_at ELSE g.finished_at END
    FROM given g JOIN present p ON p.id = g.delivery_id
        JOIN webhook_endpoints e ON e.id = p.endpoint_id
    WHERE d.id = p.id AND p.state = 'pending' AND p.claimed AND p.due_at = g.lease
    RETURNING d.id
), logged AS (
    INSERT INTO webhook_attempts
        (id, delivery_id, endpoint_id, event_id, event_type, cause, number, started_at, latency_ms,
        outcome, status_code, failure, detail, request, response, next_at)
    SELECT g.attempt_id, p.id, p.endpoint_id, p.event_id, p.event_type, p.cause, g.number,
        g.started_at, g.latency_ms, CAST(g.outcome AS webhook_attempt_outcome), g.status_code,
        g.failure, g.detail, g.request, g.response,
        CASE WHEN g.state = 'pending' THEN g.due_at END
    FROM given g JOIN present p ON p.id = g.delivery_id WHERE g.tried
    ON CONFLICT (id) DO NOTHING
), well AS (
    UPDATE webhook_health h
    SET failures = 0, failing_since = NULL, open_until = NULL, succeeded_at = s.at
    FROM (
        SELECT i.endpoint_id, l.at FROM webhook_health i JOIN (
            SELECT p.endpoint_id, max(g.started_at) AS at
            FROM given g JOIN present p ON p.id = g.delivery_id
            WHERE g.outcome = 'succeeded' AND :wholly GROUP BY p.endpoint_id
        ) l ON l.endpoint_id = i.endpoint_id
        WHERE i.failures > 0 OR i.succeeded_at IS NULL
            OR i.succeeded_at < l.at - interval '5 seconds'
        ORDER BY i.endpoint_id FOR UPDATE OF i
    ) s
    WHERE h.endpoint_id = s.endpoint_id
)
SELECT count(*) FROM settled
"""
"""`claims` would not name a claim, for each outcome ends its count: the moment of its lease does."""

_SETTLE_STATEMENT = text(_SETTLE)

_NEXT = text("""
WITH RECURSIVE waiting(endpoint_id) AS (
    (SELECT d.endpoint_id FROM webhook_deliveries d WHERE d.state = 'pending'
        ORDER BY d.endpoint_id LIMIT 1)
    UNION ALL
    SELECT (SELECT d.endpoint_id FROM webhook_deliveries d
        WHERE d.state = 'pending' AND d.endpoint_id > w.endpoint_id
        ORDER BY d.endpoint_id LIMIT 1)
    FROM waiting w WHERE w.endpoint_id IS NOT NULL
)
SELECT min(greatest(f.due_at, h.next_at, coalesce(h.open_until, f.due_at)))
FROM waiting w JOIN webhook_health h ON h.endpoint_id = w.endpoint_id
    JOIN webhook_endpoints e ON e.id = w.endpoint_id
    CROSS JOIN LATERAL (
        SELECT d.due_at FROM webhook_deliveries d
        WHERE d.endpoint_id = w.endpoint_id AND d.state = 'pending'
            AND (NOT d.claimed OR d.due_at <= CAST(:at AS timestamptz))
            AND (e.state = 'enabled' OR d.cause = 'verification')
            AND (NOT e.ordered OR NOT EXISTS (
                SELECT FROM webhook_deliveries o
                WHERE o.endpoint_id = d.endpoint_id AND o.aggregate = d.aggregate
                    AND o.state = 'pending' AND o.sequence < d.sequence
            ))
        ORDER BY d.due_at LIMIT 1
    ) f
WHERE e.state IN ('enabled', 'unverified')
""")


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What a claim may take: `limit` rows; of an endpoint `most` on their way at once, by all workers.

    Of one that fails, or never succeeded, `careful`. `ahead` is how long a row may wait with its worker
    for the endpoint's pace, `window` how many endpoints are looked at.
    """

    limit: int
    most: int
    careful: int
    lease: timedelta
    ahead: timedelta
    window: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Claimed:
    """A delivery that this worker has until `lease`. `data` is its event's, or None for a large one's."""

    id: UUID
    endpoint_id: UUID
    event_id: UUID
    event_type: str
    cause: str
    attempts: int
    claims: int
    created_at: datetime
    lease: datetime
    wait_s: float
    sound: bool
    endpoint_mark: str
    owner_id: UUID | None
    occurred_at: datetime | None
    data: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """What a claim took. `after` is where the next one goes on.

    `is_cut` says that an endpoint had its full share, and may have more; `is_end` that there is none behind
    those that had their turn: the next claim begins with the first again.
    """

    deliveries: Sequence[Claimed]
    after: UUID
    is_cut: bool
    is_end: bool


async def claim(
    session: AsyncSession, *, at: datetime, after: UUID = _FIRST, limits: Limits
) -> Claim:
    """Take what is due at a moment, as much as the limits allow, each endpoint in its turn.

    A worker that dies leaves its deliveries to others when the lease ends.
    """
    lease = at + limits.lease
    values = {
        "at": at,
        "after": str(after),
        "until": lease,
        "soon": at + limits.ahead,
        "limit": limits.limit,
        "most": limits.most,
        "careful": limits.careful,
        "window": limits.window,
        "inline": INLINE_BYTES,
    }
    rows = (await session.execute(_CLAIM, values)).all()
    found = [_claimed_of(row, lease=lease) for row in rows if row.id is not None]
    first = rows[0]
    # With all slots filled, the endpoints behind the last one that was served have not had their turn.
    is_full = len(found) == limits.limit
    share = ceil(limits.limit / max(first.ready, 1))
    is_end = first.seen < limits.window and not is_full
    last = found[-1].endpoint_id if is_full else _uuid_of(first.last)
    return Claim(
        deliveries=found,
        after=_FIRST if is_end or last is None else last,
        is_cut=is_full or any(row.turn == share for row in rows),
        is_end=is_end,
    )


def _claimed_of(row: Any, *, lease: datetime) -> Claimed:
    return Claimed(
        id=row.id,
        endpoint_id=row.endpoint_id,
        event_id=row.event_id,
        event_type=row.event_type,
        cause=row.cause,
        attempts=row.attempts,
        claims=row.claims,
        created_at=row.created_at,
        lease=lease,
        wait_s=max(float(row.wait_ms), 0.0) / 1000,
        sound=row.sound,
        endpoint_mark=f"{row.version} {row.secrets_mark}",
        owner_id=row.owner_id,
        occurred_at=row.occurred_at,
        data=row.data,
    )


def _uuid_of(value: Any) -> UUID | None:
    return UUID(str(value)) if value is not None else None


async def settle(
    session: AsyncSession, results: Sequence[Mapping[str, Any]], *, wholly: bool
) -> int:
    """Keep what came of deliveries, and the attempts; return how many were this worker's still.

    An attempt of one that is not is kept all the same: it was made. With `wholly` the health of endpoints
    that succeeded is kept, too.
    """
    values = {"results": json.dumps(results), "wholly": wholly}
    return int((await session.execute(_SETTLE_STATEMENT, values)).scalar_one())


async def next_due(session: AsyncSession, *, at: datetime) -> datetime | None:
    """Return when the next delivery can be made, a moment that has come included; None without any.

    One that waits for another of its aggregate, or is on its way, is none of them.
    """
    found: datetime | None = (await session.execute(_NEXT, {"at": at})).scalar_one()
    return found
