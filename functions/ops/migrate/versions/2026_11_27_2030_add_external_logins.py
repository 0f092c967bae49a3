"""Add signing in by outside providers.

Revises: 8c4d2e9f7a15
"""

import sqlalchemy as sa
from alembic import op

revision = "c1f7a3b86d20"
down_revision = "8c4d2e9f7a15"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "external_flows",
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("return_to", sa.String(), nullable=True),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("token_digest", sa.String(length=64), nullable=False),
        sa.Column("state_digest", sa.String(length=64), nullable=False),
        sa.Column("spent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("handover_digest", sa.String(length=64), nullable=True),
        sa.Column("sealed_identity", sa.String(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_external_flows_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_external_flows")),
        sa.UniqueConstraint("state_digest", name=op.f("uq_external_flows_state_digest")),
        sa.UniqueConstraint("handover_digest", name=op.f("uq_external_flows_handover_digest")),
    )
    op.create_index("ix_external_flows_expiry", "external_flows", ["expires_at"], unique=False)
    op.create_index("ix_external_flows_user", "external_flows", ["user_id"], unique=False)
    op.create_table(
        "external_links",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_external_links_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_external_links")),
        sa.UniqueConstraint("issuer", "subject", name="uq_external_links_subject"),
        sa.UniqueConstraint("user_id", "issuer", name="uq_external_links_user"),
    )


def downgrade() -> None:
    op.drop_table("external_links")
    op.drop_index("ix_external_flows_user", table_name="external_flows")
    op.drop_index("ix_external_flows_expiry", table_name="external_flows")
    op.drop_table("external_flows")
