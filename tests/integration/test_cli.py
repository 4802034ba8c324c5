"""Every command as a process: exit codes, streams, JSON. Grouped on shared homes, for a process takes its time."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.integration.command_line import PATIENCE_S, CommandLine, Driver, environment, wait_for_line

HEAVY = ("panel", "bokeh", "pandas", "sqlalchemy", "alembic", "apscheduler", "cryptography", "pyodbc", "rich.progress")


@pytest.fixture(scope="module")
def driver():
    """Return one process for the many commands whose own start is not the point."""
    one = Driver()
    yield one
    one.close()


@pytest.fixture(scope="module")
def pwsops(tmp_path_factory, driver):
    """A home with the samples and one profile that ran twice, started from a directory of its own."""
    place = tmp_path_factory.mktemp("place")
    (place / "backups").mkdir()
    line = CommandLine(place / "home", cwd=place, driver=driver)
    line.done("sample")
    line.done(
        *("profile", "create", "vaults", "--instance", "samples", "--directory", "backups"),
        *("--database", "company-vault.sqlite3", "--database", "family-vault.sqlite3"),
        *("--every", "1h", "--start", "2026-03-01T00:00", "--timezone", "Europe/Berlin", "--inactive"),
    )
    line.done("run", "vaults", "--here")
    line.done("run", "vaults", "--here", "--kind", "incremental")
    return line


def profile(line, name="vaults"):
    (found,) = line.rows("profile", "show", name)
    return found


def test_the_help_names_every_command_and_imports_nothing_heavy(tmp_path):
    program = "import sys\nsys.argv = ['pwsops', '--help']\nfrom pwsops.cli import main\ntry: main()\nfinally: "
    program += "sys.stderr.write(' '.join(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment(), cwd=Path.cwd()
    )
    for command in ("sample", "instance", "databases", "browse", "settings", "profile", "run", "runs", "media"):
        assert f"\n  {command} " in result.stdout
    for command in ("restore", "service", "serve", "doctor", "audit", "user", "token", "signin-link"):
        assert f"\n  {command} " in result.stdout
    assert [name for name in HEAVY if name in result.stderr.split()] == []


def test_the_home_comes_from_the_environment_where_it_is_not_told(tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", "pwsops", "profile", "list", "--json"],
        capture_output=True,
        text=True,
        check=True,
        env=environment(PWSOPS_HOME=str(tmp_path / "mine")),
    )
    assert json.loads(result.stdout) == []
    assert (tmp_path / "mine").is_dir()


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--every", "15x"], ["--every", "15m"]),
        (["--every", "1h", "--between", "6"], ["--between", "06:00-22:00"]),
        (["--every", "1h", "--timezone", "Mars"], ["--timezone", "Europe/Berlin"]),
        (["--every", "1h", "--instance", "samples"], ["--database"]),
        (["--no-such-option"], ["--no-such-option"]),
    ],
)
def test_an_unusable_option_is_a_usage_error_that_names_it(tmp_path, driver, words, named):
    told = CommandLine(tmp_path, driver=driver).refused("profile", "create", "x", "--directory", "d", *words, code=2)
    assert all(part in told for part in named), told


def test_exit_codes_and_streams_are_those_of_a_process(pwsops):
    alone = CommandLine(pwsops.home, cwd=pwsops.cwd)
    assert len(alone.rows("runs", "--limit", "1")) == 1
    assert "Next step: " in alone.refused("profile", "show", "nobody", "--json")
    assert "--limit" in alone.refused("runs", "--limit", "many", code=2)


def test_more_usage_errors(pwsops):
    assert "nothing is to be changed" in pwsops.refused("profile", "edit", "vaults", code=2)
    assert "--from" in pwsops.refused("profile", "preview", "vaults", "--from", "soon", code=2)
    assert "incremental" in pwsops.refused("run", "vaults", "--kind", "differential", code=2)
    assert "'missed'" in pwsops.refused("runs", "--status", "lost", code=2)


def test_every_refusal_has_a_message_and_a_next_step(pwsops):
    here = ("--instance", "samples", "--directory", "backups", "--every", "1h")
    for words, part in (
        (("profile", "create", "new", *here, "--database", "nope"), "nope"),
        (("profile", "create", "vaults", *here, "--database", "family-vault.sqlite3"), "exists already"),
        (("profile", "create", "new", *here, "--database", "family-vault.sqlite3", "--at", "02:30"), "a time of day"),
        (("profile", "show", "nobody", "--json"), "nobody"),
        (("profile", "delete", "vaults"), "not confirmed"),
        (("run", "vaults"), "service is stopped"),
        (("databases", "nowhere", "--json"), "nowhere"),
        (("instance", "remove", "samples"), "use"),
        (("instance", "add", "far", "--engine", "sqlite", "--address", "no/such/place"), "no/such/place"),
        (("settings", "set", "colour", "blue"), "colour"),
        (("media", "no-such.bak", "--json"), "no-such.bak"),
    ):
        told = pwsops.refused(*words)
        message, next_step = told.strip().splitlines()[0], told.strip().splitlines()[-1]
        assert part in message, told
        assert next_step.startswith("Next step: "), told


def test_the_history_tells_each_run_with_its_items(pwsops):
    incremental, full = pwsops.rows("runs", "--profile", "vaults", "--limit", "2")
    assert set(full) >= {"id", "profile", "due_at", "started_at", "finished_at", "status", "kind", "trigger", "items"}
    assert (full["profile"], full["status"], full["kind"], full["trigger"]) == ("vaults", "succeeded", "full", "manual")
    assert incremental["kind"] == "differential"
    assert full["due_at"].endswith("+00:00")
    assert [item["database"] for item in full["items"]] == ["company-vault.sqlite3", "family-vault.sqlite3"]
    assert {item["kind"] for item in incremental["items"]} == {"differential"}
    for item in full["items"]:
        assert os.path.getsize(item["path"]) == item["size_bytes"]
        assert Path(item["path"]).parent == pwsops.cwd / "backups", "a relative directory is one from here"


def test_the_history_can_be_asked_for_less(pwsops):
    assert len(pwsops.rows("runs", "--limit", "1")) == 1
    assert pwsops.rows("runs", "--profile", "nobody") == []
    assert pwsops.rows("runs", "--period", "7-days") == pwsops.rows("runs")
    assert pwsops.rows("runs", "--to", "2020-01-01") == []
    assert "not both" in pwsops.refused("runs", "--period", "today", "--from", "2020-01-01", code=2)
    assert {run["status"] for run in pwsops.rows("runs", "--status", "succeeded")} == {"succeeded"}


def test_a_media_file_tells_its_sets_and_their_base(pwsops):
    incremental, full = pwsops.rows("runs", "--profile", "vaults", "--status", "succeeded")[:2]
    (base,) = pwsops.rows("media", full["items"][0]["path"])
    (change,) = pwsops.rows("media", incremental["items"][0]["path"], "--instance", "samples")
    assert base | {"finished_at": ""} == {
        "position": 1,
        "database": "company-vault.sqlite3",
        "kind": "full",
        "finished_at": "",
        "size_bytes": full["items"][0]["size_bytes"],
        "base": None,
        "set_id": base["set_id"],
        "thumbprint": None,
        "path": full["items"][0]["path"],
    }
    assert (change["kind"], change["base"]) == ("differential", base["set_id"])


def test_databases_tell_what_would_be_lost(pwsops):
    rows = {row["name"]: row for row in pwsops.rows("databases", "samples")}
    covered, bare = rows["family-vault.sqlite3"], rows["web-shop-vault.sqlite3"]
    assert covered["last_full_at"] <= covered["last_incremental_at"]
    assert 0 <= covered["exposure_s"] < 3600
    assert (bare["last_full_at"], bare["exposure_s"], bare["state"]) == (None, None, "online")
    assert covered["size_bytes"] > 0


def test_browse_shows_what_the_server_sees(pwsops):
    rows = pwsops.rows("browse", "samples", "backups")
    assert len([row for row in rows if row["name"].endswith(".bak")]) >= 4
    assert all(Path(row["path"]).exists() for row in rows)


def test_a_preview_starts_at_wall_time_and_covers_the_autumn_shift(pwsops):
    rows = pwsops.rows("profile", "preview", "vaults", "--from", "2027-10-31T01:00", "--count", "4")
    assert [row["local"] for row in rows] == [
        "2027-10-31T01:00:00+02:00",
        "2027-10-31T02:00:00+02:00",
        "2027-10-31T02:00:00+01:00",
        "2027-10-31T03:00:00+01:00",
    ]
    assert rows[0]["due_at"] == "2027-10-30T23:00:00+00:00"
    assert {row["kind"] for row in rows} <= {"full", "differential"}
    assert {row["shifted"] for row in rows} == {False}


def test_a_preview_counts_ten_where_nothing_is_told_and_as_many_as_are_asked_for(pwsops):
    assert len(pwsops.rows("profile", "preview", "vaults")) == 10
    assert len(pwsops.rows("profile", "preview", "vaults", "--count", "20000")) == 20_000


def test_a_reader_that_had_enough_meets_no_traceback(pwsops):
    command = pwsops.arguments("profile", "preview", "vaults", "--count", "50000", "--json")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()) as process:
        assert process.stdout.readline() == b"[\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(PATIENCE_S) == 1


def test_a_profile_is_edited_switched_and_deleted(tmp_path, driver):
    line = CommandLine(tmp_path / "home", cwd=tmp_path, driver=driver)
    line.done("sample")
    line.done("settings", "set", "instance", "samples")
    line.done("settings", "set", "directory", str(tmp_path))
    created = line.done("profile", "create", "p", "--database", "family-vault.sqlite3", "--every", "2h", "--inactive")
    assert "every 2 hours" in created
    assert "No run is due" in created
    line.done("profile", "edit", "p", "--between", "06:00-22:00", "--note", "office hours")
    line.done("profile", "edit", "p", "--every", "1d", "--at", "02:30", "--rename", "nightly", "--start", "2026-03-01")
    found = profile(line, "nightly")
    assert (found["every"], found["at"], found["between"], found["state"]) == ("1d", "02:30", None, "inactive")
    assert (found["instance"], found["directory"]) == ("samples", str(tmp_path))
    assert "is active" in line.done("profile", "activate", "nightly")
    assert [row["next_due_at"] is None for row in line.rows("profile", "list")] == [False]
    line.done("profile", "deactivate", "nightly")
    assert profile(line, "nightly")["state"] == "inactive"
    assert "history and its backups stay" in line.done("profile", "delete", "nightly", "--yes")
    assert line.rows("profile", "list") == []
    actions = [row["action"] for row in line.rows("audit", "list", "--limit", "3")]
    assert actions == ["delete profile", "deactivate profile", "activate profile"]


def test_tables_are_for_people_and_lose_nothing_in_a_pipe(pwsops):
    backup = pwsops.rows("runs")[0]["items"][0]["path"]
    for words, parts in (
        (("runs",), ["✔ succeeded", "incremental", "manual"]),
        (("profile", "list"), ["○ inactive", "every hour", "company-vault.sqlite3, family-vault.sqlite3"]),
        (("profile", "show", "vaults"), [str(pwsops.cwd / "backups"), "Europe/Berlin", "2026-03-01T00:00:00"]),
        (("profile", "preview", "vaults", "--from", "2027-03-28T01:30"), ["Sun 2027-03-28 03:00 +0200"]),
        (("databases", "samples"), ["web-shop-vault.sqlite3", "everything", "● online"]),
        (("browse", "samples", "backups"), [Path(backup).name]),
        (("media", backup), ["company-vault.sqlite3", "incremental"]),
        (("instance", "list"), [str(pwsops.home / "samples")]),
        (("instance", "probe", "samples"), ["version", "SQLite"]),
        (("settings", "show"), ["weekly:sun", "parallel_runs"]),
        (("audit", "list"), ["create profile", "start run"]),
        (("service", "status"), ["stopped"]),
        (("--version",), ["pwsops 0."]),
    ):
        printed = pwsops.done(*words)
        assert [part for part in parts if part not in printed] == [], printed
        assert "\x1b" not in printed
    # Its databases are at risk while the service is stopped.
    examined = pwsops.run("doctor")
    assert examined.returncode == 1
    assert all(part in examined.stdout for part in ("Python", "Next step", "at risk"))
    assert "\x1b" not in examined.stdout


def test_the_other_reading_commands_print_arrays_too(pwsops):
    assert [row["name"] for row in pwsops.rows("instance", "list")] == ["samples"]
    assert pwsops.rows("instance", "probe", "samples")[0]["reachable"] is True
    assert {row["key"]: row["value"] for row in pwsops.rows("settings", "show")}["incremental"] is True
    assert [row["running"] for row in pwsops.rows("service", "status")] == [False]
    assert {row["name"] for row in json.loads(pwsops.run("doctor", "--json").stdout)} >= {"Python", "Home"}


def test_a_failed_run_exits_1_with_its_errors_and_shows_in_the_history(tmp_path, driver):
    vaults = tmp_path / "vaults"
    vaults.mkdir()
    with closing(sqlite3.connect(vaults / "good.db")) as database, database:
        database.execute("CREATE TABLE t (x)")
    (vaults / "bad.db").write_bytes(b"not a database " * 500)
    line = CommandLine(tmp_path / "home", cwd=tmp_path, driver=driver)
    line.done("instance", "add", "own", "--engine", "sqlite", "--address", "vaults")
    assert line.rows("instance", "list")[0]["address"] == str(vaults)
    line.done(
        *("profile", "create", "both", "--instance", "own", "--database", "good.db", "--database", "bad.db"),
        *("--directory", "backups", "--every", "1d", "--inactive"),
    )
    (tmp_path / "backups").mkdir()
    result = line.run("run", "both", "--here")
    assert result.returncode == 1
    assert "bad.db: " in result.stderr
    assert "Next step: " in result.stderr
    assert "good.db: full" in result.stdout
    (failed,) = line.rows("runs", "--status", "failed")
    assert [(item["database"], item["status"]) for item in failed["items"]] == [
        ("good.db", "succeeded"),
        ("bad.db", "failed"),
    ]
    assert failed["items"][1]["error"] in result.stderr
    assert profile(line, "both")["health"] == "orange"


def test_a_profile_that_was_switched_off_is_armed_by_an_edit_alone(tmp_path, driver):
    vaults = tmp_path / "vaults"
    vaults.mkdir()
    (vaults / "bad.db").write_bytes(b"not a database " * 500)
    line = CommandLine(tmp_path / "home", cwd=tmp_path, driver=driver)
    line.done("instance", "add", "own", "--engine", "sqlite", "--address", "vaults")
    line.done(
        *("profile", "create", "p", "--instance", "own", "--database", "bad.db"),
        *("--directory", "vaults", "--every", "1d"),
    )
    assert [line.run("run", "p", "--here").returncode for _ in range(5)] == [1] * 5
    assert (profile(line, "p")["state"], profile(line, "p")["health"]) == ("tripped", "red")
    assert "✖ switched off" in line.done("profile", "list")
    assert "--note" in line.refused("profile", "activate", "p")
    assert "The next run is due" in line.done("profile", "edit", "p", "--note", "the disk was replaced")
    assert profile(line, "p")["state"] == "active"
    assert "the disk was replaced" in line.rows("audit", "list", "--limit", "1")[0]["detail"]


def test_the_doctor_exits_1_where_a_need_is_not_met(tmp_path, driver):
    line = CommandLine(tmp_path / "home", cwd=tmp_path, driver=driver)
    (tmp_path / "vaults").mkdir()
    line.done("instance", "add", "own", "--engine", "sqlite", "--address", "vaults")
    (tmp_path / "vaults").rmdir()
    result = line.run("doctor")
    assert result.returncode == 1
    assert "✖ amiss" in result.stdout
    found = json.loads(line.run("doctor", "--json").stdout)
    assert [row["next_step"] != "" for row in found if row["required"] and not row["ok"]] == [True] * 2


def test_profiles_that_would_meet_in_one_file_are_refused_and_what_lies_there_is_told(tmp_path, driver):
    line = CommandLine(tmp_path / "home", cwd=tmp_path, driver=driver)
    (tmp_path / "backups").mkdir()
    for instance in ("one", "two"):
        (tmp_path / instance).mkdir()
        with closing(sqlite3.connect(tmp_path / instance / "db.sqlite3")) as database:
            database.execute("CREATE TABLE t (x)")
        line.done("instance", "add", instance, "--engine", "sqlite", "--address", instance)
    more = ("--database", "db.sqlite3", "--directory", "backups", "--every", "1d", "--inactive", "--no-timestamp")
    (tmp_path / "backups" / "db.sqlite3_FULL.bak").write_text("precious")
    created = line.run("profile", "create", "p", "--instance", "one", *more)
    assert created.returncode == 0
    told = " ".join(created.stderr.split())
    assert "is there already and is no backup that can be read. It stays" in told
    refusal = line.refused("profile", "create", "q", "--instance", "two", *more)
    assert "'p' writes the same file" in " ".join(refusal.split())
    assert "pwsops profile edit" in refusal


def test_a_restore_is_confirmed_and_puts_the_rows_back(tmp_path, driver):
    vaults, backups = tmp_path / "vaults", tmp_path / "backups"
    vaults.mkdir()
    backups.mkdir()
    target = vaults / "ledger.db"
    with closing(sqlite3.connect(target)) as database, database:
        database.execute("CREATE TABLE t (x)")
        database.executemany("INSERT INTO t VALUES (?)", [(number,) for number in range(100)])
    line = CommandLine(tmp_path / "home", cwd=tmp_path, driver=driver)
    line.done("instance", "add", "own", "--engine", "sqlite", "--address", "vaults")
    line.done(
        *("profile", "create", "p", "--instance", "own", "--database", "ledger.db"),
        *("--directory", "backups", "--every", "1d", "--inactive"),
    )
    line.done("run", "p", "--here")
    (name,) = [path.name for path in backups.glob("*.bak")]
    command = ("restore", "--instance", "own", "--database", "ledger.db", "--file", f"backups/{name}")

    with closing(sqlite3.connect(target)) as database, database:
        database.execute("DELETE FROM t")
    told = line.refused(*command)
    assert "not confirmed" in told
    assert "--yes" in told
    assert rows(target) == []
    assert "no backup set 2" in line.refused(*command, "--set", "2", "--yes")
    assert "Restored ledger.db" in line.done(*command, "--yes")
    assert rows(target) == list(range(100))

    target.write_bytes(b"no database any more " * 1000)
    assert "is kept as" in line.done(*command, "--yes")
    assert rows(target) == list(range(100))

    target.unlink()
    assert "Next step: " in line.refused(*command, "--yes")
    line.done(*command, "--yes", "--create-empty")
    assert rows(target) == list(range(100))


def rows(path):
    with closing(sqlite3.connect(path)) as database:
        return [x for (x,) in database.execute("SELECT x FROM t ORDER BY x")]


def test_a_second_service_stands_by_and_takes_over_when_the_first_dies(tmp_path):
    line = CommandLine(tmp_path / "home")
    with line.service() as first:
        wait_for_line(first, f"Running (process {first.pid})")
        with line.service() as second:
            wait_for_line(second, f"runs in process {first.pid}")
            (status,) = line.rows("service", "status")
            assert (status["running"], status["pid"]) == (True, first.pid)
            first.kill()
            first.wait(PATIENCE_S)
            wait_for_line(second, f"Running (process {second.pid})")


def test_a_run_through_the_service_is_waited_for_and_the_service_is_stopped_from_elsewhere(tmp_path, driver):
    line = CommandLine(tmp_path / "home", cwd=tmp_path, driver=driver)
    (tmp_path / "backups").mkdir()
    line.done("sample")
    line.done(
        *("profile", "create", "p", "--instance", "samples", "--database", "family-vault.sqlite3"),
        *("--directory", "backups", "--every", "1d", "--inactive"),
    )
    with line.service() as service:
        wait_for_line(service, "Running")
        result = line.run("run", "p", "--kind", "full")
        assert result.returncode == 0, result.stderr
        assert "succeeded" in result.stdout
        assert "running in process" in line.done("service", "status")
        line.done("service", "stop")
        assert service.wait(PATIENCE_S) == 0
    assert "stopped" in line.done("service", "status")
    assert "no process is there to run it" in line.refused("service", "start")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_prints_its_address_and_ends_on_a_signal(tmp_path, number):
    line = CommandLine(tmp_path / "home")
    with subprocess.Popen(
        line.arguments("serve", "--port", "0"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment()
    ) as process:
        try:
            assert b"http://127.0.0.1:" in process.stdout.readline()
            if number is signal.SIGTERM:
                assert line.rows("service", "status")[0]["pid"] == process.pid
            process.send_signal(number)
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()


def test_a_reader_that_never_listened_meets_no_traceback_either(pwsops):
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        result = subprocess.run(
            pwsops.arguments("runs", "--json"), stdout=write_end, stderr=subprocess.PIPE, check=False, env=environment()
        )
    finally:
        os.close(write_end)
    assert (result.returncode, result.stderr) == (1, b"")


@pytest.fixture
def interruptible():
    """What is started in the background is told to ignore Ctrl-C, and would hand that on."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_exits_130(pwsops):
    read_end, write_end = os.pipe()
    command = pwsops.arguments("profile", "preview", "vaults", "--count", "50000", "--json")
    with (
        os.fdopen(read_end, "rb") as reading,
        subprocess.Popen(command, stdout=write_end, stderr=subprocess.PIPE, env=environment()) as process,
    ):
        os.close(write_end)
        assert reading.readline() == b"[\n"
        process.send_signal(signal.SIGINT)
        reading.read()
        told = process.stderr.read().decode()
        assert process.wait(PATIENCE_S) == 130, told
    assert "Traceback" not in told


