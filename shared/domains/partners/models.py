"""Tables of partners."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.adapters.database.base import Base, Identified, enum_of
from shared.domains.identity.models import User
from shared.domains.partners.schemas import KeyState, PartnerState


class PartnerRow(Identified, Base):
    """A company that calls with API keys. What it makes belongs to `account_id`, a service account.

    A removed one stays until its keys are gone from the gateway and its things from the database.
    """

    __tablename__ = "partners"

    name: Mapped[str]
    plan: Mapped[str] = mapped_column(String(64))
    contact: Mapped[str]
    state: Mapped[PartnerState] = mapped_column(
        enum_of(PartnerState, name="partner_state"),
        default=PartnerState.ACTIVE,
        server_default=PartnerState.ACTIVE.value,
    )
    admin_id: Mapped[UUID | None] = mapped_column(ForeignKey(User.id, ondelete="SET NULL"))
    account_id: Mapped[UUID | None] = mapped_column(
        ForeignKey(User.id, ondelete="SET NULL"), unique=True
    )


Index(
    "uq_partners_name",
    func.lower(PartnerRow.name),
    unique=True,
    postgresql_where=text("state <> 'removed'"),
)
Index("ix_partners_created", PartnerRow.created_at, PartnerRow.id)
Index("ix_partners_admin", PartnerRow.admin_id, PartnerRow.created_at, PartnerRow.id)


class PartnerKeyRow(Identified, Base):
    """An API key by its digest. Its name at the gateway is its id.

    `retires_at` ends the grace of a rotated one; `missing_since` is when the gateway was found without it.
    """

    __tablename__ = "partner_keys"

    partner_id: Mapped[UUID] = mapped_column(ForeignKey(PartnerRow.id, ondelete="CASCADE"))
    name: Mapped[str]
    hint: Mapped[str] = mapped_column(String(32))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    scope: Mapped[str]
    networks: Mapped[list[str]] = mapped_column(JSONB)
    state: Mapped[KeyState] = mapped_column(
        enum_of(KeyState, name="partner_key_state"), default=KeyState.PENDING
    )
    gateway_id: Mapped[str | None] = mapped_column(String(64))
    replaces_id: Mapped[UUID | None]
    activated_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    retires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    missing_since: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


Index(
    "ix_partner_keys_partner", PartnerKeyRow.partner_id, PartnerKeyRow.created_at, PartnerKeyRow.id
)
Index("ix_partner_keys_replaces", PartnerKeyRow.replaces_id)
Index("ix_partner_keys_ended", PartnerKeyRow.ended_at)
