"""Add verification, reset and login counters.

Revises: b414de0176c0
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "4f0a1c5e2b71"
down_revision = "b414de0176c0"
branch_labels = None
depends_on = None

PURPOSE = postgresql.ENUM("verify", "reset_password", name="email_purpose", create_type=False)


def upgrade() -> None:
    op.execute("CREATE TYPE email_purpose AS ENUM ('verify', 'reset_password')")
    op.create_table(
        "email_tokens",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", PURPOSE, nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_email_tokens_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_email_tokens")),
        sa.UniqueConstraint("digest", name=op.f("uq_email_tokens_digest")),
    )
    op.create_index("ix_email_tokens_expiry", "email_tokens", ["expires_at"], unique=False)
    op.create_index("ix_email_tokens_user", "email_tokens", ["user_id", "purpose"], unique=False)
    op.create_table(
        "login_counters",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("blocked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("known_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_login_counters")),
    )
    op.create_index("ix_login_counters_updated", "login_counters", ["updated_at"], unique=False)
    op.add_column(
        "users", sa.Column("email_verified_at", sa.DateTime(timezone=True), nullable=True)
    )


def downgrade() -> None:
    op.drop_column("users", "email_verified_at")
    op.drop_index("ix_login_counters_updated", table_name="login_counters")
    op.drop_table("login_counters")
    op.drop_index("ix_email_tokens_user", table_name="email_tokens")
    op.drop_index("ix_email_tokens_expiry", table_name="email_tokens")
    op.drop_table("email_tokens")
    op.execute("DROP TYPE email_purpose")
