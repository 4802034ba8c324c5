"""A restore as a shell script, run as it is: by whom, how often, and beside what others put there."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pwsops.engines.off_limits import OffLimits
from pwsops.engines.records import Instance
from pwsops.engines.requests import Encryption, RestoreRequest
from pwsops.engines.sqlite import recovery_kit
from pwsops.engines.sqlite.engine import SqliteEngine
from pwsops.errors import Conflict, NotFound, PwsopsError, Refused
from pwsops.rules.model import BackupSet
from tests.integration.sqlite.support import Place, is_whole, query
from tests.pairs import pair

COUNT = "SELECT count(*) FROM ciphers"


def script_of(place: Place, *sets: BackupSet, database: str = "db.sqlite3", **options: object) -> str:
    return place.engine.restore_script(RestoreRequest(database=database, sets=sets, **options))  # type: ignore[arg-type]


def run(
    script: str, *, cwd: Path | str = "/", first: Path | str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run it as it is, with this interpreter for python3: nothing of this product is on its path."""
    directory = os.path.dirname(sys.executable)
    environment = {"PATH": f"{first}{':' if first else ''}{directory}:{os.environ['PATH']}", **variables}
    return subprocess.run(
        ["sh", "-c", script], env=environment, cwd=cwd, check=False, capture_output=True, text=True, timeout=120
    )


def program(directory: Path, name: str, text: str) -> Path:
    """Put a program into a directory that comes first on the path."""
    directory.mkdir(exist_ok=True)
    (directory / name).write_text(f"#!/bin/sh\n{text}\n")
    (directory / name).chmod(0o755)
    return directory


def test_the_script_brings_the_data_back_and_keeps_what_was_there(place: Place) -> None:
    path = place.vault("it's a $vault.db")
    count = query(path, COUNT)
    full = place.take(database=path.name).backup_set
    query(path, "DELETE FROM ciphers WHERE id > 3")
    incremental = place.take("two.bak", base=full, database=path.name).backup_set
    query(path, "DELETE FROM ciphers")
    request = RestoreRequest(database=path.name, sets=[full, incremental])
    script = place.engine.restore_script(request)
    assert query(path, COUNT) == [(0,)], "writing a script does nothing"
    assert script.startswith("#!/bin/sh\n# Brings back it's a $vault.db as of ")
    assert count != [(3,)]
    done = run(script)
    assert done.returncode == 0, done.stderr
    assert query(path, COUNT) == [(3,)]
    assert query(Path(f"{path}.before-restore"), COUNT) == [(0,)]


def test_the_script_for_a_new_name_or_a_file_writes_that_file_alone(place: Place, tmp_path: Path) -> None:
    path = place.vault()
    taken = place.take().backup_set
    new = RestoreRequest(database="new.db", sets=[taken], create_if_missing=True, must_be_new=True)
    out = str(tmp_path / "o u t.db")
    plain = RestoreRequest(database=out, sets=[taken], create_if_missing=True, must_be_new=True, to_file=out)
    for request, made in ((new, place.path("new.db")), (plain, Path(out))):
        script = place.engine.restore_script(request)
        assert script.index("\numask 077\n") < script.index("\nrun_recover ")
        done = run(script)
        assert done.returncode == 0, done.stderr
        assert query(made, COUNT) == query(path, COUNT)
        assert stat.S_IMODE(made.stat().st_mode) == 0o600
        with pytest.raises(Conflict):
            place.engine.restore_script(request)


def test_the_script_of_a_database_that_is_gone_makes_it_where_that_is_allowed(place: Place) -> None:
    path = place.vault()
    taken = place.take().backup_set
    path.unlink()
    with pytest.raises(NotFound):
        place.engine.restore_script(RestoreRequest(database=path.name, sets=[taken]))
    script = place.engine.restore_script(RestoreRequest(database=path.name, sets=[taken], create_if_missing=True))
    assert run(script).returncode == 0
    is_whole(path)


def test_a_script_that_fails_leaves_the_database_in_its_place(place: Place) -> None:
    path = place.vault()
    taken = place.take().backup_set
    script = place.engine.restore_script(RestoreRequest(database=path.name, sets=[taken]))
    Path(taken.path).write_bytes(b"damaged")
    before = place.left_in_vaults()
    assert run(script).returncode != 0
    assert place.left_in_vaults() == before


def test_the_script_of_an_encrypted_backup_names_the_certificate_and_asks_for_its_file(place: Place) -> None:
    path = place.vault()
    certificate = pair("vault").certificate_der()
    taken = place.take(encryption=Encryption(name="vault", certificate=certificate)).backup_set
    script = place.engine.restore_script(RestoreRequest(database=path.name, sets=[taken]))
    assert f"certificate {taken.thumbprint}: run this as PFX=FILE.pfx sh SCRIPT." in script
    done = run(script)
    assert done.returncode != 0
    assert "PFX" in done.stderr
    is_whole(path)


