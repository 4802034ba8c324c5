"""The home is lost and the backups are there: all that can be known is made anew from them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from pwsops.cli.app import app
from pwsops.errors import Conflict, Denied, InvalidInput, Refused
from pwsops.operations import Operations, open_operations
from pwsops.operations.points import PointView
from pwsops.operations.rebuilding import Rebuilt
from pwsops.profile import BackupProfile
from pwsops.rules.model import BackupKind, RunStatus
from pwsops.rules.rights import Principal, Role, Way
from tests import unmeasured
from tests.clocks import ManualClock

NAMES = ("ledger.db", "stock.db")


class Site:
    """A home with two profiles, and homes that come after it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.vaults, self.media = root / "vaults", root / "media"
        self.vaults.mkdir()
        self.media.mkdir()
        # The engine dates its backups by the machine's clock: they are not to be of the future.
        self.clock = ManualClock(datetime.now(UTC))
        self._opened: list[Operations] = []
        self.row = 0

    def home(self, name: str) -> Operations:
        ops = open_operations(self.root / name, actor="ann", clock=self.clock)
        self._opened.append(ops)
        return ops

    def lose(self, ops: Operations) -> None:
        self.close(ops)
        shutil.rmtree(ops.home)

    def close(self, ops: Operations) -> None:
        self._opened.remove(ops)
        ops.close()

    def close_all(self) -> None:
        for ops in self._opened:
            ops.close()

    def directory(self, name: str) -> Path:
        made = self.media / name
        made.mkdir(exist_ok=True)
        return made

    def write(self, database: str) -> None:
        self.row += 1
        with closing(sqlite3.connect(self.vaults / database)) as opened, opened:
            opened.execute("CREATE TABLE IF NOT EXISTS t (x)")
            opened.execute("INSERT INTO t VALUES (?)", (self.row,))

    def profile(self, name: str, database: str, **values: Any) -> BackupProfile:
        given = {"every": 1, "unit": "d", "start": datetime(2026, 3, 1), "timezone": "UTC", "renew_full": "never"}
        where = {"instance": "own", "databases": [database], "directory": str(self.directory(name))}
        return BackupProfile(name=name, **{**given, **where, **values})

    def begin(self, home: str = "a", **values: Any) -> Operations:
        """A home with a profile for each database, that keeps the last five backups."""
        ops = self.home(home)
        ops.instances.add("own", engine="sqlite", address=str(self.vaults))
        for name in NAMES:
            self.write(name)
            ops.profiles.create(self.profile(f"of {name}", name, **{"keep_last": 5, **values}))
        return ops

    def run(self, ops: Operations, database: str, kind: BackupKind) -> int:
        self.write(database)
        self.clock.advance(minutes=7)
        run = ops.runs.run_here(f"of {database}", kind)
        assert run.status is RunStatus.SUCCEEDED, run.items[0].error
        self.clock.advance(minutes=1)
        return run.id

    def take(self, ops: Operations) -> None:
        """Take a full and two incrementals of each database."""
        for database in NAMES:
            for kind in (BackupKind.FULL, BackupKind.DIFFERENTIAL, BackupKind.DIFFERENTIAL):
                self.run(ops, database, kind)

    def forget(self) -> None:
        """Leave nothing but the media themselves."""
        for each in self.media.rglob("*.pwsops"):
            each.unlink()

    def rebuild(self, ops: Operations, *directories: Path, **values: Any) -> Rebuilt:
        return ops.rebuild([str(each) for each in directories or (self.media,)], **values)

    def files(self) -> dict[str, str]:
        """What lies in the directories of the media: nothing is ever written there by a rebuild."""
        return {str(path): _digest(path) for path in sorted(self.media.rglob("*")) if path.is_file()}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def points(ops: Operations, instance: str = "own") -> list[PointView]:
    return [one for name in NAMES for one in ops.points.list(instance, name)]


