"""A profile may have a login of its own on the database server; its password is sealed."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("profiles", sa.Column("login", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("profiles", sa.Column("sealed_password", sa.Text(), nullable=True))
