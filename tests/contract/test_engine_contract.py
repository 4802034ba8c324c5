"""What every engine owes its callers, whatever is behind it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest

from pwsops.engines.records import DatabaseState, DirectoryStatus
from pwsops.engines.requests import BackupRequest, BackupResult, Progress, RestoreRequest
from pwsops.errors import Cancelled, Conflict, EngineError, InvalidInput, MediaError, NotFound
from pwsops.rules.model import BackupKind, BackupSet, MediaState
from tests.contract.harness import Harness

ROWS = [(number, f"row {number} " * 20) for number in range(500)]


@pytest.fixture
def database(harness: Harness) -> str:
    name = harness.make_database("vault")
    harness.write_rows(name, ROWS)
    return name


def take(
    harness: Harness,
    database: str,
    directory: str,
    *,
    name: str = "one.bak",
    base: BackupSet | None = None,
    replaces: BackupSet | None = None,
    description: str = "pwsops run 1",
) -> BackupResult:
    request = BackupRequest(
        database=database,
        kind=BackupKind.FULL if base is None else BackupKind.DIFFERENTIAL,
        directory=directory,
        file_name=name,
        description=description,
        base=base,
        overwrite=replaces is not None,
        replaceable=[] if replaces is None else [replaces],
    )
    return harness.engine.backup(request)


def test_an_instance_says_what_it_is(harness: Harness) -> None:
    probe = harness.engine.probe()
    assert probe.reachable
    assert probe.version
    assert probe.path_flavour in ("posix", "windows")
    assert not probe.missing_rights


def test_databases_are_listed_by_name_with_size_and_state(harness: Harness, database: str) -> None:
    other = harness.make_database("another")
    listed = {info.name: info for info in harness.engine.databases()}
    assert {database, other} <= set(listed)
    assert listed[database].state is DatabaseState.ONLINE
    assert listed[database].size_bytes > listed[other].size_bytes > 0
    assert [info.name for info in harness.engine.databases()] == sorted(listed)


def test_what_an_instance_with_other_databases_does_not_have_is_gone(harness: Harness, database: str) -> None:
    assert harness.engine.spelled("no such") is None
    assert harness.engine.doubts_absence() == ""


def test_what_is_in_a_database_is_counted(harness: Harness, database: str) -> None:
    def rows(name: str) -> list[int | None]:
        return [table.rows for table in harness.engine.contents(name).tables]

    assert rows(database) == [len(ROWS)]
    assert rows(harness.make_database("another")) == [0]
    assert harness.read_rows(database) == ROWS
    harness.drop(database)
    with pytest.raises(NotFound):
        harness.engine.contents(database)


def test_a_full_backup_brings_all_rows_back(harness: Harness, database: str) -> None:
    taken = take(harness, database, harness.new_directory()).backup_set
    harness.write_rows(database, [(1, "changed"), (9_999, "added")])
    harness.engine.restore(RestoreRequest(database=database, sets=[taken]))
    assert harness.read_rows(database) == ROWS


def test_a_differential_over_its_full_brings_the_later_rows_back(harness: Harness, database: str) -> None:
    directory = harness.new_directory()
    full = take(harness, database, directory).backup_set
    harness.write_rows(database, [(7, "later"), (1_000, "new")])
    later = harness.read_rows(database)
    differential = take(harness, database, directory, name="two.bak", base=full).backup_set
    harness.write_rows(database, [(7, "too late")])

    assert differential.kind is BackupKind.DIFFERENTIAL
    assert differential.base_id == full.set_id
    harness.engine.restore(RestoreRequest(database=database, sets=[full, differential]))
    assert harness.read_rows(database) == later


def test_a_set_says_what_it_is(harness: Harness, database: str) -> None:
    directory = harness.new_directory()
    before = datetime.now(UTC) - timedelta(seconds=2)
    taken = take(harness, database, directory).backup_set
    assert taken.database == database
    assert taken.kind is BackupKind.FULL
    assert taken.path == harness.engine.join(directory, "one.bak")
    assert taken.description == "pwsops run 1"
    assert taken.base_id is None
    assert taken.size_bytes > 0
    assert taken.database_size_bytes > 0
    assert taken.started_at is not None
    assert before <= taken.started_at <= taken.finished_at <= datetime.now(UTC) + timedelta(seconds=2)


def test_the_sets_of_a_file_are_read_back_as_they_were_written(harness: Harness, database: str) -> None:
    taken = take(harness, database, harness.new_directory()).backup_set
    assert harness.engine.read_media(taken.path) == [taken]


def test_progress_begins_and_reaches_its_end(harness: Harness, database: str) -> None:
    seen: list[Progress] = []
    request = BackupRequest(
        database=database,
        kind=BackupKind.FULL,
        directory=harness.new_directory(),
        file_name="one.bak",
        description="",
    )
    harness.engine.backup(request, on_progress=seen.append)
    assert seen
    assert seen[-1].done_bytes == seen[-1].total_bytes > 0


def test_two_backups_of_one_database_are_two_sets(harness: Harness, database: str) -> None:
    directory = harness.new_directory()
    first, second = (take(harness, database, directory, name=name).backup_set for name in ("a.bak", "b.bak"))
    assert first.set_id != second.set_id


def test_a_taken_name_is_refused_and_the_older_backup_stays(harness: Harness, database: str) -> None:
    directory = harness.new_directory()
    first = take(harness, database, directory).backup_set
    with pytest.raises(Conflict) as refused:
        take(harness, database, directory, description="pwsops run 2")
    assert refused.value.hint
    assert harness.engine.read_media(first.path) == [first]


def test_overwriting_replaces_the_older_backup(harness: Harness, database: str) -> None:
    directory = harness.new_directory()
    older = take(harness, database, directory).backup_set
    harness.write_rows(database, [(1, "newer")])
    newer = take(harness, database, directory, replaces=older, description="pwsops run 2").backup_set
    assert [one.set_id for one in harness.engine.read_media(newer.path)][-1] == newer.set_id
    harness.write_rows(database, [(1, "newest")])
    harness.engine.restore(RestoreRequest(database=database, sets=[newer]))
    assert harness.read_rows(database)[1] == (1, "newer")


def test_verification_of_a_whole_file_succeeds(harness: Harness, database: str) -> None:
    taken = take(harness, database, harness.new_directory()).backup_set
    proof = harness.engine.verify(taken)
    assert proof.backup_set == taken
    assert proof.checked_bytes >= taken.size_bytes


def test_damage_is_refused_by_verify_and_restore_naming_the_file(harness: Harness, database: str) -> None:
    taken = take(harness, database, harness.new_directory()).backup_set
    harness.write_rows(database, [(1, "newer")])
    now = harness.read_rows(database)
    harness.damage(taken.path)
    with pytest.raises(MediaError, match=r"one.bak") as refused:
        harness.engine.verify(taken)
    assert refused.value.hint
    with pytest.raises(MediaError, match=r"one.bak"):
        harness.engine.restore(RestoreRequest(database=database, sets=[taken]))
    assert harness.read_rows(database) == now


def test_a_database_that_is_gone_is_not_found(harness: Harness, database: str) -> None:
    directory = harness.new_directory()
    taken = take(harness, database, directory).backup_set
    harness.drop(database)
    with pytest.raises(NotFound):
        take(harness, database, directory, name="two.bak")
    with pytest.raises(NotFound, match=r"vault") as refused:
        harness.engine.restore(RestoreRequest(database=database, sets=[taken]))
    assert "create it empty" in refused.value.hint


def test_a_database_that_is_gone_is_made_by_its_restore(harness: Harness, database: str) -> None:
    taken = take(harness, database, harness.new_directory()).backup_set
    harness.drop(database)
    request = RestoreRequest(database=database, sets=[taken], create_if_missing=True)
    assert harness.engine.restore(request).created
    assert database in [info.name for info in harness.engine.databases()]
    assert harness.read_rows(database) == ROWS


def test_what_must_be_new_and_is_there_stays_as_it_is(harness: Harness, database: str) -> None:
    taken = take(harness, database, harness.new_directory()).backup_set
    harness.write_rows(database, [(1, "changed")])
    now = harness.read_rows(database)
    request = RestoreRequest(database=database, sets=[taken], create_if_missing=True, must_be_new=True)
    with pytest.raises(Conflict, match="exists"):
        harness.engine.restore(request)
    assert harness.read_rows(database) == now
    harness.drop(database)
    assert harness.engine.restore(request).created


def test_a_restore_as_a_script_names_its_files_and_does_nothing(harness: Harness, database: str) -> None:
    directory = harness.new_directory()
    full = take(harness, database, directory).backup_set
    harness.write_rows(database, [(7, "later")])
    differential = take(harness, database, directory, name="two.bak", base=full).backup_set
    harness.write_rows(database, [(7, "too late")])
    now = harness.read_rows(database)
    script = harness.engine.restore_script(RestoreRequest(database=database, sets=[full, differential]))
    assert script.index(full.path) < script.rindex(differential.path)
    assert harness.read_rows(database) == now


def test_only_an_engine_that_says_so_restores_into_a_plain_file(harness: Harness, database: str) -> None:
    directory = harness.new_directory()
    taken = take(harness, database, directory).backup_set
    path = harness.engine.join(directory, "plain.db")
    request = RestoreRequest(database=path, sets=[taken], create_if_missing=True, must_be_new=True, to_file=path)
    if harness.engine.capabilities.restores_to_files:
        assert harness.engine.restore(request).created
    else:
        with pytest.raises(InvalidInput):
            harness.engine.restore(request)


def test_an_interrupted_backup_is_settled_by_its_description(harness: Harness, database: str) -> None:
    directory = harness.new_directory()
    taken = take(harness, database, directory, description="pwsops run 77").backup_set
    settle = harness.engine.find_backup
    assert settle(database=database, directory=directory, description="pwsops run 77") == taken
    assert settle(database=database, directory=directory, description="pwsops run 7") is None
    assert settle(database="other", directory=directory, description="pwsops run 77") is None


def test_a_cancelled_backup_leaves_no_media(harness: Harness, database: str) -> None:
    directory = harness.new_directory()
    cancel = Event()
    cancel.set()
    request = BackupRequest(
        database=database, kind=BackupKind.FULL, directory=directory, file_name="one.bak", description=""
    )
    with pytest.raises(Cancelled):
        harness.engine.backup(request, cancel=cancel)
    assert harness.engine.browse(directory) == []


def test_a_missing_directory_is_an_error_and_a_missing_answer(harness: Harness, database: str) -> None:
    missing = harness.engine.join(harness.new_directory(), "not-there")
    assert harness.engine.check_directory(missing).status is DirectoryStatus.MISSING
    with pytest.raises(EngineError, match=r"not-there") as refused:
        take(harness, database, missing)
    assert refused.value.hint


def test_a_writable_directory_is_ok_and_says_how_much_fits(harness: Harness) -> None:
    check = harness.engine.check_directory(harness.new_directory())
    assert check.status is DirectoryStatus.OK
    assert check.free_bytes is None or check.free_bytes > 0


def test_browsing_lists_directories_first(harness: Harness, database: str) -> None:
    directory = harness.new_directory()
    taken = take(harness, database, directory, name="a.bak").backup_set
    listed = {entry.name: entry for entry in harness.engine.browse(directory)}
    assert not listed["a.bak"].is_directory
    assert listed["a.bak"].size_bytes == taken.size_bytes
    assert listed["a.bak"].path == taken.path


def test_looking_for_a_directory_begins_in_one_that_can_be_listed(harness: Harness) -> None:
    start = harness.engine.backup_directory()
    assert start
    assert isinstance(harness.engine.browse(start), list)
    top = start
    while (above := harness.engine.split(top)[0]) != top:
        top = above
    assert harness.engine.browse(top), "the way up ends at a root"


def test_deleting_media_says_what_went_and_what_stayed(harness: Harness, database: str) -> None:
    directory = harness.new_directory()
    taken = take(harness, database, directory).backup_set
    never = harness.engine.join(directory, "never.bak")
    gone, stayed = harness.engine.delete_media([taken, replace(taken, path=never)])
    assert (gone.path, gone.deleted, gone.reason) == (taken.path, True, "")
    assert not stayed.deleted
    assert stayed.reason
    with pytest.raises(MediaError):
        harness.engine.read_media(taken.path)


def test_history_exists_only_where_the_capability_says_so(harness: Harness, database: str) -> None:
    if not harness.engine.capabilities.external_history:
        assert list(harness.engine.history()) == []
    if not harness.engine.capabilities.shared_base:
        assert harness.engine.differential_base(database) is None


def test_a_set_is_found_where_it_was_written_and_missed_once_it_is_deleted(harness: Harness, database: str) -> None:
    directory = harness.new_directory()
    kept = take(harness, database, directory, name="kept.bak").backup_set
    gone = take(harness, database, directory, name="gone.bak").backup_set
    assert [one.deleted for one in harness.engine.delete_media([gone])] == [True]
    found = harness.engine.look_for([kept, gone])
    assert {set_id: sighting.state for set_id, sighting in found.items()} == {
        kept.set_id: MediaState.PRESENT,
        gone.set_id: MediaState.MISSING,
    }
