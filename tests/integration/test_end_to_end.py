"""The whole job, by command line alone, on a vault that another process never stops writing to."""

import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from tests.integration import ledger_writer
from tests.integration.command_line import PATIENCE_S, CommandLine, environment, wait_for_line

DATABASE = "db.sqlite3"


@contextmanager
def writing_to(path):
    """Let another process write to a database; it ends of its own accord when asked, and must not have failed."""
    command = [sys.executable, ledger_writer.__file__, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment()) as process:
        try:
            assert process.stdout.readline() == b"writing\n"
            yield process
            assert process.poll() is None, "the writer died on the way"
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()


def last_committed(path):
    """Return the number of the last row that the writer had committed by now."""
    with closing(sqlite3.connect(path, timeout=30)) as database:
        (last,) = database.execute("SELECT max(number) FROM ledger").fetchone()
    return last


def wait_for_rows(path, more_than):
    """Wait until the writer has got further than a row."""
    with closing(sqlite3.connect(path, timeout=30)) as database:
        for _ in range(1_000_000):
            if database.execute("SELECT max(number) FROM ledger").fetchone()[0] > more_than:
                return
    raise AssertionError("the writer does not get on")


def compare_row_by_row(path):
    """Hold every row against what the writer writes; gives the number of the last one."""
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        found = database.execute("SELECT number, amount, body FROM ledger ORDER BY number").fetchall()
    assert found == [(number, *ledger_writer.row(number)) for number in range(1, len(found) + 1)]
    assert sum(amount for _, amount, _ in found) == 0, "a transfer was cut in two"
    return len(found)


def destroy(path):
    """Do what restores are for: somebody deletes some, falsifies others, and drops in rubbish."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DELETE FROM ledger WHERE number % 3 = 0")
        database.execute("UPDATE ledger SET amount = amount + 1, body = 'lost' WHERE number % 3 = 1")
        database.execute("CREATE TABLE rubbish AS SELECT * FROM ledger")


def test_a_vault_is_backed_up_under_writers_destroyed_and_restored(tmp_path):
    vaults, backups = tmp_path / "vaults", tmp_path / "backups"
    vaults.mkdir()
    backups.mkdir()
    vault = vaults / DATABASE
    minute = (datetime.now(UTC).minute + 30) % 60
    line = CommandLine(tmp_path / "home", cwd=tmp_path)

    with writing_to(vault):
        line.done("instance", "add", "vaults", "--engine", "sqlite", "--address", vaults)
        assert [row["exposure_s"] for row in line.rows("databases", "vaults")] == [None]
        line.done(
            *("profile", "create", "hourly", "--instance", "vaults", "--database", DATABASE, "--directory", backups),
            # Not within this half hour: nothing falls due while this is looked at.
            *("--every", "1h", "--between", f"00:{minute:02}-23:{minute:02}"),
            *("--start", "2026-03-01T00:00", "--timezone", "Europe/Berlin"),
            *("--incremental", "--renew-full", "weekly:sun"),
        )
        check_preview(line.rows("profile", "preview", "hourly", "--count", 24 * 8), minute)

        with line.service() as service:
            wait_for_line(service, "Running")
            before_full = last_committed(vault)
            line.done("run", "hourly")
            wait_for_rows(vault, more_than=last_committed(vault))
            before_incremental = last_committed(vault)
            began_s = time.monotonic()
            line.done("run", "hourly", "--kind", "incremental")
            after_incremental = last_committed(vault)
            full, incremental = check_history(line)

            (row,) = line.rows("databases", "vaults")
            assert row["last_full_at"] < row["last_incremental_at"]
            assert row["exposure_s"] <= time.monotonic() - began_s + 1
        wait_for_rows(vault, more_than=after_incremental)

    destroy(vault)
    restore = ("restore", "--instance", "vaults", "--database", DATABASE, "--file", incremental, "--yes")
    assert f"Restored {DATABASE}" in line.done(*restore)
    restored = compare_row_by_row(vault)
    assert before_full < before_incremental <= restored <= after_incremental

    with writing_to(vault):
        wait_for_rows(vault, more_than=restored)
    assert compare_row_by_row(vault) > restored, "the application goes on where the backup was taken"

    line.done("restore", "--instance", "vaults", "--database", DATABASE, "--file", full, "--yes")
    assert before_full <= compare_row_by_row(vault) <= before_incremental


def check_preview(rows, minute):
    """Eight days of an hourly profile: the first run is full, then each Sunday's first, all else is incremental."""
    local = [datetime.fromisoformat(row["local"]) for row in rows]
    assert {moment.minute for moment in local} == {minute}
    due = [datetime.fromisoformat(row["due_at"]) for row in rows]
    assert {(later - earlier).total_seconds() for earlier, later in pairwise(due)} == {3600}
    sundays = [number for number, moment in enumerate(local) if (moment.weekday(), moment.hour) == (6, 0)]
    fulls = [number for number, row in enumerate(rows) if row["kind"] == "full"]
    assert fulls == sorted({0, *sundays})
    assert sundays


def check_history(line):
    """Two runs by hand that succeeded, each with its file; gives the files."""
    incremental, full = line.rows("runs", "--profile", "hourly")
    assert [run["status"] for run in (full, incremental)] == ["succeeded", "succeeded"]
    assert [run["trigger"] for run in (full, incremental)] == ["manual", "manual"]
    paths = []
    for run, kind in ((full, "full"), (incremental, "differential")):
        (item,) = run["items"]
        assert (run["kind"], item["kind"], item["database"], item["reason"]) == (kind, kind, DATABASE, "")
        assert datetime.fromisoformat(run["started_at"]) <= datetime.fromisoformat(run["finished_at"])
        paths.append(item["path"])
    sets = [line.rows("media", path)[0] for path in paths]
    assert [one["base"] for one in sets] == [None, sets[0]["set_id"]]
    assert sets[1]["size_bytes"] < sets[0]["size_bytes"]
    assert [one["size_bytes"] for one in sets] == [Path(path).stat().st_size for path in paths]
    return paths
