"""Whether the fulls of a profile check the structure of what they save."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("profiles", sa.Column("check_structure", sa.Boolean(), server_default=sa.text("1"), nullable=False))
