"""Where our database and the gateway differ, and how that ends. Ours is right, but for what only the gateway has.

The gateway is listed first, the rows are read after: a key that somebody makes at this moment has its
row before it is at the gateway, so it is never taken for nobody's. The other way round a row is given
ten minutes before the gateway is expected to have its key. So this can run at any time, and again.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from shared.adapters import gateway_keys
from shared.adapters.database.sessions import autocommit, unit_of_work
from shared.adapters.gateway_keys import GatewayKey, GatewayKeysError, GatewayThrottledError
from shared.adapters.logging import logger
from shared.adapters.metrics import Metric, count
from shared.core.clock import now
from shared.domains.audit import api as audit
from shared.domains.partners import repository
from shared.domains.partners.schemas import Drift, KeyState, Reconciliation
from shared.domains.partners.service.access import is_over
from shared.domains.partners.service.keys import CREATION

MOST_HEALED = 200
"""How much one run changes: the gateway's control plane takes few requests a second."""

_PAGE = 1000

type Found = tuple[Drift, str, Row[Any] | None]
"""How something differs, the key's name at the gateway, and its row."""


async def reconcile(*, has_time: Callable[[], bool]) -> Reconciliation:
    """Find what differs, and heal as much of it as there is time for.

    What the gateway refuses is left to the next run. Raises GatewayKeysError where it cannot be listed.
    """
    at = now()
    keys = {key.name: key for key in await gateway_keys.list_keys()}
    differing = [each async for each in _differing(keys, at=at)]
    found = Counter(drift for drift, _, _ in differing)
    for drift, number in found.items():
        count(Metric.GATEWAY_KEY_DRIFT, number, kind=drift.value)
    healed, complete = await _heal_some(differing, has_time=has_time)
    report = Reconciliation(found=dict(found), healed=dict(healed), complete=complete)
    logger().info("keys compared with the gateway", extra=report.model_dump(mode="json"))
    return report


def drift_of(row: Row[Any], key: GatewayKey | None, *, at: datetime) -> Drift | None:
    """Tell how a key's row and what the gateway has of it differ; None where they agree."""
    match row.state:
        case KeyState.REMOVING:
            return Drift.ENDED
        case KeyState.PENDING:
            return Drift.STALE if row.created_at < at - CREATION else None
        case KeyState.ACTIVE if is_over(row.expires_at, row.retires_at, at=at):
            return Drift.EXPIRED
        case _ if key is None:
            return Drift.MISSING if row.activated_at < at - CREATION else None
        case _:
            return _drift_of_good(row, key)


def _drift_of_good(row: Row[Any], key: GatewayKey) -> Drift | None:
    if key.plan != row.plan or not key.enabled:
        return Drift.MISPLACED
    return Drift.FOUND if row.missing_since is not None else None


async def _differing(keys: dict[str, GatewayKey], *, at: datetime) -> AsyncIterator[Found]:
    known: set[str] = set()
    async for row in _rows():
        name = str(row.id)
        known.add(name)
        if drift := drift_of(row, keys.get(name), at=at):
            yield drift, name, row
    for name in sorted(keys.keys() - known):
        yield Drift.UNKNOWN, name, None


async def _rows() -> AsyncIterator[Row[Any]]:
    after: UUID | None = None
    while True:
        async with autocommit() as session:
            rows = await repository.keys_to_compare(session, after=after, limit=_PAGE)
        for row in rows:
            yield row
        if len(rows) < _PAGE:
            return
        after = rows[-1].id


async def _heal_some(
    differing: list[Found], *, has_time: Callable[[], bool]
) -> tuple[Counter[Drift], bool]:
    """Heal what there is time for; return how much of each kind, and whether that was all."""
    healed: Counter[Drift] = Counter()
    complete = len(differing) <= MOST_HEALED
    for drift, name, row in differing[:MOST_HEALED]:
        if not has_time():
            return healed, False
        try:
            healed[drift] += await _heal(drift, name, row)
        except GatewayThrottledError:
            return healed, False
        except GatewayKeysError:
            complete = False  # this one waits: the others may do
    return healed, complete


async def _heal(drift: Drift, name: str, row: Row[Any] | None) -> int:
    """End one difference; return 1, or 0 where there was nothing (more) to do."""
    match drift, row:
        case Drift.UNKNOWN, _:
            await gateway_keys.remove_key(name)
        case ((Drift.STALE | Drift.EXPIRED | Drift.ENDED), Row()):
            await _remove(row.id)
        case Drift.MISPLACED, Row():
            await gateway_keys.move_key(name, plan=row.plan)
        case Drift.MISSING, Row():
            return await _mark_missing(row)
        case Drift.FOUND, Row():
            async with unit_of_work() as session:
                await repository.mark_missing(session, row.id, since=None)
    return 1


async def _remove(key_id: UUID) -> None:
    async with unit_of_work() as session:
        await repository.end_keys(session, at=now(), only=[key_id])
    await gateway_keys.remove_key(str(key_id))
    async with unit_of_work() as session:
        await repository.settle_removed(session, [key_id])


async def _mark_missing(row: Row[Any]) -> int:
    """Say once that a key opens nothing any more: its value is nowhere, and only its partner can replace it.

    It is not ended. Should the gateway have it again, as after a list that was not whole, it works as before.
    """
    if row.missing_since is not None:
        return 0
    async with unit_of_work() as session:
        key = await repository.mark_missing(session, row.id, since=now())
        if key is None:
            return 0
        audit.record(
            session,
            action="partners.key_missing",
            subject=f"partner:{key.partner_id}",
            actor_id=None,
            details={"key": str(key.id), "hint": key.hint},
        )
    logger().error("the gateway has lost a key", extra={"partner_key": str(row.id)})
    return 1
