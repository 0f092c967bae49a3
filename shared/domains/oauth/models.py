"""Tables of the authorization server."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.adapters.database.base import Base, Identified
from shared.domains.identity.models import User


class ClientRow(Identified, Base):
    """A client: its id is the `client_id`. A secret is kept as its digest."""

    __tablename__ = "oauth_clients"

    owner_id: Mapped[UUID] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(200))
    auth_method: Mapped[str] = mapped_column(String(32))
    secret_digest: Mapped[str | None] = mapped_column(String(64))
    jwks: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    redirect_uris: Mapped[list[str]] = mapped_column(JSONB)
    grant_types: Mapped[list[str]] = mapped_column(JSONB)
    scope: Mapped[str]


Index("ix_oauth_clients_owner", ClientRow.owner_id, ClientRow.id)


class ConsentRow(Identified, Base):
    """What a user lets a client do."""

    __tablename__ = "oauth_consents"
    __table_args__ = (UniqueConstraint("user_id", "client_id"),)

    user_id: Mapped[UUID] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"))
    client_id: Mapped[UUID] = mapped_column(ForeignKey(ClientRow.id, ondelete="CASCADE"))
    scope: Mapped[str]


Index("ix_oauth_consents_client", ConsentRow.client_id)


class CodeRow(Identified, Base):
    """An authorization code by its digest. `session_id` is what was made from it, once it is spent."""

    __tablename__ = "oauth_codes"

    digest: Mapped[str] = mapped_column(String(64), unique=True)
    client_id: Mapped[UUID] = mapped_column(ForeignKey(ClientRow.id, ondelete="CASCADE"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"))
    redirect_uri: Mapped[str] = mapped_column(String(512))
    challenge: Mapped[str] = mapped_column(String(43))
    scope: Mapped[str]
    methods: Mapped[list[str]] = mapped_column(JSONB)
    expires_at: Mapped[datetime]
    spent_at: Mapped[datetime | None]
    session_id: Mapped[UUID | None]


Index("ix_oauth_codes_expiry", CodeRow.expires_at)
Index("ix_oauth_codes_grant", CodeRow.user_id, CodeRow.client_id)
Index("ix_oauth_codes_client", CodeRow.client_id)


class AssertionRow(Base):
    """A client's assertion that was used, by the digest of client and `jti`: it is refused when it comes again."""

    __tablename__ = "oauth_assertions"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    expires_at: Mapped[datetime]


Index("ix_oauth_assertions_expiry", AssertionRow.expires_at)
