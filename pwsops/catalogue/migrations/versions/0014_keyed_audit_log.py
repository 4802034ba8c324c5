"""An audit log with a key, and the system's user beside the claimed one."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # What is there keeps its digests; the first start after this writes down up to where that goes.
    op.add_column("audit", sa.Column("system_user", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("audit", sa.Column("key_id", sa.Integer(), nullable=True))
    op.create_table(
        "audit_keys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("first_entry", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_keys")),
    )
