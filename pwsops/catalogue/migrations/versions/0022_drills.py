"""Backups that were tried by restoring them into a scratch."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "drills",
        sa.Column("id", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("instance", "database", "on_instance", "place")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("actor", "path")),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("set_id", sa.Text(), nullable=False),
        sa.Column("sets", sa.JSON(), nullable=False),
        sa.Column("data_at", sa.BigInteger(), nullable=True),
        sa.Column("queries", sa.JSON(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("progress_phase", sa.Text(), nullable=True),
        sa.Column("progress_done", sa.BigInteger(), nullable=True),
        sa.Column("progress_total", sa.BigInteger(), nullable=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("scratch", "scratch_place")),
        sa.Column("scratch_dropped_at", sa.BigInteger(), nullable=True),
        sa.Column("drop_tries", sa.Integer(), nullable=False),
        sa.Column("next_drop_at", sa.BigInteger(), nullable=True),
        sa.Column("drop_error", sa.Text(), nullable=False),
        sa.Column("restored_bytes", sa.BigInteger(), nullable=True),
        *(sa.Column(name, sa.Float(), nullable=True) for name in ("restore_s", "check_s", "query_s")),
        *(sa.Column(name, sa.JSON(), nullable=False) for name in ("tables", "answers")),
        sa.Column("outcome", sa.Text(), nullable=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("cause", "why", "next_step")),
        sa.Column("messages", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drills")),
    )
    op.create_index("ix_drills_instance_database", "drills", ["instance", "database"])
    op.create_index(
        "ix_drills_open", "drills", ["instance", "database"], unique=True, sqlite_where=sa.text("ended_at IS NULL")
    )
    op.create_index(
        "ix_drills_owed",
        "drills",
        ["next_drop_at"],
        sqlite_where=sa.text("scratch <> '' AND scratch_dropped_at IS NULL"),
    )
