"""What somebody who is given some instances reaches on this machine, and what nobody does: real files and links."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pwsops.engines.sqlite.names import locate
from pwsops.errors import Denied, InvalidInput, PwsopsError, Refused
from pwsops.operations import Operations, Role, open_operations
from pwsops.rules.model import RunStatus
from tests.people import acting_as

SECRET = "SECRET-OF-THEIRS"
O, S, A = Role.OPERATOR, Role.RESTORER, Role.ADMINISTRATOR  # noqa: E741


class Machine:
    """A home with two instances, `mine` and `theirs`, of which a backup was taken."""

    def __init__(self, base: Path) -> None:
        self.base = base
        for directory, value in (("mine", "m"), ("theirs/db", SECRET)):
            (base / directory).mkdir(parents=True)
            self.fill(base / directory / "x.db", value)
        for directory in ("old", "new", "own"):
            (base / directory).mkdir()
        self.home = base / "home"
        self.ops = open_operations(self.home, actor="host")
        self.ops.instances.add("mine", engine="sqlite", address=str(base / "mine"))
        self.ops.instances.add("theirs", engine="sqlite", address=str(base / "theirs/db"))
        self.taken = self.back_up("theirs", "theirs", "old")

    def fill(self, path: Path, value: str) -> None:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("CREATE TABLE t (a)")
            connection.execute("INSERT INTO t VALUES (?)", (value,))

    def holds(self, path: str) -> str:
        with closing(sqlite3.connect(self.base / path)) as connection:
            return str(connection.execute("SELECT a FROM t").fetchone()[0])

    def configure(self, ops: Operations, name: str, instance: str, directory: str, database: str = "x.db") -> None:
        profile = ops.profiles.new()
        profile.name, profile.instance, profile.databases = name, instance, [database]
        profile.directory, profile.active = str(self.base / directory), False
        ops.profiles.create(profile)

    def back_up(self, name: str, instance: str, directory: str) -> str:
        self.configure(self.ops, name, instance, directory)
        assert self.ops.runs.run_here(name).status is RunStatus.SUCCEEDED
        return self.ops.restores.sources(instance, "x.db")[0].path

    def some(self, role: Role) -> Operations:
        return acting_as(self.ops, role, instances=frozenset({"mine"}))


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    built = Machine(tmp_path)
    yield built
    built.ops.close()


def refused(machine: Machine, path: str) -> bool:
    """Whether nobody who is given `mine` alone reads a file, or restores it."""
    reads = []
    for role in (O, S, A):
        for instance in ("mine", None):
            with pytest.raises(Denied):
                machine.some(role).media.read(path, instance)
            with pytest.raises(Denied):
                machine.some(role).media.verify(path, 1, instance)
        if role is not O:
            with pytest.raises(Denied):
                machine.some(role).restores.restore("mine", "x.db", path, accept_unrecorded=True)
        reads.append(role)
    return machine.holds("mine/x.db") == "m"


def move_on(machine: Machine) -> None:
    profile = machine.ops.profiles.get("theirs")
    profile.directory = str(machine.base / "new")
    machine.ops.profiles.save("theirs", profile)


def delete(machine: Machine) -> None:
    machine.ops.profiles.delete("theirs")


def remove(machine: Machine) -> None:
    delete(machine)
    machine.ops.instances.remove("theirs")


@pytest.mark.parametrize("become_of_theirs", [lambda machine: None, move_on, delete, remove])
def test_what_was_ever_theirs_stays_theirs(machine: Machine, become_of_theirs: object) -> None:
    become_of_theirs(machine)  # type: ignore[operator]  # a function
    assert refused(machine, machine.taken)
    admin = machine.some(A)
    for directory in ("old", "theirs/db", "theirs"):
        with pytest.raises(Denied):
            machine.configure(admin, "bobs", "mine", directory)
        with pytest.raises(Denied):
            admin.instances.edit("mine", address=str(machine.base / directory))
    for directory in ("old", "theirs/db"):
        with pytest.raises(Denied):
            admin.databases.browse("mine", str(machine.base / directory))
    noted = [entry for entry in machine.ops.audit.list() if entry.action == "denied"]
    assert {entry.actor for entry in noted} == {"user:bob"}


def test_their_backup_is_theirs_wherever_it_lies(machine: Machine) -> None:
    machine.back_up("mine", "mine", "own")
    copy = machine.base / "own" / "copy.bak"
    shutil.copy(machine.taken, copy)
    assert refused(machine, str(copy))
    assert machine.ops.media.read(str(copy), "mine")
    linked = machine.base / "own" / "linked"
    linked.symlink_to(machine.base / "old")
    assert refused(machine, str(linked / os.path.basename(machine.taken)))


def test_what_nobody_recorded_is_nobodys_who_is_given_some(machine: Machine, tmp_path: Path) -> None:
    machine.back_up("mine", "mine", "own")
    other = tmp_path / "other"
    other.mkdir()
    elsewhere = Machine(other)
    elsewhere.ops.close()
    copy = machine.base / "own" / "unknown.bak"
    shutil.copy(elsewhere.taken, copy)
    assert refused(machine, str(copy))
    free = tmp_path / "free.bak"
    free.write_bytes(b"whatever it is")
    assert refused(machine, str(free))


def test_in_a_directory_that_is_shared_each_reads_their_own(machine: Machine) -> None:
    own = machine.back_up("mine", "mine", "old")
    assert refused(machine, machine.taken)
    for role in (O, A):
        assert [one.path for one in machine.some(role).media.read(own, "mine")] == [own]
        listed = {entry.path for entry in machine.some(role).databases.browse("mine", str(machine.base / "old"))}
        assert own in listed
        assert machine.taken not in listed
    machine.fill(machine.base / "mine" / "y.db", "newer")
    machine.some(S).restores.restore("mine", "y.db", own)
    assert machine.holds("mine/y.db") == "m"


def test_an_own_copy_is_read_where_nobody_keeps_anything(machine: Machine) -> None:
    own = machine.back_up("mine", "mine", "own")
    usb = machine.base / "usb.bak"
    shutil.copy(own, usb)
    assert machine.some(A).media.read(str(usb), "mine")
    with pytest.raises(Denied):
        machine.some(O).media.read(str(usb), "mine")


# Links


def test_no_path_goes_up_behind_a_link(machine: Machine) -> None:
    """The text of such a path goes up from where the link lies, the system from where it leads."""
    own = machine.back_up("mine", "mine", "own")
    (machine.base / "mine" / "a" / "b").mkdir(parents=True)
    (machine.base / "mine" / "link").symlink_to(machine.base / "mine" / "a" / "b")
    out = machine.base / "mine" / "link" / ".." / ".." / "theirs" / "db"
    assert os.path.realpath(out).startswith(str(machine.base / "mine")), "the system stays in what is theirs"
    for role in (S, A):
        with pytest.raises(Denied):
            machine.some(role).restores.restore("mine", "x.db", own, to_file=f"{out}/new.db")
        with pytest.raises(Denied):
            machine.some(role).restores.script("mine", "x.db", own, to_file=f"{out}/new.db")
    with pytest.raises(Denied):
        acting_as(machine.ops, S).restores.restore("mine", "x.db", own, to_file=f"{out}/new.db")
    with pytest.raises(InvalidInput, match="no absolute path of a file"):
        machine.ops.restores.restore("mine", "x.db", own, to_file=f"{out}/new.db")
    for directory in (str(out), str(out / ".." / "db")):
        with pytest.raises(Denied):
            machine.some(A).instances.edit("mine", address=directory)
        with pytest.raises(Denied):
            machine.configure(machine.some(A), "up", "mine", directory)
    assert os.listdir(machine.base / "theirs" / "db") == ["x.db"]


def test_only_who_is_given_all_lets_an_instance_follow_links(machine: Machine) -> None:
    with pytest.raises(Denied, match="what is not its own"):
        machine.some(A).instances.edit("mine", options={"follow_links": True})
    machine.ops.instances.edit("mine", options={"follow_links": True})
    machine.some(A).instances.edit("mine", options={"busy_s": 1.0})
    machine.some(A).instances.edit("mine", options={"follow_links": False})


def test_no_link_leads_to_the_databases_of_another_instance(machine: Machine) -> None:
    (machine.base / "mine" / "l.db").symlink_to(machine.base / "theirs" / "db" / "x.db")
    machine.ops.instances.edit("mine", options={"follow_links": True})
    own = machine.back_up("mine", "mine", "own")
    reason = {one.name: one.reason for one in machine.ops.databases.list("mine")}["l.db"]
    # Whoever sees the database reads this, also who may not know of the other instance.
    assert "another instance keeps its databases" in reason
    assert "theirs" not in reason
    with pytest.raises(Refused, match="where another instance keeps its databases"):
        machine.ops.databases.contents("mine", "l.db")
    with pytest.raises(Refused, match="where another instance keeps its databases"):
        machine.ops.restores.restore("mine", "l.db", own)
    assert machine.holds("theirs/db/x.db") == SECRET


@pytest.mark.parametrize("linked", [os.symlink, os.link], ids=["symbolic", "hard"])
def test_no_link_leads_to_the_home(machine: Machine, linked: object) -> None:
    """Not even for a user of the machine: the catalogue, and the audit log in it, could be restored over."""
    linked(machine.home / "catalogue.sqlite3", machine.base / "mine" / "c.db")  # type: ignore[operator]  # a function
    machine.ops.instances.edit("mine", options={"follow_links": True})
    machine.configure(machine.ops, "mine", "mine", "own", database="c.db")
    assert machine.ops.runs.run_here("mine").status is RunStatus.FAILED
    own = machine.back_up("own", "mine", "own")
    for work in (
        lambda: machine.ops.databases.contents("mine", "c.db"),
        lambda: machine.ops.restores.restore("mine", "c.db", own),
    ):
        with pytest.raises(Refused, match=f"a file of the home {machine.home}"):
            work()
    reason = {one.name: one.reason for one in machine.ops.databases.list("mine")}["c.db"]
    assert f"a file of the home {machine.home}" in reason


def ways(machine: Machine, path: str) -> list[Callable[..., object]]:
    """A restore as it is done, begun, scripted and planned: a plan raises what it tells."""

    def preview(instance: str, database: str, path: str, **options: Any) -> object:
        found = machine.ops.restores.preview(instance, database, path, **options)
        assert not found.creates
        raise Refused(found.obstacle, hint="x")

    restores = machine.ops.restores
    return [partial(ask, "mine", path=path) for ask in (restores.restore, restores.script, preview)]


def test_what_is_off_limits_is_refused_however_a_restore_is_asked_for(machine: Machine) -> None:
    own = machine.back_up("mine", "mine", "own")
    (machine.base / "mine" / "l.db").symlink_to(machine.base / "theirs" / "db" / "x.db")
    (machine.base / "mine" / "c.db").symlink_to(machine.home / "catalogue.sqlite3")
    (machine.base / "way").symlink_to(machine.home)
    machine.ops.instances.edit("mine", options={"follow_links": True})
    for ask in ways(machine, own):
        for database, why in (("l.db", "another instance keeps its databases"), ("c.db", "a file of the home")):
            for options in ({}, {"create": True}):
                with pytest.raises(Refused, match=why):
                    ask(database=database, **options)
        for directory in (machine.home, machine.home / "logs", machine.base / "way"):
            with pytest.raises(Refused, match="the home"):
                ask(database="x.db", to_file=str(directory / "new.db"))
    shutil.move(machine.base / "mine", machine.base / "former")
    (machine.base / "mine").symlink_to(machine.home)
    for ask in ways(machine, own):
        for options in ({}, {"new": True}):
            with pytest.raises(Refused, match="its own catalogue"):
                ask(database="new.db", **options)
    with pytest.raises(Refused, match="its own catalogue"):
        machine.ops.restores.plan("mine", "x.db", own)


def test_what_cannot_be_made_or_is_in_the_way_is_planned_as_it_is_done(machine: Machine) -> None:
    own = machine.back_up("mine", "mine", "own")
    (machine.base / "there.db").write_text("mine")
    for ask in ways(machine, own):
        for target, why in (
            ({"to_file": str(machine.base / "none" / "x.db")}, "its directory does not exist"),
            ({"to_file": str(machine.base / "there.db")}, "exists already"),
            ({"new": True}, "has the database x.db already"),
        ):
            with pytest.raises(PwsopsError, match=why):
                ask(database="x.db", **target)
        with pytest.raises(PwsopsError, match="does not exist"):
            ask(database="gone.db")


def test_no_directory_leads_into_the_home(machine: Machine) -> None:
    link = machine.base / "logs"
    link.symlink_to(machine.home / "logs")
    for directory in (str(machine.home), str(link), str(machine.base / "mine" / ".." / "home")):
        for work in (
            lambda path: machine.ops.databases.browse("mine", path),
            lambda path: machine.ops.databases.check_directory("mine", path),
            lambda path: machine.ops.media.read(f"{path}/any.bak"),
            lambda path: machine.ops.media.read(f"{path}/any.bak", "mine"),
            lambda path: machine.ops.instances.edit("mine", address=path),
        ):
            with pytest.raises(Refused, match=r"the home|its own catalogue"):
                work(directory)
    with pytest.raises(Refused, match="the home"):
        machine.configure(machine.ops, "into", "mine", "logs")
    # A directory that leads into the home since it was checked.
    (machine.base / "backups").mkdir()
    machine.configure(machine.ops, "into", "mine", "backups")
    (machine.base / "backups").rmdir()
    (machine.base / "backups").symlink_to(machine.home / "logs")
    assert machine.ops.runs.run_here("into").status is RunStatus.FAILED
    # An address that leads into the home since it was checked.
    shutil.move(machine.base / "mine", machine.base / "former")
    (machine.base / "mine").symlink_to(machine.home)
    with pytest.raises(Refused, match="the home"):
        machine.ops.databases.list("mine")
    with pytest.raises(Refused, match="the home"):
        machine.ops.databases.contents("mine", "catalogue.sqlite3")


def test_samples_may_lie_in_the_home(machine: Machine) -> None:
    machine.ops.samples.create()
    (machine.home / "sample-backups").mkdir(exist_ok=True)
    machine.configure(machine.ops, "vaults", "samples", "home/sample-backups", database="family-vault.sqlite3")
    assert machine.ops.runs.run_here("vaults").status is RunStatus.SUCCEEDED


def test_without_a_home_nothing_is_off_limits(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"")
    assert locate(str(tmp_path), "x.db")[0] == "x.db"
    with pytest.raises(PwsopsError):
        locate(str(tmp_path), "y")
