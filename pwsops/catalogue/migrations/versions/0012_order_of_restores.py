"""After which runs and sets a restore began: clocks may be wrong, the order of the catalogue's rows is not."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# Of former restores nothing but the clocks tells it. What was written down before a set that is dated before a restore
# was there by then as well.
_FILL = """
UPDATE restores SET
    runs_until = (SELECT coalesce(max(run_id), 0) FROM backup_sets WHERE finished_at <= restores.started_at),
    sets_until = (SELECT coalesce(max(id), 0) FROM backup_sets WHERE finished_at <= restores.started_at)
"""


def upgrade() -> None:
    for name in ("runs_until", "sets_until"):
        op.add_column("restores", sa.Column(name, sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.execute(_FILL)
