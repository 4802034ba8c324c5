"""What was proven of backups, what was seen of them, and what instances last said of their databases."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("backup_sets", sa.Column("proven_at", sa.BigInteger(), nullable=True))
    op.add_column("backup_sets", sa.Column("disproven_at", sa.BigInteger(), nullable=True))
    op.add_column("backup_sets", sa.Column("disproven_reason", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("backup_sets", sa.Column("seen_state", sa.Text(), nullable=True))
    op.add_column("backup_sets", sa.Column("seen_reason", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("backup_sets", sa.Column("state_since", sa.BigInteger(), nullable=True))
    op.add_column("backup_sets", sa.Column("seen_at", sa.BigInteger(), nullable=True))
    # What a run of ours took was verified as it was written; whether it still lies there, nobody knows yet.
    op.execute("UPDATE backup_sets SET proven_at = finished_at WHERE run_id IS NOT NULL")
    op.create_index(
        "ix_backup_sets_there",
        "backup_sets",
        ["instance", "database"],
        unique=False,
        sqlite_where=sa.text("replaced_at IS NULL"),
    )
    op.create_table(
        "instance_looks",
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("unreached_since", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("instance", name=op.f("pk_instance_looks")),
    )
    op.create_table(
        "seen_databases",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("database", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state_since", sa.BigInteger(), nullable=False),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("foreign_base", sa.Boolean(), nullable=False),
        sa.Column("outside", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seen_databases")),
        sa.UniqueConstraint("instance", "database", name=op.f("uq_seen_databases_instance_database")),
    )
