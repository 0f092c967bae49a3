"""What a handler is given beside its event, for tests that call it as Lambda does."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class LambdaContext:
    """An invocation with so many seconds left: negative where its time is up."""

    remaining_s: float = 60.0

    def get_remaining_time_in_millis(self) -> int:
        return round(self.remaining_s * 1000)
