"""Backups taken while other processes write, checkpoint and read."""

from __future__ import annotations

import pytest

from pwsops.engines.base import Progress, RestoreRequest
from tests.integration.sqlite.support import HOLD, Place, elsewhere, is_whole, query, writing


@pytest.mark.parametrize("checkpoint", ["none", "PASSIVE", "FULL", "RESTART", "TRUNCATE"])
def test_every_set_of_a_written_wal_database_is_a_transaction_boundary(place: Place, checkpoint: str) -> None:
    path = place.vault(size_mb=6)
    with writing(path, every_s=0.002, checkpoint=checkpoint) as stop:
        full = place.take("full.bak").backup_set
        incrementals = [place.take(f"{n}.bak", base=full).backup_set for n in range(2)]
        written = stop()
    assert written["commits"] > 20
    moves = []
    for chain in ([full], [full, incrementals[0]], [full, incrementals[1]]):
        place.engine.restore(RestoreRequest(database="db.sqlite3", sets=chain))
        is_whole(path)
        moves.append(query(path, "SELECT count(*) FROM moves")[0][0])
    assert moves == sorted(moves)
    assert 0 < moves[0] < moves[-1] <= written["commits"]


def test_every_set_of_a_written_rollback_journal_database_is_a_transaction_boundary(place: Place) -> None:
    path = place.vault(size_mb=6, journal_mode="DELETE")
    place.engine.instance.options["busy_s"] = 30  # type: ignore[index]
    with writing(path, every_s=0.01) as stop:
        full = place.take("full.bak")
        incremental = place.take("incremental.bak", base=full.backup_set)
        written = stop()
    for chain in ([full], [full, incremental]):
        place.engine.restore(RestoreRequest(database="db.sqlite3", sets=[one.backup_set for one in chain]))
        is_whole(path)
    assert written["commits"] > 2
    said = " ".join(message.text for message in full.messages)
    assert "writers waited at most" in said
    assert "WAL" in said


def test_a_commit_during_a_full_backup_stays_short(place: Place) -> None:
    path = place.vault(size_mb=24)
    with writing(path) as stop:
        place.take()
        assert stop()["longest_s"] < 1.0  # the benchmark asks for less; a shared machine gives no more in a test


def test_a_long_reader_makes_a_copy_of_its_snapshot_and_the_history_says_so(place: Place) -> None:
    path = place.vault()
    with elsewhere(HOLD, path, "BEGIN;SELECT count(*) FROM ledger"):
        query(path, "INSERT INTO moves (source, target, amount) VALUES (1, 2, 0)")
        query(path, "UPDATE ciphers SET user = 'new'")
        taken = place.take()
    assert "copy" in taken.messages[0].text
    assert place.left_in_media() == ["one.bak"]
    query(path, "DELETE FROM ciphers")
    place.engine.restore(RestoreRequest(database="db.sqlite3", sets=[taken.backup_set]))
    assert query(path, "SELECT DISTINCT user FROM ciphers") == [("new",)]
    is_whole(path)


def test_a_long_writer_does_not_keep_a_backup_from_being_taken(place: Place) -> None:
    path = place.vault()
    with elsewhere(HOLD, path, "BEGIN IMMEDIATE;UPDATE ciphers SET user = 'not yet'"):
        taken = place.take()
    place.engine.restore(RestoreRequest(database="db.sqlite3", sets=[taken.backup_set]))
    assert query(path, "SELECT count(*) FROM ciphers WHERE user = 'not yet'") == [(0,)]
    is_whole(path)


def test_what_was_written_during_the_read_is_moved_into_the_file_afterwards(place: Place) -> None:
    path = place.vault(size_mb=24)
    written: list[Progress] = []

    def write(progress: Progress) -> None:
        if not written:
            query(path, "UPDATE ciphers SET user = 'during the read' WHERE id = 7")
            written.append(progress)

    with elsewhere(HOLD, path, "SELECT 1 FROM ledger"):
        place.engine.backup(place.request(), on_progress=write)
        assert b"during the read" in path.read_bytes()
