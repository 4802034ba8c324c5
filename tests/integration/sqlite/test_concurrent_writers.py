"""Backups taken while other processes write, checkpoint and read."""

from __future__ import annotations

import itertools
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing

import pytest

from pwsops.engines.requests import RestoreRequest
from pwsops.engines.sqlite import backup
from pwsops.engines.sqlite.report import Report
from tests.integration.sqlite.support import HOLD, Place, elsewhere, is_whole, order, query, writing


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
    place.engine.instance.options.update(busy_s=30, slice_s=3600)  # type: ignore[attr-defined]
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


def test_no_commit_waits_for_a_full_backup(place: Place) -> None:
    path = place.vault(size_mb=24)
    committed: list[object] = []

    def write(values: Mapping[str, object]) -> None:
        with closing(sqlite3.connect(path, timeout=0)) as database, database:  # one that had to wait would fail
            database.execute("UPDATE ciphers SET user = 'meanwhile' WHERE id = 7")
        committed.append(values)

    backup.take(order(path, place.media, "one.bak"), Report(write))
    assert len(committed) >= 2


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
    written: list[object] = []

    def write(values: Mapping[str, object]) -> None:
        if not written and "progress" in values:
            query(path, "UPDATE ciphers SET user = 'during the read' WHERE id = 7")
            written.append(values)

    # In this very process, so that the reading waits for the writer.
    with elsewhere(HOLD, path, "SELECT 1 FROM ledger"):
        backup.take(order(path, place.media, "one.bak"), Report(write))
        assert written
        assert b"during the read" in path.read_bytes()


def test_two_writers_and_our_checkpoints_leave_a_whole_database(place: Place, stress_s: float) -> None:
    """Only we checkpoint here: what breaks would be ours (the WAL-reset bug)."""
    path = place.vault()
    end = time.monotonic() + stress_s
    with (
        writing(path, every_s=0.0, checkpoint="never") as stop_first,
        writing(path, every_s=0.0, checkpoint="never", library="apsw") as stop_second,
    ):
        full = place.take("full.bak").backup_set
        for number in itertools.count():
            place.take(f"{number}.bak", base=full)
            if time.monotonic() > end:
                break
        commits = stop_first()["commits"] + stop_second()["commits"]
    is_whole(path)
    assert query(path, "SELECT count(*) FROM moves") == [(commits,)]
    place.engine.restore(RestoreRequest(database="db.sqlite3", sets=[full]))
    is_whole(path)
