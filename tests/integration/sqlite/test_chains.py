"""Full and incremental bring back exactly the file there was, whatever happened to the database in between."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pwsops.engines.sqlite import backup, restore
from pwsops.engines.sqlite.assembly import Assembly
from pwsops.engines.sqlite.identity import Recorded
from pwsops.engines.sqlite.media import Media
from tests.integration.sqlite.support import SILENT, order

EDITS = st.one_of(
    st.tuples(st.just("INSERT INTO t (x) SELECT randomblob(?) FROM generate"), st.integers(1, 9000)),
    st.tuples(st.just("DELETE FROM t WHERE id % ? = 0"), st.integers(1, 5)),
    st.tuples(st.just("UPDATE t SET x = randomblob(length(x)) WHERE id % ? = 0"), st.integers(1, 60)),
    st.tuples(st.just("UPDATE t SET x = zeroblob(length(x)) WHERE id > ?"), st.integers(0, 200)),
    st.just(("VACUUM", None)),
)


def edit(path: Path, edits: list[tuple[str, int | None]]) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement, value in edits:
            connection.execute(statement, () if value is None else (value,))
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def rebuilt(directory: Path, *sets: Any) -> bytes:
    path = directory / f"out-{os.urandom(4).hex()}"
    chain = [Media(one["path"]) for one in sets]
    fd = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        restore.check_chain(chain, [Recorded(one["path"], one["set_id"]) for one in sets])
        with Assembly(fd, chain) as assembly:
            assembly.complete()
        return path.read_bytes()
    finally:
        os.close(fd)
        for media in chain:
            media.close()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    page_size=st.sampled_from([512, 4096, 65536]),
    wal=st.booleans(),
    rounds=st.lists(st.lists(EDITS, max_size=4), min_size=2, max_size=4),
)
def test_a_chain_gives_back_the_very_file(page_size: int, wal: bool, rounds: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        path = directory / "db.sqlite3"
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute(f"PRAGMA page_size={page_size}")
            connection.execute(f"PRAGMA journal_mode={'WAL' if wal else 'DELETE'}")
            connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, x BLOB)")
            connection.execute("CREATE TABLE generate (x)")
            connection.executemany("INSERT INTO generate VALUES (?)", [(n,) for n in range(30)])
        edit(path, rounds[0])
        full: Any = backup.take(order(path, directory, "full.bak"), SILENT)
        assert rebuilt(directory, full) == path.read_bytes()
        for number, edits in enumerate(rounds[1:]):
            edit(path, edits)
            later: Any = backup.take(order(path, directory, f"{number}.bak", base=full), SILENT)
            assert rebuilt(directory, full, later) == path.read_bytes()


def test_an_incremental_holds_no_more_than_what_changed(tmp_path: Path) -> None:
    path = tmp_path / "db.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, x BLOB)")
        connection.executemany("INSERT INTO t (x) VALUES (?)", [(os.urandom(3000),) for _ in range(1000)])
    full: Any = backup.take(order(path, tmp_path, "full.bak"), SILENT)
    same: Any = backup.take(order(path, tmp_path, "same.bak", base=full), SILENT)
    assert same["details"]["stored_pages"] == 0
    edit(path, [("UPDATE t SET x = randomblob(3000) WHERE id = ?", 500)])
    later: Any = backup.take(order(path, tmp_path, "later.bak", base=full), SILENT)
    assert 1 <= later["details"]["stored_pages"] <= 3
    assert rebuilt(tmp_path, full, same) != path.read_bytes() == rebuilt(tmp_path, full, later)
