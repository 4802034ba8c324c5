"""What is kept of a profile's backups, what was held, and what became of the rest."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_COUNTS = ("keep_last", "keep_daily", "keep_weekly", "keep_monthly", "keep_yearly")


def upgrade() -> None:
    op.add_column("profiles", sa.Column("keep_within", sa.Text(), server_default=sa.text("''"), nullable=False))
    for name in _COUNTS:
        op.add_column("profiles", sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False))
    for name in ("prune_began_at", "pruned_at", "retained_at"):
        op.add_column("backup_sets", sa.Column(name, sa.BigInteger(), nullable=True))
    op.add_column("backup_sets", sa.Column("prune_owner", sa.Text(), nullable=True))
    for name in ("pruned_why", "retained_why"):
        op.add_column("backup_sets", sa.Column(name, sa.Text(), server_default=sa.text("''"), nullable=False))
    op.create_index("ix_backup_sets_profile_id", "backup_sets", ["profile_id"])
    op.create_index(
        "ix_backup_sets_prune_began",
        "backup_sets",
        ["profile_id"],
        sqlite_where=sa.text("prune_began_at IS NOT NULL AND pruned_at IS NULL"),
    )
    op.create_table(
        "holds",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("database", sa.Text(), nullable=False),
        sa.Column("set_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("removed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holds")),
    )
    op.create_index("ix_holds_in_force", "holds", ["instance", "set_id"], sqlite_where=sa.text("removed_at IS NULL"))
