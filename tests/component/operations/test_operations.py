"""What people may do, what they are told, and what is written down, over a server that does what it is told."""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from pwsops import operations
from pwsops.engines.records import DatabaseState, DirectoryCheck, DirectoryStatus, MissingRight
from pwsops.errors import Conflict, EngineError, InvalidInput, MediaError, NotFound, PwsopsError, Refused
from pwsops.operations import Principal, Role, default_home
from pwsops.operations import doctor as doctor_module
from pwsops.operations import service as service_module
from pwsops.operations.profiles import PREVIEWED
from pwsops.rules.audit import AuditState
from pwsops.rules.model import BackupKind, BackupSet, ProfileState, RunStatus
from pwsops.rules.protection import Cause, Protection
from tests.clocks import NOON, wait_until
from tests.fake_engine import FakeEngine
from tests.homes import Home
from tests.people import acting_as

PLENTY = 1 << 40


def details(home: Home, action: str) -> list[str]:
    return [entry.detail for entry in home.ops.audit.list() if entry.action == action]


# Settings


def test_a_setting_is_the_default_of_new_profiles_and_changes_no_old_one(home: Home) -> None:
    home.add()
    home.ops.settings.set("every", "6")
    home.ops.settings.set("incremental", "no")
    home.ops.settings.set("time_limit_h", "1.5")
    home.ops.settings.set("timezone", "Europe/Berlin")
    new = home.ops.profiles.new()
    assert (new.every, new.incremental, new.time_limit_h, new.timezone) == (6, False, 1.5, "Europe/Berlin")
    assert new.start == datetime(2026, 3, 2, 13)
    assert home.ops.profiles.get("p").every == 1
    assert details(home, "change setting")[-1] == "now 6"


