"""An instance of the same name at another place is another one: what was taken of the former counts for nothing."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from pwsops.catalogue import instances, sets
from pwsops.errors import Conflict, Refused
from pwsops.operations import open_operations
from pwsops.operations.records import DatabaseView
from pwsops.rules.model import BackupKind
from pwsops.rules.protection import Cause
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
