"""Add OAuth clients, consents, codes and used assertions.

Revises: 20db88ebe9e5
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "8d3b6f2a9c14"
down_revision = "20db88ebe9e5"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "oauth_clients",
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("auth_method", sa.String(length=32), nullable=False),
        sa.Column("secret_digest", sa.String(length=64), nullable=True),
        sa.Column("jwks", postgresql.JSONB(), nullable=True),
        sa.Column("redirect_uris", postgresql.JSONB(), nullable=False),
        sa.Column("grant_types", postgresql.JSONB(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        *_identified(),
        _owned_by("users", "oauth_clients", column="owner_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oauth_clients")),
    )
    op.create_index("ix_oauth_clients_owner", "oauth_clients", ["owner_id", "id"])
    op.create_table(
        "oauth_consents",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        *_identified(),
        _owned_by("users", "oauth_consents", column="user_id"),
        _owned_by("oauth_clients", "oauth_consents", column="client_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oauth_consents")),
        sa.UniqueConstraint(
            "user_id", "client_id", name=op.f("uq_oauth_consents_user_id_client_id")
        ),
    )
    op.create_index("ix_oauth_consents_client", "oauth_consents", ["client_id"])
    op.create_table(
        "oauth_codes",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("redirect_uri", sa.String(length=512), nullable=False),
        sa.Column("challenge", sa.String(length=43), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("methods", postgresql.JSONB(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("spent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        *_identified(),
        _owned_by("users", "oauth_codes", column="user_id"),
        _owned_by("oauth_clients", "oauth_codes", column="client_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oauth_codes")),
        sa.UniqueConstraint("digest", name=op.f("uq_oauth_codes_digest")),
    )
    op.create_index("ix_oauth_codes_expiry", "oauth_codes", ["expires_at"])
    op.create_index("ix_oauth_codes_grant", "oauth_codes", ["user_id", "client_id"])
    op.create_index("ix_oauth_codes_client", "oauth_codes", ["client_id"])
    op.create_table(
        "oauth_assertions",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_oauth_assertions")),
    )
    op.create_index("ix_oauth_assertions_expiry", "oauth_assertions", ["expires_at"])
    op.create_index(
        "ix_sessions_client",
        "sessions",
        ["client_id", "last_seen_at"],
        postgresql_where=sa.text("client_id IS NOT NULL AND revoked_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_sessions_client", table_name="sessions")
    for table in ("oauth_assertions", "oauth_codes", "oauth_consents", "oauth_clients"):
        op.drop_table(table)


def _identified() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
    )


def _owned_by(parent: str, table: str, *, column: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{parent}")
    return sa.ForeignKeyConstraint([column], [f"{parent}.id"], name=name, ondelete="CASCADE")
