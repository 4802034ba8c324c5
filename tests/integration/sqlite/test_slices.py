"""How long a writer to a rollback-journal database waits is bounded."""

from __future__ import annotations

import pytest

from pwsops.engines.sqlite import limits, snapshot
from pwsops.engines.sqlite.snapshot import SnapshotChanged
from pwsops.errors import EngineError
from tests.integration.sqlite.support import Place, elsewhere, is_whole, query, writing

WAITING = """
import sqlite3, sys
waiting = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
waiting.execute("BEGIN IMMEDIATE")
waiting.execute("UPDATE ledger SET balance = 1")
print("ready", flush=True)
waiting.execute("COMMIT")
sys.stdin.read()
"""
"""A writer that has everything but the readers' leave to write."""


def test_between_two_slices_a_writer_gets_its_turn_and_the_reading_starts_over(place: Place) -> None:
    path = place.vault(journal_mode="DELETE")
    with (
        pytest.raises(SnapshotChanged),
        snapshot.hold(str(path), str(place.media / "copy"), lambda text: None) as view,
        elsewhere(WAITING, path),
    ):
        for _ in range(80):  # a rest is short, and the writer may be late
            view.rest()


def test_a_slice_in_which_nobody_wrote_is_followed_by_the_next(place: Place) -> None:
    path = place.vault(journal_mode="DELETE")
    said: list[str] = []
    limits.apply({"slice_s": 3600})
    with snapshot.hold(str(path), str(place.media / "copy"), said.append) as view:
        assert not view.due()
        limits.apply({"slice_s": 0})
        assert view.due()
        view.rest()
    assert "writers waited at most" in said[0]


def test_a_quiet_database_larger_than_a_slice_is_backed_up(place: Place) -> None:
    place.vault(size_mb=5, journal_mode="DELETE")
    place.engine.instance.options["slice_s"] = 0  # type: ignore[index]
    full = place.take("full.bak").backup_set
    query(place.path(), "UPDATE ciphers SET user = 'new'")
    query(place.path(), "INSERT INTO ciphers (data) VALUES (zeroblob(5000000))")
    place.engine.verify(place.take("incremental.bak", base=full).backup_set)


def test_writers_that_never_rest_end_in_a_transient_error_with_the_cure(place: Place) -> None:
    path = place.vault(size_mb=5, journal_mode="DELETE")
    place.engine.instance.options.update(slice_s=0, busy_s=30)  # type: ignore[attr-defined]
    with writing(path), pytest.raises(EngineError, match=r"db.sqlite3: writers changed it") as failed:
        place.take()
    assert failed.value.transient
    assert "WAL" in failed.value.hint
    assert place.left_in_media() == []
    is_whole(path)
