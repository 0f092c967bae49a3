"""When a schedule is due: `cron(...)` in AWS's six fields, and `rate(...)`; all in UTC.

Source: AWS, "Schedule types in EventBridge Scheduler". `L`, `W` and `#` are refused: nothing here
needs them.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_CRON = re.compile(r"cron\((.*)\)")
_PART = re.compile(r"(?:(\*)|(\w+)(?:-(\w+))?)(?:/(\d+))?")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_START = datetime(1970, 1, 1, tzinfo=UTC)


class ScheduleError(ValueError):
    """An expression that AWS would refuse, or that is not understood here."""


@dataclass(frozen=True, kw_only=True)
class _Field:
    name: str
    lowest: int
    highest: int
    names: Sequence[str] = ()

    def number(self, text: str) -> int:
        if text.upper() in self.names:
            return self.lowest + self.names.index(text.upper())
        if text.isascii() and text.isdigit() and self.lowest <= int(text) <= self.highest:
            return int(text)
        raise ScheduleError(f"{text!r} is no {self.name}")


_FIELDS = (
    _Field(name="minute", lowest=0, highest=59),
    _Field(name="hour", lowest=0, highest=23),
    _Field(name="day of the month", lowest=1, highest=31),
    _Field(name="month", lowest=1, highest=12, names=_MONTHS),
    _Field(name="day of the week", lowest=1, highest=7, names=_DAYS),
    _Field(name="year", lowest=1970, highest=2199),
)


@dataclass(frozen=True, kw_only=True)
class Cron:
    """The moments of `cron(...)`: each minute that all six fields agree on.

    Of the two kinds of days one is None, for `?`. Days of the week are 1 to 7, from Sunday.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days_of_month: frozenset[int] | None
    months: frozenset[int]
    days_of_week: frozenset[int] | None
    years: frozenset[int]

    def next(self, after: datetime) -> datetime | None:
        """Return the first moment after another one; None where there is none any more."""
        start = after.astimezone(UTC)
        for day in self._days(start.date()):
            for at in self._times():
                if (moment := datetime.combine(day, at, UTC)) > start:
                    return moment
        return None

    def _days(self, first: date) -> Iterator[date]:
        for year in sorted(each for each in self.years if each >= first.year):
            day = max(first, date(year, 1, 1))
            while day.year == year:
                if self._has(day):
                    yield day
                day += timedelta(days=1)

    def _has(self, day: date) -> bool:
        weekday = day.isoweekday() % 7 + 1
        return (
            day.month in self.months
            and (self.days_of_month is None or day.day in self.days_of_month)
            and (self.days_of_week is None or weekday in self.days_of_week)
        )

    def _times(self) -> Iterator[time]:
        for hour in sorted(self.hours):
            for minute in sorted(self.minutes):
                yield time(hour, minute)


@dataclass(frozen=True, kw_only=True)
class Rate:
    """The moments of `rate(...)`: multiples of `every` since 1970.

    AWS counts from a schedule's creation; so counted, a restart of the runner changes no moment.
    """

    every: timedelta

    def next(self, after: datetime) -> datetime:
        """Return the first moment after another one."""
        return _START + ((after - _START) // self.every + 1) * self.every


def parse(expression: str) -> Cron | Rate:
    """Read an expression. Raises ScheduleError."""
    if (rate := _RATE.fullmatch(expression)) and int(rate[1]):
        return Rate(every=int(rate[1]) * timedelta(**{f"{rate[2]}s": 1}))
    if cron := _CRON.fullmatch(expression):
        try:
            return _parse_cron(cron[1].split())
        except ScheduleError as error:
            raise ScheduleError(f"{expression}: {error}") from None
    raise ScheduleError(f"{expression!r} is neither rate(...) nor cron(...)")


def _parse_cron(texts: Sequence[str]) -> Cron:
    if len(texts) != len(_FIELDS):
        raise ScheduleError(f"cron has {len(_FIELDS)} fields, not {len(texts)}")
    minutes, hours, days, months, weekdays, years = (
        _values(text, field=field) for text, field in zip(texts, _FIELDS, strict=True)
    )
    if (days is None) == (weekdays is None):
        raise ScheduleError("of day of the month and day of the week, one must be `?`")
    if minutes is None or hours is None or months is None or years is None:
        raise ScheduleError("`?` may only stand for a day")
    return Cron(
        minutes=minutes,
        hours=hours,
        days_of_month=days,
        months=months,
        days_of_week=weekdays,
        years=years,
    )


def _values(text: str, *, field: _Field) -> frozenset[int] | None:
    if text == "?":
        return None
    return frozenset(value for part in text.split(",") for value in _part(part, field=field))


def _part(text: str, *, field: _Field) -> Sequence[int]:
    """Return the values of `*`, `3`, `3-5`, `MON-FRI` or one of these with a step: `*/15`, `3/10`."""
    found = _PART.fullmatch(text)
    if found is None:
        raise ScheduleError(f"{text!r} is not understood as {field.name}")
    every, first, last, step = found.groups()
    if step is not None and int(step) == 0:
        raise ScheduleError(f"{text!r} steps by nothing")
    low = field.lowest if every else field.number(first)
    unsaid = field.highest if every or step else low
    high = unsaid if last is None else field.number(last)
    if high < low:
        raise ScheduleError(f"{text!r} ends before it begins")
    return range(low, high + 1, int(step or 1))
