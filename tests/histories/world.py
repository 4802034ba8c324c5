"""Two homes that share a disk, and all that may happen to them. Each happening is chosen by a few numbers."""

from __future__ import annotations

import posixpath
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pwsops.catalogue import claims, service_state
from pwsops.engines import registry
from pwsops.errors import PwsopsError
from pwsops.operations import databases as operations_databases
from pwsops.operations.retention import Action
from pwsops.rules.model import BackupKind, BackupSet
from pwsops.rules.protection import Protection, Verdict
from tests.clocks import ManualClock
from tests.histories.disk import Disk
from tests.homes import Home, opened_home

DIRECTORIES = ("/share", "/share", "/other")
NAMES = ("db", "DB2")
Happening = tuple[str, int, int]


class World:
    """Two homes with three instances between them, whose databases have the same names."""

    def __init__(self, clock: ManualClock, disk: Disk, homes: Sequence[Home]) -> None:
        self.clock, self.disk, self.homes = clock, disk, homes
        self.places = [(homes[0], "one"), (homes[0], "two"), (homes[1], "one")]
        self.told: list[Happening] = []
        self.proven = 0
        """So often something was called protected, and was."""
        self._content = 0
        self._read: set[str | None] = set()
        for home in homes:
            with home.core.catalogue.write() as connection:
                service_state.want(connection, True)
        for home, instance in self.places:
            home.ops.instances.add(instance, engine="model", address=self.address(home, instance))
            disk.databases[self.address(home, instance)] = dict.fromkeys(NAMES, 0)

    def address(self, home: Home, instance: str) -> str:
        return f"{self.homes.index(home)}/{instance}"

    def happen(self, happening: Happening) -> None:
        """Let one thing happen, and hold what the product did against what must never be."""
        name, first, second = happening
        self.told.append(happening)
        by_product = name in PRODUCT
        before = {of: self._restorable(of) for of in self._databases()} if by_product else {}
        self.disk.pruned.clear()
        with suppress(PwsopsError):
            HAPPENINGS[name](self, first, second)
        for of, could in before.items():
            assert not could or self._restorable(of), f"the last backup of {of} is gone: {self.told}"
        for home, instance in self.places:
            self.check(home, instance)

    def _restorable(self, of: tuple[str, str]) -> set[str]:
        """Return what can be restored of a database. A policy trusts for a while what rotted since it was proven."""
        return self.disk.restorable(of, self._rotten_unseen() if of in self.disk.pruned else ())

    def check(self, home: Home, instance: str) -> None:
        """Carry out the plan for now of whatever is called protected, and compare."""
        with suppress(PwsopsError):
            home.ops.databases.list(instance)
        for verdict in home.ops.databases.verdicts(instance):
            if verdict.protection is Protection.PROTECTED:
                self._prove(home, verdict)

    def _prove(self, home: Home, verdict: Verdict) -> None:
        point = verdict.point
        assert point is not None
        told = f"{verdict.database} of {verdict.instance} was called protected: {self.told}"
        if {point.set_id, point.base_id} & self._rotten_unseen():
            return  # only reading all of it shows that, and nobody has
        plan = home.ops.restores.plan(verdict.instance, verdict.database, point.path)
        assert plan.sets[-1].set_id == point.set_id, told
        assert self.disk.content(plan.sets) == self.disk.saved[point.set_id], told
        of = self.disk.files[point.path].of
        assert of == (self.address(home, verdict.instance), verdict.database), told
        self.proven += 1

    def _rotten_unseen(self) -> set[str | None]:
        rotten = {one.backup_set.set_id for one in self.disk.files.values() if one.rotten}
        return rotten - self._read

    def _databases(self) -> list[tuple[str, str]]:
        return [(address, name) for address, of_address in self.disk.databases.items() for name in of_address]

    # What happens

    def profile(self, first: int, second: int) -> None:
        """Create a profile: of one database or of both, overwriting or dated, with incrementals or without."""
        home, instance = self.places[first % 3]
        home.add(
            name=f"p{len(home.ops.profiles.list())}",
            instance=instance,
            databases=list(NAMES) if second & 1 else [NAMES[second // 2 % 2]],
            directory=DIRECTORIES[second % 3],
            timestamp=bool(second & 4),
            incremental=bool(second & 8),
            every=1 + second % 3,
            renew_full=("never", "weekly:mon")[second % 2],
            start=datetime(2026, 1, 1),
        )

    def _profile(self, first: int, second: int) -> tuple[Home, str]:
        home = self.homes[first % 2]
        names = [one.name for one in home.ops.profiles.list()]
        if not names:
            self.profile(first, second)
            names = [one.name for one in home.ops.profiles.list()] or [""]
        return home, names[second % len(names)]

    def write(self, first: int, second: int) -> None:
        home, instance = self.places[first % 3]
        self._content += 1
        self.disk.databases[self.address(home, instance)][NAMES[second % 2]] = self._content

    def run(self, first: int, second: int) -> None:
        home, name = self._profile(first, second)
        self.clock.advance(seconds=1)
        home.ops.runs.run_here(name, kind=(None, BackupKind.FULL, BackupKind.DIFFERENTIAL, None)[second % 4])

    def serve(self, first: int, _second: int) -> None:
        """Do what the service does: claim what is due, and carry it out."""
        home = self.homes[first % 2]
        owner = home.core.liveness.token
        with home.core.catalogue.write() as connection:
            found = claims.claim(connection, now=self.clock.now(), owner=owner)
            waiting = claims.take_queued(connection, owner=owner)
        with home.core.catalogue.write() as connection:
            claims.advance(connection, found, now=self.clock.now())
        for run_id in waiting:
            home.core.runner.execute(run_id)

    def time(self, first: int, second: int) -> None:
        self.clock.advance(minutes=1 + first * second % 200)

    def clock_set(self, first: int, second: int) -> None:
        days = (-400, -1, 1, 400)[first % 4]
        self.clock.set_wall(self.clock.now() + timedelta(days=days, minutes=second))
        for home in self.homes:
            with home.core.catalogue.write() as connection:
                claims.refresh(connection, now=self.clock.now())

    def fail(self, first: int, second: int) -> None:
        """Let the backups of a database fail, or work again."""
        home, instance = self.places[first % 3]
        self.disk.failing ^= {(self.address(home, instance), NAMES[second % 2])}

    def _path(self, number: int) -> str:
        paths = sorted(self.disk.files)
        if not paths:
            raise PwsopsError("There is no file.", hint="Take a backup.")
        return paths[number % len(paths)]

    def delete(self, first: int, _second: int) -> None:
        del self.disk.files[self._path(first)]

    def damage(self, first: int, _second: int) -> None:
        self.disk.files[self._path(first)].damaged = True

    def rot(self, first: int, _second: int) -> None:
        """Damage a file where only reading all of it shows that; what was read of it before tells nothing any more."""
        media = self.disk.files[self._path(first)]
        media.rotten = True
        self._read.discard(media.backup_set.set_id)

    def swap(self, first: int, second: int) -> None:
        """Let one file take the name of another."""
        self.disk.files[self._path(first)] = self.disk.files[self._path(second)]

    def verify(self, first: int, second: int) -> None:
        home, instance = self.places[second % 3]
        path = self._path(first)
        known = any(one.path == path for name in NAMES for one in self._known(home, instance, name))
        if known and posixpath.dirname(path) not in self.disk.away:
            self._read.add(self.disk.files[path].backup_set.set_id)
        home.ops.media.verify(path, 1, instance)

    def _known(self, home: Home, instance: str, database: str) -> Sequence[BackupSet]:
        return home.ops.restores.sources(instance, database)

    def restore(self, first: int, second: int) -> None:
        home, instance = self.places[first % 3]
        found = self._known(home, instance, NAMES[second % 2])
        if found:
            home.ops.restores.restore(instance, found[second % len(found)].database, found[second % len(found)].path)

    def away(self, first: int, _second: int) -> None:
        self.disk.away ^= {DIRECTORIES[first % 3]}

    def unreachable(self, first: int, _second: int) -> None:
        self.disk.unreachable ^= {self.address(*self.places[first % 3])}

    def drop(self, first: int, second: int) -> None:
        home, instance = self.places[first % 3]
        self.disk.databases[self.address(home, instance)].pop(NAMES[second % 2], None)

    def switch(self, first: int, second: int) -> None:
        home, name = self._profile(first, second)
        if home.ops.profiles.view(name).state.value == "active":
            home.ops.profiles.deactivate(name)
        else:
            home.ops.profiles.activate(name)

    def edit(self, first: int, second: int) -> None:
        home, name = self._profile(first, second)
        profile = home.ops.profiles.get(name)
        profile.directory = DIRECTORIES[second % 3]
        profile.timestamp = not profile.timestamp
        home.ops.profiles.save(name, profile, note="tried again")

    def prune(self, first: int, second: int) -> None:
        """Give a profile a policy, and remove what it keeps no longer; or hold what a run took."""
        home, name = self._profile(first, second)
        profile = home.ops.profiles.get(name)
        profile.keep_last, profile.keep_daily = 1 + first % 3, second % 3
        profile.keep_within = ("", "", "1h", "1d")[first % 4]
        home.ops.profiles.save(name, profile, note="to have room")
        for run in home.ops.runs.list(limit=1) if second % 4 == 0 else ():
            with suppress(PwsopsError):  # it took nothing
                home.ops.holds.add_run(run.id, reason="an audit")
        could = {set_id for of in self._databases() for set_id in self.disk.restorable(of)}
        found = home.ops.retention.prune(name)
        can = {set_id for of in self._databases() for set_id in self.disk.restorable(of)}
        there = {one.backup_set.set_id for one in self.disk.files.values()} - self._copied()
        promised = {one.set_id for points in found.points.values() for one in points}
        assert promised & could <= can, f"what was to stay restorable is not: {self.told}"
        removed = {one.set_id for one in found.having(Action.REMOVE)}
        assert not removed & there, f"what was called removed is there: {self.told}"
        assert could - can <= removed, f"something else went than was told: {self.told}"

    def _copied(self) -> set[str]:
        """Return what lies under another name than it was written under."""
        return {one.backup_set.set_id for path, one in self.disk.files.items() if one.backup_set.path != path}

    def forget(self, first: int, second: int) -> None:
        home, name = self._profile(first, second)
        home.ops.profiles.delete(name)


HAPPENINGS: dict[str, Callable[[World, int, int], None]] = {
    "write": World.write,
    "run": World.run,
    "profile": World.profile,
    "serve": World.serve,
    "time": World.time,
    "clock": World.clock_set,
    "fail": World.fail,
    "delete": World.delete,
    "damage": World.damage,
    "rot": World.rot,
    "swap": World.swap,
    "verify": World.verify,
    "restore": World.restore,
    "away": World.away,
    "unreachable": World.unreachable,
    "drop": World.drop,
    "switch": World.switch,
    "edit": World.edit,
    "prune": World.prune,
    "forget": World.forget,
}
PRODUCT = ("run", "profile", "serve", "verify", "restore", "switch", "edit", "prune", "forget")
"""What the product itself does: it must not destroy anybody's last backup."""


@contextmanager
def a_world() -> Iterator[World]:
    """Open both homes over an empty disk. The service counts as running; a test steps it."""
    with (
        tempfile.TemporaryDirectory() as directory,
        pytest.MonkeyPatch.context() as patch,
        opened_home(Path(directory) / "a", patch) as home,
    ):
        disk = Disk(home.clock)
        patch.setitem(registry.ENGINES, "model", disk.open)
        patch.setattr(operations_databases, "is_running", lambda home: True)
        other = Home(Path(directory) / "b", home.clock, home.server)
        try:
            yield World(home.clock, disk, [home, other])
        finally:
            other.close()