def test_an_unforeseen_failure_is_one_line_and_a_log(tmp_path):
    line = CommandLine(tmp_path / "home")
    program = (
        "import sys, pwsops.operations.audit_log as module\n"
        "def broken(self, limit, query): raise ZeroDivisionError('by zero')\n"
        "broken.needs = module.AuditLog.list.needs\n"
        "module.AuditLog.list = broken\n"
        f"sys.argv = {['pwsops', '--home', str(line.home), 'audit', 'list']!r}\n"
        "from pwsops.cli import main\nmain()"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment()
    )
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "ZeroDivisionError: by zero" in result.stderr.splitlines()[0]
    log = line.home / "logs" / "pwsops.log"
    assert str(log) in result.stderr
    assert "Traceback" in log.read_text()


def test_an_argument_that_is_no_text_is_refused_in_words(tmp_path):
    said = CommandLine(tmp_path / "home").refused("profile", "show", "caf\udce9")
    assert "caf\\xe9 cannot be used: it is not UTF-8" in said


def test_who_may_do_what_is_listed_and_checked(tmp_path, driver):
    line = CommandLine(tmp_path / "home", cwd=tmp_path, driver=driver)
    line.done("sample")
    file = tmp_path / "home" / "access.toml"
    file.touch(mode=0o600)
    assert "Nobody has a role" in line.done("access", "list")
    file.write_text(
        '[[person]]\nsubject = "ada"\nrole = "operator"\ninstances = ["samples"]\n'
        '[[person]]\nsubject = "bob"\nrole = "auditor"\n'
    )
    assert line.rows("access", "list") == [
        {"subject": "ada", "role": "operator", "instances": ["samples"]},
        {"subject": "bob", "role": "auditor", "instances": None},
    ]
    assert "2 people have a role" in line.done("access", "check")
    file.write_text(file.read_text().replace("samples", "sample"))
    checked = line.run("access", "check")
    assert checked.returncode == 1
    assert "ada is given sample, and there is no such instance" in checked.stdout
    file.write_text("[[person")
    assert ".. " not in line.run("access", "check").stdout
