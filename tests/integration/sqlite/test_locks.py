"""The trap: a process that closes any descriptor of a file loses all of its locks on that file."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from pwsops.engines.requests import RestoreRequest
from pwsops.engines.sqlite import snapshot
from pwsops.errors import PwsopsError
from tests.integration.sqlite.support import HOLD, Place, elsewhere, is_locked, query


def _hold(path: Path) -> sqlite3.Connection:
    held = sqlite3.connect(path, isolation_level=None)
    held.execute("BEGIN IMMEDIATE")
    return held


def test_the_trap_is_real_and_this_test_sees_it(place: Place) -> None:
    path = place.vault(journal_mode="DELETE")
    with closing(_hold(path)):
        assert is_locked(path)
        os.close(os.open(path, os.O_RDONLY))
        assert not is_locked(path)


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_no_call_of_the_engine_loses_a_lock_that_the_calling_process_holds(place: Place, mode: str) -> None:
    path = place.vault(journal_mode=mode)
    taken = place.take("before.bak").backup_set
    with closing(_hold(path)):
        place.engine.databases()
        place.take("one.bak")
        place.take("two.bak", base=taken)
        place.engine.find_backup(database="db.sqlite3", directory=str(place.vaults), description="pwsops run 1")
        place.engine.delete_media([replace(taken, path=str(path))])
        place.engine.verify(taken)
        place.engine.check_directory(str(path))
        place.engine.browse(str(place.vaults))
        with pytest.raises(PwsopsError):
            place.engine.read_media(str(path))
        with pytest.raises(PwsopsError, match=r"locked"):
            place.engine.restore(RestoreRequest(database="db.sqlite3", sets=[taken]))
        assert is_locked(path)


def test_another_process_keeps_its_lock_while_a_backup_runs(place: Place) -> None:
    path = place.vault(journal_mode="DELETE")
    with elsewhere(HOLD, path, "BEGIN IMMEDIATE"):
        place.take()
        assert is_locked(path)


def test_the_snapshot_keeps_its_own_lock_to_its_end(place: Place) -> None:
    path = place.vault()
    with snapshot.hold(str(path), str(place.media / "copy"), lambda text: None) as view:
        before = os.pread(view.fd, view.page_size * view.page_count, 0)
        with elsewhere(HOLD, path, "UPDATE ciphers SET user = 'x';PRAGMA wal_checkpoint(TRUNCATE)"):
            assert os.pread(view.fd, view.page_size * view.page_count, 0) == before
    query(path, "PRAGMA wal_checkpoint(PASSIVE)")
    assert path.read_bytes() != before


def test_a_shared_lock_is_held_while_a_rollback_journal_database_is_read(place: Place) -> None:
    path = place.vault(journal_mode="DELETE")
    with (
        snapshot.hold(str(path), str(place.media / "copy"), lambda text: None),
        elsewhere(HOLD, path, "PRAGMA busy_timeout=0;BEGIN IMMEDIATE;UPDATE ledger SET balance = 1") as writer,
    ):
        assert writer.poll() is None
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as reader:
            assert reader.execute("SELECT max(balance) FROM ledger").fetchone() == (0,)
