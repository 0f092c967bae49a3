"""Tables of login attempts."""

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.adapters.database.base import Base


class LoginCounter(Base):
    """How often logins failed for an account, from an address, or for an account from an address.

    `key` is a keyed digest: the table tells nobody who logs in from where. `known_until` is set where the
    account was logged in to from the address.
    """

    __tablename__ = "login_counters"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    failures: Mapped[int]
    blocked_until: Mapped[datetime | None]
    known_until: Mapped[datetime | None]
    updated_at: Mapped[datetime]


Index("ix_login_counters_updated", LoginCounter.updated_at)
