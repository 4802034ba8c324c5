"""What the history is sorted and filtered by, besides what had an index: how long a run took, its size, its trigger."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("size_bytes", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.add_column(
        "runs",
        sa.Column(
            "duration_us",
            sa.BigInteger(),
            sa.Computed("coalesce(finished_at - started_at, -1)", persisted=False),
            nullable=True,
        ),
    )
    op.execute(
        "UPDATE runs SET size_bytes = (SELECT sum(size_bytes) FROM run_items WHERE run_id = runs.id) "
        "WHERE EXISTS (SELECT 1 FROM run_items WHERE run_id = runs.id AND size_bytes IS NOT NULL)"
    )
    op.create_index("ix_runs_duration_us", "runs", ["duration_us"], unique=False)
    op.create_index("ix_runs_size_bytes", "runs", ["size_bytes"], unique=False)
    op.create_index(
        "ix_runs_trigger_due_at",
        "runs",
        ["trigger", "due_at"],
        unique=False,
        sqlite_where=sa.text("trigger <> 'schedule'"),
    )
