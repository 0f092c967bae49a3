"""What stands in the outbox: whether the relay keeps up, and whether an operator has to decide."""

from dataclasses import dataclass

from shared.adapters.database.sessions import autocommit
from shared.adapters.metrics import Metric, Unit, count
from shared.adapters.outbox import repository
from shared.core.clock import now


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """Rows that wait to be published, the age of the oldest in seconds, and rows that were given up."""

    waiting: int
    oldest_s: float
    kept_aside: int


async def measure() -> Backlog:
    """Count, and tell it in metrics. Raises ServiceUnavailableError."""
    async with autocommit() as session:
        waiting, kept_aside, oldest = await repository.count_rows(session)
    age_s = max(0.0, (now() - oldest).total_seconds()) if oldest else 0.0
    count(Metric.OUTBOX_WAITING, waiting)
    count(Metric.OUTBOX_OLDEST, age_s * 1000, unit=Unit.MILLISECONDS)
    count(Metric.OUTBOX_KEPT_ASIDE, kept_aside)
    return Backlog(waiting=waiting, oldest_s=round(age_s, 3), kept_aside=kept_aside)
