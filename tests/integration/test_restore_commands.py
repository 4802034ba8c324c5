"""`pwsops points` and `pwsops restore` as a person at a terminal uses them, on real files."""

import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.integration.command_line import CommandLine, Driver

WHERE = ("--instance", "own", "--database", "ledger.db")
TOKYO = ZoneInfo("Asia/Tokyo")
"""Its clocks are never changed: a time that the tests write is one moment whenever they run."""


@pytest.fixture(scope="module")
def driver():
    one = Driver()
    yield one
    one.close()


@pytest.fixture
def line(tmp_path, driver):
    """A home with one database, of which a full and an incremental were taken: 1 row, 2 rows, and 3 by now."""
    (tmp_path / "vaults").mkdir()
    (tmp_path / "backups").mkdir()
    change(tmp_path, "CREATE TABLE t (x)")
    line = CommandLine(tmp_path / "home", cwd=tmp_path, driver=driver)
    line.done("instance", "add", "own", "--engine", "sqlite", "--address", "vaults")
    line.done(
        *("profile", "create", "p", "--instance", "own", "--database", "ledger.db", "--directory", "backups"),
        *("--every", "1d", "--timezone", "Asia/Tokyo", "--inactive"),
    )
    for number, kind in enumerate(("full", "incremental", "")):
        change(tmp_path, f"INSERT INTO t VALUES ({number})")
        if kind:
            line.done("run", "p", "--here", "--kind", kind)
    return line


def change(place, statement):
    with closing(sqlite3.connect(place / "vaults" / "ledger.db")) as database, database:
        database.execute(statement)


def rows(path):
    with closing(sqlite3.connect(path)) as database:
        return [x for (x,) in database.execute("SELECT x FROM t ORDER BY x")]


def shown(line):
    """The moments as `points` shows them, by the profile's clock, the newest first."""
    told = line.done("points", *WHERE)
    assert "Moment (Asia/Tokyo)" in told
    return re.findall(r"^\D*(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?)", told, re.MULTILINE)


def test_points_tell_what_can_be_had_and_what_not(line, tmp_path):
    incremental, full = line.rows("points", *WHERE)
    assert set(full) >= {"at", "kind", "run", "set_id", "chain", "proven_at", "present", "restorable", "why"}
    assert incremental["chain"] == [full["path"], incremental["path"]]
    assert (full["restorable"], full["run"], incremental["kind"]) == (True, 1, "differential")
    for moment, one in zip(shown(line), (incremental, full), strict=True):
        at = datetime.fromisoformat(moment).replace(tzinfo=TOKYO)
        assert timedelta() <= at - datetime.fromisoformat(one["at"]) < timedelta(seconds=1)
    os.unlink(full["path"])
    lost = line.rows("points", *WHERE)
    assert [one["restorable"] for one in lost] == [False, False]
    assert [one["present"] for one in lost] == [False, False]
    assert "No backup of none.db on own is recorded." in line.done(
        "points", "--instance", "own", "--database", "none.db"
    )


def test_a_moment_that_points_show_brings_that_very_point_back(line, tmp_path):
    incremental, full = line.rows("points", *WHERE)
    database = tmp_path / "vaults" / "ledger.db"
    newer, older = shown(line)
    line.done("restore", *WHERE, "--at", older, "--yes")
    assert rows(database) == [0]
    line.done("restore", *WHERE, "--at", newer, "--yes")
    assert rows(database) == [0, 1]
    line.done("restore", *WHERE, "--at", older, "--yes")
    assert rows(database) == [0]
    line.done("restore", *WHERE, "--at", incremental["at"], "--yes")
    assert rows(database) == [0, 1]
    line.done("restore", *WHERE, "--at", full["at"], "--yes")
    assert rows(database) == [0]
    line.done("restore", *WHERE, "--run", "2", "--yes")
    assert rows(database) == [0, 1]


def test_what_is_there_is_saved_first_unless_that_is_switched_off(line, tmp_path):
    database = tmp_path / "vaults" / "ledger.db"
    line.done("restore", *WHERE, "--run", "1", "--yes")
    assert rows(database) == [0]
    (copy,) = (tmp_path / "backups").glob("*_SAFETY_*.bak")
    line.done("restore", *WHERE, "--file", str(copy), "--no-safety-copy", "--yes")
    assert rows(database) == [0, 1, 2]
    assert len(list((tmp_path / "backups").glob("*_SAFETY_*.bak"))) == 1
    (first, *_) = line.rows("points", *WHERE)
    assert (first["path"], first["run"], first["restorable"]) == (str(copy), None, True)
    assert first["safety_copy"] is True


def test_where_it_cannot_be_saved_first_nothing_is_restored(line, tmp_path):
    _, full = line.rows("points", *WHERE)
    line.done("restore", *WHERE, "--run", "1", "--to-file", "kept.db")
    (tmp_path / "elsewhere").mkdir()
    line.done("profile", "edit", "p", "--directory", "elsewhere")
    (tmp_path / "elsewhere").rmdir()
    told = line.refused("restore", *WHERE, "--run", "1", "--yes")
    assert "could not be saved first" in told
    assert "--no-safety-copy" in told
    assert rows(tmp_path / "vaults" / "ledger.db") == [0, 1, 2]
    line.done("restore", *WHERE, "--run", "1", "--yes", "--no-safety-copy")
    assert rows(tmp_path / "vaults" / "ledger.db") == [0]
    assert full["run"] == 1


