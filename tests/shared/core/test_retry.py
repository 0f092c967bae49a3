"""A wait doubles up to its longest, less a random part of it; attempts are counted from 1."""

import pytest

from shared.core.retry import RetryPolicy


class TestWait:
    def test_it_doubles_up_to_the_longest(self) -> None:
        steady = RetryPolicy(first_s=1, longest_s=10, jitter=0)
        assert [steady.wait_s(n) for n in range(1, 7)] == [1, 2, 4, 8, 10, 10]

    def test_jitter_takes_off_its_part_at_most(self) -> None:
        policy = RetryPolicy(first_s=8, jitter=0.5)
        waits = [policy.wait_s(1) for _ in range(200)]
        assert 4 <= min(waits) < 5
        assert 7 < max(waits) <= 8

    @pytest.mark.parametrize("attempts", [1_000, 10_000_000])
    def test_any_number_of_attempts_has_a_wait(self, attempts: int) -> None:
        assert RetryPolicy(longest_s=300, jitter=0).wait_s(attempts) == 300


class TestGivesUp:
    def test_the_last_attempt_is_the_policys(self) -> None:
        policy = RetryPolicy(most_attempts=3)
        assert [policy.gives_up(n) for n in range(1, 5)] == [False, False, True, True]

    def test_without_a_last_one_it_never_does(self) -> None:
        assert not RetryPolicy().gives_up(1_000_000)