def test_a_name_that_steers_a_terminal_is_written_into_no_script(place: Place) -> None:
    path = place.vault("\x1b[2Jx.db")
    taken = place.take(database=path.name).backup_set
    with pytest.raises(PwsopsError, match="cannot be written as a script"):
        place.engine.restore_script(RestoreRequest(database=path.name, sets=[taken]))


# What is there is never destroyed


def test_run_twice_it_keeps_what_was_there_each_time(place: Place) -> None:
    path = place.vault()
    taken = place.take().backup_set
    query(path, "DELETE FROM ciphers")
    script = script_of(place, taken)
    assert run(script).returncode == 0
    query(path, "DELETE FROM ciphers WHERE id > 1")
    done = run(script)
    assert done.returncode == 0, done.stderr
    assert f"is kept as {path}.before-restore-2." in done.stdout
    assert query(Path(f"{path}.before-restore"), COUNT) == [(0,)]
    assert query(Path(f"{path}.before-restore-2"), COUNT) == [(1,)]
    assert query(path, COUNT) != [(1,)]
    is_whole(path)


def test_a_name_that_anything_has_is_passed_over(place: Place) -> None:
    path = place.vault()
    taken = place.take().backup_set
    Path(f"{path}.before-restore").symlink_to("nowhere")
    Path(f"{path}.before-restore-2-wal").write_text("a log of another")
    Path(f"{path}.restored").mkdir()
    query(path, "DELETE FROM ciphers")
    done = run(script_of(place, taken))
    assert done.returncode == 0, done.stderr
    assert query(Path(f"{path}.before-restore-3"), COUNT) == [(0,)]
    assert Path(f"{path}.before-restore-2-wal").read_text() == "a log of another"
    assert os.listdir(f"{path}.restored") == []


def test_a_name_that_is_taken_while_it_runs_stops_it(place: Place, tmp_path: Path) -> None:
    path = place.vault()
    taken = place.take().backup_set
    query(path, "DELETE FROM ciphers")
    kept = f"{path}.before-restore"
    first = program(tmp_path / "first", "python3", f'"{sys.executable}" "$@" && echo mine > "{kept}"')
    done = run(script_of(place, taken), first=first)
    assert done.returncode == 1
    assert f"Stopped: {kept} exists already; {path} was left as it is." in done.stderr
    assert f"The restored database is {path}.restored; nothing else was changed." in done.stderr
    assert Path(kept).read_text() == "mine\n"
    assert query(path, COUNT) == [(0,)]
    is_whole(Path(f"{path}.restored"))


@pytest.mark.parametrize("text", ["exit 0", "exit 1"])
def test_a_file_that_cannot_be_moved_stops_it(place: Place, tmp_path: Path, text: str) -> None:
    path = place.vault()
    taken = place.take().backup_set
    done = run(script_of(place, taken), first=program(tmp_path / "first", "mv", text))
    assert done.returncode == 1
    assert f"Stopped: {path} could not be moved to {path}.before-restore." in done.stderr
    is_whole(path)


def test_what_was_moved_when_it_stops_is_said(place: Place, tmp_path: Path) -> None:
    path = place.vault()
    taken = place.take().backup_set
    text = 'case $2 in *.restored) exit 1;; esac\nexec /bin/mv "$@"'
    done = run(script_of(place, taken), first=program(tmp_path / "first", "mv", text))
    assert done.returncode == 1
    assert f"The restored database is {path}.restored; what the database held is {path}.before-restore" in done.stderr
    is_whole(Path(f"{path}.restored"))
    is_whole(Path(f"{path}.before-restore"))


def test_the_log_is_kept_with_its_database(place: Place) -> None:
    path = place.vault()
    taken = place.take().backup_set
    for end in ("-wal", "-journal"):
        Path(f"{path}{end}").write_text(end)
    assert run(script_of(place, taken)).returncode == 0
    assert [Path(f"{path}.before-restore{end}").read_text() for end in ("-wal", "-journal")] == ["-wal", "-journal"]
    is_whole(path)


def test_whoever_could_not_read_the_database_cannot_read_the_restored_one(place: Place) -> None:
    path = place.vault()
    taken = place.take().backup_set
    path.chmod(0o640)
    assert run(script_of(place, taken)).returncode == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize("kind", ["symbolic link", "hard link", "pipe"])
