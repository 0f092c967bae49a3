"""What a key has used is the gateway's count of the period that runs, by UTC's calendar."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.gateway_keys import DayOfUse
from shared.domains.partners.service import usage
from shared.manifest.plans import PLANS, Period, plan_named
from tests.partner_fixtures import THROTTLED, FakeGateway

pytestmark = pytest.mark.anyio


class TestBounds:
    @pytest.mark.parametrize(
        ("period", "day", "start", "end"),
        [
            (Period.DAY, date(2026, 12, 31), date(2026, 12, 31), date(2027, 1, 1)),
            # A Friday; the week began on Sunday.
            (Period.WEEK, date(2026, 11, 27), date(2026, 11, 22), date(2026, 11, 29)),
            (Period.WEEK, date(2026, 11, 22), date(2026, 11, 22), date(2026, 11, 29)),
            (Period.WEEK, date(2026, 11, 28), date(2026, 11, 22), date(2026, 11, 29)),
            (Period.MONTH, date(2026, 11, 30), date(2026, 11, 1), date(2026, 12, 1)),
            (Period.MONTH, date(2026, 12, 1), date(2026, 12, 1), date(2027, 1, 1)),
            (Period.MONTH, date(2028, 2, 29), date(2028, 2, 1), date(2028, 3, 1)),
        ],
    )
    def test_a_day_is_in_its_period(
        self, period: Period, day: date, start: date, end: date
    ) -> None:
        assert usage.bounds_of(period, day=day) == (start, end)

    @given(
        period=st.sampled_from(Period),
        day=st.dates(min_value=date(2020, 1, 1), max_value=date(2100, 1, 1)),
    )
    def test_periods_follow_each_other_without_a_gap(self, period: Period, day: date) -> None:
        start, end = usage.bounds_of(period, day=day)
        assert start <= day < end
        assert usage.bounds_of(period, day=end)[0] == end
        assert usage.bounds_of(period, day=start) == (start, end)


class TestUsage:
    @pytest.fixture(autouse=True)
    def moment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = datetime(2026, 11, 27, 22, 59, tzinfo=UTC)
        monkeypatch.setattr(usage, "now", lambda: self.at)

    async def test_a_months_days_are_added_up(self, gateway: FakeGateway) -> None:
        gateway.used["gw"] = tuple(
            DayOfUse(day=date(2026, 11, day), used=10, remaining=1_000_000 - 10 * day)
            for day in range(1, 28)
        )
        told = await usage.usage_of("gw", plan="pro")
        assert (told.quota, told.used, told.left) == (1_000_000, 270, 999_730)
        assert told.period_start == datetime(2026, 11, 1, tzinfo=UTC)
        assert told.period_end == datetime(2026, 12, 1, tzinfo=UTC)
        assert gateway.asked == [("gw", "pro", date(2026, 11, 1), date(2026, 11, 27))]

    @pytest.mark.parametrize("plan", [plan.name for plan in PLANS])
    async def test_what_was_never_used_has_all_of_its_quota(
        self, gateway: FakeGateway, plan: str
    ) -> None:
        told = await usage.usage_of("gw", plan=plan)
        assert (told.used, told.left) == (0, plan_named(plan).quota)

    async def test_no_more_than_all_is_used_up(self, gateway: FakeGateway) -> None:
        gateway.used["gw"] = (DayOfUse(day=self.at.date(), used=1_007, remaining=-7),)
        assert (await usage.usage_of("gw", plan="free")).left == 0

    async def test_the_gateway_is_asked_twice_a_minute_at_most(self, gateway: FakeGateway) -> None:
        for seconds, asked in ((0, 1), (29, 1), (31, 2)):
            self.at += timedelta(seconds=seconds) - timedelta(seconds=29 if seconds > 30 else 0)
            await usage.usage_of("gw", plan="free")
            assert len(gateway.asked) == asked
        await usage.usage_of("other", plan="free")
        await usage.usage_of("gw", plan="pro")
        assert len(gateway.asked) == 4

    async def test_a_refusal_is_not_remembered(self, gateway: FakeGateway) -> None:
        gateway.fail("usage_of", THROTTLED)
        with pytest.raises(type(THROTTLED)):
            await usage.usage_of("gw", plan="free")
        assert (await usage.usage_of("gw", plan="free")).used == 0

    async def test_what_is_remembered_has_a_bound(
        self, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(usage, "_MOST_KNOWN", 3)
        for number in range(10):
            await usage.usage_of(f"gw{number}", plan="free")
        assert len(usage._known) <= 3
