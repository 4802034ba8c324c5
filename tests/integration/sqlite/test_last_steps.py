"""Backups, restores and certificates that are stopped in their last steps, and what those steps are."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from pwsops.engines.records import CertificateCopy
from pwsops.engines.requests import RestoreRequest
from pwsops.engines.sqlite import certificate_files, engine, limits, process, target
from pwsops.engines.sqlite import restore as restoring
from pwsops.engines.sqlite.connect import connect, scalar
from pwsops.engines.sqlite.report import Report
from pwsops.errors import Cancelled, Conflict, EndUnknown, EngineError, MediaError
from pwsops.rules.naming import alternatives
from tests.integration.sqlite.support import SILENT, Place, Play, cancelling, is_whole, query

REAL = """
import os, select, signal, threading
from pwsops.engines.sqlite import backup, files, place, recovery_kit, target, worker
def after(module, name, then):
    original = getattr(module, name)
    def both(*given, **more):
        answer = original(*given, **more)
        then()
        return answer
    setattr(module, name, both)
def hold():
    # Once the parent has hung up, give a process that would end now the time to do so.
    worker.send({"progress": ["held", 1, 1]})
    select.select([0], [], [])
    threading.Event().wait(0.5)
def hang(*_):
    worker.send({"progress": ["held", 1, 1]})
    threading.Event().wait()
def die():
    os.kill(os.getpid(), signal.SIGKILL)
