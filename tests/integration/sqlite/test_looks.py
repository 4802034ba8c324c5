"""Probing, browsing, checking, deleting and naming: the calls that only look, or touch one file."""

from __future__ import annotations

import errno
import os
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest

from pwsops import foreign
from pwsops.engines.records import DirectoryStatus, Instance
from pwsops.engines.registry import open_engine
from pwsops.engines.sqlite import access, directory, files, limits, names
from pwsops.engines.sqlite.connect import connect, connect_immutable, scalar, translate
from pwsops.errors import EngineError, InvalidInput, NotFound
from pwsops.rules.model import MediaState
from tests.integration.sqlite.support import Place, query


def test_an_engine_nobody_knows_is_refused_with_those_that_exist() -> None:
    with pytest.raises(InvalidInput, match="'db2'") as refused:
        open_engine(Instance(name="x", engine="db2", address="/"))
    assert "sqlite" in refused.value.hint


def test_the_probe_counts_databases_and_names_a_missing_right(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.vault()
    assert place.engine.probe().facts["Databases"] == "1"
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    [missing] = access.survey(str(place.vaults))["missing"]  # type: ignore[misc]
    assert missing["right"] == f"write in {place.vaults}"
    assert missing["grant"].startswith("chmod")
    assert missing["without"] == "restoring (Insert)"


def test_browsing_a_file_or_nothing_is_refused(place: Place) -> None:
    place.vault()
    for path in (str(place.path()), "/not/there"):
        with pytest.raises(InvalidInput, match="cannot be listed"):
            place.engine.browse(path)


def test_a_dangling_link_is_listed_without_facts(place: Place) -> None:
    (place.media / "dangling").symlink_to("/not/there")
    (place.media / "z").mkdir()
    first, second = place.engine.browse(str(place.media))
    assert (first.name, first.is_directory, first.size_bytes) == ("z", True, None)
    assert (second.name, second.size_bytes, second.modified_at) == ("dangling", None, None)


def test_a_check_is_never_a_bare_no(place: Place) -> None:
    check = place.engine.check_directory
    place.vault()
    assert check("relative").status is DirectoryStatus.UNKNOWN
    assert check(str(place.path())).status is DirectoryStatus.MISSING
    assert check(str(place.path() / "below")).status is DirectoryStatus.MISSING
    unusable = check("/proc/self")
    assert unusable.status is DirectoryStatus.UNUSABLE
    assert "no file could be created" in unusable.reason
    good = check(str(place.media))
    assert (good.status, good.reason, list(good.remarks)) == (DirectoryStatus.OK, "", [])
    assert list(place.media.iterdir()) == []


def test_only_the_very_set_is_deleted(place: Place) -> None:
    path = place.vault()
    ours = place.take().backup_set
    other = place.take("other.bak").backup_set
    link = place.media / "link.bak"
    link.symlink_to(ours.path)
    os.mkfifo(place.media / "pipe.bak")
    wanted = [str(path), str(place.media), str(link), "/not/there", f"{path}/x", f"{place.media}/pipe.bak", other.path]
    changed = replace(ours, details={**ours.details, "digest": "0" * 64})
    deletions = place.engine.delete_media([*(replace(ours, path=each) for each in wanted), changed, ours, ours])
    reasons = [deletion.reason for deletion in deletions]
    assert "is a SQLite database, not a backup" in reasons[0]
    assert reasons[1] == reasons[2] == reasons[5] == "it is not a plain file"
    assert reasons[3] == reasons[9] == "it does not exist any more"
    assert "the system refused" in reasons[4]
    assert "it holds another backup" in reasons[6]
    assert "contents are not the ones that were recorded" in reasons[7]
    assert [deletion.deleted for deletion in deletions] == [False] * 8 + [True, False]
    assert place.engine.look_for([other])[other.set_id].state is MediaState.PRESENT


def test_a_listing_is_asked_for_changed_files_alone(place: Place) -> None:
    path = place.vault()
    asked: list[list[str]] = []

    def looks(paths: object) -> dict[str, str | None]:
        asked.append(list(paths))  # type: ignore[call-overload]
        return dict.fromkeys(asked[-1], "")

    directory.databases(str(place.vaults), looks)
    directory.databases(str(place.vaults), looks)
    assert asked == [[str(path)]]
    os.utime(path, (1, 1))
    directory.databases(str(place.vaults), looks)
    assert asked == [[str(path)]] * 2
    os.utime(path, (1, 1))
    directory.databases(str(place.vaults), looks)
    assert asked == [[str(path)]] * 3, "its contents may be others, with their old time put back"


def test_what_the_system_refused_once_is_asked_for_again(place: Place) -> None:
    path = place.vault()
    answers = iter(["it cannot be read: Stale file handle", "its header is damaged"])

    def states() -> list[str]:
        return [one.reason for one in directory.databases(str(place.vaults), lambda paths: {str(path): next(answers)})]

    assert states() == ["it cannot be read: Stale file handle"]
    assert [states(), states()] == [["its header is damaged"]] * 2, "what the file itself shows is kept"


def test_what_waits_in_the_log_counts_as_size(place: Place) -> None:
    path = place.vault()
    before = place.engine.databases()[0].size_bytes
    Path(f"{path}-wal").write_bytes(bytes(5000))
    assert place.engine.databases()[0].size_bytes == before + 5000


@pytest.mark.parametrize("way", [connect, connect_immutable])
@pytest.mark.parametrize("name", ["d\udce4b.sqlite3", "100%41?v=1#.db"])
@pytest.mark.parametrize("slashes", ["", "/", "//"])
def test_a_path_is_never_read_as_an_address(place: Place, way: Any, name: str, slashes: str) -> None:
    path = place.path(name)
    query(path, "CREATE TABLE t (x)")
    with closing(way(f"{slashes}{path}")) as database:
        assert scalar(database, "SELECT name FROM sqlite_master") == "t"


def test_a_new_database_needs_a_name_that_will_be_listed(place: Place) -> None:
    for name in ("plain", ".hidden.db", "old.bak"):
        with pytest.raises(InvalidInput, match="cannot name a database"):
            names.new_database(str(place.vaults), name)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (apsw.SQLITE_FULL, "no space is left"),
        (apsw.SQLITE_CORRUPT, "is damaged"),
        (apsw.SQLITE_NOTADB, "not a SQLite database"),
        (apsw.SQLITE_BUSY, "stayed locked"),
        (apsw.SQLITE_IOERR, "SQLite cannot use"),
    ],
)
def test_each_kind_of_sqlite_error_has_its_words(place: Place, code: int, words: str) -> None:
    path = place.path()
    path.touch()
    error = apsw.exception_for(code)
    told = translate(error, "Backup", str(path))
    assert words in told.message
    assert told.hint
    path.unlink()
    assert isinstance(translate(error, "Backup", str(path)), NotFound)


