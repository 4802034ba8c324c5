"""Schedules in force: under each of the ways to run the service, after downtime, and edited from elsewhere."""

import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pwsops.rules.model import Health, RunStatus, Trigger
from tests.clocks import wait_until
from tests.integration.command_line import PATIENCE_S, CommandLine, Driver, environment
from tests.integration.service_home import HALF_A_DAY, service_home, soon, wall

ROOT = Path(__file__).resolve().parents[2]
PANEL = ("panel", "serve", "dashboards/operations.py", "--setup", "pwsops/web/setup.py", "--port", "0")
DAY = timedelta(days=1)


@pytest.fixture
def home(tmp_path):
    with service_home(tmp_path) as one:
        yield one


@pytest.fixture
def driver():
    one = Driver()
    yield one
    one.close()


@contextmanager
def serving(home, *words):
    """Run a module as a process of its own that ends when it is told to."""
    with subprocess.Popen(
        [sys.executable, "-m", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        env=environment(PWSOPS_HOME=str(home.path)),
    ) as process:
        try:
            yield process
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE_S)
        finally:
            process.kill()


@pytest.mark.parametrize(
    "words", [("pwsops", "service", "run"), ("pwsops", "serve", "--port", "0"), PANEL], ids=lambda words: words[0:2]
)
def test_a_profile_runs_when_it_is_due_with_no_browser_open(home, words):
    planned = home.profile().next_due_at
    with serving(home, *words) as process:
        home.wait_for_leader(process)
        due = soon()
        home.make_due(p=due)
        [run] = home.ended()
        assert (run.due_at, run.trigger, run.status) == (due, Trigger.SCHEDULE, RunStatus.SUCCEEDED)
        assert run.started_at >= due
        view = home.ops.profiles.view("p")
        assert (view.health, view.next_due_at) == (Health.GREEN, planned)
    assert home.leader() is None, "it let go of the schedule when it ended"


def test_downtime_is_told_as_one_row_and_made_up_for_by_one_run(home):
    first_slot = wall(-5 * DAY - HALF_A_DAY)
    slots = [(first_slot + days * DAY).replace(tzinfo=UTC) for days in range(7)]
    home.profile(start=first_slot)
    assert home.ops.profiles.view("p").next_due_at == slots[6]
    home.make_due(p=slots[2])
    for _ in range(2):  # the second service finds it all settled
        with home.leading():
            missed, run = home.ended(count=2)
            assert (missed.status, missed.missed_count) == (RunStatus.MISSED, 4)
            assert (missed.due_at, missed.missed_until) == (slots[2], slots[5])
            assert (run.trigger, run.status) == (Trigger.CATCH_UP, RunStatus.SUCCEEDED)
            view = home.ops.profiles.view("p")
            assert (view.health, view.next_due_at) == (Health.GREEN, slots[6])
    assert len(home.media()) == 1


def test_a_profile_that_only_missed_is_not_green_until_its_catch_up_succeeds(home):
    home.profile()
    home.make_due(p=datetime.now(UTC) - HALF_A_DAY)
    away = home.backups.rename(home.root / "away")
    with home.leading():
        assert [run.status for run in home.ended(count=2)] == [RunStatus.MISSED, RunStatus.FAILED]
        assert home.ops.profiles.view("p").health is Health.ORANGE
        away.rename(home.backups)
        home.line.done("run", "p")
        assert home.ops.profiles.view("p").health is Health.GREEN


def test_a_directory_that_is_gone_switches_a_profile_off_until_somebody_says_what_was_amended(home, driver):
    line = CommandLine(home.path, cwd=home.root, driver=driver)
    home.profile()
    away = home.backups.rename(home.root / "away")
    for failures in range(1, 6):
        result = line.run("run", "p", "--here")
        assert result.returncode == 1
        assert "does not exist" in result.stderr
        (row,) = line.rows("profile", "list")
        off = failures == 5
        assert (row["failures_in_a_row"], row["next_due_at"] is None) == (failures, off)
        assert (row["state"], row["health"]) == (("tripped", "red") if off else ("active", "orange"))

    assert "--note" in line.refused("profile", "activate", "p")
    assert "nothing about it was amended" in line.refused("profile", "edit", "p", "--directory", home.backups)
    assert line.rows("profile", "list")[0]["state"] == "tripped"
    line.done("profile", "edit", "p", "--note", "mounted it again")
    (row,) = line.rows("profile", "list")
    assert (row["state"], row["failures_in_a_row"], row["next_due_at"] is None) == ("active", 0, False)

    away.rename(home.backups)
    line.done("run", "p", "--here")
    assert line.rows("profile", "list")[0]["health"] == "green"


def test_what_is_changed_elsewhere_holds_at_the_very_next_instant(home):
    names = ("deactivated", "deleted", "later", "moved")
    elsewhere = home.root / "elsewhere"
    elsewhere.mkdir()
    for name in (*names, "probe", "last"):
        home.profile(name)
    with home.leading():
        due = soon(8)
        home.make_due(probe=soon(0), **dict.fromkeys(names, due))
        # When this one has its row, the service has seen when the others are due.
        wait_until(lambda: home.runs("probe"), "the first to be claimed")

        home.ops.profiles.deactivate("deactivated")
        home.ops.profiles.delete("deleted")
        change(home, "later", start=wall(2 * DAY))
        change(home, "moved", directory=str(elsewhere))
        assert datetime.now(UTC) < due, "the changes came too late to tell anything"
        # Saving works the schedule out again, so the one that is to run has to be told its instant anew.
        home.make_due(moved=due, last=due + timedelta(milliseconds=1))

        [moved] = home.ended("moved")
        assert (moved.due_at, moved.status, Path(moved.items[0].path).parent) == (due, RunStatus.SUCCEEDED, elsewhere)
        home.ended("last")
        assert {name: len(home.runs(name)) for name in names} == dict.fromkeys(names, 0) | {"moved": 1}
        assert home.ops.profiles.view("later").next_due_at == wall_instant(home, "later")
        assert home.ops.profiles.view("deactivated").next_due_at is None


def wall_instant(home, name):
    return home.ops.profiles.get(name).start.replace(tzinfo=UTC)


def change(home, name, **fields):
    profile = home.ops.profiles.get(name)
    profile.param.update(**fields)
    home.ops.profiles.save(name, profile)
