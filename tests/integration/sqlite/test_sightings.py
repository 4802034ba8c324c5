"""Looking where sets were written, and trying whether backups can be written somewhere."""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from pwsops import foreign
from pwsops.engines.records import DatabaseState
from pwsops.engines.requests import RestoreRequest
from pwsops.engines.sqlite import causes, files, sighting, trial
from pwsops.engines.sqlite.identity import recorded
from pwsops.errors import EngineError
from pwsops.operations import open_operations
from pwsops.profile import BackupProfile
from pwsops.rules.model import BackupSet, MediaState, RunStatus
from pwsops.rules.protection import Cause, Protection
from tests.integration.sqlite.support import Place, is_whole, query


def seen(place: Place, one: BackupSet) -> tuple[MediaState, str]:
    found = place.engine.look_for([one])[one.set_id]
    return found.state, found.reason


def test_a_set_is_present_only_where_its_very_contents_are(place: Place) -> None:
    place.vault()
    taken, other = (place.take(name).backup_set for name in ("one.bak", "two.bak"))
    assert seen(place, taken) == (MediaState.PRESENT, "")
    assert seen(place, replace(taken, details={})) == (MediaState.PRESENT, "")
    forged = replace(taken, details={**taken.details, "digest": "0" * 64})
    assert seen(place, forged)[0] is MediaState.OTHER
    assert seen(place, replace(taken, thumbprint="AB"))[0] is MediaState.OTHER
    assert seen(place, replace(taken, path=other.path))[0] is MediaState.OTHER
    os.truncate(taken.path, taken.size_bytes - 1)
    assert seen(place, taken)[0] is MediaState.DAMAGED
    os.unlink(taken.path)
    assert seen(place, taken) == (MediaState.MISSING, f"{taken.path} does not exist")
    os.mkfifo(taken.path)
    assert seen(place, taken) == (MediaState.OTHER, f"{taken.path} is a pipe, not a plain file")


def test_a_directory_that_is_not_there_proves_nothing(place: Place) -> None:
    place.vault()
    taken = place.take().backup_set
    os.rename(place.media, place.media.with_name("unmounted"))
    state, reason = seen(place, taken)
    assert state is MediaState.UNKNOWN
    assert "may not be mounted" in reason
    assert seen(place, replace(taken, path="/" + "n" * 300))[0] is MediaState.UNKNOWN


def test_what_is_missing_below_a_mount_point_that_nothing_is_mounted_at_is_not_gone(place: Place) -> None:
    place.vault()
    result = place.take()
    mount = result.noted["mount"]
    assert os.path.ismount(mount)
    taken = replace(result.backup_set, details={**result.backup_set.details, **result.noted})
    assert seen(place, taken)[0] is MediaState.PRESENT
    away = replace(taken, details={**taken.details, "mount": str(place.media)})
    assert seen(place, away)[0] is MediaState.PRESENT
    os.unlink(taken.path)
    assert seen(place, taken)[0] is MediaState.MISSING
    assert seen(place, away) == (
        MediaState.UNKNOWN,
        f"the file system that {place.media} is on is not mounted at {place.media}",
    )
    # Nor does a file that was written there meanwhile.
    place.take()
    assert seen(place, taken)[0] is MediaState.OTHER
    assert seen(place, away)[0] is MediaState.UNKNOWN
    other = next(path for path in ("/proc", "/dev", "/sys") if os.path.ismount(path) and path != mount)
    state, reason = seen(place, replace(taken, details={**taken.details, "mount": other}))
    assert (state, reason) == (
        MediaState.UNKNOWN,
        f"{place.media} is on the file system at {mount} now, and was on the one at {other}",
    )


def test_nothing_is_written_below_a_mount_point_that_nothing_is_mounted_at(place: Place) -> None:
    place.vault()
    result = place.take()
    before = replace(result.backup_set, details={"mount": str(place.media)})
    with pytest.raises(EngineError, match=r"is not mounted at .*, as it was when") as refused:
        place.take("two.bak", before=before)
    assert refused.value.transient
    assert place.left_in_media() == ["one.bak"]
    for fine in (None, replace(before, path="/elsewhere/one.bak"), replace(before, details=dict(result.noted))):
        place.take(f"{id(fine)}.bak", before=fine)


