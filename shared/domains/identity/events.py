"""What happens to users."""

from typing import ClassVar
from uuid import UUID

from pydantic import Field

from shared.core.events import Event


class UserDeleted(Event):
    """A user is gone, with all that was theirs: whoever keeps more about them forgets it too."""

    type: ClassVar[str] = "identity.user_deleted"

    user_id: UUID

    @property
    def aggregate(self) -> str:
        """The user."""
        return f"user:{self.user_id}"


class PasswordResetRequested(Event):
    """Somebody wants to reset the password of whoever has an address, which is sealed; perhaps nobody has it."""

    type: ClassVar[str] = "identity.password_reset_requested"

    request_id: UUID
    sealed_email: str = Field(min_length=1)

    @property
    def aggregate(self) -> str:
        """The request: what would name the user must not depend on whether there is one."""
        return f"password_reset:{self.request_id}"
