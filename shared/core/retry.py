"""When to try again: exponential backoff with jitter, as a plan that does nothing itself."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How often something is tried, and how long is waited in between.

    The wait doubles from `first_s` to at most `longest_s` seconds, and a random part of at most
    `jitter` of it is taken off, so that those who failed together do not come again together.
    `most_attempts` None means for ever.
    """

    first_s: float = 1.0
    longest_s: float = 300.0
    jitter: float = 0.5
    most_attempts: int | None = None

    def gives_up(self, attempts: int) -> bool:
        """Tell whether so many failed attempts were the last."""
        return self.most_attempts is not None and attempts >= self.most_attempts

    def wait_s(self, attempts: int) -> float:
        """Return how long to wait after so many failed attempts (from 1), in seconds."""
        # The exponent is bounded: a float would overflow long before a row is tried for the last time.
        whole = min(self.longest_s, self.first_s * 2.0 ** min(attempts - 1, 60))
        return whole * (1 - self.jitter * random.random())  # noqa: S311  # jitter, no secret
