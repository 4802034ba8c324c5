"""Two homes over real vaults and real media: what the embedded engine itself makes of what happens to its files.

Each vault holds who it is (a number that is new whenever a database is begun) and the newest of what was written into
it. What a media file holds is found out by putting it together here; nothing that the product wrote down is believed.
Workers run in this process: starting one takes longer than what it does.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import pytest

from pwsops.catalogue import service_state
from pwsops.engines import registry
from pwsops.engines.sqlite import process
from pwsops.engines.sqlite.engine import SqliteEngine
from pwsops.engines.sqlite.media import Media
from pwsops.errors import PwsopsError
from pwsops.operations import databases as operations_databases
from pwsops.operations.records import ItemView, RunView
from pwsops.rules.model import BackupKind, RunStatus
from pwsops.rules.protection import Protection, Verdict
from tests.histories.hooks import Hooks, Killed
from tests.histories.vaults import NAMES, Holds, Vaults, give_damaged, put_together
from tests.homes import Home, opened_home

Happening = tuple[str, int, int]


class Embedded:
    """The homes, their instances, the directories of media, and everything that may happen to them."""

    def __init__(self, root: Path, homes: list[Home], hooks: Hooks) -> None:
        self.root, self.homes, self.hooks = root, homes, hooks
        self.scratch = root / "scratch"
        self.scratch.mkdir()
        self.media = [root / "share", root / "other"]
        for directory in self.media:
            directory.mkdir()
        (root / "linked").symlink_to(self.media[0])
        self.told: list[Happening] = []
        self.proven = 0
        self.saved: dict[str, Holds] = {}
        """What each set held when it was first seen, by its id."""
        self.of_damaged: set[str] = set()
        """The incrementals that gave back a damaged database when they were first seen: it was saved so."""
        self.seen: set[str] = set()
        self._number = 0
        self.places: list[tuple[int, str, Vaults]] = []
        for number, name in ((0, "one"), (0, "two"), (1, "one")):
            vaults = Vaults(root / f"vaults{number}{name}")
            for database in NAMES:
                vaults.begin(database, self._next())
            homes[number].ops.instances.add(name, engine="sqlite", address=str(vaults.root))
            self.places.append((number, name, vaults))
        for home in homes:
            with home.core.catalogue.write() as connection:
                service_state.want(connection, True)

    def _next(self) -> int:
        self._number += 1
        return self._number

    def happen(self, happening: Happening) -> None:
        name, first, second = happening
        self.told.append(happening)
        by_product = name in PRODUCT
        before = self.restorable() if by_product else {}
        with suppress(PwsopsError, OSError, sqlite3.Error):
            HAPPENINGS[name](self, first, second)
        lost = set(before) - set(self.restorable()) if by_product else set()
        assert not lost, f"the last backup of the databases {lost} is gone: {self.told}"
        for number, instance, vaults in self.places:
            self.check(self.homes[number], instance, vaults)

    def restorable(self) -> dict[int, set[int]]:
        """Return what somebody who has the media alone can bring back: the values of each identity."""
        found: dict[int, set[int]] = {}
        files = [str(path) for directory in self.media for path in sorted(directory.glob("*.bak"))]
        fulls: dict[str, str] = {}
        differentials: list[tuple[str, str, str]] = []
        for path in files:
            with suppress(PwsopsError, OSError), Media(path) as media:
                if media.header.base is None:
                    fulls[media.header.set_id] = path
                else:
                    differentials.append((media.header.set_id, media.header.base.set_id, path))
        chains = [(set_id, [path]) for set_id, path in fulls.items()]
        chains += [(set_id, [fulls[base], path]) for set_id, base, path in differentials if base in fulls]
        for set_id, chain in chains:
            holds = put_together(chain, self.scratch)
            if holds is not None:
                self.saved.setdefault(set_id, holds)
                found.setdefault(holds.identity, set()).add(holds.value)
            elif len(chain) > 1 and set_id not in self.seen and give_damaged(chain, self.scratch):
                self.of_damaged.add(set_id)
            self.seen.add(set_id)
        return found

    def check(self, home: Home, instance: str, vaults: Vaults) -> None:
        """Carry out the plan for now of whatever is called protected, and compare."""
        with suppress(PwsopsError):
            home.ops.databases.list(instance)
        try:
            verdicts = home.ops.databases.verdicts(instance)
        except PwsopsError:
            return
        for verdict in verdicts:
            if verdict.protection is Protection.PROTECTED:
                self._prove(home, verdict, vaults)

    def _prove(self, home: Home, verdict: Verdict, vaults: Vaults) -> None:
        point = verdict.point
        told = f"{verdict.database} of {verdict.instance} was called protected: {self.told}"
        assert point is not None, told
        path = vaults.path(verdict.database)
        assert path.exists(), f"it is gone, and {told}"
        assert path.stat().st_size, f"it is empty, and {told}"
        plan = home.ops.restores.plan(verdict.instance, verdict.database, point.path)
        assert plan.sets[-1].set_id == point.set_id, told
        paths = [one.path for one in plan.sets]
        holds = put_together(paths, self.scratch)
        if holds is None and point.set_id in self.of_damaged and give_damaged(paths, self.scratch):
            return  # an incremental does not look for damage in its database: it saved what there was
        assert holds is not None, told
        assert holds == self.saved[point.set_id], told
        self.proven += 1

    # What people and the product do

    def _profile(self, first: int, second: int) -> tuple[Home, str]:
        home = self.homes[first % 2]
        names = [one.name for one in home.ops.profiles.list()]
        if not names:
            self.profile(first, second)
            names = [one.name for one in home.ops.profiles.list()] or [""]
        return home, names[second % len(names)]

    def profile(self, first: int, second: int) -> None:
        number, instance, _ = self.places[first % 3]
        home = self.homes[number]
        home.add(
            name=f"p{len(home.ops.profiles.list())}",
            instance=instance,
            databases=list(NAMES) if second & 1 else [NAMES[second // 2 % 3]],
            directory=str((*self.media, self.root / "linked")[second % 3]),
            timestamp=bool(second & 4),
            incremental=bool(second & 8),
            every=1 + second % 3,
            renew_full=("never", "weekly:mon")[second % 2],
            start=datetime(2026, 1, 1),
        )

    def run(self, first: int, second: int) -> None:
        home, name = self._profile(first, second)
        home.clock.advance(seconds=1)
        before = {(number, instance): vaults.all() for number, instance, vaults in self.places}
        view = self._execute(home, name, (None, BackupKind.FULL, BackupKind.DIFFERENTIAL, None)[second % 4])
        number, instance = self.homes.index(home), home.ops.profiles.view(name).instance
        for item in view.items:
            if item.status is RunStatus.SUCCEEDED:
                had = before[number, instance].get(item.database)
                if had is not None or item.kind is BackupKind.FULL:  # an incremental does not look for damage
                    self._is_true(home, instance, item, had)

    def _execute(self, home: Home, profile: str, kind: BackupKind | None) -> RunView:
        """Do a run by hand, in this thread."""
        run_id = home.ops.runs._queue(profile, kind, owner=home.core.liveness.token)
        home.core.runner.execute(run_id)
        return home.ops.runs.get(run_id)

    def _is_true(self, home: Home, instance: str, item: ItemView, had: Holds | None) -> None:
        """Hold what is called a backup against what the database held."""
        assert item.path is not None
        plan = home.ops.restores.plan(instance, item.database, item.path)
        holds = put_together([one.path for one in plan.sets], self.scratch)
        assert holds is not None, f"a backup of {item.database} succeeded and cannot be restored: {self.told}"
        assert holds == had, f"a backup of {item.database} succeeded that holds something else: {self.told}"

    def die(self, first: int, second: int) -> None:
        """A run whose process dies when the backup's file is there, and before that is written down."""
        home, name = self._profile(first, second)
        home.clock.advance(seconds=1)
        self.hooks.dies = second % 2 + 1
        died = False
        try:
            self._execute(home, name, None)
        except Killed:
            died = True
        finally:
            self.hooks.dies = 0
        if died:
            self._reopen(home)

    def _reopen(self, home: Home) -> None:
        number = self.homes.index(home)
        home.close()
        self.homes[number] = again = Home(home.path, home.clock, home.server)
        self.hooks.opened(again)
        again.core.runner.reconcile()

    def verify(self, first: int, second: int) -> None:
        number, instance, _ = self.places[second % 3]
        self.homes[number].ops.media.verify(self._spelled(self._file(first), second), 1, instance)

    def restore(self, first: int, second: int) -> None:
        """Restore a file, by any way to write its path, into a database that may be gone; nothing else changes."""
        number, instance, vaults = self.places[first % 3]
        database, path = NAMES[second % 3], self._file(first)
        before = self._all()
        expected = self._what(path)
        home = self.homes[number]
        done = True
        try:
            home.ops.restores.restore(
                instance, database, self._spelled(path, second), create=bool(second & 4), accept_unrecorded=True
            )
        except PwsopsError:
            done = False
        after = self._all()
        target = str(vaults.path(database))
        changed = {one for one in {*before, *after} if before.get(one) != after.get(one)}
        assert changed <= ({target} if done else set()), f"a restore of {target} changed {changed}: {self.told}"
        if done:
            assert expected is not None, f"a restore of what cannot be restored succeeded: {self.told}"
            assert after[target] == expected, f"a restore gave something else back: {self.told}"

    def _all(self) -> dict[str, Holds | None]:
        return {str(vaults.path(name)): held for _, _, vaults in self.places for name, held in vaults.all().items()}

    def _what(self, path: Path) -> Holds | None:
        """Return what a file gives back with the full that it stands on, wherever that lies."""
        with suppress(PwsopsError, OSError), Media(str(path)) as media:
            base = media.header.base
            if base is None:
                return put_together([str(path)], self.scratch)
            for directory in self.media:
                for other in sorted(directory.glob("*.bak")):
                    with suppress(PwsopsError, OSError), Media(str(other)) as full:
                        if full.digest == base.digest:
                            return put_together([str(other), str(path)], self.scratch)
        return None

    def _spelled(self, path: Path, number: int) -> str:
        """Return one of the ways to write a path."""
        directory, name = str(path.parent), path.name
        ways = [directory, f"{directory}//", f"{directory}/../{path.parent.name}"]
        if path.parent == self.media[0]:
            ways.append(str(self.root / "linked"))
        return f"{ways[number % len(ways)]}/{name}"

    def _file(self, number: int) -> Path:
        files = [path for directory in self.media if directory.is_dir() for path in sorted(directory.glob("*.bak"))]
        if not files:
            raise PwsopsError("There is no file.", hint="Take a backup.")
        return files[number % len(files)]

    def time(self, first: int, second: int) -> None:
        self.homes[0].clock.advance(minutes=1 + first * second % 200)

    def switch(self, first: int, second: int) -> None:
        home, name = self._profile(first, second)
        if home.ops.profiles.view(name).state.value == "active":
            home.ops.profiles.deactivate(name)
        else:
            home.ops.profiles.activate(name)

    def edit(self, first: int, second: int) -> None:
        home, name = self._profile(first, second)
        profile = home.ops.profiles.get(name)
        profile.directory = str(self.media[second % 2])
        profile.timestamp = not profile.timestamp
        home.ops.profiles.save(name, profile, note="tried again")

    def forget(self, first: int, second: int) -> None:
        home, name = self._profile(first, second)
        home.ops.profiles.delete(name)

    def move(self, first: int, second: int) -> None:
        """Let an instance look at another's directory, or at its own again."""
        number, instance, _ = self.places[first % 3]
        home = self.homes[number]
        home.ops.instances.edit(instance, address=str(self.places[second % 3][2].root))
        self.places[first % 3] = (number, instance, self.places[second % 3][2])

    # What befalls the files

    def write(self, first: int, second: int) -> None:
        self.places[first % 3][2].write(NAMES[second % 3], self._next())

    def begin_anew(self, first: int, second: int) -> None:
        """Another database of that name; where `second` is large, written over the old one's very file."""
        vaults, name = self.places[first % 3][2], NAMES[second % 3]
        vaults.begin(f"{name}.new", self._next())
        if second > 7 and vaults.path(name).exists():
            shutil.copyfile(vaults.path(f"{name}.new"), vaults.path(name))
            vaults.path(f"{name}.new").unlink()
        else:
            vaults.path(f"{name}.new").replace(vaults.path(name))

    def copy_over(self, first: int, second: int) -> None:
        """`cp` of one database over another's file."""
        vaults = self.places[first % 3][2]
        shutil.copyfile(vaults.path(NAMES[second % 3]), vaults.path(NAMES[second // 3 % 3]))

    def drop(self, first: int, second: int) -> None:
        self.places[first % 3][2].path(NAMES[second % 3]).unlink()

    def empty(self, first: int, second: int) -> None:
        os.truncate(self.places[first % 3][2].path(NAMES[second % 3]), 0)

    def break_page(self, first: int, second: int) -> None:
        """Spoil a page in the middle of a database."""
        path = self.places[first % 3][2].path(NAMES[second % 3])
        with path.open("r+b") as stream:
            stream.seek(4096 * (2 + second % 3))
            stream.write(b"\xff" * 64)

    def delete(self, first: int, _second: int) -> None:
        self._file(first).unlink()

    def swap(self, first: int, second: int) -> None:
        """Let one file of media take the place of another."""
        shutil.copyfile(self._file(second), self._file(first))

    def damage(self, first: int, second: int) -> None:
        """Cut a file of media short."""
        path = self._file(first)
        os.truncate(path, path.stat().st_size * (1 + second % 8) // 9)

    def away(self, first: int, _second: int) -> None:
        """Take a directory of media away, or bring it back."""
        directory = self.media[first % 2]
        gone = directory.with_name(f"{directory.name}.away")
        if gone.exists():
            if directory.exists():
                return
            gone.rename(directory)
        else:
            directory.rename(gone)


HAPPENINGS: dict[str, Callable[[Embedded, int, int], None]] = {
    "write": Embedded.write,
    "run": Embedded.run,
    "profile": Embedded.profile,
    "die": Embedded.die,
    "time": Embedded.time,
    "verify": Embedded.verify,
    "restore": Embedded.restore,
    "switch": Embedded.switch,
    "edit": Embedded.edit,
    "forget": Embedded.forget,
    "move": Embedded.move,
    "begin_anew": Embedded.begin_anew,
    "copy_over": Embedded.copy_over,
    "drop": Embedded.drop,
    "empty": Embedded.empty,
    "break_page": Embedded.break_page,
    "delete": Embedded.delete,
    "swap": Embedded.swap,
    "damage": Embedded.damage,
    "away": Embedded.away,
}
PRODUCT = ("run", "profile", "die", "verify", "restore", "switch", "edit", "forget", "move")
"""What the product itself does: it must not destroy anybody's last backup."""


@contextmanager
def an_embedded_world(root: Path) -> Iterator[Embedded]:
    """Open both homes over empty directories. The service counts as running; a test steps it."""
    hooks = Hooks()
    with pytest.MonkeyPatch.context() as patch, opened_home(root / "a", patch) as home:
        patch.setattr(process.Worker, "run", lambda asked: hooks.run(asked))
        patch.setattr(operations_databases, "is_running", lambda home: True)
        patch.setitem(registry.ENGINES, "sqlite", lambda instance: SqliteEngine(instance, home.clock))
        other = Home(root / "b", home.clock, home.server)
        hooks.opened(other)
        try:
            yield Embedded(root, [home, other], hooks)
        finally:
            hooks.close()
