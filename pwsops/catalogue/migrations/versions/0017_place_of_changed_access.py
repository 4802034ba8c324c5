"""Where the instance was whose database a restore closed: another server's database of that name is another one."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_INDEX = "ix_changed_access_open"


def upgrade() -> None:
    op.add_column("changed_access", sa.Column("place", sa.Text(), server_default=sa.text("''"), nullable=False))
    # Until now a restore's instance was not told from a later one of its name.
    op.execute(
        "UPDATE changed_access SET place = coalesce("
        "(SELECT instances.place FROM instances WHERE instances.name = changed_access.instance), '')"
    )
    op.drop_index(_INDEX, table_name="changed_access")
    op.create_index(
        _INDEX,
        "changed_access",
        ["instance", "place", "database"],
        unique=True,
        sqlite_where=sa.text("given_back_at IS NULL"),
    )
