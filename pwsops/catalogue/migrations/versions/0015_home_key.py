"""Which home this is, and a value that proves its key."""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    home = op.create_table(
        "home",
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("key_check", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("home_id"),
    )
    # The value comes when the home is opened next: the key is not the catalogue's to read.
    op.bulk_insert(home, [{"home_id": uuid.uuid4().hex, "key_check": None}])
