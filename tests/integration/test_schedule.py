"""Schedules in force: under each of the ways to run the service, after downtime, and edited from elsewhere."""

import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pwsops.rules.model import Health, RunStatus, Trigger
from tests.integration.command_line import PATIENCE_S, environment
from tests.integration.service_home import service_home, soon, wall

ROOT = Path(__file__).resolve().parents[2]
PANEL = ("panel", "serve", "dashboards/operations.py", "--setup", "pwsops/views/setup.py", "--port", "0")
HOUR = timedelta(hours=1)


@pytest.fixture
def home(tmp_path):
    with service_home(tmp_path) as one:
        yield one


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
def test_a_profile_made_elsewhere_runs_at_its_start_with_no_browser_open(home, words):
    with serving(home, *words) as process:
        home.wait_for_leader(process)
        start, due = soon()
        home.profile(start=start)
        [run] = home.ended()
        assert (run.due_at, run.trigger, run.status) == (due, Trigger.SCHEDULE, RunStatus.SUCCEEDED)
        assert run.started_at >= due
        view = home.ops.profiles.view("p")
        assert (view.health, view.next_due_at) == (Health.GREEN, due + HOUR)
    assert home.leader() is None, "it let go of the schedule when it ended"


def test_downtime_is_told_as_one_row_and_made_up_for_by_one_run(home):
    first_slot = wall(-5.5 * HOUR)
    slots = [(first_slot + hours * HOUR).replace(tzinfo=UTC) for hours in range(7)]
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
    home.profile(start=wall(-5.5 * HOUR))
    home.make_due(p=datetime.now(UTC) - 2 * HOUR)
    away = home.backups.rename(home.root / "away")
    with home.leading():
        assert [run.status for run in home.ended(count=2)] == [RunStatus.MISSED, RunStatus.FAILED]
        assert home.ops.profiles.view("p").health is Health.ORANGE
        away.rename(home.backups)
        home.line.done("run", "p")
        assert home.ops.profiles.view("p").health is Health.GREEN


def test_what_is_changed_elsewhere_holds_at_the_very_next_instant(home):
    names = ("deactivated", "deleted", "later", "moved")
    elsewhere = home.root / "elsewhere"
    elsewhere.mkdir()
    with home.leading():
        start, due = soon(4)
        for name in names:
            home.profile(name, start=start)
        # When this one has run, the service has set its alarm for the others.
        home.profile("probe")
        home.make_due(probe=datetime.now(UTC))
        home.ended("probe")

        home.ops.profiles.deactivate("deactivated")
        home.ops.profiles.delete("deleted")
        change(home, "later", start=start + HOUR)
        change(home, "moved", directory=str(elsewhere))
        assert datetime.now(UTC) < due, "the changes came too late to tell anything"

        [moved] = home.ended("moved")
        assert (moved.due_at, moved.status, Path(moved.items[0].path).parent) == (due, RunStatus.SUCCEEDED, elsewhere)
        # What is due later is claimed later: nothing that was due before can still be on its way.
        home.make_due(probe=datetime.now(UTC))
        home.ended("probe", 2)
        assert {name: len(home.runs(name)) for name in names} == dict.fromkeys(names, 0) | {"moved": 1}
        assert home.ops.profiles.view("later").next_due_at == due + HOUR
        assert home.ops.profiles.view("deactivated").next_due_at is None


def change(home, name, **fields):
    profile = home.ops.profiles.get(name)
    profile.param.update(**fields)
    home.ops.profiles.save(name, profile)
