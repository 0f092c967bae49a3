"""How much time an invocation has left, so that work stops cleanly before Lambda stops it."""

import time
from dataclasses import dataclass
from typing import Protocol


class LambdaContext(Protocol):
    """What is used of the object that Lambda passes to a handler."""

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the invocation may still run, in milliseconds."""


@dataclass(frozen=True)
class Deadline:
    """A moment on the monotonic clock, in seconds."""

    at: float

    @classmethod
    def of(cls, context: LambdaContext) -> "Deadline":
        """Return when Lambda ends the invocation of `context`."""
        return cls(time.monotonic() + context.get_remaining_time_in_millis() / 1000)

    @property
    def remaining_s(self) -> float:
        """How long there still is, in seconds; below 0 once it has passed."""
        return self.at - time.monotonic()

    def leaves(self, seconds: float) -> bool:
        """Tell whether at least so many seconds remain."""
        return self.remaining_s >= seconds
