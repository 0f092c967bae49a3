"""Sends the mail that resets a password, where somebody has the address that was named.

The request itself looks nobody up: by its answer, and by how long that takes, nobody learns who has an account.
"""

from typing import TYPE_CHECKING

from shared.domains.identity import api as identity
from shared.domains.identity.events import PasswordResetRequested
from shared.worker.consumer import event_handler

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession


async def send_reset(session: "AsyncSession", event: PasswordResetRequested) -> None:
    """Send the mail of an event, or none. Raises SealBrokenError where nobody here sealed its address."""
    await identity.send_password_reset(session, event.sealed_email)


handler = event_handler(consumer="password-resets", handlers={PasswordResetRequested: send_reset})
