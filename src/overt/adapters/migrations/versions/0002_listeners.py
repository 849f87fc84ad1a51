"""Whom the policy of a recording's call lets listen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns: recordings of before have no policy that names anybody."""
    op.add_column("recordings", sa.Column("listeners", sa.Text(), nullable=True))
    op.add_column("recordings", sa.Column("policy", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("recordings", "policy")
    op.drop_column("recordings", "listeners")
