"""Over random histories of real files: each point that is offered gives exactly the data of its moment back."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from pwsops.errors import NotFound
from pwsops.operations import Operations, open_operations
from pwsops.profile import BackupProfile
from pwsops.rules.model import BackupKind, RunStatus
from tests.clocks import NOON, ManualClock

NAME = "ledger.db"
HAPPENINGS = st.sampled_from(["full", "full", "incremental", "incremental", "delete", "damage", "move away", "restore"])


@dataclass
class World:
    """A home, a database, and what was in it whenever a backup was taken."""

    ops: Operations
    clock: ManualClock
    root: Path
    truth: dict[str, tuple[datetime, int]] = field(default_factory=dict)
    """By `set_id`: when it was taken, and the highest row that it holds."""
    broken: set[str] = field(default_factory=set)
    """The paths of files that are gone or damaged."""
    row: int = 0

    def write(self) -> None:
        self.row += 1
        with closing(sqlite3.connect(self.root / "vaults" / NAME)) as database, database:
            database.execute("CREATE TABLE IF NOT EXISTS t (x)")
            database.execute("INSERT INTO t VALUES (?)", (self.row,))

    def newest_row(self, path: Path) -> int:
        with closing(sqlite3.connect(path)) as database:
            return int(database.execute("SELECT max(x) FROM t").fetchone()[0])

    def happen(self, what: str, number: int) -> None:
        self.clock.advance(minutes=7)
        if what in ("full", "incremental"):
            self.write()
            kind = BackupKind.FULL if what == "full" else BackupKind.DIFFERENTIAL
            run = self.ops.runs.run_here("p", kind)
            assert run.status is RunStatus.SUCCEEDED, run.items[0].error
            point = self.ops.points.of_run("own", NAME, run.id)
            self.truth[point.set_id] = (point.at, self.row)
            return
        if what == "restore":
            self._restore(number)
            return
        files = sorted((self.root / "media").glob("*.bak"))
        if files:
            self._spoil(files[number % len(files)], what)

    def _restore(self, number: int) -> None:
        found = [one for one in self.ops.points.list("own", NAME) if one.restorable]
        if found:
            held = self.newest_row(self.root / "vaults" / NAME)
            chosen = found[number % len(found)]
            self.ops.restores.restore("own", NAME, chosen.path, chosen.position, safety_copy=True)
            for one in self.ops.points.list("own", NAME):
                if one.set_id not in self.truth:  # the copy of what was there
                    self.truth[one.set_id] = (one.at, held)

    def _spoil(self, path: Path, what: str) -> None:
        self.broken.add(str(path))
        if what == "delete":
            path.unlink()
        elif what == "move away":
            path.rename(self.root / "away" / path.name)
        else:
            path.write_bytes(path.read_bytes()[:-1] + b"?")  # its last byte belongs to a checksum

    def whole(self) -> dict[str, datetime]:
        """What can be restored, by whoever knows all: nothing of its chain is broken."""
        return {
            one.set_id: one.at
            for one in self.ops.points.list("own", NAME)
            if one.chain and not any(each.path in self.broken for each in one.chain)
        }


@settings(max_examples=8)
@given(st.lists(st.tuples(HAPPENINGS, st.integers(0, 20)), min_size=3, max_size=9), st.integers(0, 70))
def test_each_point_gives_the_data_of_its_moment_and_the_newest_whole_one_is_chosen(
    happenings: list[tuple[str, int]], minutes: int
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        for name in ("vaults", "media", "away"):
            (root / name).mkdir()
        clock = ManualClock()
        ops = open_operations(root / "home", actor="ann", clock=clock)
        try:
            world = World(ops, clock, root)
            world.write()
            ops.instances.add("own", engine="sqlite", address=str(root / "vaults"))
            profile = BackupProfile(
                name="p", instance="own", databases=[NAME], directory=str(root / "media"), every=1, unit="d",
                start=datetime(2026, 3, 1), timezone="UTC", active=False,
            )  # fmt: skip
            ops.profiles.create(profile)
            for what, number in happenings:
                world.happen(what, number)
            _check(world, minutes)
        finally:
            ops.close()


def _check(world: World, minutes: int) -> None:
    whole = world.whole()
    offered = world.ops.points.list("own", NAME)
    assert {one.set_id for one in offered if one.restorable} == set(whole)
    moment = min(world.clock.now(), NOON + timedelta(minutes=minutes))
    fit = {set_id: at for set_id, at in whole.items() if at <= moment}
    try:
        chosen = world.ops.points.at("own", NAME, moment).point
    except NotFound:
        assert fit == {}
    else:
        assert chosen.at == max(fit.values())
    for number, one in enumerate(offered):
        out = world.root / f"out-{number}.db"
        if one.restorable:
            world.ops.restores.restore("own", NAME, one.path, one.position, to_file=str(out))
            at, row = world.truth[one.set_id]
            assert (one.at, world.newest_row(out)) == (at, row)
        else:
            assert one.why
