"""Where instances ever kept databases and backups: a place stays theirs when they have moved on, or are gone."""

import ntpath
import posixpath
import re
from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_ADDED = "sqlite at "


def upgrade() -> None:
    places = op.create_table(
        "known_places",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_places")),
        sa.UniqueConstraint("instance", "host", "path", name=op.f("uq_known_places_instance_host_path")),
    )
    found = sorted({place for place in _found() if all(isinstance(each, str) for each in place) and place[2]})
    if found:
        op.bulk_insert(places, [{"instance": name, "host": host, "path": path} for name, host, path in found])


def _found() -> Iterator[tuple[str, str, str]]:
    ask = op.get_bind().exec_driver_sql
    hosts = {}
    for name, engine, address in ask("SELECT name, engine, address FROM instances").fetchall():
        hosts[name] = _host(engine, address)
        if engine == "sqlite":
            yield name, "", address
    for name, place, path in ask("SELECT DISTINCT instance, place, path FROM backup_sets").fetchall():
        engine, _, where = str(place).partition(" ")
        host = _host(engine, where) if engine else hosts.get(name, "")
        if engine == "sqlite":
            yield name, host, where
        yield name, host, _directory(str(path))
    kept = "SELECT instance, directory FROM profiles UNION SELECT instance, directory FROM certificate_copies"
    for name, directory in ask(kept).fetchall():
        yield name, hosts.get(name, ""), directory
    # Of an instance that is gone and never took a backup, this is all that is known.
    for name, detail in ask("SELECT subject, detail FROM audit WHERE action = 'add instance'").fetchall():
        if str(detail).startswith(_ADDED):
            yield name, "", detail[len(_ADDED) :]


def _host(engine: str, address: str) -> str:
    return "" if engine == "sqlite" else re.split(r"[\\,]", str(address))[0].casefold()


def _directory(path: str) -> str:
    return posixpath.dirname(path) if path.startswith("/") else ntpath.dirname(path)
