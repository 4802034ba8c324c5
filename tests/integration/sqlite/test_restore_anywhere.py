"""A restore into a new name, into a plain file, and as a script that is run without this product."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from pwsops.engines.off_limits import OffLimits
from pwsops.engines.records import Instance
from pwsops.engines.requests import Encryption, RestoreRequest, RestoreResult
from pwsops.engines.sqlite import files, occupied, restore
from pwsops.engines.sqlite.engine import SqliteEngine
from pwsops.engines.sqlite.identity import recorded
from pwsops.engines.sqlite.media import Media
from pwsops.engines.sqlite.report import Report
from pwsops.errors import (
    CertificateNeeded,
    Conflict,
    EngineError,
    InvalidInput,
    MediaError,
    NotFound,
    PwsopsError,
    Refused,
)
from pwsops.rules.model import BackupSet
from tests.integration.sqlite.support import HOLD, Place, Play, elsewhere, is_whole, query
from tests.pairs import pair

COUNT = "SELECT count(*) FROM ciphers"


def into(place: Place, taken: BackupSet, **values: object) -> RestoreResult:
    given: dict[str, object] = {"database": "db.sqlite3", "sets": [taken], "create_if_missing": True}
    return place.engine.restore(RestoreRequest(**given | values))  # type: ignore[arg-type]


def to_file(place: Place, taken: BackupSet, path: Path | str) -> RestoreResult:
    return into(place, taken, database=str(path), to_file=str(path), must_be_new=True)


def test_a_new_database_is_made_under_its_name_and_one_that_is_there_stays(place: Place) -> None:
    path = place.vault()
    taken = place.take().backup_set
    assert into(place, taken, database="new.db", must_be_new=True).created
    is_whole(place.path("new.db"))
    query(path, "DELETE FROM ciphers")
    for name in ("db.sqlite3", "new.db"):
        with pytest.raises(Conflict, match="exists already; it was left as it is"):
            into(place, taken, database=name, must_be_new=True)
    assert query(path, COUNT) == [(0,)]


def test_a_plain_file_is_made_anywhere_and_holds_the_data(place: Place, tmp_path: Path) -> None:
    path = place.vault()
    count = query(path, COUNT)
    taken = place.take().backup_set
    out = tmp_path / "out"
    out.mkdir()
    result = to_file(place, taken, out / "plain.db")
    assert (result.created, result.database) == (True, str(out / "plain.db"))
    assert query(out / "plain.db", COUNT) == count
    is_whole(out / "plain.db")
    assert sorted(os.listdir(out)) == ["plain.db"]


def test_a_file_that_is_there_is_never_written_over(place: Place, tmp_path: Path) -> None:
    place.vault()
    taken = place.take().backup_set
    (tmp_path / "mine.db").write_text("mine")
    (tmp_path / "link.db").symlink_to(tmp_path / "elsewhere")
    for name in ("mine.db", "link.db"):
        with pytest.raises(Conflict, match="exists already"):
            to_file(place, taken, tmp_path / name)
    assert (tmp_path / "mine.db").read_text() == "mine"
    assert not (tmp_path / "elsewhere").exists()


def test_a_log_of_another_database_beside_the_file_is_refused(place: Place, tmp_path: Path) -> None:
    place.vault()
    taken = place.take().backup_set
    (tmp_path / "new.db-wal").write_text("of another")
    with pytest.raises(Conflict, match="left of another database"):
        to_file(place, taken, tmp_path / "new.db")
    assert not (tmp_path / "new.db").exists()


def test_a_file_of_damaged_media_is_never_made(place: Place, tmp_path: Path) -> None:
    place.vault()
    taken = place.take().backup_set
    data = bytearray(Path(taken.path).read_bytes())
    data[len(data) // 2] ^= 1
    Path(taken.path).write_bytes(data)
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(MediaError):
        to_file(place, taken, out / "new.db")
    assert os.listdir(out) == []


NO_FILES = """
relative.db / /tmp/x.db/ /tmp/. /tmp/.. /tmp/link/../x.db /../tmp/x.db
/tmp/x.db-wal /tmp/x.db-WAL /tmp/x.bak /tmp/x.db-journal
/tmp/authorized_keys /tmp/x.service /tmp/recover.py /tmp/RECOVER.md /tmp/x.db.damaged-1.db /tmp/.x.db /tmp/.db
"""


@pytest.mark.parametrize("name", NO_FILES.split())
def test_what_can_be_no_file_of_a_database_is_refused(place: Place, name: str) -> None:
    place.vault()
    taken = place.take().backup_set
    with pytest.raises(InvalidInput, match="Nothing can be restored into the file") as refused:
        to_file(place, taken, name)
    assert ".sqlite3, .sqlite, .db" in refused.value.hint
    with pytest.raises(InvalidInput, match="Nothing can be restored into the file"):
        place.engine.restore_script(RestoreRequest(database=name, sets=[taken], to_file=name))


def test_a_directory_that_is_missing_is_said(place: Place, tmp_path: Path) -> None:
    place.vault()
    with pytest.raises(NotFound, match="its directory does not exist"):
        to_file(place, place.take().backup_set, tmp_path / "none" / "x.db")


def test_no_file_is_made_in_the_home(place: Place, tmp_path: Path) -> None:
    place.vault()
    taken = place.take().backup_set
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "way").symlink_to(home)
    instance = Instance(
        name="test", engine="sqlite", address=str(place.vaults), off_limits=OffLimits(home=os.path.realpath(home))
    )
    engine = SqliteEngine(instance)
    for path in (home / "x.db", home / "logs" / "x.db", tmp_path / "way" / "x.db"):
        path.parent.mkdir(exist_ok=True)
        request = RestoreRequest(
            database=str(path), sets=[taken], create_if_missing=True, must_be_new=True, to_file=str(path)
        )
        with pytest.raises((Refused, EngineError)):
            engine.restore(request)
        assert not path.exists()


# What keeps it from being done, told before


def refused(place: Place, taken: BackupSet, kind: type[PwsopsError], match: str, **values: object) -> None:
    """Whether a restore is refused, and was refused in the same words when it was only asked about."""
    given: dict[str, object] = {"database": "db.sqlite3", "sets": [taken]}
    before = sorted(os.listdir(place.vaults))
    for ask in (place.engine.check_restore, place.engine.restore):
        with pytest.raises(kind, match=match):
            ask(RestoreRequest(**given | values))  # type: ignore[arg-type]
    assert sorted(os.listdir(place.vaults)) == before


def test_what_would_be_refused_is_told_before(place: Place, tmp_path: Path) -> None:
    path = place.vault()
    taken = place.take().backup_set
    place.engine.check_restore(RestoreRequest(database="db.sqlite3", sets=[taken]))
    refused(place, taken, NotFound, "does not exist", database="gone.db")
    refused(place, taken, Conflict, "exists already", create_if_missing=True, must_be_new=True)
    refused(place, taken, InvalidInput, "cannot name a database", database="x.txt", create_if_missing=True)
    (place.vaults / "new.db-wal").write_text("of another")
    refused(place, taken, Conflict, "left of another database", database="new.db", create_if_missing=True)
    none = tmp_path / "none" / "x.db"
    refused(place, taken, NotFound, "its directory does not exist", to_file=str(none), create_if_missing=True)
    (place.vaults / "link.db").symlink_to(path)
    refused(place, taken, EngineError, "links are not followed", database="link.db")
    other = place.take("two.bak").backup_set
    os.replace(other.path, taken.path)
    refused(place, taken, MediaError, "another backup")


def test_a_key_that_is_missing_is_told_before_and_last(place: Place) -> None:
    place.vault()
    facts = pair("one")
    taken = place.take(encryption=Encryption(name="one", certificate=facts.certificate_der())).backup_set
    refused(place, taken, CertificateNeeded, "whose private key is not in the certificate store")
    refused(place, taken, NotFound, "does not exist", database="gone.db")


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_a_database_that_is_written_to_is_told_to_be_in_use(place: Place, mode: str) -> None:
    path = place.vault(journal_mode=mode)
    taken = place.take().backup_set
    request = RestoreRequest(database=path.name, sets=[taken])
    with elsewhere(HOLD, path, "SELECT * FROM ciphers"):
        place.engine.check_restore(request)
    with elsewhere(HOLD, path, "BEGIN IMMEDIATE") as writer, pytest.raises(EngineError, match="is in use") as told:
        place.engine.check_restore(request)
    assert f"the process {writer.pid} writes to it" in told.value.message
    assert told.value.transient
    place.engine.check_restore(request)


def test_a_reader_of_a_rollback_journal_s_database_is_told_and_keeps_the_restore_out(place: Place) -> None:
    path = place.vault(journal_mode="DELETE")
    taken = place.take().backup_set
    with elsewhere(HOLD, path, "BEGIN; SELECT * FROM ciphers") as reader:
        with pytest.raises(EngineError, match=f"in use: the process {reader.pid} reads it or has it open") as told:
            place.engine.check_restore(RestoreRequest(database=path.name, sets=[taken]))
        assert told.value.transient
        with pytest.raises(EngineError, match="locked"):
            place.engine.restore(RestoreRequest(database=path.name, sets=[taken]))
    place.engine.check_restore(RestoreRequest(database=path.name, sets=[taken]))


def test_a_reader_of_a_wal_database_keeps_no_restore_out(place: Place) -> None:
    path = place.vault()
    request = RestoreRequest(database=path.name, sets=[place.take().backup_set])
    with elsewhere(HOLD, path, "BEGIN; SELECT * FROM ciphers"):
        place.engine.check_restore(request)
        place.engine.restore(request)


def test_who_has_a_wal_database_of_another_page_size_open_is_told_and_keeps_the_restore_out(place: Place) -> None:
    path = place.vault()
    request = RestoreRequest(database=path.name, sets=[place.take().backup_set])
    path.unlink()
    for statement in ("PRAGMA page_size=8192; PRAGMA journal_mode=WAL", "CREATE TABLE other (x)"):
        with elsewhere(HOLD, path, statement):
            pass
    assert query(path, "PRAGMA page_size") == [(8192,)]
    with elsewhere(HOLD, path, "SELECT * FROM other") as idle:
        with pytest.raises(EngineError, match=f"the process {idle.pid} reads it or has it open"):
            place.engine.check_restore(request)
        with pytest.raises(EngineError, match="locked"):
            place.engine.restore(request)
    place.engine.check_restore(request)
    place.engine.restore(request)


def test_a_writer_of_another_container_has_no_number_and_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    path, asked = place.vault(), fcntl.fcntl

    def without_number(fd: int, command: int, given: bytes) -> bytes:
        kind, *rest, _ = occupied._FLOCK.unpack(asked(fd, command, given))
        return occupied._FLOCK.pack(kind, *rest, 0)

    monkeypatch.setattr(occupied.fcntl, "fcntl", without_number)
    monkeypatch.setattr(occupied.limits, "busy_s", lambda: 0.0)
    occupied.refuse_occupied(str(path))
    with (
        elsewhere(HOLD, path, "BEGIN IMMEDIATE"),
        pytest.raises(EngineError, match="in use: a process of another container or machine writes to it"),
    ):
        occupied.refuse_occupied(str(path))


@pytest.mark.parametrize(
    ("end", "reads"), [("", False), ("", True), ("-wal", False), ("-shm", False), ("-journal", False)]
)
def test_a_file_that_cannot_be_written_is_told_before(
    place: Place, monkeypatch: pytest.MonkeyPatch, end: str, reads: bool
) -> None:
    path = place.vault()
    sets = [recorded(place.take().backup_set)]
    order = restore.RestoreOrder(database="db.sqlite3", path=str(path), sets=sets, token="0" * 32)
    if end:
        Path(f"{path}{end}").touch()
    opened = os.open

    def as_one_who_may_not(name: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if name == path.name + end and (reads or flags & os.O_RDWR):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES), name)
        return opened(name, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(restore.occupied.foreign.os, "open", as_one_who_may_not)
    with pytest.raises(EngineError, match=rf"Restore: .*db\.sqlite3{end} cannot be written: Permission denied") as told:
        restore.check(order)
    assert not told.value.transient
    restore.check(replace(order, keeps_beside=True))
    path.write_text("no database")
    if not reads:  # nobody knows what it is otherwise
        restore.check(order)


def test_a_directory_in_which_nothing_can_be_made_is_told_before(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    path = place.vault()
    sets = [recorded(place.take().backup_set)]
    order = restore.RestoreOrder(database="db.sqlite3", path=str(path), sets=sets, token="0" * 32)
    restore.check(order)

    def refuse(path: str, mode: int = 0) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)

    monkeypatch.setattr(files.foreign, "create", refuse)
    with pytest.raises(EngineError, match=r"Restore of db\.sqlite3"):
        restore.check(order)


DIES = """
import os, signal
from pwsops import foreign
from pwsops.engines.sqlite import worker
create = foreign.create
def then_die(*given):
    create(*given)
    os.kill(os.getpid(), signal.SIGKILL)
