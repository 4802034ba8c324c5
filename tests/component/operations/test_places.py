"""An instance of the same name at another place is another one: what was taken of the former counts for nothing."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from pwsops.catalogue import instances, sets
from pwsops.catalogue.profiles import ProfileRow
from pwsops.catalogue.schema import runs
from pwsops.engines.protocol import Engine
from pwsops.engines.requests import BackupRequest
from pwsops.errors import Conflict, DatabaseDamaged, Refused
from pwsops.operations import open_operations
from pwsops.operations.records import DatabaseView
from pwsops.rules.model import BackupKind, RunStatus
from pwsops.rules.protection import Cause
from pwsops.runs.attempts import LOOK_AGAIN
from tests.component.runs.test_runner import crashed, finished_set
from tests.homes import HOUR, Home


def view(home: Home) -> DatabaseView:
    return next(one for one in home.ops.databases.list("srv") if one.name == "one")


def replaceable(home: Home) -> int:
    return len(home.server.requests[-1].replaceable)


def backed_up(home: Home) -> str:
    home.add(timestamp=False)
    home.run()
    assert view(home).last_full_at is not None
    return next(one.address for one in home.ops.instances.list() if one.name == "srv")


def test_an_instance_at_another_address_has_no_backups_yet_and_replaces_none(home: Home) -> None:
    backed_up(home)
    home.ops.instances.edit("srv", address="elsewhere")
    assert view(home).last_full_at is None
    assert view(home).verdict.findings[0].cause is Cause.NEVER_BACKED_UP
    assert home.ops.restores.sources("srv", "one") == []
    assert home.ops.profiles.view("p").next_kind is BackupKind.FULL
    home.clock.advance(HOUR)
    home.run()
    assert replaceable(home) == 0
    assert home.server.requests[-1].kind is BackupKind.FULL


def test_what_was_taken_counts_again_where_the_address_is_put_right(home: Home) -> None:
    former = backed_up(home)
    home.ops.instances.edit("srv", address="elsewhere")
    home.ops.instances.edit("srv", address=former)
    assert view(home).last_full_at is not None
    assert len(home.ops.restores.sources("srv", "one")) == 1


def test_another_spelling_of_an_address_is_no_other_place(home: Home) -> None:
    former = backed_up(home)
    home.ops.instances.edit("srv", address=former.upper())
    assert view(home).last_full_at is not None


def test_an_instance_that_is_added_under_a_former_name_inherits_nothing_from_another_place(home: Home) -> None:
    former = backed_up(home)
    home.ops.profiles.delete("p")
    home.ops.instances.remove("srv")
    home.ops.instances.add("srv", engine="fake", address="elsewhere")
    assert view(home).last_full_at is None
    home.ops.instances.remove("srv")
    home.ops.instances.add("srv", engine="fake", address=former)
    assert view(home).last_full_at is not None


def test_the_sets_of_all_instances_are_still_known_by_what_they_are(home: Home) -> None:
    backed_up(home)
    home.ops.instances.edit("srv", address="elsewhere")
    taken = home.server.media["/media/one_FULL.bak"][0]
    with home.core.catalogue.read() as connection:
        assert [one.set_id for one in sets.by_id(connection, taken.set_id)] == [taken.set_id]


def test_a_set_that_lies_in_its_file_again_counts_again(home: Home) -> None:
    """A disk was away for one run, which wrote into the directory that it is mounted on."""
    home.add(timestamp=False, incremental=False)
    home.run()
    media = home.server.media
    former = media.pop("/media/one_FULL.bak")
    home.clock.advance(HOUR)
    home.run()
    assert view(home).verdict.point is not None
    meanwhile, media["/media/one_FULL.bak"] = media["/media/one_FULL.bak"], former
    assert view(home).verdict.point is not None
    assert view(home).verdict.point.set_id == former[0].set_id
    assert [one.set_id for one in home.ops.restores.sources("srv", "one")] == [former[0].set_id]
    home.clock.advance(HOUR)
    home.run()
    assert former[0].set_id in {one.set_id for one in home.server.requests[-1].replaceable}
    assert meanwhile[0].set_id != former[0].set_id


def test_one_directory_is_not_two_instances(tmp_path: Path) -> None:
    ops = open_operations(tmp_path / "home")
    vaults = tmp_path / "vaults"
    vaults.mkdir()
    (tmp_path / "link").symlink_to(vaults)
    ops.instances.add("a", engine="sqlite", address=str(vaults))
    for address in (str(vaults), f"{vaults}/", str(tmp_path / "link")):
        with pytest.raises(Conflict, match="is the instance 'a' already"):
            ops.instances.add("b", engine="sqlite", address=address)
    ops.instances.add("b", engine="sqlite", address=str(tmp_path))
    with pytest.raises(Conflict, match="is the instance 'a' already"):
        ops.instances.edit("b", address=str(tmp_path / "link"))
    ops.instances.edit("a", address=str(tmp_path / "link"))
    ops.close()


def test_the_home_is_no_place_for_databases(tmp_path: Path) -> None:
    """Who may restore there could put another catalogue, with another audit log, in the place of ours."""
    home, link, vaults = (tmp_path / name for name in ("home", "link", "vaults"))
    vaults.mkdir()
    with closing(open_operations(home)) as ops:
        link.symlink_to(home)
        for address in (str(home), str(link), f"{home}/../home"):
            with pytest.raises(Refused, match="its own catalogue"):
                ops.instances.add("own", engine="sqlite", address=address)
        ops.instances.add("a", engine="sqlite", address=str(vaults))
        with pytest.raises(Refused, match="its own catalogue"):
            ops.instances.edit("a", address=str(home))
        # Of a version that did not ask, or a directory that leads elsewhere since.
        with ops._core.catalogue.write() as connection:
            row = instances.find(connection, "a")
            assert row is not None
            instances.amend(connection, replace(row, address=str(home)))
        with pytest.raises(Refused, match="its own catalogue"):
            ops.restores.restore("a", "catalogue.sqlite3", str(vaults / "any.bak"))
        assert [one.name for one in ops.instances.list()] == ["a"]


def ids(home: Home, instance: str) -> list[str]:
    with home.core.catalogue.read() as connection:
        return [one.set_id for one in sets.of_database(connection, instance, "one")]


def at(home: Home, address: str) -> DatabaseView:
    home.ops.instances.edit("srv", address=address)
    return view(home)


def test_what_a_run_takes_belongs_to_where_its_instance_was_when_it_began(home: Home) -> None:
    home.add()
    home.server.before_backup = lambda request: home.ops.instances.edit("srv", address="elsewhere")
    assert home.run() is RunStatus.SUCCEEDED
    assert view(home).verdict.findings[0].cause is Cause.NEVER_BACKED_UP
    assert home.ops.restores.sources("srv", "one") == []
    assert home.ops.profiles.view("p").next_kind is BackupKind.FULL
    assert at(home, "nowhere").last_full_at is not None


def test_a_damaged_database_is_known_where_the_instance_was_when_the_run_began(home: Home) -> None:
    home.add()

    def moved(request: BackupRequest) -> None:
        home.ops.instances.edit("srv", address="elsewhere")
        raise DatabaseDamaged("The database is damaged.", hint="Restore it.")

    home.server.before_backup = moved
    assert home.run() is RunStatus.FAILED
    causes = {each.cause for each in view(home).verdict.findings}
    assert Cause.DATABASE_DAMAGED not in causes
    # A good full there is no news of the one here.
    home.server.before_backup = None
    home.run()
    assert Cause.DATABASE_DAMAGED in {each.cause for each in at(home, "nowhere").verdict.findings}


def test_a_run_whose_instance_is_given_another_address_before_it_is_reached_backs_up_nothing_there(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.add()
    open_engine = home.core.runner._open_engine

    def moved(profile: ProfileRow) -> Engine:
        home.ops.instances.edit("srv", address="elsewhere")
        return open_engine(profile)

    monkeypatch.setattr(home.core.runner, "_open_engine", moved)
    assert home.run() is RunStatus.FAILED
    assert "srv was given another address since the run began" in home.ops.runs.list()[0].summary
    assert home.server.requests == []


def test_what_a_dead_process_finished_is_looked_for_where_its_instance_was(home: Home) -> None:
    run_id = crashed(home)
    home.server.finished[f"one: pwsops run {run_id} (dead)"] = finished_set(run_id)
    home.ops.instances.edit("srv", address="elsewhere")
    home.core.runner.reconcile()
    run = home.ops.runs.get(run_id)
    assert run.status is RunStatus.FAILED
    assert "the instance srv was removed or given another address since the run began" in run.items[0].error
    assert home.server.looked_in == []
    assert view(home).last_full_at is None
    home.ops.instances.edit("srv", address="nowhere")
    home.clock.advance(LOOK_AGAIN[0])
    home.core.runner.reconcile()
    assert home.ops.runs.get(run_id).status is RunStatus.SUCCEEDED
    assert ids(home, "srv") == ["set of one"]


@pytest.mark.parametrize("looks_again", [False, True])
def test_what_a_dead_process_finished_belongs_to_the_instance_and_directory_of_its_run(
    home: Home, *, looks_again: bool
) -> None:
    home.ops.instances.add("other", engine="fake", address="elsewhere")
    run_id = crashed(home)
    if looks_again:
        home.core.runner.reconcile()
        home.clock.advance(LOOK_AGAIN[0])
    home.server.finished[f"one: pwsops run {run_id} (dead)"] = finished_set(run_id)
    profile = home.ops.profiles.get("p")
    profile.instance, profile.directory = "other", "/new"
    home.ops.profiles.save("p", profile)
    home.core.runner.reconcile()
    assert home.ops.runs.get(run_id).status is RunStatus.SUCCEEDED
    assert home.server.looked_in[-1] == ("nowhere", "/media")
    assert (ids(home, "srv"), ids(home, "other")) == (["set of one"], [])


def test_each_run_is_where_its_own_instance_is(home: Home) -> None:
    home.ops.instances.add("other", engine="fake", address="elsewhere")
    home.add()
    home.add(name="q", instance="other", directory="/new")
    for name in ("p", "q", "p"):
        assert home.run(name) is RunStatus.SUCCEEDED
    with home.core.catalogue.read() as connection:
        told = connection.execute(select(runs.c.instance, runs.c.place, runs.c.directory).order_by(runs.c.id)).all()
    first = ("srv", "fake nowhere", "/media")
    assert told == [first, ("other", "fake elsewhere", "/new"), first]


def test_a_file_of_the_same_path_on_another_server_is_another_one(home: Home) -> None:
    backed_up(home)
    former = ids(home, "srv")
    home.ops.instances.edit("srv", address="elsewhere")
    home.clock.advance(HOUR)
    home.server.media.clear()
    home.run()
    (here,) = ids(home, "srv")
    assert here not in former
    home.ops.instances.edit("srv", address="nowhere")
    assert ids(home, "srv") == former