def test_an_operating_systems_error_is_told_apart_by_whether_it_may_pass() -> None:
    assert files.translate(OSError(errno.EIO, "I/O error"), "Backup", "/tmp").transient
    assert not files.translate(OSError(errno.EACCES, "no"), "Backup", "/tmp").transient
    assert files.free_bytes("/not/there") is None


def test_what_a_process_began_can_be_removed_at_once(tmp_path: Path) -> None:
    path = tmp_path / files.temp_name("backup", "0" * 16, "1" * 32)
    with files.temporary(str(path)):
        Path(f"{path}-journal").touch()
        files.discard_all()
        assert list(tmp_path.iterdir()) == []


def test_limits_return_to_their_defaults() -> None:
    limits.apply({"busy_s": 1, "other": "x"})
    assert limits.busy_s() == 1
    limits.apply({})
    assert (limits.busy_s(), limits.slice_s(), limits.current_s()) == tuple(limits.DEFAULTS.values())


def test_an_unreadable_database_cannot_be_backed_up(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from pwsops.engines.sqlite import snapshot

    path = place.vault()

    def refuse(*arguments: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(foreign, "open_plain", refuse)
        with (
            pytest.raises(EngineError, match="cannot be read: Permission denied"),
            snapshot.hold(str(path), "copy", lambda text: None),
        ):
            pass
    assert query(path, "SELECT count(*) FROM ledger") == [(64,)]