def restored(ops: Operations, instance: str, found: Sequence[PointView], out: Path) -> dict[str, str]:
    """Restore each point, and return what it gives, by its set."""
    out.mkdir()
    digests = {}
    for number, one in enumerate(found):
        target = out / f"{number}.db"
        ops.restores.restore(instance, one.chain[-1].database, one.path, one.position, to_file=str(target))
        digests[one.set_id] = _digest(target)
    return digests


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.close_all()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The media of a home that took two fulls and four incrementals; taken once, since each takes its process."""
    made = Site(tmp_path_factory.mktemp("prepared"))
    ops = made.begin()
    made.take(ops)
    made.lose(ops)
    made.forget()
    return made.root


@pytest.fixture
def lost(site: Site, prepared: Path) -> Site:
    """A site whose home is lost, and of which nothing is left but its databases and media."""
    for name in ("vaults", "media"):
        shutil.copytree(prepared / name, site.root / name, dirs_exist_ok=True)
    return site


def test_each_point_of_a_lost_home_is_there_again_and_gives_the_same_bytes(site: Site) -> None:
    first = site.begin()
    site.take(first)
    before, truth = points(first), restored(first, "own", points(first), site.root / "before")
    site.lose(first)
    site.forget()
    laid = site.files()
    ops = site.home("b")
    found = site.rebuild(ops, instance="own", address=str(site.vaults))
    assert (found.sets_found, found.sets_new, found.sets_known, found.conflicts, found.unread) == (6, 6, 0, [], [])
    assert found.instances == ["own"]
    again = points(ops)
    assert [(one.set_id, one.at, one.data_at, one.kind, one.path, one.restorable, one.present) for one in again] == [
        (one.set_id, one.at, one.data_at, one.kind, one.path, True, True) for one in before
    ]
    assert restored(ops, "own", again, site.root / "after") == truth
    assert site.files() == laid
    assert [one.proven_at for one in again] == [None] * 6, "nobody read one as a whole in this home"
    assert any("proven" in each for each in found.missing)


def test_a_rebuild_that_is_done_twice_changes_nothing(lost: Site) -> None:
    ops = lost.home("b")
    lost.rebuild(ops, instance="own", address=str(lost.vaults))
    before = points(ops)
    ops.media.verify(before[0].path, instance="own")
    before = points(ops)
    again = lost.rebuild(ops, instance="own", address=str(lost.vaults))
    assert (again.sets_found, again.sets_new, again.sets_known, again.instances) == (6, 0, 6, [])
    assert points(ops) == before, "what was proven meanwhile stays proven"


def taken(site: Site) -> Operations:
    ops = site.begin()
    site.take(ops)
    return ops


def test_it_is_gone_on_with_where_it_ended_in_the_middle(lost: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = lost.home("whole")
    lost.rebuild(whole, instance="own", address=str(lost.vaults))
    before = [one.set_id for one in points(whole)]
    monkeypatch.setattr("pwsops.operations.rebuilding.WRITTEN_AT_ONCE", 2)
    ops = lost.home("b")

    def stop(what: str, done: int, total: int) -> None:
        if what == "recording" and done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lost.rebuild(ops, instance="own", address=str(lost.vaults), tell=stop)
    assert len(points(ops)) == 4
    assert lost.rebuild(ops, instance="own").sets_new == 2
    assert [one.set_id for one in points(ops)] == before


def test_what_is_older_than_what_is_known_goes_before_it(lost: Site) -> None:
    """By the order of records policies count, verdicts take the newest, and names are written over."""
    aside = lost.root / "aside"
    lost.media.rename(aside)
    lost.media.mkdir()
    second = lost.begin("b")
    new = lost.run(second, NAMES[0], BackupKind.FULL)
    assert lost.rebuild(second, aside, instance="own").sets_new == 6
    found = second.points.list("own", NAMES[0])
    assert [one.run for one in found] == [new, None, None, None]
    assert [one.at for one in found] == sorted((one.at for one in found), reverse=True)
    run = lost.run(second, NAMES[0], BackupKind.DIFFERENTIAL)
    assert second.points.of_run("own", NAMES[0], run).chain[0].set_id == found[0].set_id, "its own full is the base"
    counted = {one.set_id for one in second.retention.preview(f"of {NAMES[0]}").sets}
    assert counted.isdisjoint(one.set_id for one in found[1:]), "no policy of this home counts them"


def test_what_cannot_be_read_is_named_and_what_is_not_ours_passed_over(lost: Site) -> None:
    directory = lost.media / f"of {NAMES[0]}"
    fulls = sorted(directory.glob("*_FULL_*.bak"))
    fulls[0].write_bytes(fulls[0].read_bytes()[:-1] + b"?")
    (directory / "notes.txt").write_text("mine")
    (directory / "tape.bak").write_bytes(b"TAPE" + bytes(100))
    (directory / "link.bak").symlink_to(next(iter((lost.media / f"of {NAMES[1]}").glob("*_FULL_*.bak"))))
    (directory / "around").symlink_to(lost.media)
    os.mkfifo(directory / "pipe.bak")
    moved = directory / "two\nlines.bak"
    next(iter(directory.glob("*_DIFF_*.bak"))).rename(moved)
    ops = lost.home("b")
    found = lost.rebuild(ops, lost.media, lost.media / "nowhere" / "at all", directory, instance="own")
    assert {each.path for each in found.unread} == {str(fulls[0])}
    assert "damaged" in found.unread[0].reason
    assert (found.sets_found, found.sets_new, found.of_servers) == (5, 5, 1)
    assert str(moved) in {one.path for one in points(ops)}
    gone = lost.rebuild(ops, lost.root / "nowhere", instance="own")
    assert [(each.path, "No such file" in each.reason) for each in gone.unread] == [(str(lost.root / "nowhere"), True)]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_directory_that_may_not_be_read_is_not_an_empty_one(lost: Site) -> None:
    shut = lost.media / f"of {NAMES[0]}"
    shut.chmod(0)
    try:
        found = lost.rebuild(lost.home("b"), instance="own")
    finally:
        shut.chmod(0o700)
    assert [each.path for each in found.unread] == [str(shut)]
    assert found.sets_new == 3


def test_one_identity_with_two_contents_is_in_doubt_and_a_copy_is_not(lost: Site) -> None:
    one = next(iter((lost.media / f"of {NAMES[0]}").glob("*_FULL_*.bak")))
    copy = lost.directory("copies") / "deeper" / one.name
    copy.parent.mkdir()
    shutil.copy(one, copy)
    other = next(iter((lost.media / f"of {NAMES[1]}").glob("*_FULL_*.bak")))
    forged = lost.directory("forged") / "a.bak"
    forged.write_bytes(with_identity(other.read_bytes(), one_id(other), description="somebody else's"))
    ops = lost.home("b")
    found = lost.rebuild(ops, instance="own")
    assert (found.sets_found, found.sets_new, found.copies) == (8, 5, 1)
    assert {each.path for each in found.conflicts} == {str(other), str(forged)}
    assert str(one) in {each.path for each in points(ops)}


def one_id(path: Path) -> str:
    from pwsops.engines.sqlite.media import Media

    with Media(str(path)) as media:
        return media.header.set_id


def with_identity(whole: bytes, set_id: str, **changed: Any) -> bytes:
    """Return a file of ours with other words in its header, whose checksums hold."""
    from pwsops.engines.sqlite import layout
    from tests.fuzz import mutations

    parts = mutations.take_apart(whole)
    header = layout.pack_block(layout.MAGIC, mutations.content_of(parts.header) | {"set_id": set_id} | changed)
    trailer = whole[len(whole) - layout.FOOTER_BYTES - len(parts.trailer) : len(whole) - layout.FOOTER_BYTES]
    body = whole[len(parts.header) : len(whole) - layout.FOOTER_BYTES - len(trailer)]
    return header + body + trailer + layout.pack_footer(len(header) + len(body), header, trailer)


def test_another_set_in_a_file_that_is_recorded_is_not_taken_over(site: Site) -> None:
    ops = taken(site)
    known = ops.points.list("own", NAMES[0])[-1]
    other = ops.points.list("own", NAMES[1])[-1]
    Path(known.path).write_bytes(with_identity(Path(other.path).read_bytes(), "a0" * 16))
    found = site.rebuild(ops, instance="own")
    assert [each.path for each in found.conflicts] == [known.path]
    assert found.sets_new == 0


@pytest.mark.parametrize("name", ["a/b.db", "..", "", "x" * 300, "a\ud800.db"])
def test_a_file_that_declares_an_impossible_name_is_refused(lost: Site, name: str) -> None:
    one = next(iter((lost.media / f"of {NAMES[0]}").glob("*_FULL_*.bak")))
    forged = lost.directory("forged") / "a.bak"
    forged.write_bytes(with_identity(one.read_bytes(), "b1" * 16, database=name))
    found = lost.rebuild(lost.home("b"), instance="own")
    assert [each.path for each in found.unread] == [str(forged)]
    assert found.sets_new == 6


def test_without_an_instance_nothing_is_guessed(lost: Site) -> None:
    ops = lost.home("b")
    found = lost.rebuild(ops)
    assert (found.sets_found, found.sets_new, len(found.unassigned)) == (6, 0, 6)
    assert any("--instance" in each for each in found.missing)
    assert ops.instances.list() == []


def test_an_instance_is_made_where_nothing_tells_where_its_databases_were(lost: Site) -> None:
    ops = lost.home("b")
    found = lost.rebuild(ops, instance="found")
    assert any(str(ops.home / "databases" / "found") in each for each in found.missing)
    newest = ops.points.list("found", NAMES[0])[0]
    ops.restores.restore("found", NAMES[0], newest.path, newest.position, create=True)
    assert [one.name for one in ops.databases.list("found")] == [NAMES[0]]


def test_what_cannot_be_an_instance_or_a_directory_is_refused(lost: Site) -> None:
    ops = lost.home("b")
    ops.instances.add("own", engine="sqlite", address=str(lost.vaults))
    other = lost.root / "other"
    with pytest.raises(InvalidInput, match="no directory was named"):
        ops.rebuild([])
    with pytest.raises(InvalidInput, match="no absolute path"):
        ops.rebuild(["media"])
    with pytest.raises(Refused, match="home"):
        lost.rebuild(ops, ops.home)
    with pytest.raises(InvalidInput, match="directory of its name"):
        lost.rebuild(ops, instance="a/b")
    with pytest.raises(InvalidInput, match="cannot be called"):
        lost.rebuild(ops, instance=" a", address=str(other))
    with pytest.raises(InvalidInput, match="cannot be at"):
        lost.rebuild(ops, instance="new", address="relative")
    with pytest.raises(Conflict, match="is the instance 'own' already"):
        lost.rebuild(ops, instance="new", address=str(lost.vaults))
    with pytest.raises(Refused, match="its own catalogue"):
        lost.rebuild(ops, instance="new", address=str(ops.home))
    with pytest.raises(InvalidInput, match="not at"):
        lost.rebuild(ops, instance="own", address=str(other))


def test_a_rebuild_that_was_killed_is_gone_on_with(lost: Site) -> None:
    """Wherever that hits it: what it recorded is whole, and the next one finds the rest."""
    words = ["--home", str(lost.root / "b"), "rebuild", "--directory", str(lost.media), "--instance", "own"]
    for step in ("Listing", "Reading", "Recording"):
        command = [sys.executable, "-m", "pwsops", *words]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=unmeasured.environment()) as process:
            assert process.stderr is not None
            next((line for line in process.stderr if line.startswith(step)), None)
            process.kill()
    ops = lost.home("b")
    found = lost.rebuild(ops, instance="own")
    assert (found.sets_found, found.unread, found.conflicts) == (6, [], [])
    assert len(points(ops)) == 6


@pytest.mark.parametrize("command", [["rebuild"], ["catalogue", "rebuild"]])
def test_the_command_tells_what_was_found(lost: Site, command: list[str]) -> None:
    where = ["--directory", str(lost.media), "--instance", "own", "--address", str(lost.vaults)]
    shown = invoked(lost, *command, *where)
    assert "Recorded 6 backups." in shown.output
    assert "Made the instance own." in shown.output
    (told,) = json.loads(invoked(lost, *command, *where, "--json").stdout)
    assert (told["sets_found"], told["sets_new"], told["sets_known"], told["unreadable"]) == (6, 0, 6, [])


def test_the_command_names_what_was_not_recorded(lost: Site) -> None:
    one = next(iter((lost.media / f"of {NAMES[0]}").glob("*_FULL_*.bak")))
    one.write_bytes(one.read_bytes()[:-1] + b"?")
    other = next(iter((lost.media / f"of {NAMES[1]}").glob("*_FULL_*.bak")))
    (lost.media / "forged.bak").write_bytes(with_identity(other.read_bytes(), one_id(other), description="another"))
    shown = invoked(lost, "rebuild", "--directory", str(lost.media))
    assert f"Not read: {one}: " in shown.stderr
    assert f"In conflict, not recorded: {other}: " in shown.stderr
    assert shown.stderr.count("Of no known instance, not recorded: ") == 4


def test_a_directory_that_was_named_and_is_not_there_is_no_success(lost: Site) -> None:
    nowhere = str(lost.root / "nowhere")
    done = invoked(lost, "rebuild", "--directory", nowhere, "--directory", str(lost.media), code=1)
    assert f"Not read: {nowhere}: " in done.stderr
    assert "Recorded " in done.stdout


def invoked(site: Site, *words: str, code: int = 0) -> Result:
    done = CliRunner().invoke(app, ["--home", str(site.root / "b"), *words])
    assert done.exit_code == code, done.output
    return done


def test_it_is_written_into_the_audit_log_and_is_an_administrators(lost: Site) -> None:
    ops = lost.home("b")
    lost.rebuild(ops, instance="own")
    entries = {entry.action: entry for entry in ops.audit.list()}
    assert str(lost.media) in entries["rebuild begun"].subject
    assert entries["rebuild"].detail.startswith("6 backups recorded")
    viewer = ops.acting_as(
        lambda: Principal(name="vi", way=Way.SIGNED_IN, role=Role.OPERATOR, system_user="", instances=None)
    )
    with pytest.raises(Denied):
        lost.rebuild(viewer)
