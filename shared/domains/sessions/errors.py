"""What sessions refuse, and why."""

from shared.core.errors import NotFoundError, UnauthorizedError


class InvalidRefreshTokenError(UnauthorizedError):
    """The refresh token is unknown, or its session has ended: the user logs in again."""

    code = "invalid_refresh_token"
    title = "Invalid refresh token"

    def __init__(self) -> None:
        super().__init__("The refresh token is not valid, or its session has ended: log in again.")


class RefreshTokenReusedError(InvalidRefreshTokenError):
    """The refresh token was spent before: one of two parties has stolen it, and so its session ends.

    To the caller it is an invalid refresh token. That the session ended is kept all the same.
    """

    keeps_changes = True


class SessionNotFoundError(NotFoundError):
    """The user has no such session."""

    code = "session_not_found"
    title = "Session not found"

    def __init__(self) -> None:
        super().__init__("You have no session with this id, or it has ended.")
