"""What a plan lets a key do, by a clock that the test moves."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from infra_cdk.local.aws.ledger import Ledger
from infra_cdk.local.aws.metering import (
    QUOTA_EXCEEDED,
    THROTTLED,
    Limits,
    Meter,
    period_start,
)
from shared.manifest.plans import Period

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)  # a Wednesday
BURST = Limits(rate_per_s=2, burst=5)


@pytest.fixture
def meter() -> Iterator[Meter]:
    ledger = Ledger(None)
    yield Meter(ledger)
    ledger.close()


def ask(
    meter: Meter,
    limits: Limits,
    *,
    at: datetime = NOON,
    key: str = "k1",
    plan: str = "free",
    times: int = 1,
) -> list[str]:
    """What each of some requests at one moment is told; "" for one that passes."""
    return [meter.refusal_of(key, plan=plan, limits=limits, now=at) for _ in range(times)]


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


class TestBucket:
    def test_a_burst_passes_and_the_next_request_does_not(self, meter: Meter) -> None:
        assert ask(meter, BURST, times=6) == [""] * 5 + [THROTTLED]

    @pytest.mark.parametrize(("seconds", "more"), [(0.4, 0), (0.5, 1), (1, 2), (2.5, 5), (900, 5)])
    def test_it_fills_with_the_rate_up_to_the_burst(
        self, meter: Meter, seconds: float, more: int
    ) -> None:
        ask(meter, BURST, times=5)
        told = ask(meter, BURST, at=after(seconds), times=6)
        assert told == [""] * more + [THROTTLED] * (6 - more)

    def test_in_the_long_run_the_rate_passes(self, meter: Meter) -> None:
        told = [ask(meter, BURST, at=after(tenth / 10))[0] for tenth in range(1000)]
        assert 200 <= told.count("") <= 205

    def test_a_refused_request_takes_nothing(self, meter: Meter) -> None:
        ask(meter, BURST, times=50)
        assert ask(meter, BURST, at=after(0.5)) == [""]

    def test_each_key_has_one_of_its_own(self, meter: Meter) -> None:
        ask(meter, BURST, times=5)
        assert ask(meter, BURST, key="k2") == [""]

    def test_each_plan_has_one_of_its_own(self, meter: Meter) -> None:
        ask(meter, BURST, times=5)
        assert ask(meter, BURST, plan="pro") == [""]

    def test_a_clock_that_goes_back_fills_nothing(self, meter: Meter) -> None:
        ask(meter, BURST, times=5)
        assert ask(meter, BURST, at=after(-60)) == [THROTTLED]
        assert ask(meter, BURST, at=after(-59)) == [""]

    def test_a_smaller_burst_holds_at_once(self, meter: Meter) -> None:
        ask(meter, BURST)
        assert ask(meter, Limits(rate_per_s=2, burst=1), times=2) == ["", THROTTLED]

    def test_a_plan_without_limits_throttles_nobody(self, meter: Meter) -> None:
        assert ask(meter, Limits(), times=100) == [""] * 100


class TestQuota:
    @pytest.mark.parametrize(
        ("period", "last", "first"),
        [
            (Period.DAY, "2026-11-25T23:59:59", "2026-11-26T00:00:00"),
            (Period.WEEK, "2026-11-28T23:59:59", "2026-11-29T00:00:00"),
            (Period.MONTH, "2026-11-30T23:59:59", "2026-12-01T00:00:00"),
        ],
    )
    def test_it_lasts_to_the_end_of_its_period_in_utc(
        self, meter: Meter, period: Period, last: str, first: str
    ) -> None:
        limits = Limits(quota=3, period=period)
        assert ask(meter, limits, times=4) == ["", "", "", QUOTA_EXCEEDED]
        still = datetime.fromisoformat(last).replace(tzinfo=UTC)
        assert ask(meter, limits, at=still) == [QUOTA_EXCEEDED]
        fresh = datetime.fromisoformat(first).replace(tzinfo=UTC)
        assert ask(meter, limits, at=fresh, times=4) == ["", "", "", QUOTA_EXCEEDED]

    def test_another_zone_of_the_clock_changes_nothing(self, meter: Meter) -> None:
        limits = Limits(quota=1)
        late = datetime(2026, 11, 25, 23, 30, tzinfo=UTC)
        ask(meter, limits, at=late)
        elsewhere = late.astimezone(timezone(timedelta(hours=9)))
        assert ask(meter, limits, at=elsewhere) == [QUOTA_EXCEEDED]

    def test_what_is_throttled_is_not_counted(self, meter: Meter) -> None:
        limits = Limits(rate_per_s=1, burst=2, quota=3)
        assert ask(meter, limits, times=9) == ["", ""] + [THROTTLED] * 7
        assert ask(meter, limits, at=after(10), times=2) == ["", QUOTA_EXCEEDED]

    def test_used_and_remaining_make_the_quota_however_much_is_refused(self, meter: Meter) -> None:
        limits = Limits(quota=3)
        ask(meter, limits, times=10)
        day = NOON.date()
        assert meter.used("k1", plan="free", day=day) == 3
        assert meter.remaining("k1", plan="free", limits=limits, day=day) == 0

    def test_what_remains_is_told_of_each_day(self, meter: Meter) -> None:
        limits = Limits(quota=10, period=Period.MONTH)
        ask(meter, limits, at=NOON - timedelta(days=1), times=4)
        ask(meter, limits, times=2)
        days = [NOON.date() - timedelta(days=number) for number in (2, 1, 0)]
        left = [meter.remaining("k1", plan="free", limits=limits, day=day) for day in days]
        assert left == [10, 6, 4]

    def test_each_key_and_plan_has_one_of_its_own(self, meter: Meter) -> None:
        limits = Limits(quota=1)
        ask(meter, limits)
        assert ask(meter, limits, key="k2") == ask(meter, limits, plan="pro") == [""]

    def test_one_that_shrinks_under_what_is_used_leaves_nothing(self, meter: Meter) -> None:
        ask(meter, Limits(quota=5), times=5)
        less = Limits(quota=2)
        assert ask(meter, less) == [QUOTA_EXCEEDED]
        assert meter.remaining("k1", plan="free", limits=less, day=NOON.date()) == 0


class TestPeriodStart:
    @pytest.mark.parametrize(
        ("day", "period", "first"),
        [
            ("2026-11-25", Period.DAY, "2026-11-25"),
            ("2026-11-25", Period.WEEK, "2026-11-22"),
            ("2026-11-22", Period.WEEK, "2026-11-22"),
            ("2026-11-28", Period.WEEK, "2026-11-22"),
            ("2026-11-29", Period.WEEK, "2026-11-29"),
            ("2027-01-01", Period.WEEK, "2026-12-27"),
            ("2026-11-25", Period.MONTH, "2026-11-01"),
            ("2028-02-29", Period.MONTH, "2028-02-01"),
        ],
    )
    def test_weeks_begin_on_sunday_and_months_on_the_first(
        self, day: str, period: Period, first: str
    ) -> None:
        assert period_start(date.fromisoformat(day), period) == date.fromisoformat(first)
