"""A home that real service processes work on, and this process looks at and changes from outside."""

import os
import signal
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks import vault
from pwsops.catalogue import profiles
from pwsops.operations import open_operations
from tests.clocks import wait_until
from tests.integration.command_line import PATIENCE_S, CommandLine

SLOW = {"slice_s": 0}
"""With no time in a slice, a backup of a rollback-journal database rests a quarter second before each 2 MiB."""
SLOW_MB = 16
HALF_A_DAY = timedelta(hours=12)


class ServiceHome:
    """The instance `own` with the small vault `db.sqlite3`, and a directory for its backups."""

    def __init__(self, root):
        self.root, self.path = root, root / "home"
        self.vaults, self.backups = root / "vaults", root / "backups"
        self.vaults.mkdir()
        self.backups.mkdir()
        vault.create(self.vaults / "db.sqlite3", 1)
        self.line = CommandLine(self.path, cwd=root)
        self.ops = open_operations(self.path, actor="elsewhere")
        self.ops.instances.add("own", engine="sqlite", address=str(self.vaults), options=SLOW)

    @property
    def catalogue(self):
        return self.ops._core.catalogue

    def slow_vault(self, name="slow.sqlite3"):
        """Make a vault whose backup takes a second or more."""
        vault.create(self.vaults / name, SLOW_MB, journal_mode="DELETE")
        return name

    def profile(self, name="p", databases=("db.sqlite3",), **fields):
        """Make a daily profile; unless its start is told, its own schedule leaves it alone for half a day."""
        profile = self.ops.profiles.new()
        fields = {"every": 1, "unit": "d", "timezone": "UTC", "start": wall(HALF_A_DAY), **fields}
        fields = {"instance": "own", "directory": str(self.backups), "renew_full": "never", **fields}
        profile.param.update(name=name, databases=list(databases), **fields)
        return self.ops.profiles.create(profile)

    def make_due(self, **instants):
        """Move the next instants of profiles, as their schedules would have it; the service notices the commit."""
        views = [(self.ops.profiles.view(name), due) for name, due in instants.items()]
        with self.catalogue.write() as connection:
            profiles.schedule(connection, [(view.id, due, view.next_kind) for view, due in views])

    def runs(self, name="p"):
        """Return a profile's runs with their messages, oldest first."""
        found = self.ops.runs.list(profile=name, limit=None)
        return [self.ops.runs.get(one.id) for one in reversed(found)]

    def ended(self, name="p", count=1):
        """Wait until so many runs of a profile have ended, and give them."""
        wait_until(
            lambda: sum(run.status.ended for run in self.runs(name)) >= count,
            f"{count} runs of {name}",
            limit_s=PATIENCE_S,
        )
        return self.runs(name)

    def media(self):
        """Return what anybody could take for a backup."""
        return sorted(
            path
            for path in self.backups.iterdir()
            if not path.name.startswith(".") and path.suffix not in (".py", ".md", ".pwsops")
        )

    def hidden(self):
        """Return the temporary files of unfinished backups."""
        return sorted(path for path in self.backups.iterdir() if path.name.startswith("."))

    def leader(self):
        """Give the process that schedules, None where there is none."""
        return self.ops.service.status().pid

    def wait_for_leader(self, process):
        wait_until(lambda: self.leader() == process.pid, f"process {process.pid} to lead", limit_s=PATIENCE_S)

    @contextmanager
    def leading(self, *program):
        """Run a service that leads, of the command line or of another program for Python."""
        with self.line.service(*program) as process:
            self.wait_for_leader(process)
            yield process

    def begin_slow(self, name="p"):
        """Start a run and wait for the moment in which its file is being written."""
        run = self.ops.runs.start(name)
        wait_until(lambda: any(_size(path) > 0 for path in self.hidden()), "a backup to begin")
        return run.id


def _size(path):
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


@contextmanager
def service_home(root):
    home = ServiceHome(root)
    try:
        yield home
    finally:
        home.ops.close()


def wall(ahead):
    """Return the wall time in UTC, to the minute, that lies so far ahead."""
    return (datetime.now(UTC) + ahead).replace(tzinfo=None, second=0, microsecond=0)


def soon(seconds=1):
    """Return the instant so many seconds ahead."""
    return datetime.now(UTC) + timedelta(seconds=seconds)


def kill(process):
    """Let a process die without a word."""
    process.send_signal(signal.SIGKILL)
    assert process.wait(PATIENCE_S) == -signal.SIGKILL


def workers(parent):
    """Return the ids of a process's workers."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            facts = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(facts[1]) == parent and b"sqlite.worker" in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def kill_workers(parent):
    for pid in workers(parent):
        os.kill(pid, signal.SIGKILL)


@contextmanager
def held_still(parent):
    """Let a process's workers rest for as long as the block goes on."""
    resting = workers(parent)
    assert resting, "nothing goes on any more"
    for pid in resting:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in resting:
            os.kill(pid, signal.SIGCONT)
