"""What happens to sessions."""

from typing import ClassVar
from uuid import UUID

from shared.core.events import Event


class SessionsRevoked(Event):
    """Sessions ended before their time: their access tokens are good no more."""

    type: ClassVar[str] = "sessions.sessions_revoked"

    user_id: UUID
    session_ids: tuple[UUID, ...]
    reason: str

    @property
    def aggregate(self) -> str:
        """The user."""
        return f"user:{self.user_id}"
