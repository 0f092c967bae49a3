"""Allow users without a password, who log in by an outside provider.

Revises: 7c3d9e51a0f4
"""

import sqlalchemy as sa
from alembic import op

revision = "8c4d2e9f7a15"
down_revision = "7c3d9e51a0f4"
branch_labels = None
depends_on = None

NOBODYS_HASH = (
    "$argon2id$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)
"""What no password has."""


def upgrade() -> None:
    op.alter_column("users", "password_hash", existing_type=sa.String(), nullable=True)


def downgrade() -> None:
    users = sa.table("users", sa.column("password_hash", sa.String()))
    without = users.c.password_hash.is_(None)
    op.execute(users.update().where(without).values(password_hash=NOBODYS_HASH))
    op.alter_column("users", "password_hash", existing_type=sa.String(), nullable=False)
