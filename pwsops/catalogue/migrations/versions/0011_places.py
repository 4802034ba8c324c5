"""Where an instance is, and was when each of its sets was taken."""

import sqlalchemy as sa
from alembic import op

from pwsops.engines.registry import place

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("instances", "backup_sets"):
        op.add_column(table, sa.Column("place", sa.Text(), server_default=sa.text("''"), nullable=False))
    connection = op.get_bind()
    for name, engine, address in connection.execute(sa.text("SELECT name, engine, address FROM instances")).all():
        # A row that cannot be read stays one; it is named where it is used.
        here = {"place": place(str(engine), str(address)), "name": name}
        connection.execute(sa.text("UPDATE instances SET place = :place WHERE name = :name"), here)
        # What was taken of an instance that is gone belongs to none that comes later.
        connection.execute(sa.text("UPDATE backup_sets SET place = :place WHERE instance = :name"), here)
