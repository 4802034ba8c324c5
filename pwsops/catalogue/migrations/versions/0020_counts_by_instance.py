"""How many runs there are of each kind by the instance they worked on, for who is given some: profiles may be moved."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_KEYS = ("profile_id", "instance", "status", "trigger")
_TRIGGERS = ("runs_counted", "runs_uncounted", "runs_recounted")


def upgrade() -> None:
    for name in _TRIGGERS:
        op.execute(f"DROP TRIGGER {name}")
    op.drop_table("run_counts")
    op.create_table(
        "run_counts",
        sa.Column("profile_id", sa.Integer(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(*_KEYS, name=op.f("pk_run_counts")),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO run_counts SELECT profile_id, coalesce(instance, ''), status, trigger, count(*) "
        "FROM runs GROUP BY 1, 2, 3, 4"
    )
    more = (
        "INSERT INTO run_counts VALUES (new.profile_id, coalesce(new.instance, ''), new.status, new.trigger, 1) "
        "ON CONFLICT DO UPDATE SET count = count + 1;"
    )
    fewer = (
        "UPDATE run_counts SET count = count - 1 WHERE profile_id = old.profile_id "
        "AND instance = coalesce(old.instance, '') AND status = old.status AND trigger = old.trigger;"
    )
    changed = " OR ".join(f"old.{name} IS NOT new.{name}" for name in _KEYS)
    op.execute(f"CREATE TRIGGER runs_counted AFTER INSERT ON runs BEGIN {more} END")
    op.execute(f"CREATE TRIGGER runs_uncounted AFTER DELETE ON runs BEGIN {fewer} END")
    op.execute(
        f"CREATE TRIGGER runs_recounted AFTER UPDATE OF {', '.join(_KEYS)} ON runs "
        f"WHEN {changed} BEGIN {fewer} {more} END"
    )