foreign.create = then_die
worker.main()
"""


@pytest.mark.parametrize("target", ["there", "new", "file"])
def test_a_check_that_is_killed_leaves_nothing(place: Place, play: Play, tmp_path: Path, target: str) -> None:
    place.vault()
    taken = place.take().backup_set
    out = tmp_path / "out"
    out.mkdir()
    given: dict[str, object] = {
        "there": {"database": "db.sqlite3"},
        "new": {"database": "new.db", "create_if_missing": True},
        "file": {"database": "x.db", "to_file": str(out / "x.db"), "create_if_missing": True},
    }[target]  # type: ignore[assignment]
    request = RestoreRequest(sets=[taken], **given)  # type: ignore[arg-type]
    play(DIES)
    for ask in (place.engine.check_restore, place.engine.restore):
        with pytest.raises(PwsopsError, match="signal 9"):
            ask(request)
        assert [*place.left_in_vaults(), *os.listdir(out)] == ["db.sqlite3"]


def test_what_is_to_be_kept_is_kept_beside_with_its_log_and_not_written_into(place: Place) -> None:
    path = place.vault()
    count = query(path, COUNT)
    taken = place.take().backup_set
    query(path, "DELETE FROM ciphers")
    result = place.engine.restore(RestoreRequest(database=path.name, sets=[taken], keeps_beside=True))
    assert result.kept_damaged_as is not None
    assert (query(path, COUNT), query(Path(result.kept_damaged_as), COUNT)) == (count, [(0,)])
    assert any("was not saved first; it was kept as" in one.text for one in result.messages)


@pytest.mark.parametrize("statements", [(), ("CREATE TABLE orders (number INTEGER)",)])
def test_what_was_empty_is_kept_beside_whether_it_is_filled_meanwhile_or_not(
    place: Place, monkeypatch: pytest.MonkeyPatch, statements: Sequence[str]
) -> None:
    path = place.vault()
    taken = place.take().backup_set
    path.unlink()
    path.touch()
    proven = restore.verify.check_all

    def meanwhile(chain: Sequence[Media], report: Report) -> None:
        proven(chain, report)
        for statement in statements:
            query(path, statement)

    monkeypatch.setattr(restore.verify, "check_all", meanwhile)
    order = restore.RestoreOrder(
        database=path.name, path=str(path), sets=[recorded(taken)], token="0" * 32, keeps_beside=True, stamp="T"
    )
    kept = Path(str(restore.restore(order, Report(lambda sent: None))["kept_damaged_as"]))
    assert query(kept, "SELECT count(*) FROM sqlite_master") == [(len(statements),)]
    is_whole(path)
