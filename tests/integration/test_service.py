"""The service in processes of its own: on schedule, killed, doubled, late."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from benchmarks import vault
from pwsops.catalogue import profiles
from pwsops.errors import Conflict
from pwsops.operations import open_operations
from pwsops.operations.records import RunView
from pwsops.rules.model import BackupKind, Health, RunStatus, Trigger
from tests.clocks import wait_until
from tests.integration.command_line import CommandLine, environment

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 60.0


class Site:
    """A home with one instance, one vault and one profile, and a second look into its catalogue."""

    def __init__(self, root: Path, *, size_mb: int = 1) -> None:
        self.line = CommandLine(root / "home")
        self.vaults, self.backups = root / "vaults", root / "backups"
        self.vaults.mkdir()
        self.backups.mkdir()
        vault.create(self.vaults / "db.sqlite3", size_mb)
        self.line.done("instance", "add", "vaults", "--engine", "sqlite", "--address", self.vaults)
        self.add("p")
        # Looks in from this process: a command for each look would take most of the test's time.
        self.ops = open_operations(root / "home")
        self.catalogue = self.ops._core.catalogue

    def add(self, name: str) -> None:
        self.line.done(
            *("profile", "create", name, "--instance", "vaults", "--database", "db.sqlite3"),
            *("--directory", self.backups, "--every", "1h", "--start", "2026-01-01T00:00", "--timezone", "UTC"),
        )

    def due(self, when: datetime, *names: str) -> None:
        """Let profiles be due at an instant, as if their schedule said so: the shortest real interval is a minute."""
        with self.catalogue.write() as connection:
            rows = [profiles.find(connection, name) for name in names or ("p",)]
            profiles.schedule(connection, [(row.id, when, BackupKind.FULL) for row in rows if row])

    def due_soon(self, *names: str) -> datetime:
        when = datetime.now(UTC) + timedelta(seconds=1)
        self.due(when, *names)
        return when

    def runs(self, name: str = "p") -> list[RunView]:
        return [self.ops.runs.get(run.id) for run in self.ops.runs.list(name)]

    def wait_for(self, status: str, count: int = 1, name: str = "p") -> list[RunView]:
        wait_until(lambda: sum(run.status == status for run in self.runs(name)) >= count, f"{count} {status}", LIMIT_S)
        return self.runs(name)

    def leader(self) -> int | None:
        status = self.ops.service.status()
        return status.pid if status.running else None

    def leads(self, process: subprocess.Popen[bytes]) -> None:
        wait_until(lambda: self.leader() == process.pid, "the service to lead", LIMIT_S)

    def unfinished(self) -> list[str]:
        return [entry.name for entry in self.backups.iterdir() if entry.suffix == ".tmp"]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.ops.close()


@contextmanager
def running(site: Site, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command of the home in a process, and end it by force."""
    with subprocess.Popen(
        site.line.arguments(*words), env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def panel_serve(site: Site) -> Iterator[subprocess.Popen[bytes]]:
    words = ["serve", "dashboards/operations.py", "--setup", "pwsops/views/setup.py", "--port", "0"]
    with subprocess.Popen(
        [sys.executable, "-m", "panel", *words],
        cwd=ROOT,
        env=environment(PWSOPS_HOME=str(site.line.home)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_run_takes_place_on_schedule_with_no_browser_open(site: Site) -> None:
    with running(site, "serve", "--port", "0") as process:
        site.leads(process)
        when = site.due_soon()
        (run,) = site.wait_for("succeeded")
    assert (run.trigger, run.due_at) == (Trigger.SCHEDULE, when)
    assert run.started_at is not None
    assert run.started_at >= when
    assert len(list(site.backups.glob("*_FULL_*.bak"))) == 1


def test_panel_serve_schedules_before_the_first_session(site: Site) -> None:
    with panel_serve(site) as process:
        site.leads(process)
        site.due_soon()
        site.wait_for("succeeded")


def test_a_killed_service_leaves_the_truth_and_nothing_torn(tmp_path: Path) -> None:
    site = Site(tmp_path, size_mb=150)
    with running(site, "service", "run") as process:
        site.leads(process)
        site.due_soon()
        wait_until(site.unfinished, "the backup to begin", LIMIT_S)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert [run.status for run in site.runs()] == [RunStatus.RUNNING]
    with site.line.service() as process:
        site.leads(process)
        (run,) = site.wait_for("failed")
        (item,) = run.items
        assert "interrupted" in item.error
        assert item.hint
        assert list(site.backups.glob("*.bak")) == []
        assert site.unfinished() == []
        site.line.done("run", "p")
    (file,) = site.backups.glob("*.bak")
    assert len(site.line.rows("media", file)) == 1
    site.ops.close()


def test_a_backup_that_was_finished_before_the_kill_counts_as_finished(site: Site) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from pwsops.catalogue import outcomes;"
        "from pwsops.operations import open_operations;"
        "outcomes.item_succeeded = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL);"
        "open_operations(Path(sys.argv[1])).runs.run_here('p')"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(site.line.home)], check=False, env=environment())
    assert killed.returncode == -signal.SIGKILL
    assert [run.status for run in site.runs()] == [RunStatus.RUNNING]
    with site.line.service() as process:
        site.leads(process)
        (run,) = site.wait_for("succeeded")
    (item,) = run.items
    assert "interrupted" in item.reason
    assert [Path(str(item.path))] == list(site.backups.glob("*.bak"))


def test_another_process_takes_over_when_the_leader_is_killed_and_each_run_happens_once(site: Site) -> None:
    names = [f"p{number}" for number in range(8)]
    for name in names:
        site.add(name)
    with running(site, "service", "run") as first:
        site.leads(first)
        with site.line.service() as second:
            site.due_soon(*names)
            for name in names:
                site.wait_for("succeeded", name=name)
            assert site.leader() == first.pid
            first.send_signal(signal.SIGKILL)
            first.wait()
            site.leads(second)
            site.due_soon(*names)
            for name in names:
                site.wait_for("succeeded", 2, name)
    assert {len(site.runs(name)) for name in names} == {2}


def test_a_leader_that_is_stopped_in_a_backup_cancels_it_and_counts_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path, size_mb=150)
    with running(site, "service", "run") as process:
        site.leads(process)
        site.due_soon()
        wait_until(site.unfinished, "the backup to begin", LIMIT_S)
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT_S) == 0
    (run,) = site.runs()
    assert run.status is RunStatus.CANCELLED
    assert os.listdir(site.backups) == []
    site.ops.close()


