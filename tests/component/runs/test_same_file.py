"""What was recorded of a file holds however its path is spelled, and for every instance that wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from pwsops.catalogue import sets
from pwsops.catalogue.schema import backup_sets
from pwsops.engines import registry
from pwsops.errors import MediaError
from pwsops.rules.model import BackupKind, BackupSet, RunStatus
from pwsops.runs.same_file import recorded_in
from tests.clocks import NOON
from tests.homes import Home

FILE, OTHERWISE = "/media/one_FULL.bak", "/media/../media/one_FULL.bak"


def state(home: Home, instance: str = "srv") -> Mapping[str, object]:
    """What is known of the only set of an instance."""
    with home.core.catalogue.read() as connection:
        [row] = connection.execute(backup_sets.select().where(backup_sets.c.instance == instance)).mappings()
    return row


def taken(home: Home) -> BackupSet:
    """A set of `srv` that was recorded at `FILE`, and that is reached by another spelling as well."""
    home.add(timestamp=False, incremental=False)
    assert home.run() is RunStatus.SUCCEEDED
    [found] = home.server.media[FILE]
    home.server.media[OTHERWISE] = [replace(found, path=OTHERWISE)]
    return found


def test_another_set_in_the_file_is_refused_however_the_path_is_spelled(home: Home) -> None:
    recorded = taken(home)
    home.server.media[OTHERWISE] = [replace(recorded, set_id="swapped", path=OTHERWISE)]
    with pytest.raises(MediaError, match="holds another backup than the one that was recorded"):
        home.ops.restores.restore("srv", "one", OTHERWISE)
    home.ops.instances.add("again", engine="fake", address="nowhere")
    with pytest.raises(MediaError, match="holds another backup than the one that was recorded"):
        home.ops.restores.plan("again", "one", OTHERWISE)
    assert home.server.restored == []


def test_what_another_machine_recorded_under_that_path_is_another_file(home: Home) -> None:
    recorded = taken(home)
    home.server.media[FILE] = [replace(recorded, set_id="of another server")]
    home.ops.instances.add("far", engine="fake", address="elsewhere")
    home.ops.restores.restore("far", "one", FILE, accept_unrecorded=True)
    assert state(home)["disproven_at"] is None
    # Nor is a failure there one of this file.
    home.server.restore_error = MediaError("Bad page.", hint="Choose another.", path=FILE)
    with pytest.raises(MediaError):
        home.ops.restores.restore("far", "one", FILE, accept_unrecorded=True)
    assert state(home)["disproven_at"] is None


@pytest.mark.parametrize("instance", ["srv", "again"])
@pytest.mark.parametrize("path", [FILE, OTHERWISE])
def test_a_restore_that_finds_a_backup_damaged_counts_for_all_who_recorded_it(
    home: Home, instance: str, path: str
) -> None:
    taken(home)
    home.ops.instances.add("again", engine="fake", address="nowhere")
    home.server.restore_error = MediaError("Bad page.", hint="Choose another.", path=path)
    with pytest.raises(MediaError, match="Bad page"):
        home.ops.restores.restore(instance, "one", path)
    assert state(home)["disproven_reason"] == "Bad page."
    home.server.restore_error = None
    home.clock.advance(timedelta(hours=1))
    result = home.ops.restores.restore(instance, "one", path)
    assert (state(home)["disproven_at"], state(home)["proven_at"]) == (None, home.clock.now())
    assert result.messages == ()


def test_a_verification_counts_for_all_who_recorded_the_file(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    taken(home)
    home.ops.instances.add("again", engine="fake", address="nowhere")
    home.server.damaged.add(OTHERWISE)
    with pytest.raises(MediaError):
        home.ops.media.verify(OTHERWISE, 1, "again")
    assert "cannot be read" in str(state(home)["disproven_reason"])
    home.server.damaged.clear()
    home.ops.media.verify(OTHERWISE, 1, "again")
    assert state(home)["disproven_at"] is None


def test_a_bad_copy_elsewhere_says_nothing_of_the_file(home: Home) -> None:
    recorded = taken(home)
    del home.server.media[FILE]
    home.server.media["/copy/one_FULL.bak"] = [replace(recorded, path="/copy/one_FULL.bak")]
    home.ops.databases.list("srv")
    before = state(home)
    assert before["seen_state"] == "missing"
    home.server.restore_error = MediaError("Bad page.", hint="Choose another.", path="/copy/one_FULL.bak")
    with pytest.raises(MediaError):
        home.ops.restores.restore("srv", "one", "/copy/one_FULL.bak")
    assert state(home) == before


@pytest.mark.parametrize("name", ["100%_\\.bak", "Caf\u00e9.bak", "plain.bak"])
def test_a_file_is_found_by_its_name_whatever_signs_it_has(home: Home, name: str) -> None:
    found = BackupSet(set_id="x", database="one", kind=BackupKind.FULL, path=f"/media/{name}", finished_at=NOON)
    with home.core.catalogue.write() as connection:
        for one in (
            found,
            replace(found, set_id="y", path="/media/100a-b.bak"),
            replace(found, set_id="z", position=2),
        ):
            sets.add(connection, one, instance="srv", profile_id=None, run_id=None, now=NOON)
    engine, read = home.core.engine("srv"), home.core.catalogue.read
    known = recorded_in(read, engine, f"/media/./{name}", 1, clock=home.clock)
    assert [(one.instance, one.backup_set) for one in known] == [("srv", found)]
    assert recorded_in(read, engine, f"/elsewhere/{name}", 1, clock=home.clock) == []


@pytest.mark.parametrize(
    ("one", "other", "path", "shared"),
    [
        ("sqlite /a", "sqlite /b", "/bk/x.bak", True),
        ("sqlite /a", "sqlserver .", "/bk/x.bak", False),
        ("sqlserver db\\one,1433", "sqlserver db\\two", r"D:\x.bak", True),
        ("sqlserver db1", "sqlserver db2", r"D:\x.bak", False),
        ("sqlserver db1", "sqlserver db2", r"\\nas\share\x.bak", True),
        ("sqlserver db1", "", r"D:\x.bak", False),
    ],
)
def test_instances_share_files_on_one_machine_or_of_a_share(one: str, other: str, path: str, shared: bool) -> None:
    assert registry.share_files(one, other, path) is shared
