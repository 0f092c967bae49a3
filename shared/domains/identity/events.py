"""What happens to users."""

from typing import ClassVar
from uuid import UUID

from shared.core.events import Event


class UserDeleted(Event):
    """A user is gone, with all that was theirs: whoever keeps more about them forgets it too."""

    type: ClassVar[str] = "identity.user_deleted"

    user_id: UUID

    @property
    def aggregate(self) -> str:
        """The user."""
        return f"user:{self.user_id}"