def test_a_malformed_database_is_brought_back_by_default_and_its_file_kept(line, tmp_path):
    database = tmp_path / "vaults" / "ledger.db"
    data = bytearray(database.read_bytes())
    data[100:2000] = b"\xff" * 1900  # its header is good, and what it lists is not
    database.write_bytes(data)
    told = line.done("restore", *WHERE, "--run", "2", "--yes")
    assert rows(database) == [0, 1]
    (kept,) = database.parent.glob("ledger.db.damaged-*")
    assert kept.read_bytes() == data
    assert f"The file it replaces is kept as {kept}." in told
    assert not list((tmp_path / "backups").glob("*_SAFETY_*"))


def test_a_plan_tells_all_of_it_and_does_nothing(line, tmp_path):
    incremental, full = line.rows("points", *WHERE)
    plan = json.loads(line.done("restore", *WHERE, "--run", "2", "--plan", "--json"))
    assert [step["action"] for step in plan["steps"]] == ["save", "check", "check", "restore", "restore"]
    assert [step["path"] for step in plan["steps"][1:3]] == [full["path"], incremental["path"]]
    assert plan["expected_s"] > 0
    assert plan["safety_copy"] == str(tmp_path / "backups")
    assert plan["obstacle"] == ""
    told = line.done("restore", *WHERE, "--run", "2", "--plan")
    assert "Time expected: about" in told
    assert "is replaced: up to" in told
    assert "Nothing was done." in told
    os.unlink(full["path"])
    lost = line.run("restore", *WHERE, "--run", "2", "--plan")
    assert lost.returncode == 1
    assert f"{full['path']} does not exist" in lost.stdout
    assert "cannot be done as things are" in lost.stderr
    assert rows(tmp_path / "vaults" / "ledger.db") == [0, 1, 2]
    assert not list((tmp_path / "backups").glob("*_SAFETY_*"))


def test_a_script_that_is_printed_brings_it_back_when_it_is_run(line, tmp_path):
    script = line.done("restore", *WHERE, "--run", "2", "--script")
    assert rows(tmp_path / "vaults" / "ledger.db") == [0, 1, 2]
    environment = {"PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"}
    subprocess.run(["sh", "-c", script], env=environment, cwd="/", check=True, capture_output=True, timeout=120)
    assert rows(tmp_path / "vaults" / "ledger.db") == [0, 1]
    assert rows(tmp_path / "vaults" / "ledger.db.before-restore") == [0, 1, 2]


def test_a_script_of_what_nobody_recorded_is_refused_like_its_restore(line, tmp_path):
    (_, full) = line.rows("points", *WHERE)
    other = CommandLine(tmp_path / "other home", cwd=tmp_path, driver=line.driver)
    other.done("instance", "add", "own", "--engine", "sqlite", "--address", "vaults")
    place = ("restore", *WHERE, "--file", full["path"], "--script")
    assert "Nobody recorded the backup" in other.refused(*place)
    assert other.done(*place, "--accept-unrecorded").startswith("#!/bin/sh\n")


def test_it_goes_into_a_new_name_a_file_and_another_instance(line, tmp_path):
    line.done("restore", *WHERE, "--run", "1", "--into", "copy.db")
    assert rows(tmp_path / "vaults" / "copy.db") == [0]
    assert "has the database copy.db already" in line.refused("restore", *WHERE, "--run", "1", "--into", "copy.db")
    line.done("restore", *WHERE, "--run", "2", "--to-file", "out.db")
    assert rows(tmp_path / "out.db") == [0, 1]
    assert "exists already" in line.refused("restore", *WHERE, "--run", "2", "--to-file", "out.db")
    (tmp_path / "others").mkdir()
    line.done("instance", "add", "other", "--engine", "sqlite", "--address", "others")
    line.done("restore", *WHERE, "--run", "1", "--to-instance", "other", "--yes")
    assert rows(tmp_path / "others" / "ledger.db") == [0]
    assert rows(tmp_path / "vaults" / "ledger.db") == [0, 1, 2]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([], "--file"),
        (["--file", "x.bak", "--run", "1"], "--file"),
        (["--run", "1", "--set", "2"], "--set"),
        (["--run", "1", "--zone", "UTC"], "--zone"),
        (["--at", "14:37", "--zone", "Mars"], "Mars"),
        (["--run", "1", "--plan", "--script"], "--plan"),
        (["--run", "1", "--json"], "--json"),
        (["--run", "1", "--to-file", "x.db", "--into", "y.db"], "--to-file"),
        (["--run", "1", "--to-file", "x.db", "--to-instance", "own"], "--to-file"),
    ],
)
def test_options_that_do_not_go_together_are_a_usage_error(tmp_path, driver, words, named):
    line = CommandLine(tmp_path / "home", cwd=tmp_path, driver=driver)
    assert named in line.refused("restore", *WHERE, *words, code=2)


def test_what_cannot_be_meant_is_refused_with_the_next_step(line, tmp_path):
    for words, part in (
        (("--at", "soon"), "is no moment"),
        (("--at", "2026-10-25 02:30", "--zone", "Europe/Berlin"), "came twice in Europe/Berlin"),
        (("--at", "2099-01-01 00:00"), "still to come"),
        (("--at", "2001-01-01 00:00"), "No backup brings ledger.db back"),
        (("--run", "99"), "run 99 has no backup"),
        (("--run", "1", "--to-instance", "nowhere"), "nowhere"),
    ):
        told = line.refused("restore", *WHERE, *words, "--yes")
        assert part in told
        assert "Next step: " in told
    assert rows(tmp_path / "vaults" / "ledger.db") == [0, 1, 2]