"""
"""The worker itself, to which something happens where a test wants it."""
RUN = "worker.main()"


def test_a_backup_cancelled_after_it_got_its_name_is_a_backup(play: Play, place: Place) -> None:
    place.vault()
    old = place.take().backup_set
    play(REAL + "after(place, 'publish', hold);" + RUN)
    taken = place.engine.backup(place.request(overwrite=True, replaceable=[old]), **cancelling("held")).backup_set
    assert taken.set_id != old.set_id
    assert place.engine.read_media(taken.path) == [taken]
    assert place.left_in_media() == ["one.bak"]


def test_a_backup_cancelled_before_it_gets_its_name_is_none(play: Play, place: Place) -> None:
    place.vault()
    play(REAL + "after(backup.MediaWriter, 'finish', hold);" + RUN)
    with pytest.raises(Cancelled):
        place.engine.backup(place.request(), **cancelling("held"))
    assert place.left_in_media() == []


def test_a_backup_whose_worker_dies_after_it_got_its_name_is_found(play: Play, place: Place) -> None:
    place.vault()
    play(REAL + "after(place, 'publish', die);" + RUN, REAL + RUN)
    taken = place.take().backup_set
    assert place.engine.read_media(taken.path) == [taken]
    assert place.left_in_media() == ["one.bak"]


def test_a_backup_whose_worker_dies_before_it_gets_its_name_is_not_known_to_be_one(play: Play, place: Place) -> None:
    place.vault()
    play(REAL + "after(backup.Report, 'finishing', die);" + RUN, REAL + RUN)
    with pytest.raises(EndUnknown, match=r"Backup of db.sqlite3.*by signal 9"):
        place.take()
    assert place.left_in_media() == []


def test_a_backup_is_found_also_where_its_database_is_gone_by_then(play: Play, place: Place) -> None:
    place.vault()
    play(REAL + "after(place, 'publish', die);" + RUN, REAL + RUN)
    taken = place.take().backup_set
    place.path().unlink()
    wanted = {"database": "db.sqlite3", "directory": str(place.media), "description": taken.description}
    assert place.engine.find_backup(**wanted) == taken


def test_what_the_search_for_a_backup_meets_leaves_its_end_unknown(play: Play, place: Place) -> None:
    place.vault()
    play(REAL + "after(place, 'publish', die);" + RUN, "raise SystemExit(3)")
    with pytest.raises(EndUnknown, match=r"Backup of db.sqlite3.*by signal 9"):
        place.take()


def test_the_next_attempt_takes_over_what_one_of_unknown_end_had_finished(play: Play, place: Place) -> None:
    place.vault()
    play(REAL + "after(place, 'publish', die);" + RUN, "raise SystemExit(3)", REAL + RUN)
    with pytest.raises(EndUnknown):
        place.take()
    taken = place.take()
    assert any("An earlier attempt of this run had finished" in message.text for message in taken.messages)
    assert place.left_in_media() == ["one.bak"]
    assert place.engine.read_media(taken.backup_set.path) == [taken.backup_set]


def test_a_backup_that_is_done_does_not_wait_for_its_recovery_script(
    play: Play, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.vault()
    monkeypatch.setattr(process, "FINISH_S", 0.5)
    monkeypatch.setattr(engine.SqliteEngine, "find_backup", None)  # nobody has to look for it
    play(REAL + "recovery_kit.place = hang;" + RUN)
    taken = place.engine.backup(place.request(), **cancelling("held")).backup_set
    assert place.engine.read_media(taken.path) == [taken]


@pytest.mark.parametrize("journal_mode", ["WAL", "DELETE"])
def test_a_restore_cancelled_once_the_backup_is_in_the_database_succeeds(place: Place, journal_mode: str) -> None:
    path = place.vault(size_mb=4, journal_mode=journal_mode)
    query(path, "UPDATE ciphers SET user = 'from the backup'")
    taken = place.take().backup_set
    query(path, "UPDATE ciphers SET user = 'old'")
    request = RestoreRequest(database="db.sqlite3", sets=[taken])
    assert place.engine.restore(request, **cancelling("restoring")).restored_bytes
    assert query(path, "SELECT DISTINCT user FROM ciphers") == [("from the backup",)]
    is_whole(path)
    assert place.left_in_vaults() == ["db.sqlite3"]


def test_a_restore_is_done_before_its_log_is_written_back(
    play: Play, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.vault()
    taken = place.take().backup_set
    monkeypatch.setattr(process, "FINISH_S", 0.5)
    play(REAL + "after(target, '_done', hang);" + RUN)
    assert place.engine.restore(RestoreRequest(database="db.sqlite3", sets=[taken]), **cancelling("held"))
    is_whole(place.path())
    assert place.left_in_vaults() == ["db.sqlite3"]


def test_a_restore_cancelled_before_its_last_step_leaves_the_old_data(play: Play, place: Place) -> None:
    path = place.vault(size_mb=4)
    query(path, "UPDATE ciphers SET user = 'from the backup'")
    taken = place.take().backup_set
    query(path, "UPDATE ciphers SET user = 'old'")
    play(REAL + "after(target.Assembly, 'give_up_before', hold);" + RUN)
    with pytest.raises(Cancelled):
        place.engine.restore(RestoreRequest(database="db.sqlite3", sets=[taken]), **cancelling("held"))
    assert query(path, "SELECT DISTINCT user FROM ciphers") == [("old",)]
    assert place.left_in_vaults() == ["db.sqlite3"]


def test_a_damaged_target_replaced_before_the_cancel_is_said_to_be_replaced(play: Play, place: Place) -> None:
    path = place.vault()
    taken = place.take().backup_set
    path.write_bytes(b"no database at all " * 500)
    play(REAL + "after(target.files, 'sync_directory', hold);" + RUN)
    restored = place.engine.restore(RestoreRequest(database="db.sqlite3", sets=[taken]), **cancelling("held"))
    assert restored.kept_damaged_as is not None
    assert Path(restored.kept_damaged_as).read_bytes().startswith(b"no database")
    is_whole(path)


def test_a_restore_of_a_few_pages_waits_for_a_lock_in_a_step_that_can_be_broken_off(place: Place) -> None:
    path = place.path()
    query(path, "CREATE TABLE t (x)")
    taken = place.take().backup_set
    said: list[Mapping[str, object]] = []
    order = restoring.RestoreOrder(
        database=path.name, path=str(path), sets=[(taken.path, taken.set_id)], token="0" * 32
    )
    restoring.restore(order, Report(said.append))
    steps = [values["progress"][1] for values in said if values.get("progress", [""])[0] == "restoring"]  # type: ignore[index]
    assert steps == [4096, 8192]
    assert said.index({"finishing": True}) == said.index({"progress": ["restoring", 4096, 8192]}) + 1


def test_the_only_step_of_a_database_of_one_page_is_the_last(place: Place) -> None:
    path = place.path()
    query(path, "PRAGMA user_version=7")
    taken = place.take().backup_set
    query(path, "PRAGMA user_version=8")
    said: list[Mapping[str, object]] = []
    order = restoring.RestoreOrder(
        database=path.name, path=str(path), sets=[(taken.path, taken.set_id)], token="0" * 32
    )
    restoring.restore(order, Report(said.append))
    assert said.index({"finishing": True}) < said.index({"progress": ["restoring", 4096, 4096]})
    assert query(path, "PRAGMA user_version") == [(7,)]


def test_a_target_that_could_not_return_to_wal_mode_does_not_hide_why_the_restore_failed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.vault()
    taken = place.take().backup_set
    path = place.path("target.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.executescript("PRAGMA page_size=8192; PRAGMA journal_mode=WAL; CREATE TABLE t (x)")
    limits.apply({"busy_s": 0.1})
    said: list[Mapping[str, object]] = []
    order = restoring.RestoreOrder(
        database=path.name, path=str(path), sets=[(taken.path, taken.set_id)], token="0" * 32
    )
    with closing(connect(str(path))) as reader:  # of one library: two in one process do not see each other's locks

        def fail(*given: object, **more: object) -> None:
            reader.execute("BEGIN")
            scalar(reader, "SELECT * FROM t")
            raise MediaError("It is damaged.", hint="Choose another.")

        monkeypatch.setattr(target, "_copy", fail)
        with pytest.raises(MediaError, match="It is damaged"):
            restoring.restore(order, Report(said.append))
    assert "could not be put back into WAL mode (database is locked)" in str(said[-1]["message"])


MINE = CertificateCopy(file_name="a.pfx", content=lambda: b"mine", serves=lambda present: present == b"mine")


def test_a_certificate_is_saved_once(place: Place) -> None:
    assert place.engine.save_certificates(str(place.media), [MINE]) == []
    saved = (place.media / "a.pfx").stat()
    assert (saved.st_mode & 0o777, (place.media / "a.pfx").read_bytes()) == (0o600, b"mine")
    assert place.engine.save_certificates(str(place.media), [MINE]) == []
    assert (place.media / "a.pfx").stat().st_ino == saved.st_ino
    assert place.left_in_media() == ["a.pfx"]


def test_a_certificate_that_does_not_serve_stays_and_ours_gets_another_name(place: Place) -> None:
    others = place.media / "a.pfx"
    others.write_bytes(b"another home's")
    [said] = place.engine.save_certificates(str(place.media), [MINE])
    assert said == (
        f"{others} stays as it is: it does not open with this profile's password, or it holds another certificate. "
        f"The certificate was saved as {place.media / 'a~2.pfx'}."
    )
    assert (others.read_bytes(), (place.media / "a~2.pfx").read_bytes()) == (b"another home's", b"mine")
    assert place.engine.save_certificates(str(place.media), [MINE]) == [], "found again"
    assert place.left_in_media() == ["a.pfx", "a~2.pfx"]


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (Path.mkdir, "it is a directory"),
        (lambda path: path.symlink_to("nowhere"), "it is a symbolic link"),
        (os.mkfifo, "it is a pipe"),
        (lambda path: path.symlink_to(path), "it is a symbolic link"),
    ],
)
def test_what_is_no_file_stays_under_a_certificates_name(place: Place, make: Callable[[Path], None], why: str) -> None:
    make(place.media / "a.pfx")
    [said] = place.engine.save_certificates(str(place.media), [MINE])
    assert f"a.pfx stays as it is: {why}" in said
    assert place.left_in_media() == ["a.pfx", "a~2.pfx"]


def test_no_more_names_for_a_certificate_than_nine(place: Place) -> None:
    for name in alternatives("a.pfx"):
        (place.media / name).write_bytes(b"another home's")
    with pytest.raises(Conflict, match=r"All 9 names for the certificate are taken in .*a~9.pfx stays as it is"):
        place.engine.save_certificates(str(place.media), [MINE])
    assert len(place.left_in_media()) == 9


def test_a_certificate_without_its_directory_is_a_clear_error(place: Place) -> None:
    place.media.rmdir()
    with pytest.raises(EngineError, match="does not exist") as failed:
        place.engine.save_certificates(str(place.media), [MINE])
    assert failed.value.hint


def test_a_certificate_whose_name_was_taken_meanwhile_replaces_nothing(place: Place) -> None:
    (place.media / "a.pfx").write_bytes(b"another home's")
    with pytest.raises(EngineError, match=r"a.pfx: another program put a file there"):
        certificate_files.write(str(place.media / "a.pfx"), "bmV3", "0" * 32, SILENT.say)
    assert (place.media / "a.pfx").read_bytes() == b"another home's"
    assert place.left_in_media() == ["a.pfx"]


def test_a_certificate_that_cannot_be_written_leaves_nothing_behind(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EngineError, match=r"Saving the certificate .*a.pfx failed in .*no space is left"):
        certificate_files.write(str(place.media / "a.pfx"), "bmV3", "0" * 32, SILENT.say)
    assert place.left_in_media() == []
