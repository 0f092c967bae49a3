"""Add partners.

Revises: c1f7a3b86d20
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20db88ebe9e5"
down_revision = "c1f7a3b86d20"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "partners",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("plan", sa.String(length=64), nullable=False),
        sa.Column("contact", sa.String(), nullable=False),
        sa.Column(
            "state",
            sa.Enum("active", "suspended", "removed", name="partner_state"),
            server_default="active",
            nullable=False,
        ),
        sa.Column("admin_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["users.id"],
            name=op.f("fk_partners_account_id_users"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["admin_id"], ["users.id"], name=op.f("fk_partners_admin_id_users"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_partners")),
        sa.UniqueConstraint("account_id", name=op.f("uq_partners_account_id")),
    )
    op.create_index("ix_partners_admin", "partners", ["admin_id", "created_at", "id"], unique=False)
    op.create_index("ix_partners_created", "partners", ["created_at", "id"], unique=False)
    op.create_index(
        "uq_partners_name",
        "partners",
        [sa.literal_column("lower(name)")],
        unique=True,
        postgresql_where=sa.text("state <> 'removed'"),
    )
    op.create_table(
        "partner_keys",
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("hint", sa.String(length=32), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("networks", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "state",
            sa.Enum("pending", "active", "removing", "removed", name="partner_key_state"),
            nullable=False,
        ),
        sa.Column("gateway_id", sa.String(length=64), nullable=True),
        sa.Column("replaces_id", sa.Uuid(), nullable=True),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["partner_id"],
            ["partners.id"],
            name=op.f("fk_partner_keys_partner_id_partners"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_partner_keys")),
        sa.UniqueConstraint("digest", name=op.f("uq_partner_keys_digest")),
    )
    op.create_index("ix_partner_keys_ended", "partner_keys", ["ended_at"], unique=False)
    op.create_index(
        "ix_partner_keys_partner", "partner_keys", ["partner_id", "created_at", "id"], unique=False
    )
    op.create_index("ix_partner_keys_replaces", "partner_keys", ["replaces_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_partner_keys_replaces", table_name="partner_keys")
    op.drop_index("ix_partner_keys_partner", table_name="partner_keys")
    op.drop_index("ix_partner_keys_ended", table_name="partner_keys")
    op.drop_table("partner_keys")
    op.drop_index(
        "uq_partners_name", table_name="partners", postgresql_where=sa.text("state <> 'removed'")
    )
    op.drop_index("ix_partners_created", table_name="partners")
    op.drop_index("ix_partners_admin", table_name="partners")
    op.drop_table("partners")
    for enum in ("partner_key_state", "partner_state"):
        op.execute(f"DROP TYPE {enum}")
    # Nobody can log in as these, and nothing else tells them from people.
    op.execute("DELETE FROM users WHERE username LIKE 'service:%'")