def test_what_may_not_be_read_is_not_known(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.vault()
    taken = place.take().backup_set

    def refuse(*given: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(foreign, "open_plain", refuse)
    state, reason, _ = sighting.sighting(recorded(taken))
    assert state == MediaState.UNKNOWN.value
    assert "Permission denied" in reason


def test_a_directory_that_hangs_keeps_no_other_waiting(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.vault()
    taken = place.take().backup_set
    hung = replace(taken, path="/hung/one.bak", set_id="hung")
    release = threading.Event()
    look = sighting.sighting

    def slow(one: sighting.Recorded) -> tuple[str, str, list[str]]:
        if one.path.startswith("/hung"):
            release.wait(60)
        return look(one)

    monkeypatch.setattr(sighting, "sighting", slow)
    found = {each[0]: each[1] for each in sighting.look_for([recorded(hung), recorded(taken)], 0.5)}
    release.set()
    assert found == {"hung": MediaState.UNKNOWN.value, taken.set_id: MediaState.PRESENT.value}


def fail(error: int) -> Callable[..., None]:
    def failing(*given: object, **more: object) -> None:
        raise OSError(error, os.strerror(error))

    return failing


@pytest.mark.parametrize(
    ("module", "name", "error", "says"),
    [
        (os, "pwrite", errno.EDQUOT, "a file there could not be written: Disk quota exceeded (the quota"),
        (os, "fsync", errno.EIO, "a file there could not be synced"),
        (foreign, "facts", errno.EIO, "a finished file could not be given its name there"),
        (foreign, "unlink", errno.EPERM, "a file there could not be removed"),
    ],
)
def test_the_step_that_failed_is_named(
    place: Place, monkeypatch: pytest.MonkeyPatch, module: object, name: str, error: int, says: str
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(module, name, fail(error))
        status, reason, _, _ = trial.look(str(place.media), "0" * 32)
    assert status == "unusable"
    assert says in reason


def test_what_a_backup_does_without_is_fine_with_a_remark(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", fail(errno.ENOSYS))
    monkeypatch.setattr(os, "fchmod", fail(errno.EPERM))
    monkeypatch.setattr(files, "sync_directory", fail(errno.EINVAL))
    status, reason, remarks, free = trial.look(str(place.media), "0" * 32)
    assert (status, reason) == ("ok", "")
    assert free
    assert [any(word in one for one in remarks) for word in ("mode of a file", "could not be synced", "no locks")] == [
        True
    ] * 3
    monkeypatch.setattr(foreign, "exchange", fail(errno.EINVAL))
    assert any("are not kept apart" in one for one in trial.look(str(place.media), "0" * 32)[2])
    assert place.left_in_media() == []


@pytest.mark.parametrize("code", [*causes._CAUSES, errno.ENOSPC, errno.ENOTEMPTY])
def test_each_error_of_the_system_has_a_cause_and_a_next_step(code: int) -> None:
    error = causes.translate(OSError(code, os.strerror(code)), "Backup of one", "/not/there", 5)
    assert "Backup of one failed in /not/there after 5 bytes" in error.message
    assert os.strerror(code) in error.message
    assert error.hint
    assert ("space" in error.message) is (code == errno.ENOSPC)


def test_a_damaged_database_with_a_long_name_is_kept_and_replaced(place: Place) -> None:
    name = "n" * 235 + ".db"
    path = place.path(name)
    query(path, "CREATE TABLE t (x)")
    taken = place.take(database=name).backup_set
    path.write_bytes(os.urandom(4096))
    restored = place.engine.restore(RestoreRequest(database=name, sets=[taken]))
    assert restored.kept_damaged_as is not None
    kept = Path(restored.kept_damaged_as)
    assert kept.exists()
    assert len(os.fsencode(kept.name)) + len("-journal") <= 255
    assert query(path, "SELECT count(*) FROM t") == [(0,)]
    assert [info.name for info in place.engine.databases()] == [name]


def test_media_in_a_path_of_more_than_500_characters(place: Place) -> None:
    place.vault()
    deep = place.media.joinpath(*["d" * 100] * 5)
    deep.mkdir(parents=True)
    result = place.take("f" * 251 + ".bak", directory=str(deep))
    full = replace(result.backup_set, details={**result.backup_set.details, **result.noted})
    query(place.path(), "UPDATE ciphers SET user = 'later'")
    taken = place.take(directory=str(deep), base=full).backup_set
    assert len(taken.path) > 500
    query(place.path(), "DELETE FROM ciphers")
    place.engine.restore(RestoreRequest(database="db.sqlite3", sets=[full, taken]))
    is_whole(place.path())
    assert query(place.path(), "SELECT DISTINCT user FROM ciphers") == [("later",)]
    longest = place.take("f" * 251 + ".bak", directory=str(deep), overwrite=True, replaceable=[full])
    assert longest.backup_set.path == full.path


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal"])
def test_a_restore_makes_no_database_beside_what_sqlite_left_of_another(place: Place, suffix: str) -> None:
    path = place.vault()
    taken = place.take().backup_set
    for each in place.vaults.iterdir():
        each.unlink()
    left = Path(f"{path}{suffix}")
    left.write_bytes(b"the last changes of the lost one")
    request = RestoreRequest(database="db.sqlite3", sets=[taken], create_if_missing=True)
    with pytest.raises(files.Conflict, match=f"db.sqlite3{suffix}.*would play it"):
        place.engine.restore(request)
    assert place.left_in_vaults() == [left.name]
    path.touch()
    with pytest.raises(files.Conflict, match=f"db.sqlite3{suffix}"):
        place.engine.restore(request)
    assert left.read_bytes() == b"the last changes of the lost one"
    left.unlink()
    path.unlink()
    result = place.engine.restore(request)
    assert result.created
    is_whole(path)
    # It may be where a disk is mounted at other times.
    assert any("If a disk belongs there, see that it is mounted" in each.text for each in result.messages)
    path.rename(path.with_name("other.sqlite3"))
    assert not place.engine.restore(request).messages


def test_a_database_is_created_only_once_the_media_are_proven(place: Place) -> None:
    path = place.vault()
    taken = place.take().backup_set
    for each in place.vaults.iterdir():
        each.unlink()
    os.truncate(taken.path, taken.size_bytes - 1)
    with pytest.raises(files.EngineError):
        place.engine.restore(RestoreRequest(database="db.sqlite3", sets=[taken], create_if_missing=True))
    assert not path.exists()
    assert place.left_in_vaults() == []


def test_databases_of_an_empty_directory_need_not_be_gone_for_it_is_what_a_disk_leaves_that_is_not_mounted(
    tmp_path: Path,
) -> None:
    vaults, media = tmp_path / "vaults", tmp_path / "media"
    for made in (vaults, media):
        made.mkdir()
    for name in ("a.sqlite3", "b.sqlite3"):
        with closing(sqlite3.connect(vaults / name)) as database:
            database.execute("CREATE TABLE t (x)")
    with closing(open_operations(tmp_path / "home")) as ops:
        ops.instances.add("vaults", engine="sqlite", address=str(vaults))
        both = ["a.sqlite3", "b.sqlite3"]
        profile = BackupProfile(
            name="p",
            instance="vaults",
            databases=both,
            directory=str(media),
            start=datetime(2026, 1, 1),
            timezone="UTC",
        )
        ops.profiles.create(profile)
        assert ops.runs.run_here("p").status is RunStatus.SUCCEEDED
        vaults.rename(tmp_path / "unmounted")
        vaults.mkdir()
        for one in ops.databases.list("vaults"):
            assert (one.state, "its disk may not be mounted" in one.reason) == (DatabaseState.UNKNOWN, True)
            assert Cause.DATABASE_GONE not in {each.cause for each in one.verdict.findings}
            assert one.verdict.protection is not Protection.PROTECTED
        vaults.rmdir()
        (tmp_path / "unmounted").rename(vaults)
        (vaults / "a.sqlite3").unlink()
        states = {one.name: one.state for one in ops.databases.list("vaults")}
        assert states == {"a.sqlite3": DatabaseState.GONE, "b.sqlite3": DatabaseState.ONLINE}
