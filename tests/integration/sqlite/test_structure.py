"""A damaged database is found while it is backed up, and takes the place of no good backup."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from pwsops.engines.requests import RestoreRequest
from pwsops.engines.sqlite import backup, damage, limits, publishing, snapshot, structure
from pwsops.engines.sqlite.connect import Connection
from pwsops.engines.sqlite.identity import recorded
from pwsops.engines.sqlite.media import Media
from pwsops.engines.sqlite.own_files import own_files
from pwsops.engines.sqlite.structure import StructureCheck
from pwsops.errors import BaseUnusable, DatabaseDamaged, EngineError, MediaError
from tests.integration.sqlite.support import HOLD, SILENT, Place, elsewhere, order, query, writing

PAGE = 4096


def break_pages(path: Path, first: int, count: int = 5) -> None:
    """Overwrite pages in the middle of the file."""
    query(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as stream:
        stream.seek((first - 1) * PAGE)
        stream.write(os.urandom(count * PAGE))


def damaged_files(place: Place) -> list[Path]:
    return sorted(place.media.glob("*_DAMAGED_*.bak"))


def refused(place: Place, name: str = "one.bak", **more: object) -> DatabaseDamaged:
    with pytest.raises(DatabaseDamaged) as failed:
        place.take(name, **more)
    return failed.value


@pytest.mark.parametrize("journal_mode", ["WAL", "DELETE"])
def test_a_full_of_a_damaged_database_fails_and_the_good_one_of_that_name_stays(
    place: Place, journal_mode: str
) -> None:
    path = place.vault(journal_mode=journal_mode)
    good = place.take("one.bak", overwrite=True).backup_set
    before = Path(good.path).read_bytes()
    break_pages(path, 40)
    error = refused(place, overwrite=True)
    assert Path(good.path).read_bytes() == before
    [kept] = damaged_files(place)
    assert str(kept) in error.message
    assert "page 4" in error.message
    assert not error.transient
    said = [message.text for message in error.messages]
    assert any("SQLite 3." in text and "quick_check found: " in text for text in said)
    assert error.messages[-1].text == error.message


@pytest.mark.parametrize("name", ["d\udce4b.sqlite3", "db.sqlite3"])
def test_a_damaged_database_is_found_under_any_name(place: Place, name: str) -> None:
    path = place.vault()
    break_pages(path, 40)
    path.rename(place.path("real.db") if name == path.name else place.path(name))
    path.symlink_to("real.db" if name == path.name else name)
    place.follow_links()
    refused(place)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_check_that_breaks_off_is_no_finding_of_health() -> None:
    def broken() -> Connection:
        raise MemoryError

    check = StructureCheck(broken)
    assert check.wait(30)
    check.close()
    assert check.report() == ["its structure could not be checked: it broke off"]


def test_a_damaged_database_in_one_long_transaction_is_found_in_its_copy(place: Place) -> None:
    path = place.vault()
    break_pages(path, 40)
    limits.apply({"current_s": 0.1})
    with elsewhere(HOLD, path, "BEGIN IMMEDIATE"), pytest.raises(DatabaseDamaged):
        backup.take(order(path, place.media, "one.bak"), SILENT)
    assert len(place.left_in_media()) == 1


def test_a_copy_that_is_whole_is_a_backup(place: Place) -> None:
    path = place.vault()
    limits.apply({"current_s": 0.1})
    with elsewhere(HOLD, path, "BEGIN IMMEDIATE"):
        backup.take(order(path, place.media, "one.bak"), SILENT)
    assert place.left_in_media() == ["one.bak"]


def test_what_was_read_of_a_damaged_database_is_no_backup(place: Place, tmp_path: Path) -> None:
    path = place.vault()
    good = place.take("good.bak").backup_set
    break_pages(path, 40)
    raw = path.read_bytes()
    refused(place)
    [kept] = damaged_files(place)
    given = {"database": "db.sqlite3", "directory": str(place.media), "description": "pwsops run 1"}
    found = place.engine.find_backup(**given)
    assert found is not None
    assert found.path == good.path
    with pytest.raises(MediaError, match="was damaged already; it is no backup"):
        place.engine.read_media(str(kept))
    pretended = replace(good, path=str(kept), set_id=Media(str(kept)).header.set_id, details={})
    with pytest.raises(MediaError, match="was damaged already; it is no backup"):
        place.engine.restore(RestoreRequest(database="db.sqlite3", sets=[pretended]))
    with pytest.raises(BaseUnusable, match="read from a damaged database"):
        place.take("two.bak", base=pretended)
    script = [sys.executable, str(place.media / "recover.py"), str(kept), str(tmp_path / "rescued.db")]
    place.take("unchecked.bak", check_structure=False)  # so that the script lies there
    rescue = subprocess.run(script, check=True, capture_output=True, text=True)
    assert f"warning: {kept} was read from a database that was damaged already" in rescue.stderr
    assert (tmp_path / "rescued.db").read_bytes() == raw


def test_the_first_and_the_newest_of_a_database_are_kept_and_nobody_elses_goes(place: Place) -> None:
    path = place.vault()
    break_pages(path, 40)
    refused(place)
    [first] = damaged_files(place)
    stranger = place.media / "db.sqlite3_DAMAGED_20260101T000000Z_01234567.bak"
    stranger.write_bytes(b"a stranger's")
    refused(place)
    [second] = set(damaged_files(place)) - {first, stranger}
    error = refused(place)
    assert any(f"{second} was removed" in message.text for message in error.messages)
    kept = damaged_files(place)
    assert {stranger, first} < set(kept)
    assert second not in kept
    assert len(kept) == 3


def test_one_of_another_directory_with_a_database_of_that_name_stays(place: Place, tmp_path: Path) -> None:
    path = place.vault()
    break_pages(path, 40)
    elsewhere_path = tmp_path / "db.sqlite3"
    elsewhere_path.write_bytes(path.read_bytes())
    for one in (path, elsewhere_path):
        with pytest.raises(DatabaseDamaged):
            backup.take(order(one, place.media, "one.bak"), SILENT)
    assert len(damaged_files(place)) == 2


def test_damage_is_said_also_where_what_was_read_cannot_be_kept(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    path = place.vault()
    break_pages(path, 40)

    def full(*given: object, **more: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(publishing, "new", full)
    with pytest.raises(DatabaseDamaged, match=r"could not be kept .*No space left"):
        backup.take(order(path, place.media, "one.bak"), SILENT)
    assert place.left_in_media() == []


def test_a_profile_may_leave_the_check_out_and_the_run_says_so(place: Place) -> None:
    path = place.vault()
    break_pages(path, 40)
    taken = place.take(check_structure=False)
    assert any("was not checked, because the profile leaves that out" in one.text for one in taken.messages)
    copy = place.take("copy.bak", check_structure=False, copy_only=True)
    assert any("was not checked, because a copy takes what is there as it is" in one.text for one in copy.messages)


def test_each_run_names_its_sqlite_and_claims_of_an_incremental_only_what_is_so(place: Place) -> None:
    place.vault()
    full = place.take("full.bak")
    more = place.take("more.bak", base=full.backup_set)
    name = f"SQLite {apsw.sqlite_lib_version()}"
    assert any(f"{name}; quick_check found no damage" in one.text for one in full.messages)
    assert any(f"{name}; only a full checks the structure" in one.text for one in more.messages)


def test_a_check_that_is_not_possible_is_said_and_the_backup_counts_but_replaces_none_that_was_checked(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = place.vault()
    good = place.take("one.bak", overwrite=True).kept
    monkeypatch.setattr(structure, "FINDINGS", "no number")
    said: list[object] = []
    former = [(list(recorded(good)), good.details["origin"], bool(good.is_checked), None)]
    given = order(path, place.media, "one.bak", overwrite=True, replaceable=former)
    taken = backup.take(given, backup.Report(said.append))
    assert "its structure could not be checked: " in str(said)
    assert "the structure of the database was checked, and this time it was not" in str(said)
    assert taken["path"] == str(place.media / "one~2.bak")
    assert taken["checked"] is False


@pytest.mark.parametrize("noted", [True, None, False])
def test_a_full_that_leaves_the_check_out_replaces_none_that_was_checked_or_may_have_been(
    place: Place, noted: bool | None
) -> None:
    place.vault()
    good = place.take("one.bak", overwrite=True)
    former = replace(good, checked=noted).kept
    again = place.take("one.bak", overwrite=True, replaceable=[former], check_structure=False)
    assert again.checked is False
    assert Path(again.backup_set.path).name == ("one.bak" if noted is False else "one~2.bak")
    whole = place.take("one.bak", overwrite=True, replaceable=[former, again.kept])
    assert whole.checked
    assert Path(whole.backup_set.path).name == "one.bak"


def test_what_only_the_application_knows_does_not_fail_its_backup(place: Place) -> None:
    path = place.path()
    with connect_new(path) as connection:
        connection.create_collation("mine", lambda a, b: (a > b) - (a < b))
        connection.create_scalar_function("own", lambda value: True)
        connection.execute(
            "CREATE TABLE t (a TEXT CHECK (own(a))); CREATE VIRTUAL TABLE f USING fts5(x);"
            "INSERT INTO t VALUES ('a'); INSERT INTO f VALUES ('words');"
        )
    connection.close()
    taken = place.take()
    assert any("found no damage" in one.text for one in taken.messages)


def connect_new(path: Path) -> Connection:
    own_files().know(str(path))
    return Connection(str(path))


def with_its_own_terms(path: Path) -> None:
    """Make a database whose tables and indexes use collations and functions that only its application has."""
    with connect_new(path) as connection:
        connection.create_collation("mine", lambda a, b: (a < b) - (a > b))
        connection.create_scalar_function("own", lambda value: value, deterministic=True)
        connection.execute(
            "CREATE TABLE t (a TEXT COLLATE mine); CREATE INDEX i ON t (a); CREATE INDEX o ON t (own(a));"
            "CREATE TABLE w (a TEXT COLLATE mine PRIMARY KEY, b) WITHOUT ROWID;"
            "CREATE TABLE g (a, b AS (own(a)) NOT NULL);"
            "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
            "INSERT INTO t SELECT hex(randomblob(100)) FROM n;"
            "INSERT INTO w SELECT a, a FROM t; INSERT INTO g SELECT a FROM t;"
        )
    connection.close()


def test_what_is_sorted_and_computed_by_the_applications_own_rules_is_checked(place: Place) -> None:
    with_its_own_terms(place.path())
    taken = place.take()
    assert taken.checked
    assert any("quick_check found no damage" in one.text for one in taken.messages)


def test_damage_is_found_where_the_application_has_its_own_rules(place: Place) -> None:
    path = place.path()
    with_its_own_terms(path)
    break_pages(path, 100, 40)
    refused(place)


def test_a_check_that_needs_what_cannot_be_stood_in_for_was_not_possible(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(structure, "_STAND_INS", 0)
    path = place.path()
    with_its_own_terms(path)
    said: list[object] = []
    assert backup.take(order(path, place.media, "one.bak"), backup.Report(said.append))["checked"] is False
    assert "its structure could not be checked: unknown function: own()" in str(said)


def test_the_check_rests_when_the_lock_is_let_go(place: Place) -> None:
    path = place.vault(size_mb=4, journal_mode="DELETE")
    limits.apply({"slice_s": 0.0})
    rests: list[bool] = []
    with snapshot.hold(str(path), str(place.media / "copy"), lambda text: None) as view, view.checked() as check:
        with check.paused():
            rests.append(check.wait(0.01))
        view.rest()
        view.await_check(check)
    assert check.findings == ()
    assert check.report() == ["quick_check found no damage"]


def test_a_check_that_is_no_longer_needed_ends_with_the_reading(place: Place) -> None:
    path = place.vault(size_mb=4)
    with snapshot.hold(str(path), str(place.media / "copy"), lambda text: None) as view:
        with view.checked() as check, check.paused():
            check.close()
        assert check.findings == ()


def test_a_database_that_is_written_to_meanwhile_is_whole(place: Place) -> None:
    path = place.vault(size_mb=2, journal_mode="DELETE")
    place.engine.instance.options.update(busy_s=60)  # type: ignore[attr-defined]
    with writing(path, every_s=0.01) as stop:
        for number in range(3):
            place.take(f"{number}.bak")
        stop()


def findings_of(path: Path) -> Sequence[str]:
    with snapshot.hold(str(path), str(path) + ".copy", lambda text: None) as view, view.checked() as check:
        view.await_check(check)
    return check.findings


def test_the_number_of_findings_is_limited(place: Place) -> None:
    path = place.vault(size_mb=2, journal_mode="DELETE")
    break_pages(path, 20, 200)
    assert len(findings_of(path)) == structure.FINDINGS
    text = damage.error("a.db", findings_of(path), "It was kept").message
    assert f"and {structure.FINDINGS - damage.SHOWN} more" in text


def test_damage_of_the_schema_is_a_finding_or_an_error_but_never_a_backup(place: Place) -> None:
    path = place.vault(journal_mode="DELETE")
    with path.open("r+b") as stream:
        stream.seek(100)
        stream.write(os.urandom(500))
    with pytest.raises(EngineError, match="damaged"):
        place.take()
    assert "one.bak" not in place.left_in_media()
