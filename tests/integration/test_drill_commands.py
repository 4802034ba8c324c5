"""`pwsops drill` and `pwsops drills` on real files: each outcome, and what is left of a drill that is killed."""

import json
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from benchmarks import vault
from pwsops.operations import open_operations
from pwsops.rules.drills import RESERVE_BYTES, Cause, Outcome
from tests import unmeasured
from tests.integration.command_line import PATIENCE_S, CommandLine, Driver

WHERE = ("ledger.db", "--instance", "own")


@pytest.fixture(scope="module")
def driver():
    one = Driver()
    yield one
    one.close()


@pytest.fixture
def line(tmp_path, driver):
    """A home with one database, of which a full and an incremental were taken: 1 row, and 2 rows."""
    (tmp_path / "vaults").mkdir()
    (tmp_path / "backups").mkdir()
    change(tmp_path, "CREATE TABLE t (x)")
    line = CommandLine(tmp_path / "home", cwd=tmp_path, driver=driver)
    line.done("instance", "add", "own", "--engine", "sqlite", "--address", "vaults")
    create(line)
    for number, kind in enumerate(("full", "incremental")):
        change(tmp_path, f"INSERT INTO t VALUES ({number})")
        line.done("run", "p", "--here", "--kind", kind)
    return line


def create(line, *more):
    line.done(
        *("profile", "create", "p", "--instance", "own", "--database", "ledger.db", "--directory", "backups"),
        *("--every", "1d", "--timezone", "UTC", "--inactive", *more),
    )


def change(place, statement):
    with closing(sqlite3.connect(place / "vaults" / "ledger.db")) as database, database:
        database.execute(statement)


def scratches(line):
    directory = line.home / "drills"
    return sorted(directory.iterdir()) if directory.exists() else []


def drilled(line, *words):
    """Drill, and give the exit code and what was printed as JSON; nothing may be left of it."""
    done = line.run("drill", *WHERE, *words, "--json")
    assert scratches(line) == []
    return done.returncode, json.loads(done.stdout)


