"""Where a run worked: its profile, or its instance, may be at another place before anybody hears how it ended."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("instance", "place", "directory"):
        op.add_column("runs", sa.Column(name, sa.Text()))
    # What is open now is taken for what its profile says now, as it was until here.
    op.execute(
        "UPDATE runs SET (instance, directory) = "
        "(SELECT profiles.instance, profiles.directory FROM profiles WHERE profiles.id = runs.profile_id) "
        "WHERE status IN ('queued', 'running')"
    )
    op.execute(
        "UPDATE runs SET place = (SELECT instances.place FROM instances WHERE instances.name = runs.instance) "
        "WHERE status IN ('queued', 'running')"
    )
