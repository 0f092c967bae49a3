"""How many requests a usage plan lets a key make: at once, a second, and in a period.

- The bucket holds `burst` requests and is filled again with `rate_per_s` a second: without one left a
  request is THROTTLED.
- A quota is for a day, a week or a month of UTC; a week begins on Sunday, a month on its first day. With
  none left a request is QUOTA_EXCEEDED.
- A request that is refused uses nothing of the quota. AWS says of a quota only that it bounds the
  requests "that can be submitted", and of plans that their limits are "best effort": what is counted
  here is what was let through, so that `used` and `remaining` always make the quota.
Source: AWS, "Usage plans and API keys for REST APIs in API Gateway", "Throttle requests to your REST
APIs for better throughput", and "QuotaSettings".
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from infra_cdk.local.aws.ledger import Ledger
from shared.manifest.plans import Period

THROTTLED = "THROTTLED"
QUOTA_EXCEEDED = "QUOTA_EXCEEDED"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of a plan as API Gateway has it: None for one that it does not set."""

    rate_per_s: float | None = None
    burst: int | None = None
    quota: int | None = None
    period: Period = Period.DAY


@dataclass
class Bucket:
    """What is left of a burst: `left` requests at the time `at_s`, in seconds."""

    left: float
    at_s: float

    def takes(self, limits: Limits, *, at_s: float) -> bool:
        """Take one request out, if there is one. A clock that went back fills nothing."""
        filled = max(0.0, at_s - self.at_s) * (limits.rate_per_s or 0)
        self.left = min(limits.burst or 0, self.left + filled)
        self.at_s = at_s
        if self.left < 1:
            return False
        self.left -= 1
        return True


class Meter:
    """Counts requests in a ledger. Buckets are full after a start, as they are after a pause."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._buckets: dict[tuple[str, str], Bucket] = {}

    def refusal_of(self, key_id: str, *, plan: str, limits: Limits, now: datetime) -> str:
        """Count a request of a key on a plan. Return why it is refused, "" where it is not."""
        if limits.rate_per_s is not None and limits.burst is not None:
            full = Bucket(left=limits.burst, at_s=now.timestamp())
            bucket = self._buckets.setdefault((plan, key_id), full)
            if not bucket.takes(limits, at_s=now.timestamp()):
                return THROTTLED
        today = now.astimezone(UTC).date()
        if self.remaining(key_id, plan=plan, limits=limits, day=today) == 0:
            return QUOTA_EXCEEDED
        self._ledger.count(key_id, plan=plan, day=today)
        return ""

    def used(self, key_id: str, *, plan: str, day: date) -> int:
        """Return how many requests were let through on a day."""
        return self._ledger.used(key_id, plan=plan, since=day, until=day)

    def remaining(self, key_id: str, *, plan: str, limits: Limits, day: date) -> int | None:
        """Return what was left of the quota at the end of a day; None where there is no quota."""
        if limits.quota is None:
            return None
        since = period_start(day, limits.period)
        used = self._ledger.used(key_id, plan=plan, since=since, until=day)
        return max(0, limits.quota - used)


def period_start(day: date, period: Period) -> date:
    """Return the first day of the period that a day is in."""
    match period:
        case Period.DAY:
            return day
        case Period.WEEK:
            return day - timedelta(days=day.isoweekday() % 7)
        case Period.MONTH:
            return day.replace(day=1)
