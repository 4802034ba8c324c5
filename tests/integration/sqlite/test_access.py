"""Missing rights are found as a backup would meet them, before one fails."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import apsw
import pytest

from benchmarks import vault
from pwsops.engines.off_limits import NOTHING
from pwsops.engines.sqlite import access, backup, directory, snapshot
from pwsops.engines.sqlite.connect import Connection
from pwsops.engines.sqlite.launch import environment
from pwsops.engines.sqlite.report import Report
from pwsops.errors import EngineError
from tests.integration.sqlite.support import HOLD, Place, elsewhere, order

ASK = """
import json, os, sys, uuid
sys.path.insert(0, os.environ["PYTHONPATH"].split(os.pathsep)[0])
from pwsops.engines.sqlite import access, backup, directory, listing
from pwsops.engines.sqlite.report import Report
from pwsops.errors import PwsopsError
vaults, media, read_only = sys.argv[1:]
if read_only == "mount" and os.system(f"mount --bind {vaults} {vaults} && mount -o remount,bind,ro {vaults}"):
    sys.exit(77)
if read_only == "nobody":
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
said = []
order = backup.Order(database="a.db", path=vaults + "/a.db", directory=media, file_name="one.bak", description="run",
                     set_id=str(uuid.uuid4()), started_at="2026-03-01T00:00:00+00:00", token=uuid.uuid4().hex)
try:
    backup.take(order, Report(said.append))
    error = ""
except PwsopsError as failed:
    error = failed.message
listed = [[one.name, one.state.value, one.reason] for one in directory.databases(vaults, listing.looks)]
print(json.dumps({"missing": access.survey(vaults)["missing"], "error": error, "said": said, "listed": listed}))
"""


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A directory that other users reach, with `vaults` and `media`."""
    root = Path(tempfile.mkdtemp())
    root.chmod(0o755)
    for name in ("vaults", "media"):
        (root / name).mkdir()
        (root / name).chmod(0o777)
    yield root
    shutil.rmtree(root)


