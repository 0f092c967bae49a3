"""The plans are pure: the whole schedule is exact, and so is how an endpoint that fails is spared."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.domains.webhooks.schemas import DisabledReason
from shared.domains.webhooks.service.planner import (
    CIRCUIT_FAILURES,
    DISABLED_AFTER,
    DISABLING_FAILURES,
    LONGEST_INTERVAL_MS,
    MOST_ATTEMPTS,
    Condition,
    Outcome,
    condition_after,
    next_attempt_at,
    reason_to_disable,
    retry_after_of,
)

START = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)

OFFSETS_S = (0, 5, 305, 2_105, 9_305, 27_305, 63_305, 113_705, 185_705, 272_105)
"""When the attempts of the schedule are, in seconds from the first, without jitter."""


def failed(status: int | None = 500, *, at: datetime = START, after: str | None = None) -> Outcome:
    return Outcome(at=at, status=status, retry_after=after)


def ok(at: datetime = START) -> Outcome:
    return Outcome(at=at, status=204)


def schedule(*, chance: float) -> list[datetime]:
    """Every attempt of a message whose endpoint always fails at once."""
    at, made = START, [START]
    while following := next_attempt_at(failed(at=at), attempts=len(made), chance=lambda: chance):
        at = following
        made.append(at)
    return made


class TestSchedule:
    def test_it_is_that_of_the_specification(self) -> None:
        made = schedule(chance=0.0)
        assert [(at - START).total_seconds() for at in made] == list(OFFSETS_S)
        assert len(made) == MOST_ATTEMPTS == 10
        assert made[-1] - made[0] == timedelta(hours=75, minutes=35, seconds=5)

    def test_jitter_adds_a_tenth_at_most_and_never_takes(self) -> None:
        made = schedule(chance=1.0)
        assert [round((at - START).total_seconds(), 3) for at in made] == [
            round(offset * 1.1, 3) for offset in OFFSETS_S
        ]
        middle = schedule(chance=0.5)
        assert all(
            early < at < late
            for early, at, late in zip(schedule(chance=0.0)[1:], middle[1:], made[1:], strict=True)
        )

    def test_the_wait_is_from_the_end_of_the_attempt(self) -> None:
        late = START + timedelta(seconds=15)
        assert next_attempt_at(failed(None, at=late), attempts=1, chance=lambda: 0) == (
            late + timedelta(seconds=5)
        )

    def test_gone_is_never_tried_again(self) -> None:
        assert next_attempt_at(failed(410), attempts=1, chance=lambda: 0) is None


class TestOutcome:
    @pytest.mark.parametrize("status", [200, 201, 202, 204, 226, 299])
    def test_any_2xx_delivers(self, status: int) -> None:
        assert Outcome(at=START, status=status).succeeded

    @pytest.mark.parametrize(
        "status", [None, 100, 199, 300, 301, 302, 304, 307, 308, 400, 410, 500]
    )
    def test_nothing_else_does_redirects_included(self, status: int | None) -> None:
        assert not Outcome(at=START, status=status).succeeded

    def test_a_2xx_that_does_not_answer_a_challenge_does_not(self) -> None:
        assert not Outcome(at=START, status=200, accepted=False).succeeded


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("text", "seconds"),
        [
            ("120", 120),
            (" 7 ", 7),
            ("0", 0),
            ("Fri, 27 Nov 2026 12:02:00 GMT", 120),
            ("Friday, 27-Nov-26 12:02:00 GMT", 120),
            ("Fri, 27 Nov 2026 11:00:00 GMT", 0),
            ("86400", 86_400),
            ("86401", 86_400),
            ("9" * 400, 86_400),
            ("Fri, 27 Nov 2099 12:00:00 GMT", 86_400),
            ("-5", 0),
            ("1.5", 0),
            ("soon", 0),
            ("٣٠", 0),
            ("Fri, 99 Nov 2026 12:02:00 GMT", 0),
            ("", 0),
            (None, 0),
        ],
    )
    def test_seconds_and_dates_are_read_within_a_day(self, text: str | None, seconds: int) -> None:
        assert retry_after_of(failed(503, after=text)) == timedelta(seconds=seconds)

    def test_a_message_never_comes_earlier_than_asked_nor_than_scheduled(self) -> None:
        def wait(after: str, attempts: int) -> timedelta:
            found = next_attempt_at(failed(503, after=after), attempts=attempts, chance=lambda: 0)
            assert found is not None
            return found - START

        assert wait("120", 1) == timedelta(seconds=120)
        assert wait("120", 2) == timedelta(minutes=5)
        assert wait("864000", 1) == timedelta(hours=24)


class TestCircuit:
    def test_it_opens_after_failures_in_a_row_for_longer_and_longer(self) -> None:
        condition, pauses = Condition(), []
        for _ in range(CIRCUIT_FAILURES + 7):
            condition = condition_after(condition, failed())
            pauses.append(
                (condition.open_until - START).total_seconds() if condition.open_until else 0
            )
        assert pauses == [0, 0, 0, 0, 30, 60, 120, 240, 480, 600, 600, 600]

    def test_a_success_closes_it(self) -> None:
        condition = Condition()
        for _ in range(CIRCUIT_FAILURES):
            condition = condition_after(condition, failed())
        condition = condition_after(condition, ok())
        assert (condition.open_until, condition.failures, condition.failing_since) == (
            None,
            0,
            None,
        )
        assert condition.succeeded_at == START

    def test_thousands_of_failures_are_no_matter(self) -> None:
        condition = condition_after(Condition(failures=10_000), failed())
        assert condition.open_until == START + timedelta(minutes=10)


class TestPace:
    @pytest.mark.parametrize("status", [429, 502, 504])
    def test_too_much_to_do_slows_down_and_successes_speed_up_again(self, status: int) -> None:
        condition, intervals = Condition(), []
        for _ in range(8):
            condition = condition_after(condition, failed(status))
            intervals.append(condition.interval_ms)
        assert intervals == [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]
        assert max(intervals) == LONGEST_INTERVAL_MS
        while condition.interval_ms:
            condition = condition_after(condition, ok())
            intervals.append(condition.interval_ms)
        assert intervals[8:] == [30_000, 15_000, 7_500, 3_750, 1_875, 937, 468, 234, 0]

    @pytest.mark.parametrize("status", [None, 301, 400, 500, 503])
    def test_other_failures_do_not(self, status: int | None) -> None:
        assert condition_after(Condition(), failed(status)).interval_ms == 0

    def test_what_it_asks_to_wait_holds_for_all_messages(self) -> None:
        condition = condition_after(Condition(next_at=START), failed(429, after="90"))
        assert condition.next_at == START + timedelta(seconds=90)
        again = condition_after(condition, failed(429, after="1"))
        assert again.next_at == START + timedelta(seconds=90)

    @pytest.mark.parametrize(("asked", "waits_s"), [(None, [1, 2, 4]), ("3", [3, 3, 4])])
    def test_who_does_not_say_how_long_is_left_alone_for_the_interval(
        self, asked: str | None, waits_s: list[int]
    ) -> None:
        condition, waits = Condition(), []
        for _ in waits_s:
            condition = condition_after(condition, failed(429, after=asked))
            assert condition.next_at
            waits.append((condition.next_at - START).total_seconds())
        assert waits == waits_s

    def test_a_failure_of_one_message_delays_that_one_only(self) -> None:
        condition = condition_after(Condition(next_at=START), failed(500, after="90"))
        assert condition.next_at == START


class TestDisable:
    def test_gone_does_at_once(self) -> None:
        outcome = failed(410)
        condition = condition_after(Condition(), outcome)
        assert reason_to_disable(condition, outcome) is DisabledReason.GONE

    def test_five_days_of_failures_do_and_not_a_moment_less(self) -> None:
        condition = Condition(failures=DISABLING_FAILURES, failing_since=START)
        late = failed(at=START + DISABLED_AFTER)
        early = failed(at=START + DISABLED_AFTER - timedelta(microseconds=1))
        assert reason_to_disable(condition, late) is DisabledReason.FAILING
        assert reason_to_disable(condition, early) is None

    def test_two_messages_days_apart_do_not(self) -> None:
        condition = condition_after(Condition(), failed())
        late = failed(at=START + timedelta(days=9))
        condition = condition_after(condition, late)
        assert reason_to_disable(condition, late) is None

    def test_a_success_begins_anew(self) -> None:
        condition = Condition(failures=500, failing_since=START)
        condition = condition_after(condition, ok(START + timedelta(days=4)))
        late = failed(at=START + timedelta(days=6))
        condition = condition_after(condition, late)
        assert reason_to_disable(condition, late) is None
        assert condition.failing_since == late.at
