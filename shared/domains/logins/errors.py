"""What is refused of logins, and why."""

from shared.core.errors import TooManyRequestsError


class TooManyLoginAttemptsError(TooManyRequestsError):
    """Too many passwords were wrong: none is looked at until the time is over."""

    code = "too_many_login_attempts"
    title = "Too many login attempts"

    def __init__(self, *, retry_after_s: int) -> None:
        detail = "Too many passwords were wrong: wait as long as Retry-After says, or reset your password."
        super().__init__(detail, retry_after_s=retry_after_s)
