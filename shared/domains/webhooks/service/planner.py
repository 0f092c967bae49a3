"""When a message is tried again, and how an endpoint that fails is spared: plans that do nothing themselves.

Source of the schedule: Standard Webhooks 1.0.0, "Retry schedule": at once, and then 5 s, 5 min, 30 min,
2 h, 5 h, 10 h, 14 h, 20 h and 24 h after the attempt before. Jitter adds up to a tenth to each wait, and
never takes from it: what failed together does not come back together, and nothing comes early.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from shared.domains.webhooks.schemas import DisabledReason

WAITS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""After each failed attempt but the last: about 75 hours and a half altogether."""

MOST_ATTEMPTS = len(WAITS) + 1

JITTER = 0.1
"""What chance adds to a wait at most, as a part of it."""

LONGEST_RETRY_AFTER = timedelta(hours=24)
"""The longest wait that an answer can ask for: what asks for more gets this."""

CIRCUIT_FAILURES = 5
"""Failures one after the other that open an endpoint's circuit."""

FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=10)
"""How long a circuit stays open: twice as long after each probe that fails."""

FIRST_INTERVAL_MS = 1_000
LONGEST_INTERVAL_MS = 60_000
"""Between two deliveries to an endpoint that says it has too much to do: twice as long each time."""

DISABLED_AFTER = timedelta(days=5)
"""Failures for so long, without a success, disable an endpoint."""

DISABLING_FAILURES = MOST_ATTEMPTS
"""And at least so many: one message that failed long ago and one that fails now are no proof."""

_OVERLOADED = frozenset({429, 502, 504})
_GONE = 410
_OK = range(200, 300)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What an attempt came to: a status, or None without an answer.

    `retry_after` is the header as it came. `accepted` is False where a 2xx is not enough, because a
    verification was not answered by its challenge.
    """

    at: datetime
    status: int | None
    retry_after: str | None = None
    accepted: bool = True

    @property
    def succeeded(self) -> bool:
        """Whether the message is delivered: any 2xx says so, a redirect does not."""
        return self.status in _OK and self.accepted

    @property
    def is_gone(self) -> bool:
        """Whether the endpoint wants no more messages at all."""
        return self.status == _GONE

    @property
    def is_overloaded(self) -> bool:
        """Whether the endpoint, or what stands before it, has too much to do."""
        return self.status in _OVERLOADED


@dataclass(frozen=True, kw_only=True)
class Condition:
    """How an endpoint has answered: what `webhook_health` keeps of it."""

    failures: int = 0
    failing_since: datetime | None = None
    open_until: datetime | None = None
    interval_ms: int = 0
    next_at: datetime | None = None
    succeeded_at: datetime | None = None

    @property
    def is_sound(self) -> bool:
        """Whether a success would change nothing but its time."""
        return not (self.failures or self.failing_since or self.open_until or self.interval_ms)


def next_attempt_at(
    outcome: Outcome, *, attempts: int, chance: Callable[[], float]
) -> datetime | None:
    """Return when a message is tried again after so many failed attempts, or None: it is given up.

    `chance` gives a number from 0 to 1. What the answer asks for is waited for, and the schedule is.
    """
    if outcome.is_gone or attempts >= MOST_ATTEMPTS:
        return None
    wait = WAITS[max(attempts, 1) - 1] * (1 + JITTER * chance())
    return outcome.at + max(wait, retry_after_of(outcome))


def retry_after_of(outcome: Outcome) -> timedelta:
    """Return how long an answer asks to wait, from its moment; nothing where it does not say so.

    Source: RFC 9110, section 10.2.3: seconds, or a date.
    """
    text = (outcome.retry_after or "").strip()
    asked = timedelta(0)
    if text.isascii() and text.isdigit():
        # Of a number with a thousand digits the first few say enough.
        asked = timedelta(seconds=int(text[:9]))
    elif text:
        asked = _date_of(text, otherwise=outcome.at) - outcome.at
    return min(max(asked, timedelta(0)), LONGEST_RETRY_AFTER)


def _date_of(text: str, *, otherwise: datetime) -> datetime:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return otherwise
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def condition_after(condition: Condition, outcome: Outcome) -> Condition:
    """Return how an endpoint does after one more attempt."""
    if outcome.succeeded:
        return _after_success(condition, outcome)
    failures = condition.failures + 1
    slowed = replace(
        condition,
        failures=failures,
        failing_since=condition.failing_since or outcome.at,
        open_until=_open_until(failures, outcome),
    )
    return _slower(slowed, outcome) if outcome.is_overloaded else slowed


def _after_success(condition: Condition, outcome: Outcome) -> Condition:
    return replace(
        condition,
        failures=0,
        failing_since=None,
        open_until=None,
        interval_ms=_shorter(condition.interval_ms),
        succeeded_at=outcome.at,
    )


def _open_until(failures: int, outcome: Outcome) -> datetime | None:
    beyond = failures - CIRCUIT_FAILURES
    if beyond < 0:
        return None
    # Of a thousand failures the power would be no number of days any more.
    return outcome.at + min(FIRST_PAUSE * (1 << min(beyond, 10)), LONGEST_PAUSE)


def _slower(condition: Condition, outcome: Outcome) -> Condition:
    # Who says that there is too much asks for all messages; other failures are the one message's.
    interval_ms = _longer(condition.interval_ms)
    wait = max(retry_after_of(outcome), timedelta(milliseconds=interval_ms))
    asked = outcome.at + wait
    next_at = max(asked, condition.next_at) if condition.next_at else asked
    return replace(condition, interval_ms=interval_ms, next_at=next_at)


def _longer(interval_ms: int) -> int:
    return min(max(interval_ms * 2, FIRST_INTERVAL_MS), LONGEST_INTERVAL_MS)


def _shorter(interval_ms: int) -> int:
    half = interval_ms // 2
    return half if half >= FIRST_INTERVAL_MS // 8 else 0


def reason_to_disable(condition: Condition, outcome: Outcome) -> DisabledReason | None:
    """Return why an endpoint that is in such a condition now is disabled, or None."""
    if outcome.is_gone:
        return DisabledReason.GONE
    since = condition.failing_since
    if since is None or condition.failures < DISABLING_FAILURES:
        return None
    return DisabledReason.FAILING if outcome.at - since >= DISABLED_AFTER else None
