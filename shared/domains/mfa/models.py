"""Tables of second factors."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.adapters.database.base import Base, Identified


class TotpAuthenticator(Base):
    """A user's authenticator application. It counts as a factor once a code has confirmed it.

    `last_step` is the time step of the last code that was accepted: none is accepted twice.
    """

    __tablename__ = "totp_authenticators"

    user_id: Mapped[UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    sealed_secret: Mapped[str]
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    last_step: Mapped[int | None] = mapped_column(BigInteger)
    last_used_at: Mapped[datetime | None]


class RecoveryCode(Base):
    """A code that stands in for a second factor once, by its keyed digest."""

    __tablename__ = "recovery_codes"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


Index("ix_recovery_codes_user", RecoveryCode.user_id)


class PasskeyRow(Identified, Base):
    """A passkey. `credential_id` and `public_key` (COSE) are in base64url.

    `synced` tells that it may stand on several devices, `backed_up` that it does (section 6.1.3, BE and BS).
    """

    __tablename__ = "passkeys"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    credential_id: Mapped[str] = mapped_column(String(1364), unique=True)
    public_key: Mapped[str]
    sign_count: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(String(200))
    transports: Mapped[list[str]] = mapped_column(JSONB)
    aaguid: Mapped[str] = mapped_column(String(36))
    synced: Mapped[bool]
    backed_up: Mapped[bool]
    last_used_at: Mapped[datetime | None]


Index("ix_passkeys_user", PasskeyRow.user_id, PasskeyRow.created_at)


class MfaChallenge(Base):
    """Something that waits for an answer, by the digest of the token or challenge that names it.

    `purpose` says what for; `user_id` is empty where the answer is to tell who it is. `opening` is the
    session that is to begin.
    """

    __tablename__ = "mfa_challenges"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(64))
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    opening: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    expires_at: Mapped[datetime]


Index("ix_mfa_challenges_expiry", MfaChallenge.expires_at)
Index("ix_mfa_challenges_user", MfaChallenge.user_id)


class MfaConfirmation(Base):
    """A session whose user has typed their password again, until when that holds."""

    __tablename__ = "mfa_confirmations"

    session_id: Mapped[UUID] = mapped_column(
        ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True
    )
    expires_at: Mapped[datetime]
