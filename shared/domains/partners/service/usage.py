"""What a key has used and has left, as the gateway counts it.

Source: AWS, "Usage plans and API keys for REST APIs in API Gateway", and "GetUsage".
"""

from datetime import UTC, date, datetime, time, timedelta

from shared.adapters import gateway_keys
from shared.core.clock import now
from shared.domains.partners.schemas import PlanUsage
from shared.manifest.plans import Period, Plan, plan_named

KNOWN_FOR = timedelta(seconds=30)
"""How long a process keeps an answer: the gateway counts late anyway, and may be asked seldom."""

_MOST_KNOWN = 1000

_known: dict[tuple[str, str], tuple[datetime, PlanUsage]] = {}
"""By the key's id at the gateway and its plan."""


async def usage_of(gateway_id: str, *, plan: str) -> PlanUsage:
    """Return a key's use in the period that runs. Raises GatewayKeysError."""
    at = now()
    found = _known.get((gateway_id, plan))
    if found and timedelta(0) <= at - found[0] < KNOWN_FOR:
        return found[1]
    usage = await _asked(gateway_id, plan=plan_named(plan), today=at.date())
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    _known[gateway_id, plan] = (at, usage)
    return usage


def forget_usage() -> None:
    """Forget what is at hand: for tests."""
    _known.clear()


def bounds_of(period: Period, *, day: date) -> tuple[date, date]:
    """Return the first day of the period that a day is in, and the first of the next.

    Days, weeks and months are UTC's; a week begins on Sunday, as API Gateway's do.
    """
    match period:
        case Period.DAY:
            return day, day + timedelta(days=1)
        case Period.WEEK:
            start = day - timedelta(days=day.isoweekday() % 7)
            return start, start + timedelta(weeks=1)
        case Period.MONTH:
            start = day.replace(day=1)
            return start, (start + timedelta(days=31)).replace(day=1)


async def _asked(gateway_id: str, *, plan: Plan, today: date) -> PlanUsage:
    start, end = bounds_of(plan.period, day=today)
    days = await gateway_keys.usage_of(gateway_id, plan=plan.name, since=start, until=today)
    return PlanUsage(
        plan=plan.name,
        rate_per_s=plan.rate_per_s,
        burst=plan.burst,
        quota=plan.quota,
        period=plan.period,
        period_start=_midnight(start),
        period_end=_midnight(end),
        used=sum(each.used for each in days),
        # The gateway's own word: it may have been given more than the plan says.
        left=max(0, days[-1].remaining) if days else plan.quota,
        day=today,
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