@pytest.mark.parametrize(
    ("key", "value", "hint"),
    [
        ("colour", "red", "There are: instance"),
        ("incremental", "perhaps", "Give true or false"),
        ("unit", "fortnight", "Give one of m, h, d, w, mo"),
        ("every", "0", "at least 1"),
        ("every", "often", "at least 1"),
        ("time_limit_h", "9999", "from 0.01 to 720"),
        ("renew_full", "daily", "weekly:sun"),
        ("timezone", "Mars/Olympus", "IANA name"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_with_what_can(home: Home, key: str, value: str, hint: str) -> None:
    before = home.ops.settings.get().as_dict()
    with pytest.raises(InvalidInput) as caught:
        home.ops.settings.set(key, value)
    assert hint in caught.value.hint
    assert home.ops.settings.get().as_dict() == before


def test_several_settings_are_changed_together_with_a_note_for_each(home: Home) -> None:
    changed = home.ops.settings.change({"every": "6", "unit": "d", "instance": "srv", "timezone": ""})
    assert changed.as_dict() == home.ops.settings.get().as_dict()
    assert (changed.every, changed.unit, changed.instance) == (6, "d", "srv")
    assert details(home, "change setting") == ["now ", "now srv", "now d", "now 6"]


def test_of_several_settings_none_is_changed_where_one_cannot_be(home: Home) -> None:
    before = home.ops.settings.get().as_dict()
    values = {"every": "6", "parallel_runs": "65", "unit": "fortnight"}
    with pytest.raises(InvalidInput) as caught:
        home.ops.settings.change(values)
    assert "a whole number from 1 to 64" in caught.value.hint
    assert list(home.ops.settings.problems(values)) == ["parallel_runs", "unit"]
    assert home.ops.settings.get().as_dict() == before
    assert details(home, "change setting") == []


def test_an_instance_that_is_not_there_is_no_default(home: Home) -> None:
    with pytest.raises(NotFound) as caught:
        home.ops.settings.set("instance", "nowhere")
    assert caught.value.hint == "Known: srv."


# Instances


def test_the_engines_that_there_are_can_be_asked_for(home: Home) -> None:
    assert home.ops.instances.engines() == ["fake", "sqlite", "sqlserver"]


def test_an_instance_that_never_answered_is_not_remembered(home: Home) -> None:
    home.server.unreachable = EngineError("No route.", hint="Look at the cable.")
    with pytest.raises(EngineError, match="No route"):
        home.ops.instances.add("far", engine="fake", address="away")
    assert [one.name for one in home.ops.instances.list()] == ["srv"]


@pytest.mark.parametrize("name", ["", " edge", "edge ", "line\nbreak"])
def test_an_instance_needs_a_name_one_can_type(home: Home, name: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be called"):
        home.ops.instances.add(name, engine="fake", address="x")


def test_instances_are_unique_and_of_a_known_engine(home: Home) -> None:
    with pytest.raises(Conflict, match="exists already"):
        home.ops.instances.add("srv", engine="fake", address="x")
    with pytest.raises(InvalidInput, match="does not exist"):
        home.ops.instances.add("other", engine="oracle", address="x")


def test_an_instance_in_use_stays_and_an_unused_one_goes(home: Home) -> None:
    home.add()
    with pytest.raises(Refused, match="a profile uses it"):
        home.ops.instances.remove("srv")
    home.ops.profiles.delete("p")
    home.ops.instances.remove("srv")
    with pytest.raises(NotFound) as caught:
        home.ops.instances.probe("srv")
    assert "`pwsops instance add`" in caught.value.hint


def test_a_password_opens_for_the_engine_and_for_nobody_else(home: Home) -> None:
    home.server.login = True
    shown = home.ops.instances.add("sql", engine="fake", address="x", login="sa", password="hunter2")
    assert shown.password is None
    assert [one.password for one in home.ops.instances.list()] == [None, None]
    assert home.core.instance("sql").password == "hunter2"
    assert "hunter2" not in repr(home.core.instance("sql"))
    assert not any("hunter2" in entry.detail for entry in home.ops.audit.list())
    assert b"hunter2" not in b"".join(path.read_bytes() for path in home.path.rglob("*") if path.is_file())


# Databases


def test_a_database_tells_what_would_be_lost_and_who_backs_it_up(home: Home) -> None:
    home.add()
    home.run()
    home.clock.advance(timedelta(minutes=10))
    home.run()
    home.clock.advance(timedelta(minutes=5))
    one, *_, two = home.ops.databases.list("srv")
    assert (one.name, one.exposure_s, one.profiles) == ("one", 300.0, ["p"])
    assert one.last_full_at is not None
    assert one.last_incremental_at == one.last_full_at + timedelta(minutes=10, seconds=1)
    assert (two.exposure_s, two.last_full_at) == (None, None)


def test_a_backup_whose_file_is_gone_protects_nobody(home: Home) -> None:
    home.add()
    home.run()
    home.server.media.clear()
    assert home.ops.databases.list("srv")[0].exposure_s is None


def test_a_directory_that_cannot_be_read_makes_a_backup_unchecked_and_not_lost(home: Home) -> None:
    home.add()
    home.run()
    taken_at = home.clock.now()
    home.server.unlistable.add("/media")
    home.clock.advance(timedelta(minutes=5))
    one = home.ops.databases.list("srv")[0]
    assert (one.exposure_s, one.last_full_at) == (300.0, taken_at)
    unseen = next(each for each in one.verdict.findings if each.cause is Cause.PLACE_UNKNOWN)
    assert (unseen.cause.protection, unseen.since) == (Protection.NOT_CHECKED, taken_at)


def test_a_database_that_a_profile_names_and_the_server_lost_is_listed_as_gone(home: Home) -> None:
    home.add()
    del home.server.sizes["one"]
    gone = next(view for view in home.ops.databases.list("srv") if view.name == "one")
    assert (gone.state, gone.profiles) == (DatabaseState.GONE, ["p"])
    home.server.doubts_absence = "the directory is empty: its disk may not be mounted"
    doubted = next(view for view in home.ops.databases.list("srv") if view.name == "one")
    assert (doubted.state, doubted.reason) == (DatabaseState.UNKNOWN, home.server.doubts_absence)
    assert Cause.DATABASE_GONE not in {each.cause for each in doubted.verdict.findings}


def test_the_server_is_browsed_and_its_directories_are_checked(home: Home) -> None:
    assert [entry.name for entry in home.ops.databases.browse("srv", "/media")] == ["sub"]
    assert home.ops.databases.check_directory("srv", "/media").status is DirectoryStatus.OK


# Profiles


def test_a_profile_names_databases_that_exist_and_a_stem_will_do(home: Home) -> None:
    home.server.sizes = {"vault.db": 1, "vault.sqlite3": 1, "shop.db": 1}
    with pytest.raises(InvalidInput) as caught:
        home.add(databases=["shp.db"])
    assert "shop.db" in caught.value.hint
    with pytest.raises(InvalidInput):
        home.add(databases=["vault"])
    home.add(databases=["shop"])
    assert home.ops.profiles.get("p").databases == ["shop.db"]
    home.server.sizes = {}
    with pytest.raises(InvalidInput) as caught:
        home.add(name="q", databases=["x"])
    assert "no databases at all" in caught.value.hint


def test_a_database_that_is_gone_does_not_become_another_when_its_profile_is_amended(home: Home) -> None:
    home.server.sizes = {"notes": 1, "more": 1}
    home.add(databases=["notes"])
    home.server.sizes = {"notes.db": 1, "more": 1}
    profile = home.ops.profiles.get("p")
    profile.databases = ["notes", "more"]
    assert home.ops.profiles.save("p", profile).databases == ("notes", "more")
    with pytest.raises(InvalidInput, match="has no database 'notes'"):
        home.add(name="q", databases=["notes"])


def test_a_server_that_is_away_for_a_moment_stands_in_nobodys_way(home: Home) -> None:
    home.server.databases_error = EngineError("Busy.", hint="Wait.", transient=True)
    home.add()
    home.server.databases_error = EngineError("Broken.", hint="Mend it.")
    with pytest.raises(EngineError, match="Broken"):
        home.add(name="q")


def test_databases_that_a_profile_had_before_may_be_gone_when_it_is_amended(home: Home) -> None:
    home.add(databases=["one", "two"])
    del home.server.sizes["two"]
    profile = home.ops.profiles.get("p")
    profile.every = 2
    assert home.ops.profiles.save("p", profile).schedule.startswith("every 2 hours")


def test_names_are_unique_among_the_living(home: Home) -> None:
    home.add()
    home.add(name="q")
    with pytest.raises(Conflict):
        home.add()
    with pytest.raises(Conflict):
        home.ops.profiles.save("q", home.ops.profiles.get("p"))
    home.ops.profiles.delete("p")
    home.add()
    with pytest.raises(NotFound) as caught:
        home.ops.profiles.get("pp")
    assert "Did you mean p?" in caught.value.hint


def test_a_renamed_profile_keeps_its_runs(home: Home) -> None:
    home.add()
    home.run()
    profile = home.ops.profiles.get("p")
    profile.name = "vaults"
    home.ops.profiles.save("p", profile)
    assert [run.status for run in home.ops.runs.list("vaults")] == [RunStatus.SUCCEEDED]


def test_a_deleted_profile_leaves_its_history_and_its_backups(home: Home) -> None:
    home.add()
    home.run()
    home.ops.profiles.delete("p")
    assert home.ops.profiles.list() == []
    assert home.ops.runs.count("p") == 1
    assert len(home.server.media) == 1


def test_a_profile_is_switched_off_and_on(home: Home) -> None:
    home.add(active=False)
    assert home.ops.profiles.view("p").next_due_at is None
    assert home.ops.profiles.activate("p").next_due_at == NOON + timedelta(hours=1)
    assert home.ops.profiles.deactivate("p").state is ProfileState.INACTIVE
    assert home.ops.profiles.get("p").active is False


def trip(home: Home) -> None:
    home.add()
    home.server.fail("one", EngineError("Disk full.", hint="Make room."), times=5)
    for _ in range(5):
        home.run()
    assert home.ops.profiles.view("p").state is ProfileState.TRIPPED


def test_a_tripped_profile_wants_something_amended(home: Home) -> None:
    trip(home)
    for refused in (home.ops.profiles.activate, home.ops.profiles.deactivate):
        with pytest.raises(Refused, match="5 failed runs in a row"):
            refused("p")
    with pytest.raises(Refused, match="nothing about it was amended"):
        home.ops.profiles.save("p", home.ops.profiles.get("p"), note="  ")
    armed = home.ops.profiles.save("p", home.ops.profiles.get("p"), note="made room")
    assert (armed.state, armed.failures_in_a_row, armed.tripped_at) == (ProfileState.ACTIVE, 0, None)
    assert armed.next_due_at is not None
    assert details(home, "edit profile") == ["note: made room"]


def test_a_tripped_profile_is_armed_by_a_change_alone(home: Home) -> None:
    trip(home)
    profile = home.ops.profiles.get("p")
    profile.directory = "/elsewhere"
    assert home.ops.profiles.save("p", profile).next_kind is BackupKind.FULL


def test_a_preview_takes_wall_time_and_past_moments_and_stops_where_told(home: Home) -> None:
    home.add(timezone="Europe/Berlin", active=False)
    first, second = home.ops.profiles.preview("p", start=datetime(2026, 3, 1, 10), count=2)
    assert first.local.hour == 10
    assert (first.kind, second.kind) == (BackupKind.FULL, BackupKind.DIFFERENTIAL)
    after_now = home.ops.profiles.preview("p", until=NOON + timedelta(hours=3))
    assert [one.due_at for one in after_now] == [NOON + timedelta(hours=1), NOON + timedelta(hours=2)]


def test_a_look_at_next_month_does_not_begin_with_the_first_full(home: Home) -> None:
    home.add()
    later = home.ops.profiles.preview("p", start=NOON + timedelta(days=30), count=1)
    assert [one.kind for one in later] == [BackupKind.DIFFERENTIAL]
    assert home.ops.profiles.preview(home.profile(start=datetime(2027, 1, 1)), start=NOON, count=1)[0].kind == "full"


@pytest.mark.parametrize("ran", [False, True])
@pytest.mark.parametrize("renew_full", ["never", "weekly:sun", "monthly:31"])
def test_a_preview_from_later_on_says_the_same_of_the_same_runs(home: Home, ran: bool, renew_full: str) -> None:
    home.add(renew_full=renew_full, every=5)
    if ran:
        home.run()
    until = NOON + timedelta(days=99)
    for days in (20, 61, 62):
        later = NOON.replace(hour=0) + timedelta(days=days)
        from_now_on = [one for one in home.ops.profiles.preview("p", until=until) if one.due_at >= later]
        assert home.ops.profiles.preview("p", start=later, until=until) == from_now_on


def test_more_runs_than_anybody_looks_at_are_not_previewed(home: Home) -> None:
    home.add()
    far = NOON + timedelta(hours=PREVIEWED + 1)
    assert len(home.ops.profiles.preview("p", until=far)) == PREVIEWED
    for too_many in ({"until": far + timedelta(hours=1)}, {"count": PREVIEWED + 1}):
        with pytest.raises(InvalidInput, match="more than 100,000") as caught:
            home.ops.profiles.preview("p", **too_many)
        assert "a shorter time" in caught.value.hint


def test_after_a_full_a_preview_goes_on_with_incrementals(home: Home) -> None:
    home.add()
    home.run()
    assert [one.kind for one in home.ops.profiles.preview("p", count=1)] == [BackupKind.DIFFERENTIAL]
    assert [one.kind for one in home.ops.profiles.preview("p", start=NOON - timedelta(days=1), count=1)] == [
        BackupKind.DIFFERENTIAL
    ]


# Runs


def test_nothing_is_started_while_the_service_is_stopped(home: Home) -> None:
    home.add()
    with pytest.raises(Refused) as caught:
        home.ops.runs.start("p")
    assert "--here" in caught.value.hint
    assert home.ops.runs.count() == 0


def test_a_queued_run_that_nobody_will_do_is_not_waited_for(home: Home) -> None:
    home.add()
    run_id = home.ops.runs._queue("p", None, owner=None)
    with pytest.raises(Refused, match="has stopped"):
        home.ops.runs.wait(run_id)
    with pytest.raises(Conflict, match="under way"):
        home.ops.runs.run_here("p")
    home.ops.runs.cancel(run_id)
    assert home.ops.runs.get(run_id).status is RunStatus.CANCELLED
    with pytest.raises(Refused, match="ended already"):
        home.ops.runs.cancel(run_id)


def test_an_unknown_run_is_not_found(home: Home) -> None:
    with pytest.raises(NotFound, match="no run 99"):
        home.ops.runs.get(99)


def test_who_waits_is_told_and_does_not_wait_for_ever(home: Home) -> None:
    home.add(active=False)
    held = home.server.hold()
    home.ops.service.attach()
    run = home.ops.runs.start("p", BackupKind.FULL)
    assert home.server.started.wait(10)
    seen: list[RunStatus] = []

    def look(view: object) -> None:
        seen.append(home.ops.runs.get(run.id).status)
        home.clock.advance(timedelta(seconds=20))

    with pytest.raises(PwsopsError, match="has not ended") as caught:
        home.ops.runs.wait(run.id, look, timeout_s=10)
    assert caught.value.transient
    assert seen == [RunStatus.RUNNING]
    held.set()
    assert home.ops.runs.wait(run.id).status is RunStatus.SUCCEEDED


def test_an_interrupted_command_cancels_the_run_it_does_itself(home: Home) -> None:
    home.add()
    home.server.hold()

    def interrupt(_: object) -> None:
        if home.server.started.is_set():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        home.ops.runs.run_here("p", on_change=interrupt)
    assert [run.status for run in home.ops.runs.list()] == [RunStatus.CANCELLED]


# Media and restores


def lay(home: Home, path: str, kind: BackupKind, set_id: str, base_id: str | None = None) -> BackupSet:
    laid = BackupSet(set_id=set_id, database="one", kind=kind, path=path, finished_at=NOON, base_id=base_id)
    return home.record(home.server.put(laid))


def test_a_media_file_tells_its_sets_and_has_no_others(home: Home) -> None:
    lay(home, "/media/a.bak", BackupKind.FULL, "f")
    assert [one.set_id for one in home.ops.media.read("/media/a.bak", "srv")] == ["f"]
    assert home.ops.media.verify("/media/a.bak", instance="srv").backup_set.set_id == "f"
    for ask in (
        lambda: home.ops.media.find("/media/a.bak", 2, "srv"),
        lambda: home.ops.restores.plan("srv", "one", "/media/a.bak", 2),
    ):
        with pytest.raises(InvalidInput) as caught:
            ask()
        assert "It has 1" in caught.value.hint


def test_media_of_the_embedded_engine_need_no_instance(home: Home, tmp_path: Path) -> None:
    (tmp_path / "x.bak").write_text("no backup")
    with pytest.raises(MediaError, match=r"x\.bak"):
        home.ops.media.read(str(tmp_path / "x.bak"))


def test_the_full_of_an_incremental_is_found_in_the_catalogue(home: Home) -> None:
    home.add()
    home.run()
    home.run()
    full, incremental = (run.items[0] for run in reversed(home.ops.runs.list()))
    plan = home.ops.restores.plan("srv", "one", str(incremental.path))
    assert [one.set_id for one in plan.sets] == [full.set_id, incremental.set_id]


def test_or_beside_it_past_files_that_are_damaged(home: Home) -> None:
    lay(home, "/away/d.bak", BackupKind.DIFFERENTIAL, "d", "f")
    lay(home, "/away/a.bak", BackupKind.FULL, "x")
    home.server.damaged.add("/away/a.bak")
    lay(home, "/away/z.bak", BackupKind.FULL, "f")
    assert [one.path for one in home.ops.restores.plan("srv", "one", "/away/d.bak").sets] == [
        "/away/z.bak",
        "/away/d.bak",
    ]
    del home.server.media["/away/z.bak"]
    with pytest.raises(MediaError):
        home.ops.restores.plan("srv", "one", "/away/d.bak")


def test_a_full_that_could_not_be_asked_for_is_not_told_as_missing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    lay(home, "/away/d.bak", BackupKind.DIFFERENTIAL, "d", "f")
    lay(home, "/away/f.bak", BackupKind.FULL, "f")
    read = FakeEngine.read_media

    def refuse(engine: FakeEngine, path: str) -> list[BackupSet]:
        if path == "/away/f.bak":
            raise EngineError("The server does not answer.", hint="Look at it.")
        return read(engine, path)

    monkeypatch.setattr(FakeEngine, "read_media", refuse)
    with pytest.raises(EngineError, match="does not answer"):
        home.ops.restores.plan("srv", "one", "/away/d.bak")


def test_a_restore_is_written_down_however_it_ends(home: Home) -> None:
    lay(home, "/media/a.bak", BackupKind.FULL, "f")
    home.ops.restores.restore("srv", "one", "/media/a.bak")
    home.server.restore_error = EngineError("Locked.", hint="Wait.")
    with pytest.raises(EngineError):
        home.ops.restores.restore("srv", "one", "/media/a.bak")
    assert len(details(home, "restore begins")) == 2
    assert len(details(home, "restore succeeded")) == 1
    assert "Locked." in details(home, "restore failed")[0]


def test_a_database_that_is_gone_is_created_only_on_request(home: Home) -> None:
    lay(home, "/media/a.bak", BackupKind.FULL, "f")
    with pytest.raises(NotFound):
        home.ops.restores.restore("srv", "lost", "/media/a.bak")
    home.server.restore_error = MediaError("Damaged.", hint="Choose another.")
    with pytest.raises(MediaError):
        home.ops.restores.restore("srv", "lost", "/media/a.bak", create=True)
    assert home.server.created == []
    assert details(home, "create database") == []
    home.server.restore_error = None
    home.ops.restores.restore("srv", "lost", "/media/a.bak", create=True)
    assert home.server.created == ["lost"]
    assert details(home, "create database") == ["for a restore of set 1 of /media/a.bak"]


def test_a_restore_is_given_what_was_recorded_of_its_sets(home: Home) -> None:
    home.add(timestamp=False)
    home.run()
    (taken,) = home.server.media["/media/one_FULL.bak"]
    home.server.media["/media/one_FULL.bak"] = [replace(taken, size_bytes=77, details={"digest": "forged"})]
    home.ops.restores.restore("srv", "one", taken.path)
    (request,) = home.server.restored
    recorded = replace(taken, details={"took_s": 0.0, "checked": True})
    assert request.sets == (recorded,)
    home.server.media["/media/copy.bak"] = [replace(taken, path="/media/copy.bak")]
    home.ops.restores.restore("srv", "one", "/media/copy.bak")
    assert home.server.restored[-1].sets == (replace(recorded, path="/media/copy.bak"),)


def test_a_file_that_holds_another_set_than_was_recorded_there_is_not_restored(home: Home) -> None:
    home.add(timestamp=False)
    home.run()
    path = "/media/one_FULL.bak"
    home.server.media[path] = [replace(home.server.media[path][0], set_id="another", database="other")]
    with pytest.raises(MediaError, match=r"another backup than the one that was recorded .* full of other") as said:
        home.ops.restores.restore("srv", "one", path)
    assert "copy the file under another name" in said.value.hint
    assert home.server.restored == []
    home.server.media["/media/copy.bak"] = [replace(one, path="/media/copy.bak") for one in home.server.media[path]]
    home.ops.restores.restore("srv", "one", "/media/copy.bak", accept_unrecorded=True)
    assert [one.set_id for one in home.server.restored[0].sets] == ["another"]


# Samples, service, doctor


def test_samples_are_made_once_and_their_profile_ends_by_itself(home: Home) -> None:
    names = home.ops.samples.create(with_profile=True)
    assert [view.name for view in home.ops.databases.list("samples")] == names
    assert home.ops.profiles.get("Sample vaults").until == date(2026, 3, 3)
    assert [run.status for run in home.ops.runs.list()] == [RunStatus.QUEUED]
    files = {path: path.read_bytes() for path in (home.path / "samples").iterdir()}
    home.clock.advance(timedelta(days=2))
    home.ops.samples.create(with_profile=True)
    assert home.ops.profiles.get("Sample vaults").until == date(2026, 3, 5)
    assert {path: path.read_bytes() for path in files} == files
    home.ops.profiles.deactivate("Sample vaults")
    home.ops.samples.create(with_profile=True)
    assert home.ops.profiles.view("Sample vaults").state is ProfileState.INACTIVE


def test_samples_that_cannot_be_written_are_an_error_with_a_next_step(home: Home) -> None:
    (home.path / "samples").write_text("in the way")
    with pytest.raises(PwsopsError, match="cannot be made") as caught:
        home.ops.samples.create()
    assert caught.value.hint


def test_the_service_starts_and_stops_and_says_why_it_does_not_run(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "SWITCH_S", 5.0)
    assert home.ops.service.status().why_not == "The backup service is stopped."
    home.ops.service.attach()
    home.ops.service.attach()
    status = home.ops.service.status()
    assert (status.running, status.here, status.pid, status.why_not) == (True, True, os.getpid(), "")
    assert not home.ops.service.stop().running
    assert home.ops.service.start().running
    assert details(home, "stop service") == [""]


def test_the_service_cannot_start_where_no_process_would_run_it(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "NOBODY_S", -1.0)
    with pytest.raises(Refused, match="no process is there"):
        home.ops.service.start()
    home.ops.service._want(True)
    assert "no process is there" in home.ops.service.status().why_not


def test_a_leader_that_does_not_answer_is_told_of(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "is_running", lambda _: True)
    monkeypatch.setattr(service_module, "SWITCH_S", -1.0)
    home.ops.service._want(True)
    with pytest.raises(PwsopsError, match="has not answered") as caught:
        home.ops.service.stop()
    assert caught.value.transient


def test_a_foreground_service_ends_when_told_and_when_the_service_is_stopped(home: Home) -> None:
    stop = threading.Event()
    stop.set()
    home.ops.service.run(stop)
    thread = threading.Thread(target=home.ops.service.run, args=(threading.Event(),), daemon=True)
    thread.start()
    wait_until(lambda: home.ops.service.status().running, "the service")
    home.ops.service.stop()
    thread.join(20)
    assert not thread.is_alive()


def findings(home: Home) -> dict[str, tuple[bool, str]]:
    return {check.name: (check.ok, check.finding) for check in home.ops.doctor()}


def test_the_doctor_finds_a_healthy_home_healthy(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pwsops.operations.audit_verification._caveat", lambda _core: "")  # as where journald is
    monkeypatch.setattr(doctor_module, "LOW_DISK_BYTES", 1)
    home.add()
    home.core.vault.prepare()
    assert [check for check in home.ops.doctor() if check.required and not check.ok] == []
    assert "Directory /media" in findings(home)


def test_the_doctor_says_what_ails_and_what_helps(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pwsops.operations.audit_verification._caveat", lambda _core: "")  # as where journald is
    monkeypatch.setattr(doctor_module, "LOW_DISK_BYTES", PLENTY * 1000)
    home.add()
    home.core.vault.prepare()
    (home.path / "secret.key").chmod(0o644)
    home.server.missing_rights = [MissingRight(right="BACKUP DATABASE", grant="GRANT BACKUP DATABASE TO [ops];")]
    home.server.directories["/media"] = DirectoryCheck(status=DirectoryStatus.MISSING, reason="it does not exist")
    ill = {check.name: check for check in home.ops.doctor() if not check.ok and check.required}
    assert set(ill) == {"Home", "Privacy", "Right on srv", "Directory /media"}
    assert all(check.next_step for check in ill.values())
    assert ill["Right on srv"].next_step == "GRANT BACKUP DATABASE TO [ops];"


def test_the_doctor_says_what_an_instance_is_and_what_its_login_may(home: Home) -> None:
    home.server.facts = {"Edition": "Developer", "Service account": "NT Service\\MSSQLSERVER"}
    home.server.held_rights = ["BACKUP DATABASE", "dbcreator"]
    home.server.missing_rights = [MissingRight(right="VIEW SERVER STATE", without="progress", required=False)]
    found = {check.name: check for check in home.ops.doctor()}
    told = "edition Developer; service account NT Service\\MSSQLSERVER; rights held: BACKUP DATABASE, dbcreator"
    assert found["Instance srv"].finding == f"Fake 1; posix paths; {told}"
    comfort = found["Right on srv"]
    assert (comfort.ok, comfort.required) == (False, False)
    assert comfort.finding == "missing: VIEW SERVER STATE (needed for progress)"
    assert comfort.next_step


@pytest.mark.parametrize(
    ("found", "ok", "unknown", "says"),
    [
        (DirectoryCheck(status=DirectoryStatus.OK, remarks=["it has no locks"]), True, False, "ok; it has no locks"),
        (DirectoryCheck(status=DirectoryStatus.UNUSABLE, reason="no file could be created"), False, False, "no file"),
        (DirectoryCheck(status=DirectoryStatus.UNKNOWN, reason="it is not an absolute path"), False, True, "absolute"),
    ],
)
def test_the_doctor_finds_a_directory_fine_only_where_a_backup_would_work(
    home: Home, found: DirectoryCheck, ok: bool, unknown: bool, says: str
) -> None:
    home.add()
    home.server.directories["/media"] = found
    (check,) = (one for one in home.ops.doctor() if one.name == "Directory /media")
    assert (check.ok, check.unknown, bool(check.next_step)) == (ok, unknown, not ok)
    assert says in check.finding


def test_the_doctor_looks_at_a_directory_as_whoever_writes_there(home: Home) -> None:
    home.server.login = True
    home.ops.profiles.create(home.profile(login="backup"), password="x")
    home.server.opened_as.clear()
    home.ops.doctor()
    assert ("backup", "x") in home.server.opened_as


def test_the_doctor_reports_an_instance_that_is_away(home: Home) -> None:
    home.add()
    home.server.unreachable = EngineError("No route.", hint="Look at the cable.")
    found = findings(home)
    assert found["Instance srv"] == found["Directory /media"] == (False, "No route.")


def test_the_doctor_sees_a_home_that_cannot_be_written(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "write_text", refuse)
    assert not findings(home)["Home"][0]


@pytest.mark.parametrize("drivers", [[], ["FreeTDS"], None])
def test_the_doctor_knows_which_drivers_there_are(
    home: Home, monkeypatch: pytest.MonkeyPatch, drivers: list[str] | None
) -> None:
    class Module:
        @staticmethod
        def drivers() -> list[str]:
            assert drivers is not None
            return drivers

    def load(name: str) -> type[Module]:
        if drivers is None:
            raise ImportError("libodbc.so.2 is missing")
        return Module

    monkeypatch.setattr(doctor_module.importlib, "import_module", load)
    assert findings(home)["ODBC"][0] is (drivers is not None)


# Who may do what


def test_an_operator_starts_runs_under_their_own_name(home: Home) -> None:
    home.add()
    acting_as(home.ops, Role.OPERATOR).runs.run_here("p")
    newest = home.ops.audit.list(limit=1)[0]
    assert (newest.actor, newest.action, newest.subject) == ("user:bob", "start run", "p")
    assert home.ops.audit.verify().state is AuditState.WHOLE


def test_what_leaves_nothing_in_the_catalogue_can_be_recorded_too(home: Home) -> None:
    home.ops.acting_as(lambda: Principal(name="ada")).audit.record("sign in refused", "ada", "wrong password")
    newest = home.ops.audit.list(limit=1)[0]
    assert (newest.actor, newest.action, newest.subject, newest.detail) == (
        "ada",
        "sign in refused",
        "ada",
        "wrong password",
    )
    assert home.ops.audit.verify().state is AuditState.WHOLE


def test_the_version_tells_whether_anything_changed(home: Home) -> None:
    before = home.ops.changes.version()
    assert home.ops.changes.version() == before
    home.add()
    assert home.ops.changes.version() != before


def test_the_home_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PWSOPS_HOME", str(tmp_path))
    assert default_home() == tmp_path
    monkeypatch.delenv("PWSOPS_HOME")
    assert default_home().name == "pwsops"


def test_the_system_user_is_the_systems_word_and_not_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    pwd = pytest.importorskip("pwd")
    monkeypatch.setenv("LOGNAME", "mallory")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert operations._user() == "root"

    def nameless(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", nameless)
    assert operations._user() == "uid 0"
    monkeypatch.setitem(sys.modules, "pwd", None)
    assert operations._user() == "mallory"


def test_instants_are_utc(home: Home) -> None:
    home.add(timezone="Europe/Berlin")
    due = home.ops.profiles.view("p").next_due_at
    assert due is not None
    assert due.tzinfo is UTC
