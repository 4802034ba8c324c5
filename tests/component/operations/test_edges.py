"""Where operations meet: what one door lets in must not surprise whoever stands behind another."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from pwsops.catalogue import service_state, store
from pwsops.errors import InvalidInput, PwsopsError, Refused
from pwsops.operations import service as control_module
from pwsops.rules.model import BackupKind, BackupSet, RunStatus
from tests.clocks import NOON, wait_until
from tests.homes import HOUR, Home, opened_home


def actions(home: Home) -> list[str]:
    """What the audit log holds, oldest first, after the instance of every home."""
    return [entry.action for entry in reversed(home.ops.audit.list())][1:]


def lay(home: Home, path: str, kind: BackupKind, set_id: str, *, position: int = 1, base: str | None = None) -> None:
    laid = BackupSet(
        set_id=set_id, database="one", kind=kind, path=path, position=position, finished_at=NOON, base_id=base
    )
    home.record(home.server.put(laid))


def test_two_spellings_of_one_database_are_one_too_many(home: Home) -> None:
    home.server.sizes = {"vault.db": 1}
    with pytest.raises(InvalidInput, match="names a database twice"):
        home.add(databases=["vault", "vault.db"])
    assert home.ops.profiles.list() == []


def test_a_profile_that_moves_to_another_instance_needs_its_databases_there(home: Home) -> None:
    home.add()
    home.ops.instances.add("other", engine="fake", address="there")
    profile = home.ops.profiles.get("p")
    profile.instance = "other"
    home.server.sizes = {"two": 2}
    with pytest.raises(InvalidInput, match="'other' has no database 'one'"):
        home.ops.profiles.save("p", profile)
    assert home.ops.profiles.get("p").instance == "srv"
    profile.databases = ["two"]
    assert home.ops.profiles.save("p", profile).instance == "other"


def test_an_edit_that_switches_a_profile_off_says_so(home: Home) -> None:
    home.add()
    for active, told in ((False, "inactive"), (True, "active")):
        profile = home.ops.profiles.get("p")
        profile.active = active
        view = home.ops.profiles.save("p", profile)
        assert (view.next_due_at is not None) is active
        assert home.ops.audit.list(limit=1)[0].detail == told


def test_a_profile_that_another_run_keeps_busy_shows_it(home: Home) -> None:
    home.add()
    home.run()
    home.clock.advance(HOUR)
    run_id = home.ops.runs._queue("p", None, owner=None)
    view = home.ops.profiles.view("p")
    assert view.running is not None
    assert view.running.id == run_id
    assert view.last_run is not None
    assert view.last_run.status is RunStatus.SUCCEEDED


def test_no_word_of_a_password_is_in_the_catalogue(home: Home) -> None:
    home.server.login = True
    home.ops.instances.add("other", engine="fake", address="there", login="me", password="hunter two")
    with closing(sqlite3.connect(home.path / store.FILE_NAME)) as connection:
        assert "hunter two" not in "\n".join(connection.iterdump())


def test_profiles_of_another_instance_say_nothing_about_this_one(home: Home) -> None:
    home.ops.instances.add("other", engine="fake", address="there")
    home.add(instance="other")
    del home.server.sizes["one"]
    assert [view.name for view in home.ops.databases.list("srv")] == ["three", "two"]
    assert "one" in [view.name for view in home.ops.databases.list("other")]


def test_the_full_may_lie_in_the_same_file_as_the_incremental(home: Home) -> None:
    lay(home, "/media/both", BackupKind.FULL, "f")
    lay(home, "/media/both", BackupKind.DIFFERENTIAL, "d", position=2, base="f")
    plan = home.ops.restores.plan("srv", "one", "/media/both", 2)
    assert [(one.set_id, one.position) for one in plan.sets] == [("f", 1), ("d", 2)]


def test_a_copy_that_the_catalogue_knows_and_nobody_can_read_is_passed_over(home: Home) -> None:
    home.add()
    home.run()
    home.run(kind=BackupKind.DIFFERENTIAL)
    full, incremental = (run.items[0] for run in reversed(home.ops.runs.list()))
    assert full.path is not None
    assert incremental.path is not None
    home.server.damaged.add(full.path)
    moved = home.server.media[full.path][0]
    lay(home, "/media/zz.bak", BackupKind.FULL, moved.set_id)
    plan = home.ops.restores.plan("srv", "one", incremental.path)
    assert [one.path for one in plan.sets] == ["/media/zz.bak", incremental.path]


def test_a_position_that_is_not_there_is_refused_before_anything_is_written(home: Home) -> None:
    lay(home, "/media/a.bak", BackupKind.FULL, "f")
    with pytest.raises(InvalidInput, match="no backup set 2"):
        home.ops.restores.restore("srv", "one", "/media/a.bak", 2)
    assert home.server.restored == []
    assert actions(home) == []


def test_a_database_made_for_a_restore_is_noted_as_such(home: Home) -> None:
    lay(home, "/media/a.bak", BackupKind.FULL, "f")
    home.ops.restores.restore("srv", "lost", "/media/a.bak", create=True)
    home.ops.restores.restore("srv", "lost", "/media/a.bak", create=True)
    begins, succeeded = "restore begins", "restore succeeded"
    assert actions(home) == [begins, "create database", succeeded, begins, succeeded]
    assert home.server.created == ["lost"]


def test_samples_whose_backups_have_no_place_are_an_error_with_a_next_step(home: Home) -> None:
    (home.path / "sample-backups").write_text("in the way")
    with pytest.raises(PwsopsError, match="cannot be made") as caught:
        home.ops.samples.create(with_profile=True)
    assert caught.value.hint
    assert home.ops.profiles.list() == []


def test_a_missing_vault_is_made_again_and_the_others_are_left_alone(home: Home) -> None:
    first, *others = home.ops.samples.create()
    directory = home.path / "samples"
    before = (directory / first).read_bytes()
    kept = {name: (directory / name).stat().st_ino for name in others}
    (directory / first).unlink()
    home.ops.samples.create()
    assert (directory / first).read_bytes() == before
    assert {name: (directory / name).stat().st_ino for name in others} == kept


@pytest.mark.parametrize("wanted", [True, False])
def test_a_start_that_is_refused_leaves_the_wish_as_it_was(
    home: Home, monkeypatch: pytest.MonkeyPatch, wanted: bool
) -> None:
    monkeypatch.setattr(control_module, "NOBODY_S", -1.0)
    home.ops.service._want(wanted)
    with pytest.raises(Refused):
        home.ops.service.start()
    with home.core.catalogue.read() as connection:
        assert service_state.load(connection).requested is wanted
    assert actions(home) == ([] if wanted else ["start service", "service not started"])


def test_stopping_a_foreground_service_lets_what_has_begun_end(home: Home) -> None:
    home.clock.set_wall(NOON.replace(year=2099))  # the alarms go by the machine's clock, and must not ring
    home.add(active=False)
    released = home.server.hold()
    service = threading.Thread(target=home.ops.service.run, args=(threading.Event(),), daemon=True)
    service.start()
    wait_until(lambda: home.ops.service.status().here, "the service")
    run = home.ops.runs.start("p")
    assert home.server.started.wait(20)
    home.ops.service.stop()
    assert home.ops.runs.get(run.id).status is RunStatus.RUNNING
    released.set()
    service.join(20)
    assert not service.is_alive()
    assert home.ops.runs.get(run.id).status is RunStatus.SUCCEEDED
    assert home.core.service is None


def test_a_database_whose_name_is_no_text_cannot_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dbs").mkdir()
    Path(os.fsdecode(os.fsencode(tmp_path / "dbs") + b"/caf\xe9.db")).touch()
    with opened_home(tmp_path / "home", monkeypatch) as home:
        home.ops.instances.add("files", engine="sqlite", address=str(tmp_path / "dbs"))
        for name, why in (("caf\\xe9.db", "cannot be chosen"), ("caf\udce9.db", "not UTF-8")):
            with pytest.raises(InvalidInput, match=why) as refused:
                home.add(instance="files", databases=[name])
            refused.value.message.encode()
            assert refused.value.hint
        assert home.ops.profiles.list() == []
