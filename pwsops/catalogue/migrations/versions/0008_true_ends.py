"""What has yet to be looked at again, given back or corrected: ends that nobody knows, access, refused logins."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_runs_profile_id", "runs", ["profile_id"], unique=False)
    op.add_column("run_items", sa.Column("look_again_at", sa.BigInteger(), nullable=True))
    op.add_column("run_items", sa.Column("looks", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.create_index(
        "ix_run_items_look_again_at",
        "run_items",
        ["look_again_at"],
        unique=False,
        sqlite_where=sa.text("look_again_at IS NOT NULL"),
    )
    op.create_table(
        "changed_access",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("database", sa.Text(), nullable=False),
        sa.Column("former_mode", sa.Text(), nullable=False),
        sa.Column("changed_to", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("restore_id", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.BigInteger(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("given_back_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_changed_access")),
        sa.ForeignKeyConstraint(["restore_id"], ["restores.id"], name=op.f("fk_changed_access_restore_id")),
    )
    op.create_index(
        "ix_changed_access_open",
        "changed_access",
        ["instance", "database"],
        unique=True,
        sqlite_where=sa.text("given_back_at IS NULL"),
    )
    op.create_table(
        "refused_logins",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refused_logins")),
        sa.UniqueConstraint("instance", "login", name=op.f("uq_refused_logins_instance_login")),
    )