def test_what_others_put_under_the_restored_name_is_given_to_nobody(place: Place, tmp_path: Path, kind: str) -> None:
    path = place.vault()
    taken = place.take().backup_set
    path.chmod(0o666)
    victim = tmp_path / "victim"
    victim.write_text("not theirs")
    victim.chmod(0o600)
    put = {"symbolic link": f'ln -s "{victim}"', "hard link": f'ln "{victim}"', "pipe": "mkfifo"}[kind]
    restored = f"{path}.restored"
    recovered = f'"{sys.executable}" "$@" || exit 1\n[ "$1" = -I ] || {{ rm "{restored}"; {put} "{restored}"; }}'
    done = run(script_of(place, taken), first=program(tmp_path / "first", "python3", recovered))
    assert done.returncode == 1
    assert f"Stopped: {restored} is not what was restored, and was left as it is." in done.stderr
    assert stat.S_IMODE(victim.stat().st_mode) == 0o600
    is_whole(path)


def test_the_rights_of_what_is_no_plain_file_are_taken_over_by_nothing(place: Place, tmp_path: Path) -> None:
    path = place.vault()
    taken = place.take().backup_set
    other = tmp_path / "other"
    other.write_text("")
    other.chmod(0o666)
    script = script_of(place, taken)
    path.unlink()
    path.symlink_to(other)
    done = run(script)
    assert done.returncode == 0
    assert f"Set the owner and the rights of {path} by hand: it is no plain file." in done.stderr
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600


