"""`pwsops prune` and `pwsops hold` on real files: the acceptance of a policy, as a person or a script meets it."""

import pytest

from tests.integration.command_line import CommandLine, Driver

DATABASE = "company-vault.sqlite3"


@pytest.fixture(scope="module")
def driver():
    one = Driver()
    yield one
    one.close()


@pytest.fixture
def line(tmp_path, driver):
    """A home whose profile took a full, an incremental on it, and another full."""
    line = CommandLine(tmp_path / "home", cwd=tmp_path, driver=driver)
    (tmp_path / "backups").mkdir()
    line.done("sample")
    where = ("--instance", "samples", "--database", DATABASE, "--directory", "backups")
    line.done("profile", "create", "Vault", *where, "--every", "1d", "--at", "02:30", "--incremental")
    for kind in ("full", "incremental", "full"):
        line.done("run", "Vault", "--here", "--kind", kind)
    return line


def files(line):
    return sorted(path.name for path in (line.cwd / "backups").glob("*.bak"))


def by_action(rows):
    return {action: [row["kind"] for row in rows if row["action"] == action] for action in {r["action"] for r in rows}}


def test_without_a_policy_everything_is_kept(line):
    rows = line.rows("prune", "Vault", "--dry-run")
    assert by_action(rows) == {"keep": ["full", "differential", "full"]}
    assert all(row["reason"].startswith("there is no policy: everything is kept") for row in rows)
    assert "There is nothing to remove." in line.done("prune", "Vault", "--yes")
    assert len(files(line)) == 3


def test_what_goes_is_shown_and_asked_and_then_it_goes(line):
    line.done("profile", "edit", "Vault", "--keep-last", "1")
    rows = line.rows("prune", "Vault", "--dry-run")
    assert by_action(rows) == {"keep": ["full"], "remove": ["differential", "full"]}
    assert set(rows[0]) >= {"path", "size_bytes", "action", "reason"}
    assert all(row["size_bytes"] > 0 for row in rows)
    told = line.done("prune", "Vault", "--dry-run")
    assert "Would remove 2 backups" in told
    assert f"{DATABASE} can be restored from 1 backup, of " in told
    assert "it was not confirmed" in line.refused("prune", "Vault")
    assert len(files(line)) == 3
    assert "Removed 2 backups" in line.done("prune", "Vault", "--yes")
    assert [row["path"] for row in line.rows("prune", "Vault", "--yes")] == [str(line.cwd / "backups" / files(line)[0])]


def test_a_hold_keeps_a_run_and_its_full(line):
    line.done("profile", "edit", "Vault", "--keep-last", "1")
    (held,) = line.rows("hold", "add", "--run", "2", "--reason", "an audit", "--until", "2099-01-31T00:00")
    assert (held["database"], held["run_id"], held["until"]) == (DATABASE, 2, "2099-01-31T00:00:00+00:00")
    assert by_action(line.rows("prune", "Vault", "--dry-run")) == {"keep": ["full", "differential", "full"]}
    assert "an audit" in line.done("hold", "list", "--instance", "samples")
    line.done("hold", "remove", held["id"])
    assert line.rows("hold", "list") == []
    assert "No backup is held." in line.done("hold", "list")
    oldest = line.rows("prune", "Vault", "--dry-run")[-1]
    told = line.done(
        *("hold", "add", "--instance", "samples", "--set", oldest["set_id"]), *("--reason", "the first of all")
    )
    assert "until" in told.lower()
    assert by_action(line.rows("prune", "Vault", "--dry-run")) == {"keep": ["full", "full"], "remove": ["differential"]}


def test_what_cannot_be_meant_is_refused(line):
    assert "give a run, or an instance and a set" in line.refused("hold", "add", "--reason", "x", code=2)
    assert "not a moment" in line.refused("hold", "add", "--run", "1", "--reason", "x", "--until", "soon", code=2)
    assert "cannot be read" in line.refused("profile", "edit", "Vault", "--keep-within", "soon", code=2)
    assert "no profile 'Nobody'" in line.refused("prune", "Nobody", "--dry-run")


def test_what_another_file_took_the_place_of_stays_and_is_told(line):
    line.done("profile", "edit", "Vault", "--keep-last", "1")
    rows = line.rows("prune", "Vault", "--dry-run")
    going = [row["path"] for row in rows if row["action"] == "remove"]
    # Somebody wrote something else into the place of the first full.
    (line.cwd / "backups" / "mine.txt").write_text("mine")
    (line.cwd / "backups" / "mine.txt").replace(going[-1])
    told = line.run("prune", "Vault", "--yes")
    assert "Removed 1 backup (" in told.stdout
    assert f"{DATABASE} can be restored from 1 backup, of " in told.stdout
    assert f"Retained {going[-1]}: " in told.stderr
    assert (line.cwd / "backups" / going[-1]).read_text() == "mine"
    assert f"{DATABASE} can be restored from 1 backup, of " in line.done("prune", "Vault", "--dry-run")
    again = line.run("prune", "Vault", "--yes")
    assert again.returncode == 0
    assert "Removed" not in again.stdout
    assert (line.cwd / "backups" / going[-1]).read_text() == "mine"


def test_after_a_run_the_policy_is_applied(line):
    line.done("profile", "edit", "Vault", "--keep-last", "1")
    line.done("run", "Vault", "--here", "--kind", "full")
    assert len(files(line)) == 1
    assert line.rows("prune", "Vault", "--dry-run")[0]["action"] == "keep"