def test_downtime_is_one_missed_row_and_one_catch_up(site: Site) -> None:
    hours_ago = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=5)
    site.due(hours_ago)
    with site.line.service():
        done, missed = site.wait_for("succeeded")
    assert (missed.status, missed.due_at, missed.missed_count) == (RunStatus.MISSED, hours_ago, 6)
    assert (done.trigger, done.kind) == (Trigger.CATCH_UP, BackupKind.FULL)
    assert site.ops.profiles.view("p").health is Health.GREEN


def test_what_was_changed_elsewhere_holds_before_the_next_run(site: Site) -> None:
    for name in ("off", "gone", "edited"):
        site.add(name)
    with site.line.service() as process:
        site.leads(process)
        site.due(datetime.now(UTC) + timedelta(seconds=30), "off", "gone", "edited")
        site.line.done("profile", "deactivate", "off")
        site.line.done("profile", "delete", "gone", "--yes")
        site.line.done("profile", "edit", "edited", "--every", "1d", "--at", "00:00")
        # Whatever is due by then is claimed at once.
        site.due(datetime.now(UTC), "p")
        site.wait_for("succeeded")
        with site.catalogue.read() as connection:
            due = {row.name: row.next_due_at for row in profiles.living(connection)}
    assert due["off"] is None
    assert due["edited"] is not None
    assert (due["edited"].hour, due["edited"].minute) == (0, 0)
    assert site.runs("off") == site.runs("gone") == site.runs("edited") == []


def test_a_broken_directory_trips_a_profile_until_it_is_amended(site: Site) -> None:
    away = site.backups.rename(site.backups.with_name("away"))
    for _ in range(5):
        assert "backups" in site.line.run("run", "p", "--here").stderr
    (profile,) = site.line.rows("profile", "list")
    assert (profile["state"], profile["health"]) == ("tripped", "red")
    assert "amend" in site.line.refused("profile", "activate", "p")
    site.line.refused("profile", "edit", "p", "--every", "1h")  # changes nothing
    site.line.done("profile", "edit", "p", "--note", "mounted the disk again")
    away.rename(site.backups)
    site.line.done("run", "p", "--here")
    (profile,) = site.line.rows("profile", "list")
    assert (profile["state"], profile["health"]) == ("active", "green")
    assert any("mounted the disk again" in entry["detail"] for entry in site.line.rows("audit"))


def test_run_here_goes_beside_a_service_but_never_beside_a_run_of_the_same_profile(site: Site) -> None:
    with site.line.service() as process, closing(sqlite3.connect(site.vaults / "db.sqlite3")) as other:
        site.leads(process)
        # Somebody's long transaction: the backup looks for a moment without one, for three seconds.
        other.execute("BEGIN IMMEDIATE")
        site.ops.runs.start("p")
        site.wait_for("running")
        with pytest.raises(Conflict, match="under way"):
            site.ops.runs.run_here("p")
        other.rollback()
        site.wait_for("succeeded")
        assert site.line.run("run", "p", "--here").returncode == 0
    assert [run.status for run in site.runs()] == [RunStatus.SUCCEEDED] * 2