def damage(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def media(line):
    return sorted((line.cwd / "backups").glob("*.bak"))


def test_a_good_backup_is_proven_timed_and_listed(line):
    code, found = drilled(line, "--here", "--query", "SELECT count(*) FROM t", "--expect", "2")
    assert (code, found["outcome"], found["cause"], found["why"]) == (0, "proven", None, "")
    assert found["back_s"] > 0
    assert (found["tables"], found["rows"]) == ([{"name": "t", "rows": 2}], 2)
    assert found["restored_bytes"] > 0
    [query] = found["queries"]
    assert (query["value"], query["as_expected"], query["answered"]) == ("2", True, "value")
    assert (found["set_id"], found["scratch_left"]) != ("", "")
    [listed] = json.loads(line.done("drills", "--json"))
    assert listed == found
    shown = line.done("drills")
    assert "proven" in shown
    [newest, _] = json.loads(line.done("points", "--instance", "own", "--database", "ledger.db", "--json"))
    assert newest["proven_at"] == found["ended_at"]
    assert "Drill 2 of ledger.db: proven. " in line.done("drill", *WHERE)


def test_an_older_backup_is_drilled_by_its_run_its_moment_or_its_file(line):
    question = ("--query", "SELECT count(*) FROM t", "--expect", "1")
    [_, full] = json.loads(line.done("points", "--instance", "own", "--database", "ledger.db", "--json"))
    for which in (("--run", "1"), ("--at", full["at"]), ("--file", full["path"])):
        code, found = drilled(line, *which, *question)
        assert (code, found["outcome"], found["path"]) == (0, "proven", full["path"])


def test_an_answer_that_differs_is_a_failure_with_the_next_step(line):
    code, found = drilled(line, "--query", "SELECT count(*) FROM t", "--expect", "3")
    assert (code, found["outcome"], found["cause"]) == (1, "failed", "answer")
    said = line.run("drill", *WHERE, "--query", "SELECT count(*) FROM t", "--expect", "3")
    assert said.returncode == 1
    assert "failed" in said.stdout
    assert "gives '2' and not '3'" in said.stderr


def test_a_damaged_backup_is_a_failure_and_no_longer_protects(line):
    for path in media(line):
        damage(path)
    code, found = drilled(line)
    assert (code, found["outcome"], found["cause"]) == (1, "failed", "media")
    assert "damaged" in found["why"]
    newest = json.loads(line.done("points", "--instance", "own", "--database", "ledger.db", "--json"))[0]
    assert newest["restorable"] is False


def test_a_disk_that_is_away_is_no_fault_of_the_backup(line):
    (line.cwd / "backups").rename(line.cwd / "unmounted")
    code, found = drilled(line)
    assert (code, found["outcome"], found["cause"]) == (1, "untested", "unreached")
    (line.cwd / "unmounted").rename(line.cwd / "backups")
    media(line)[0].unlink()
    code, found = drilled(line)
    assert (code, found["outcome"], found["cause"]) == (1, "failed", "media")


def test_a_database_that_was_saved_damaged_is_a_failure(line):
    """Nothing is amiss with the backup as a file."""
    line.done("profile", "edit", "p", "--no-check-structure")
    with closing(sqlite3.connect(line.cwd / "vaults" / "ledger.db")) as database:
        database.execute("CREATE INDEX i ON t (x)")
        database.execute("PRAGMA writable_schema=ON")
        [row] = database.execute("SELECT * FROM sqlite_master WHERE name = 'i'").fetchall()
        database.execute("DELETE FROM sqlite_master WHERE name = 'i'")
        database.commit()
    change(line.cwd, "INSERT INTO t VALUES (9)")
    with closing(sqlite3.connect(line.cwd / "vaults" / "ledger.db")) as database:
        database.execute("PRAGMA writable_schema=ON")
        database.execute("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", row)
        database.commit()
    line.done("run", "p", "--here", "--kind", "full")
    code, found = drilled(line)
    assert (code, found["outcome"], found["cause"]) == (1, "failed", "structure")
    assert "index i" in found["why"]


def test_without_the_key_it_could_not_be_tested(line):
    line.done("certificate", "create", "c")
    line.done("profile", "edit", "p", "--encrypt-with", "c")
    line.done("run", "p", "--here", "--kind", "full")
    assert drilled(line)[1]["outcome"] == "proven"
    with closing(sqlite3.connect(line.home / "catalogue.sqlite3")) as catalogue, catalogue:
        catalogue.execute("DELETE FROM certificates")
    code, found = drilled(line)
    assert (code, found["outcome"], found["cause"]) == (1, "untested", "key")
    assert "certificate" in found["next_step"]


def test_without_room_it_could_not_be_tested(tmp_path, line, monkeypatch):
    """In this process, where a disk can be as full as the test wants."""
    monkeypatch.setattr("pwsops.runs.driller.spare_bytes", lambda size: RESERVE_BYTES << 30)
    operations = open_operations(line.home)
    try:
        found = operations.drills.run("own", "ledger.db")
    finally:
        operations.close()
    assert (found.outcome, found.cause) == (Outcome.UNTESTED, Cause.ROOM)
    assert "bytes free" in found.why
    assert scratches(line) == []


def test_a_disk_that_is_full_in_the_middle_leaves_nothing(tmp_path, line):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", small], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        line.done("instance", "edit", "own", "--option", f"scratch_directory={small}")
        code, found = drilled(line)
        assert (code, found["outcome"], found["cause"]) == (1, "untested", "room")
        assert list(small.rglob("pwsops_drill_*")) == []
    finally:
        subprocess.run(["umount", small], check=True)


def test_what_does_not_go_together_is_refused(line):
    for words, said in (
        (("--query", "SELECT 1"), "one --expect for each --query"),
        (("--run", "1", "--file", "x"), "give one of"),
        (("--zone", "UTC"), "give one of"),
    ):
        done = line.run("drill", *WHERE, *words)
        assert done.returncode == 2
        assert said in done.stderr
    done = line.run("drill", "nothing.db", "--instance", "own")
    assert done.returncode == 1
    assert "Nothing is known of a database nothing.db" in done.stderr
    assert "No backup was drilled yet" in line.done("drills")


# Killed at any moment

DIES = """
import os, signal, sys, threading
from pathlib import Path
from pwsops.engines.sqlite.scratches import FileScratches
from pwsops.operations import open_operations
from pwsops.operations.drills import Query

step, when = sys.argv[2], sys.argv[3]
do = getattr(FileScratches, step)
def die():
    os.kill(os.getpid(), signal.SIGKILL)

def doing(*given):
    threading.Timer(int(when) / 100, die).start()
    do(*given)
    die()

def dies(*given, **more):
    if when == "before":
        die()
    do(*given, **more)
    die()

setattr(FileScratches, step, doing if when.isdigit() else dies)
query = Query(sql="SELECT count(*) FROM sqlite_master", expect="1")
open_operations(Path(sys.argv[1])).drills.run("own", "ledger.db", queries=[query])
"""


def deaths(count):
    """One of each kind after the other; in the middle of a restore ever later, in hundredths of a second."""
    kinds = [("fill", "before"), ("fill", ""), ("fill", "after"), ("check", "after"), ("ask", "after")]
    kinds += [("drop", "before")]
    for number in range(count):
        step, when = kinds[number % len(kinds)]
        yield step, when or str(10 + number)


def test_a_scratch_never_outlives_the_next_look(line, request):
    path = line.cwd / "vaults" / "ledger.db"
    path.unlink()
    vault.create(path, 8)
    line.done("run", "p", "--here", "--kind", "full")
    kills = request.config.getoption("--drill-kills")
    for step, when in deaths(kills):
        died = subprocess.run(
            [sys.executable, "-c", DIES, str(line.home), step, when],
            env=unmeasured.environment(),
            timeout=PATIENCE_S,
            check=False,
        )
        assert died.returncode == -signal.SIGKILL, (step, when)
        listed = json.loads(line.done("drills", "--json"))
        assert scratches(line) == [], (step, when)
        assert (listed[0]["outcome"], listed[0]["cause"], listed[0]["scratch_left"]) == (
            "untested",
            "interrupted",
            None,
        )
    assert len(listed) == kills
    code, found = drilled(line)
    assert (code, found["outcome"]) == (0, "proven")