def committed_in_the_log_alone(path: Path) -> None:
    """Leave a row in the log of a database, as a program does that dies."""
    script = (
        "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); "
        "c.execute('PRAGMA wal_autocheckpoint=0'); c.execute('CREATE TABLE late AS SELECT 1 AS x'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=True)
    assert Path(f"{path}-wal").stat().st_size


@pytest.mark.parametrize("before", [1, 2, 3, 4])
@pytest.mark.parametrize("name", ["db.sqlite3", 'it\'s a "$vault".db'])
def test_broken_off_between_any_two_moves_it_loses_nothing(
    place: Place, tmp_path: Path, before: int, name: str
) -> None:
    path = place.vault(name)
    taken = place.take(database=name).backup_set
    path.chmod(0o640)
    committed_in_the_log_alone(path)
    count, script = tmp_path / "count", script_of(place, taken, database=name)
    killed = f'echo >> "{count}"\n[ "$(wc -l < "{count}")" = {before} ] && kill -9 $PPID && exit\nexec /bin/mv "$@"'
    assert run(script, first=program(tmp_path / "first", "mv", killed)).returncode == -9
    there = place.left_in_vaults()
    done = run(script)
    if before > 1:
        assert done.returncode == 1
        assert f"{path} is missing, and {path}.before-restore is there" in done.stderr
        assert place.left_in_vaults() == there
        commands = [line for line in done.stderr.splitlines() if line.startswith("mv -n ")]
        assert run("\n".join(commands)).returncode == 0
        done = run(script)
    assert done.returncode == 0, done.stderr
    assert query(Path(f"{path}.before-restore"), "SELECT x FROM late") == [(1,)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    is_whole(path)


def test_a_log_without_its_database_stops_it(place: Place) -> None:
    path = place.vault()
    script = script_of(place, place.take().backup_set)
    path.unlink()
    Path(f"{path}-journal").write_text("the last changes")
    done = run(script)
    assert done.returncode == 1
    assert f"may hold its last changes; move it away: {path}-journal. Nothing was changed." in done.stderr
    assert not path.exists()
    assert Path(f"{path}-journal").read_text() == "the last changes"


def test_a_database_that_is_gone_with_all_that_belonged_to_it_is_made_anew(place: Place) -> None:
    path = place.vault()
    script = script_of(place, place.take().backup_set)
    path.unlink()
    assert run(script).returncode == 0
    is_whole(path)


NAMES = [
    "two  spaces.db",
    'it\'s "quoted" `id` %s $(touch harmed) ${HOME}.db',
    "a\n# line.db",
    "a\ntouch harmed\n.db",
    "-rf.db",
    "\N{GREEK SMALL LETTER OMEGA}.db",
    "x" * 240 + ".db",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_kept_as_they_are_and_do_nothing(place: Place, tmp_path: Path, name: str) -> None:
    path = place.vault(name)
    media = place.media / "it's $(touch harmed)\n# media"
    media.mkdir()
    full = place.take(database=name, directory=str(media)).backup_set
    query(path, "DELETE FROM ciphers WHERE id > 3")
    incremental = place.take("two.bak", base=full, database=name, directory=str(media)).backup_set
    query(path, "DELETE FROM ciphers")
    before = set(place.left_in_vaults())
    work = tmp_path / "work"
    work.mkdir()
    for _ in range(2):
        done = run(script_of(place, full, incremental, database=name), cwd=work)
        assert done.returncode == 0, done.stderr
        assert query(path, COUNT) == [(3,)]
    new = set(place.left_in_vaults()) - before
    assert len(new) == 2
    assert all(".before-restore" in each for each in new)
    assert os.listdir(work) == []


def test_no_name_ends_a_remark(place: Place) -> None:
    name = "a\ntouch harmed\n.db"
    place.vault(name)
    remarks, _, _ = script_of(place, place.take(database=name).backup_set, database=name).partition("set -eu")
    assert all(line.startswith("#") for line in remarks.splitlines())


def test_a_moment_is_told_exactly(place: Place) -> None:
    place.vault()
    taken = replace(place.take().backup_set, finished_at=datetime(2026, 3, 1, 23, 59, 59, 1, tzinfo=UTC))
    assert "as of 2026-03-01 23:59:59.000001 UTC" in script_of(place, taken)


# What lies beside the media is not trusted

PLANTED = "import pathlib\npathlib.Path({harmed!r}).write_text('harmed')\n"


def test_a_recover_py_that_is_not_ours_is_never_run(place: Place, tmp_path: Path) -> None:
    path = place.vault()
    taken = place.take().backup_set
    script = script_of(place, taken)
    kit, harmed = place.media / "recover.py", tmp_path / "harmed"
    kit.write_text("# pwsops recovery script, version 99\n" + PLANTED.format(harmed=str(harmed)))
    before = place.left_in_vaults()
    done = run(script)
    assert done.returncode == 1
    assert f"{kit} is not the recover.py that this script was written for, and was not run." in done.stderr
    kit.unlink()
    assert f"Stopped: {kit} is no plain file. Set RECOVER to" in run(script).stderr
    os.mkfifo(kit)
    assert f"Stopped: {kit} is no plain file. Set RECOVER to" in run(script).stderr
    assert place.left_in_vaults() == before
    shutil.copy(recovery_kit.SOURCE, tmp_path / "ours.py")
    assert run(script, RECOVER=str(tmp_path / "ours.py")).returncode == 0
    assert not harmed.exists()
    is_whole(path)


def test_no_module_is_taken_from_beside_the_media_or_where_it_is_run(place: Place, tmp_path: Path) -> None:
    place.vault()
    taken = place.take().backup_set
    harmed = tmp_path / "harmed"
    for name in ("hashlib", "contextlib", "zstandard", "blake3", "json", "os"):
        (place.media / f"{name}.py").write_text(PLANTED.format(harmed=str(harmed)))
    assert run(script_of(place, taken), cwd=place.media).returncode == 0
    for command in ("recover.py", "./recover.py", str(place.media / "recover.py")):
        new = tmp_path / f"{len(command)}.db"
        done = run(f"python3 '{command}' '{taken.path}' '{new}'", cwd=place.media)
        assert done.returncode == 0, done.stderr
    assert not harmed.exists()


# What a restore refuses


def test_what_a_restore_refuses_is_refused_as_a_script(place: Place, tmp_path: Path) -> None:
    path = place.vault()
    taken = place.take().backup_set
    with pytest.raises(NotFound, match="its directory does not exist"):
        script_of(place, taken, to_file=str(tmp_path / "none" / "x.db"))
    (tmp_path / "x.db-wal").write_text("of another")
    with pytest.raises(Conflict, match="left of another database"):
        script_of(place, taken, to_file=str(tmp_path / "x.db"))
    with pytest.raises(Conflict, match="exists already"):
        script_of(place, taken, must_be_new=True)
    path.unlink()
    Path(f"{path}-journal").write_text("of the lost one")
    with pytest.raises(Conflict, match="left of another database"):
        script_of(place, taken, create_if_missing=True)


def test_no_script_leads_into_the_home_or_reads_from_it(place: Place, tmp_path: Path) -> None:
    place.vault()
    taken = place.take().backup_set
    home = tmp_path / "home"
    home.mkdir()
    off_limits = OffLimits(home=os.path.realpath(home), others=[str(tmp_path / "others")])
    instance = Instance(
        name="test", engine="sqlite", address=str(place.vaults), off_limits=off_limits, options={"follow_links": True}
    )
    place.engine = SqliteEngine(instance)
    for to_file in (home / "x.db", home / "logs" / "x.db"):
        with pytest.raises(Refused, match="is the home"):
            script_of(place, taken, to_file=str(to_file))
    with pytest.raises(Refused, match="is the home"):
        script_of(place, replace(taken, path=str(home / "one.bak")))
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "theirs.db").write_text("theirs")
    place.path("way.db").symlink_to(tmp_path / "others" / "theirs.db")
    with pytest.raises(Refused, match="another instance"):
        script_of(place, taken, database="way.db")
    place.engine = SqliteEngine(replace(instance, address=str(home)))
    with pytest.raises(Refused, match="is the home"):
        script_of(place, taken, create_if_missing=True)