def ask(root: Path, how: str) -> Mapping[str, Any]:
    """Ask for the rights, and take a backup, as somebody who may less."""
    if os.geteuid() != 0:
        pytest.skip("only root may become somebody else, or mount")
    before = ["unshare", "-m"] if how == "mount" else []
    ended = subprocess.run(
        [*before, sys.executable, "-c", ASK, str(root / "vaults"), str(root / "media"), how],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    # A root that is no mount itself (a chroot) can be given none of its own.
    cannot = ("unshare failed", "cannot change root filesystem propagation", "Permission denied: '/")
    if ended.returncode == 77 or any(why in ended.stderr for why in cannot):
        pytest.skip("this machine cannot try it")
    assert ended.returncode == 0, ended.stderr
    answer: Mapping[str, Any] = json.loads(ended.stdout)
    return answer


def make(root: Path, journal_mode: str, name: str = "a.db") -> Path:
    path = root / "vaults" / name
    vault.create(path, 1, journal_mode=journal_mode)
    path.chmod(0o644)
    return path


def test_a_wal_database_on_a_read_only_mount_lacks_a_right_that_its_backup_needs(open_place: Path) -> None:
    make(open_place, "WAL")
    make(open_place, "DELETE", "b.db")
    answer = ask(open_place, "mount")
    [right] = answer["missing"]
    assert right["right"] == f"write in {open_place / 'vaults'}"
    assert "any backup of a.db," in right["without"]
    assert "restoring (Insert)" in right["without"]
    assert "mounted read-only" in right["grant"]
    assert "cannot make what it needs beside it" in answer["error"]


@pytest.mark.parametrize("how", ["mount", "nobody"])
def test_a_rollback_journal_database_that_may_only_be_read_is_backed_up(open_place: Path, how: str) -> None:
    make(open_place, "DELETE")
    (open_place / "vaults").chmod(0o755)
    answer = ask(open_place, how)
    [right] = answer["missing"]
    assert right["without"] == "restoring (Insert)"
    assert answer["error"] == ""


def test_a_wal_database_in_a_directory_where_the_service_may_not_write(open_place: Path) -> None:
    make(open_place, "WAL")
    (open_place / "vaults").chmod(0o755)
    answer = ask(open_place, "nobody")
    [right] = answer["missing"]
    assert "any backup of a.db," in right["without"]
    assert right["grant"].startswith("chmod u+wx")
    assert answer["error"]


def test_a_wal_database_in_use_that_may_only_be_read_is_saved_as_a_copy(open_place: Path) -> None:
    path = make(open_place, "WAL")
    (open_place / "vaults").chmod(0o755)
    with elsewhere(HOLD, path, "UPDATE ciphers SET user = 'x'"):
        for suffix in ("-wal", "-shm"):
            Path(f"{path}{suffix}").chmod(0o644)
        answer = ask(open_place, "nobody")
    [right] = answer["missing"]
    assert (answer["error"], right["without"]) == ("", "restoring (Insert)")
    assert "may only be read here; a copy was made" in str(answer["said"])


def test_a_shared_memory_file_that_may_not_be_touched_is_the_missing_right(open_place: Path) -> None:
    path = make(open_place, "WAL")
    with elsewhere(HOLD, path, "UPDATE ciphers SET user = 'x'"):
        for suffix in ("-wal", "-shm"):
            Path(f"{path}{suffix}").chmod(0o600)
        answer = ask(open_place, "nobody")
    assert answer["error"]
    assert any("any backup of a.db," in right["without"] for right in answer["missing"])


def test_a_database_that_may_not_be_read_is_the_missing_right(open_place: Path) -> None:
    path = make(open_place, "DELETE")
    path.chmod(0o600)
    answer = ask(open_place, "nobody")
    [right] = answer["missing"]
    assert (right["right"], right["without"]) == (f"read {path}", "the backup of a.db")
    assert answer["listed"] == [["a.db", "unreadable", "it cannot be read: Permission denied"]]


def test_a_directory_that_may_be_listed_and_not_entered_hides_no_database(open_place: Path) -> None:
    make(open_place, "DELETE")
    (open_place / "vaults").chmod(0o744)
    answer = ask(open_place, "nobody")
    [right] = answer["missing"]
    assert right["right"] == f"search in {open_place / 'vaults'}"
    assert "any backup" in right["without"]
    assert answer["listed"] == [["a.db", "unreadable", "it cannot be looked at: Permission denied"]]


def test_many_databases_that_fail_are_named_by_the_first(place: Place) -> None:
    paths = [str(place.path(f"{number}.db")) for number in range(7)]
    assert access._listed(paths) == "0.db, 1.db, 2.db, 3.db, 4.db and 2 more"


def test_a_directory_that_gives_every_right_lacks_none(place: Place) -> None:
    place.vault()
    place.vault("b.db", journal_mode="DELETE")
    (place.vaults / "notes.txt").write_text("no database")
    (place.vaults / "dir.db").mkdir()
    probe = place.engine.probe()
    assert probe.missing_rights == []
    assert probe.version.startswith("SQLite 3.")
    assert place.left_in_vaults() == ["b.db", "db.sqlite3", "dir.db", "notes.txt"]


def test_the_rights_to_enter_and_to_read_are_named_with_what_needs_them(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = place.vault("a.db")
    (place.vaults / "notes.txt").write_text("no database")
    monkeypatch.setattr(os, "access", lambda asked, mode: not mode & os.X_OK)
    [entering] = access._missing(str(place.vaults), follow_links=False, off_limits=NOTHING)
    assert (entering["right"], entering["without"]) == (
        f"search in {place.vaults}",
        "any backup, and restoring (Insert)",
    )
    monkeypatch.setattr(os, "access", lambda asked, mode: not (mode & os.R_OK and str(asked).startswith(str(path))))
    [reading] = access._missing(str(place.vaults), follow_links=False, off_limits=NOTHING)
    assert (reading["right"], reading["grant"]) == (f"read {path}", f"chmod u+r {path}")


def test_a_file_that_cannot_be_looked_at_is_listed_and_one_that_vanished_is_not() -> None:
    class Entry:
        name = "a.db"
        path = "/dbs/a.db"

        def __init__(self, error: OSError) -> None:
            self._error = error

        def is_file(self) -> bool:
            raise self._error

    entry = Entry(PermissionError(13, "Permission denied"))
    hidden = directory._candidate(entry, follow_links=False, off_limits=NOTHING)  # type: ignore[arg-type]
    assert hidden is not None
    listed = directory._info(hidden, None)
    assert listed is not None
    assert (listed.state.value, listed.reason) == ("unreadable", "it cannot be looked at: Permission denied")
    assert directory._candidate(Entry(FileNotFoundError(2, "gone")), follow_links=False, off_limits=NOTHING) is None  # type: ignore[arg-type]


def test_a_log_that_may_only_be_read_makes_a_copy(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    path = place.vault()
    real, result = snapshot.scalar, [apsw.SQLITE_READONLY]

    def read_only(connection: Connection, statement: str) -> Any:
        if "wal_checkpoint" in statement:
            raise apsw.exception_for(result[0])
        return real(connection, statement)

    monkeypatch.setattr(snapshot, "scalar", read_only)
    said: list[object] = []
    backup.take(order(path, place.media, "one.bak"), Report(said.append))
    assert "may only be read here; a copy was made" in str(said)
    result[0] = apsw.SQLITE_IOERR
    with pytest.raises(EngineError, match="SQLite cannot use"):
        backup.take(order(path, place.media, "two.bak"), Report(said.append))


def test_a_database_that_vanishes_meanwhile_lacks_no_right(place: Place) -> None:
    assert not access._is_wal(str(place.path("gone.db")))
