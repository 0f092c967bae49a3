"""When a schedule is due."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from infra_cdk.local.clock.cron import ScheduleError, parse

NOW = datetime(2026, 11, 25, 10, 7, 30, tzinfo=UTC)  # a Wednesday


def moments(expression: str, *, count: int = 3, after: datetime = NOW) -> list[str]:
    schedule, found = parse(expression), list[str]()
    moment: datetime | None = after
    while len(found) < count and (moment := schedule.next(moment or after)):
        assert moment.tzinfo is UTC
        found.append(moment.strftime("%Y-%m-%d %H:%M:%S"))
    return found


class TestRate:
    @pytest.mark.parametrize(
        ("expression", "expected"),
        [
            ("rate(1 minute)", ["2026-11-25 10:08:00", "2026-11-25 10:09:00"]),
            ("rate(5 minutes)", ["2026-11-25 10:10:00", "2026-11-25 10:15:00"]),
            ("rate(1 hour)", ["2026-11-25 11:00:00", "2026-11-25 12:00:00"]),
            ("rate(1 day)", ["2026-11-26 00:00:00", "2026-11-27 00:00:00"]),
        ],
    )
    def test_it_is_due_at_each_multiple_of_its_interval(
        self, expression: str, expected: list[str]
    ) -> None:
        assert moments(expression, count=2) == expected

    def test_a_moment_itself_is_not_after_it(self) -> None:
        at = datetime(2026, 11, 25, 10, 10, tzinfo=UTC)
        assert parse("rate(5 minutes)").next(at) == at + timedelta(minutes=5)


class TestCron:
    @pytest.mark.parametrize(
        ("expression", "expected"),
        [
            ("cron(0 3 * * ? *)", ["2026-11-26 03:00:00", "2026-11-27 03:00:00"]),
            ("cron(*/15 * * * ? *)", ["2026-11-25 10:15:00", "2026-11-25 10:30:00"]),
            ("cron(5/25 10 * * ? *)", ["2026-11-25 10:30:00", "2026-11-25 10:55:00"]),
            ("cron(0,30 9-11 * * ? *)", ["2026-11-25 10:30:00", "2026-11-25 11:00:00"]),
            ("cron(0 8-20/6 * * ? *)", ["2026-11-25 14:00:00", "2026-11-25 20:00:00"]),
            ("cron(0 12 1 * ? *)", ["2026-12-01 12:00:00", "2027-01-01 12:00:00"]),
            ("cron(0 12 31 * ? *)", ["2026-12-31 12:00:00", "2027-01-31 12:00:00"]),
            ("cron(0 12 29 2 ? *)", ["2028-02-29 12:00:00", "2032-02-29 12:00:00"]),
            ("cron(0 18 ? * MON-FRI *)", ["2026-11-25 18:00:00", "2026-11-26 18:00:00"]),
            ("cron(0 18 ? * sat,SUN *)", ["2026-11-28 18:00:00", "2026-11-29 18:00:00"]),
            ("cron(0 18 ? * 1 *)", ["2026-11-29 18:00:00", "2026-12-06 18:00:00"]),
            ("cron(0 0 1 JAN,7 ? 2028-2029)", ["2028-01-01 00:00:00", "2028-07-01 00:00:00"]),
        ],
    )
    def test_it_is_due_where_all_six_fields_agree(
        self, expression: str, expected: list[str]
    ) -> None:
        assert moments(expression, count=2) == expected

    def test_a_moment_itself_is_not_after_it(self) -> None:
        at = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
        assert parse("cron(0 3 * * ? *)").next(at) == at + timedelta(days=1)

    def test_it_is_in_utc_wherever_the_clock_stands(self) -> None:
        tokyo = timezone(timedelta(hours=9))
        after = datetime(2026, 11, 26, 11, 59, tzinfo=tokyo)  # 02:59 UTC
        assert moments("cron(0 3 * * ? *)", count=1, after=after) == ["2026-11-26 03:00:00"]

    @pytest.mark.parametrize("expression", ["cron(0 0 1 1 ? 2025)", "cron(0 0 31 2 ? 2027-2030)"])
    def test_what_never_comes_is_never_due(self, expression: str) -> None:
        assert parse(expression).next(NOW) is None


class TestRefusals:
    @pytest.mark.parametrize(
        ("expression", "why"),
        [
            ("cron(0 3 * * *)", "cron has 6 fields, not 5"),
            ("cron(60 3 * * ? *)", "'60' is no minute"),
            ("cron(0 24 * * ? *)", "'24' is no hour"),
            ("cron(0 3 0 * ? *)", "'0' is no day of the month"),
            ("cron(0 3 ? * 0 *)", "'0' is no day of the week"),
            ("cron(0 3 ? 13 1 *)", "'13' is no month"),
            ("cron(0 3 * * ? 1969)", "'1969' is no year"),
            ("cron(0 3 * MON ? *)", "'MON' is no month"),
            ("cron(\u0663 3 * * ? *)", "'\u0663' is no minute"),
            ("cron(0 3 * * * *)", "one must be `?`"),
            ("cron(0 3 ? * ? *)", "one must be `?`"),
            ("cron(? 3 * * ? *)", "`?` may only stand for a day"),
            ("cron(0/0 3 * * ? *)", "'0/0' steps by nothing"),
            ("cron(9-3 3 * * ? *)", "'9-3' ends before it begins"),
            ("cron(1,,2 3 * * ? *)", "'' is not understood as minute"),
            ("cron(0 3 L * ? *)", "'L' is no day of the month"),
            ("cron(0 3 3W * ? *)", "'3W' is no day of the month"),
            ("cron(0 3 ? * 6#3 *)", "'6#3' is not understood as day of the week"),
            ("rate(0 minutes)", "is neither rate(...) nor cron(...)"),
            ("at(2026-11-25T10:00:00)", "is neither rate(...) nor cron(...)"),
        ],
    )
    def test_what_is_not_understood_is_named(self, expression: str, why: str) -> None:
        with pytest.raises(ScheduleError) as refused:
            parse(expression)
        assert expression in str(refused.value)
        assert why in str(refused.value)
