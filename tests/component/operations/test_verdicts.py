"""The verdict over real homes: what was recorded is what every face says, and nobody is asked for it."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import event

from pwsops.catalogue import candidates, looks, profiles, service_state, sightings
from pwsops.engines import registry
from pwsops.engines.records import DatabaseState
from pwsops.engines.requests import Verification
from pwsops.errors import (
    CertificateNeeded,
    DatabaseDamaged,
    EngineError,
    LoginRefused,
    MediaError,
    NotFound,
    PwsopsError,
)
from pwsops.operations import databases as databases_module
from pwsops.operations import doctor as doctor_module
from pwsops.operations.doctor import MOST_LISTED
from pwsops.operations.records import Check, CheckState
from pwsops.operations.reports import ReportFormat
from pwsops.rules.model import BackupKind, BackupSet, MediaState, ProfileState, RunStatus, Sighting
from pwsops.rules.protection import Cause, Protection, Verdict
from pwsops.runs.found_media import look_for
from pwsops.web import notebook
from tests.clocks import NOON
from tests.fake_engine import FakeEngine
from tests.fake_keeper import Keeper, kept
from tests.homes import Home

AWAY = EngineError("No route.", hint="Look at the cable.")


@pytest.fixture(autouse=True)
def running(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service counts as running."""
    with home.core.catalogue.write() as connection:
        service_state.want(connection, True)
    for module in (databases_module, doctor_module):
        monkeypatch.setattr(module, "is_running", lambda home: True)


@pytest.fixture
def backed_up(home: Home) -> Home:
    home.add(timestamp=True)
    home.run()
    home.ops.databases.list("srv")
    return home


def verdict(home: Home, database: str = "one") -> Verdict:
    return next(one for one in home.ops.databases.verdicts() if one.database == database)


def causes(home: Home, database: str = "one") -> Sequence[Cause]:
    return [each.cause for each in verdict(home, database).findings]


def test_a_backup_that_was_taken_and_seen_protects(backed_up: Home) -> None:
    found = verdict(backed_up)
    assert (found.protection, found.findings, found.profile) == (Protection.PROTECTED, (), "p")
    assert found.checked_at == backed_up.clock.now()


def test_an_inactive_profile_protects_nobody_however_young_its_backup(backed_up: Home) -> None:
    backed_up.ops.profiles.deactivate("p")
    assert causes(backed_up) == [Cause.PROFILE_INACTIVE]
    backed_up.ops.profiles.activate("p")
    assert causes(backed_up) == []


def test_a_profile_past_its_last_day_protects_nobody(backed_up: Home) -> None:
    profile = backed_up.ops.profiles.get("p")
    profile.until = NOON.date() - timedelta(days=1)
    backed_up.ops.profiles.save("p", profile)
    assert causes(backed_up) == [Cause.PROFILE_ENDED]


def test_a_stopped_service_makes_databases_at_risk(backed_up: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases_module, "is_running", lambda home: False)
    assert (causes(backed_up), verdict(backed_up).protection) == ([Cause.SERVICE_STOPPED], Protection.AT_RISK)


def test_a_schedule_that_brings_nothing_is_noticed_without_a_failure(backed_up: Home) -> None:
    backed_up.clock.advance(hours=3)
    backed_up.ops.databases.list("srv")
    assert causes(backed_up) == [Cause.OVERDUE]


def test_a_schedule_whose_beginning_was_put_off_for_years_protects_nobody(backed_up: Home) -> None:
    profile = backed_up.ops.profiles.get("p")
    profile.start = datetime(2030, 1, 1)
    backed_up.ops.profiles.save("p", profile)
    assert causes(backed_up) == [Cause.NOT_BEGUN]
    backed_up.clock.advance(days=200)
    backed_up.ops.databases.list("srv")
    assert causes(backed_up) == [Cause.NOT_BEGUN]


def test_files_that_were_deleted_are_seen_to_be_gone(backed_up: Home) -> None:
    backed_up.server.media.clear()
    backed_up.clock.advance(minutes=1)
    backed_up.ops.databases.list("srv")
    found = verdict(backed_up)
    assert (causes(backed_up), found.protection, found.since) == (
        [Cause.FILES_GONE],
        Protection.UNPROTECTED,
        backed_up.clock.now(),
    )


def test_what_nobody_has_looked_at_is_not_checked_since_it_was(backed_up: Home) -> None:
    seen_at = backed_up.clock.now()
    backed_up.clock.advance(minutes=45)
    found = verdict(backed_up)
    assert (causes(backed_up), found.protection, found.since) == (
        [Cause.NOT_LOOKED_AT],
        Protection.NOT_CHECKED,
        seen_at,
    )


def test_an_instance_that_does_not_answer_leaves_what_was_known_with_its_age(backed_up: Home) -> None:
    answered_at = backed_up.clock.now()
    backed_up.server.databases_error = AWAY
    for _ in range(2):
        backed_up.clock.advance(minutes=2)
        with pytest.raises(EngineError, match=r"No route\."):
            backed_up.ops.databases.list("srv")
    found = verdict(backed_up)
    assert (causes(backed_up), found.protection, found.since) == (
        [Cause.INSTANCE_UNREACHED],
        Protection.NOT_CHECKED,
        answered_at,
    )
    view = backed_up.ops.databases.known("srv")[0]
    assert (view.name, view.state, view.exposure_s) == ("one", DatabaseState.ONLINE, 240.0)
    backed_up.server.databases_error = None
    backed_up.ops.databases.list("srv")
    assert causes(backed_up) == []


def test_a_database_whose_instance_never_answered_is_listed_as_unknown(home: Home) -> None:
    home.add()
    home.server.databases_error = AWAY
    with pytest.raises(EngineError):
        home.ops.databases.list("srv")
    assert [(one.name, one.state) for one in home.ops.databases.known("srv")] == [("one", DatabaseState.UNKNOWN)]
    assert causes(home) == [Cause.NEVER_BACKED_UP, Cause.INSTANCE_UNREACHED]


def test_an_instance_that_is_not_there_is_no_server_that_is_away(home: Home) -> None:
    with pytest.raises(NotFound):
        home.ops.databases.list("nowhere")
    with home.core.catalogue.read() as connection:
        assert looks.every(connection) == {}


def test_a_failed_run_is_held_against_the_databases_that_failed_alone(home: Home) -> None:
    home.add(databases=["one", "two"])
    home.run()
    home.server.fail("two", EngineError("It fails.", hint="Mend it."))
    home.run()
    home.ops.databases.list("srv")
    assert (causes(home, "one"), causes(home, "two")) == ([], [Cause.RUN_FAILED])


def test_a_database_that_one_profile_found_damaged_is_at_risk_whatever_another_brings(home: Home) -> None:
    home.add(timestamp=True, check_structure=False)
    home.run()
    home.add(name="checked", timestamp=True, incremental=False, directory="/elsewhere")
    home.server.fail("one", DatabaseDamaged("Page 7 is torn.", hint="Restore it."))
    found_at = home.clock.now() + timedelta(seconds=1)
    home.run("checked")
    for kind in (None, BackupKind.FULL):
        home.run(kind=kind)
        home.ops.databases.list("srv")
        assert causes(home) == [Cause.DATABASE_DAMAGED], "nothing of this profile was checked"
        assert verdict(home).since == found_at
    home.server.uncheckable = True
    home.run("checked", kind=BackupKind.FULL)
    assert causes(home) == [Cause.DATABASE_DAMAGED], "what could not be checked says nothing"
    home.server.uncheckable = False
    with home.core.catalogue.write() as connection:
        connection.exec_driver_sql("UPDATE damaged_databases SET found_at = 'once'")
    assert causes(home) == [Cause.DATABASE_DAMAGED], "a row that is damaged itself hides nothing"
    home.run("checked")
    assert causes(home) == []


def test_older_backups_are_looked_for_where_the_newest_is_gone(home: Home) -> None:
    home.add(timestamp=True, incremental=False, every=12)
    for _ in range(9):
        home.run()
    oldest, *newer = sorted(home.server.media, key=lambda path: home.server.media[path][0].finished_at)
    for path in newer:
        del home.server.media[path]
    home.ops.databases.list("srv")
    found = verdict(home)
    assert (found.protection, found.point and found.point.path) == (Protection.PROTECTED, oldest)


def test_nothing_protects_once_every_file_is_gone_however_many_there_were_a_moment_ago(home: Home) -> None:
    home.add(timestamp=True, incremental=False)
    for _ in range(24):
        home.run()
    home.ops.databases.list("srv")
    home.server.media.clear()
    home.ops.databases.list("srv")
    found = verdict(home)
    assert (found.protection, found.point) == (Protection.UNPROTECTED, None)
    assert Cause.FILES_GONE in causes(home)


def test_a_look_goes_back_to_the_first_backup_that_is_left(home: Home) -> None:
    home.add(timestamp=True, incremental=False, every=12)
    for _ in range(40):
        home.run()
    oldest, *newer = sorted(home.server.media, key=lambda path: home.server.media[path][0].finished_at)
    for path in newer:
        del home.server.media[path]
    home.ops.databases.list("srv")
    found = verdict(home)
    assert (found.protection, found.point and found.point.path) == (Protection.PROTECTED, oldest)


def test_a_place_that_nobody_can_look_at_is_not_asked_for_all_that_was_ever_there(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.add(timestamp=True, incremental=False)
    for _ in range(40):
        home.run()
    asked: list[str] = []

    def unknown(_: object, sets: Sequence[BackupSet]) -> dict[str, Sighting]:
        asked.extend(one.set_id for one in sets)
        return {one.set_id: Sighting(state=MediaState.UNKNOWN, reason="away") for one in sets}

    monkeypatch.setattr(FakeEngine, "look_for", unknown)
    home.ops.databases.list("srv")
    assert 0 < len(asked) <= candidates.NEWEST + candidates.OLDER * 4
    assert verdict(home).protection is Protection.NOT_CHECKED


def test_where_the_newest_was_found_bad_the_older_one_is_looked_at_each_time(home: Home) -> None:
    home.add(timestamp=True, incremental=False, every=12)
    home.run()
    home.clock.advance(minutes=1)
    home.run()
    with home.core.catalogue.write() as connection:
        newest, older = candidates.candidates(connection, "srv", ["one"])["one"]
        sightings.disprove(connection, "srv", newest.backup_set, "It is damaged.", now=home.clock.now())
    home.clock.advance(hours=2)
    home.ops.databases.list("srv")
    found = verdict(home)
    assert (found.protection, found.point and found.point.set_id) == (Protection.PROTECTED, older.backup_set.set_id)


def test_incrementals_without_their_full_do_not_hide_the_older_fulls(home: Home) -> None:
    home.add(timestamp=True, incremental=False, every=12)
    home.run()
    (full,) = home.server.media
    profile = home.ops.profiles.get("p")
    profile.incremental = True
    home.ops.profiles.save("p", profile)
    home.run(kind=BackupKind.FULL)
    for _ in range(20):
        home.run()
    base = next(one for (one, *_) in home.server.media.values() if one.kind is BackupKind.FULL and one.path != full)
    del home.server.media[base.path]
    home.ops.databases.list("srv")
    found = verdict(home)
    assert (found.protection, found.point and found.point.path) == (Protection.PROTECTED, full)


def test_a_verification_that_fails_counts_until_another_holds(backed_up: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = backed_up.server.media

    def damaged(engine: FakeEngine, backup_set: BackupSet, *_: object) -> Verification:
        raise MediaError(f"{path} is damaged at byte 7.", hint="Choose another.")

    with monkeypatch.context() as patch:
        patch.setattr(FakeEngine, "verify", damaged)
        with pytest.raises(MediaError):
            backed_up.ops.media.verify(path, 1, "srv")
    backed_up.ops.databases.list("srv")
    assert (causes(backed_up), verdict(backed_up).protection) == ([Cause.DISPROVEN], Protection.UNPROTECTED)
    assert backed_up.ops.profiles.view("p").next_kind is BackupKind.FULL, "nothing is built on it"
    backed_up.ops.media.verify(path, 1, "srv")
    assert causes(backed_up) == []


def test_a_verification_of_a_file_that_is_gone_says_that_it_is_gone(backed_up: Home) -> None:
    (path,) = backed_up.server.media
    kept = backed_up.server.media.pop(path)
    with pytest.raises(MediaError):
        backed_up.ops.media.verify(path, 1, "srv")
    assert causes(backed_up) == [Cause.FILES_GONE]
    backed_up.server.media[path] = kept
    backed_up.ops.databases.list("srv")
    assert causes(backed_up) == []


def test_a_restore_proves_what_it_read_and_disproves_what_it_could_not(backed_up: Home) -> None:
    (path,) = backed_up.server.media
    backed_up.server.restore_error = MediaError(f"{path} is damaged.", hint="Choose another.")
    with pytest.raises(MediaError):
        backed_up.ops.restores.restore("srv", "one", path)
    assert causes(backed_up) == [Cause.DISPROVEN]
    backed_up.server.restore_error = None
    backed_up.ops.restores.restore("srv", "one", path)
    assert causes(backed_up) == []


def test_of_a_chain_the_set_whose_file_an_error_is_about_is_disproven_whatever_its_words_name(home: Home) -> None:
    home.add(timestamp=True)
    home.run()
    home.run()
    full, incremental = sorted(
        home.server.media, key=lambda path: home.server.media[path][0].kind is not BackupKind.FULL
    )
    told = f"The incremental {incremental} needs {full}, which is damaged."
    home.server.restore_error = MediaError(told, hint="Choose another.", path=full)
    with pytest.raises(MediaError):
        home.ops.restores.restore("srv", "one", incremental)
    with home.core.catalogue.read() as connection:
        rows = connection.exec_driver_sql("SELECT path FROM backup_sets WHERE disproven_at IS NOT NULL")
        assert rows.scalars().all() == [full]


def test_a_copy_that_was_verified_says_nothing_of_the_file_that_is_known(backed_up: Home) -> None:
    (path,) = backed_up.server.media
    copy = replace(backed_up.server.media.pop(path)[0], path="/usb/copy.bak")
    backed_up.server.put(copy)
    backed_up.ops.media.verify("/usb/copy.bak", 1, "srv")
    backed_up.ops.databases.list("srv")
    assert causes(backed_up) == [Cause.FILES_GONE]


def test_a_restore_from_a_file_that_was_moved_says_that_the_history_looks_for_it_elsewhere(backed_up: Home) -> None:
    (path,) = backed_up.server.media
    assert backed_up.ops.restores.restore("srv", "one", path).messages == ()
    backed_up.server.put(replace(backed_up.server.media.pop(path)[0], path="/moved/x.bak"))
    result = backed_up.ops.restores.restore("srv", "one", "/moved/x.bak")
    (told,) = result.messages
    assert told.text.startswith(
        f"The backup of one was read from /moved/x.bak. The history knows it as {path} and goes"
    )
    assert [each.text for each in backed_up.ops.restores.list(limit=1)[0].messages] == [told.text]


def foreign(set_id: str, **fields: object) -> BackupSet:
    values = {"database": "one", "kind": BackupKind.FULL, "path": f"/dba/{set_id}.bak", "finished_at": NOON}
    return BackupSet(set_id=set_id, **values | fields)  # type: ignore[arg-type]


def test_another_tool_s_backup_is_told_and_protects_nobody(home: Home) -> None:
    home.server.shared_base = True
    home.add()
    home.server.outside = [home.server.put(foreign("theirs")), foreign("snapshot", details={"is_snapshot": True})]
    view = home.ops.databases.list("srv")[0]
    assert (view.last_full_at, view.exposure_s) == (NOON, 0.0)
    assert (causes(home), view.verdict.protection) == ([Cause.NOT_PROVEN], Protection.NOT_CHECKED)


def test_a_backup_that_lies_elsewhere_is_no_backup_that_was_never_taken(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.server.shared_base = True
    home.add()
    home.server.outside = [foreign("cloud", path="https://blob.example.com/one.bak")]
    elsewhere = {"cloud": Sighting(state=MediaState.ELSEWHERE, reason="it is a URL")}
    monkeypatch.setattr(FakeEngine, "look_for", lambda engine, sets: elsewhere)
    home.ops.databases.list("srv")
    assert (causes(home)[-1], verdict(home).protection) == (Cause.ELSEWHERE, Protection.NOT_CHECKED)


def test_what_a_failed_run_left_in_the_server_s_memory_protects_nobody(home: Home) -> None:
    home.server.shared_base = True
    home.add()
    home.server.fail("one", EngineError("VERIFYONLY found it damaged.", hint="Mend the disk."))
    home.run()
    (run,) = home.ops.runs.list()
    left = foreign("left", description=f"pwsops run {run.id} (token)")
    home.server.outside = [home.server.put(left)]
    view = home.ops.databases.list("srv")[0]
    assert (view.last_full_at, view.exposure_s) == (None, None)
    assert Cause.FAILED_ITEM in causes(home)


def test_a_history_that_cannot_be_read_hides_no_database(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.server.shared_base = True
    home.add()
    home.server.outside = [home.server.put(foreign("theirs"))]
    home.ops.databases.list("srv")

    def refuse(*_: object, **__: object) -> None:
        raise EngineError("msdb is closed to you.", hint="Grant the right.")

    monkeypatch.setattr(FakeEngine, "history", refuse)
    view = home.ops.databases.list("srv")[0]
    assert (view.name, view.last_full_at) == ("one", NOON), "what was known stays known"


def test_a_set_that_the_server_marked_as_damaged_protects_nobody(home: Home) -> None:
    home.server.shared_base = True
    home.add()
    home.server.outside = [home.server.put(foreign("bad", details={"is_damaged": True}))]
    home.ops.databases.list("srv")
    assert Cause.SET_DAMAGED in causes(home)
    assert verdict(home).point is None


def test_a_backup_whose_private_key_is_not_at_hand_cannot_be_restored(backed_up: Home) -> None:
    with backed_up.core.catalogue.write() as connection:
        connection.exec_driver_sql("UPDATE backup_sets SET thumbprint = 'AB12'")
    assert (causes(backed_up), verdict(backed_up).protection) == ([Cause.KEY_MISSING], Protection.UNPROTECTED)


@pytest.fixture
def keeping(home: Home, monkeypatch: pytest.MonkeyPatch) -> tuple[Home, Keeper]:
    """A home whose server keeps the certificate that its backup needs, and has told of it."""
    keeper = Keeper(home.clock, kept=[kept("one"), kept("two")])
    monkeypatch.setattr(registry, "ENGINES", {**registry.ENGINES, "fake": keeper.open})
    home.server = keeper
    home.add()
    home.run()
    with home.core.catalogue.write() as connection:
        connection.exec_driver_sql("UPDATE backup_sets SET thumbprint = ?", (kept("one").thumbprint,))
    home.ops.databases.list("srv")
    assert causes(home) == []
    return home, keeper


def test_a_certificate_that_its_server_no_longer_has_makes_its_backups_unreadable(
    keeping: tuple[Home, Keeper],
) -> None:
    home, keeper = keeping
    keeper.kept = [kept("two")]
    home.ops.databases.list("srv")
    assert (causes(home), verdict(home).protection) == ([Cause.KEY_MISSING], Protection.UNPROTECTED)


@pytest.mark.parametrize("silent", [True, False])
def test_a_certificate_that_nobody_could_look_up_is_known_as_of_when_it_was_seen(
    keeping: tuple[Home, Keeper], silent: bool
) -> None:
    home, keeper = keeping
    if silent:
        keeper.looking_error = EngineError("The server is busy.", hint="Wait.")
    else:
        keeper.kept, keeper.sees_all = [], False
    seen_at = home.clock.now()
    home.clock.advance(timedelta(minutes=20))
    home.ops.databases.list("srv")
    assert causes(home) == []
    home.clock.advance(timedelta(minutes=20))
    home.ops.databases.list("srv")
    assert (causes(home), verdict(home).protection) == ([Cause.KEY_NOT_LOOKED_AT], Protection.NOT_CHECKED)
    assert verdict(home).since == seen_at


def test_a_login_that_is_refused_when_certificates_are_looked_up_ends_the_look(keeping: tuple[Home, Keeper]) -> None:
    home, keeper = keeping
    keeper.looking_error = LoginRefused("Wrong password.", hint="Correct it.")
    with pytest.raises(LoginRefused):
        home.ops.databases.list("srv")
    assert causes(home) == [Cause.INSTANCE_UNREACHED]


def test_a_restore_that_lacks_a_certificate_lets_the_verdict_know(keeping: tuple[Home, Keeper]) -> None:
    home, keeper = keeping
    keeper.kept = []
    keeper.restore_error = CertificateNeeded("It needs a key.", hint="Import it.")
    with pytest.raises(CertificateNeeded):
        home.ops.restores.restore("srv", "one", next(iter(keeper.media)))
    assert causes(home) == [Cause.KEY_MISSING]


def test_a_profile_with_a_zone_that_nobody_knows_is_named_and_hides_no_other(home: Home) -> None:
    home.add()
    home.add(name="other", databases=["two"])
    home.run("other")
    home.ops.databases.list("srv")
    with home.core.catalogue.write() as connection:
        connection.exec_driver_sql("UPDATE profiles SET timezone = 'Moon/Base' WHERE name = 'p'")
    found = verdict(home)
    assert Cause.PROFILE_BROKEN in causes(home)
    assert any("Moon/Base" in each.detail for each in found.findings)
    assert causes(home, "two") == []


@pytest.mark.parametrize("state", [state for state in DatabaseState if not state.is_in_use])
def test_a_database_that_takes_no_backup_as_it_is_is_not_protected(backed_up: Home, state: DatabaseState) -> None:
    backed_up.server.states["one"] = state
    backed_up.ops.databases.list("srv")
    assert verdict(backed_up).protection is not Protection.PROTECTED
    [found] = verdict(backed_up).findings
    assert found.cause.name.startswith("DATABASE_")


def test_a_clock_that_is_set_during_a_run_does_not_make_the_run_long(home: Home) -> None:
    home.add(incremental=False, every=5, unit="m")
    home.server.before_backup = lambda _: home.clock.set_wall(home.clock.now() + timedelta(hours=3))
    home.run()
    home.server.before_backup = None
    home.clock.advance(timedelta(minutes=30))
    home.ops.databases.list("srv")
    assert causes(home) == [Cause.OVERDUE]


@pytest.mark.parametrize("noted", [True, False])
def test_a_run_that_takes_long_lets_the_next_take_as_long(home: Home, noted: bool) -> None:
    home.add(incremental=False, every=5, unit="m")
    home.server.before_backup = lambda _: home.clock.advance(timedelta(hours=1))
    home.run()
    home.server.before_backup = None
    if not noted:  # as of a set that was found late
        with home.core.catalogue.write() as connection:
            connection.exec_driver_sql("UPDATE backup_sets SET details = '{}', started_at = started_at - 3600000000")
    home.clock.advance(timedelta(minutes=50))
    home.ops.databases.list("srv")
    assert causes(home) == []
    home.clock.advance(timedelta(hours=2))
    home.ops.databases.list("srv")
    assert causes(home) == [Cause.OVERDUE]


def test_a_database_that_cannot_be_asked_for_is_not_gone(backed_up: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    del backed_up.server.sizes["one"]
    answers: list[str | PwsopsError | None] = [AWAY, None, "three", "one"]

    def spelled(engine: object, name: str) -> str | None:
        answer = answers.pop(0)
        if isinstance(answer, PwsopsError):
            raise answer
        return answer

    monkeypatch.setattr(FakeEngine, "spelled", spelled)
    found = []
    for _ in range(4):
        backed_up.ops.databases.list("srv")
        found.append(causes(backed_up))
    assert found == [[Cause.DATABASE_UNSEEN], [Cause.DATABASE_GONE], [], [Cause.DATABASE_UNREADABLE]]
    answers.append(LoginRefused("Wrong password.", hint="Correct it."))
    with pytest.raises(LoginRefused):
        backed_up.ops.databases.list("srv")


def test_an_engine_that_cannot_look_makes_sets_unknown_and_not_missing(
    backed_up: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AWAY

    monkeypatch.setattr(FakeEngine, "look_for", refuse)
    backed_up.ops.databases.list("srv")
    assert causes(backed_up) == [Cause.PLACE_UNKNOWN]
    assert look_for(backed_up.core.engine("srv"), []) == {}
    assert len(backed_up.ops.restores.sources("srv", "one")) == 1


def test_a_set_whose_file_was_not_opened_was_not_seen_and_comes_first_the_next_time(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that has time for one file in each look comes to all, and claims nothing of the others."""
    honest, asked = FakeEngine.look_for, []

    def one_only(engine: FakeEngine, sets: Sequence[BackupSet]) -> Mapping[str, Sighting]:
        asked.append([one.database for one in sets])
        return honest(engine, sets[:1])

    monkeypatch.setattr(FakeEngine, "look_for", one_only)
    home.add(databases=["one", "two"], every=1, unit="d")
    home.run()
    for _ in range(2):
        home.clock.advance(timedelta(minutes=20))
        home.ops.databases.list("srv")
    assert asked[0][0] != asked[1][0]
    home.clock.advance(timedelta(minutes=20))
    seen_last, seen_first = asked[1][0], asked[0][0]
    assert (causes(home, seen_last), causes(home, seen_first)) == ([], [Cause.NOT_LOOKED_AT])


def test_a_foreign_backup_whose_file_was_not_opened_is_as_it_was_before(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.server.shared_base = True
    home.server.outside = [home.server.put(foreign("theirs"))]
    honest = FakeEngine.look_for
    monkeypatch.setattr(FakeEngine, "look_for", lambda engine, sets: {})
    home.ops.databases.list("srv")

    def states() -> list[MediaState | None]:
        with home.core.catalogue.read() as connection:
            seen = looks.databases(connection, "srv")
        return [known.facts.seen_state for one in seen for known in one.outside]

    assert states() == [MediaState.UNKNOWN]
    for looking, state in ((honest, MediaState.PRESENT), (lambda engine, sets: {}, MediaState.PRESENT)):
        monkeypatch.setattr(FakeEngine, "look_for", looking)
        home.ops.databases.list("srv")
        assert states() == [state]


def test_a_restore_that_owes_a_database_its_mode_shows_it_red(backed_up: Home) -> None:
    (path,) = backed_up.server.media
    backed_up.ops.restores.restore("srv", "one", path)
    with backed_up.core.catalogue.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO changed_access (instance, database, former_mode, changed_to, at, restore_id, tries,"
            " next_try_at, last_error, place)"
            " SELECT 'srv', 'one', 'MULTI_USER', 'SINGLE_USER', 0, restores.id, 0, 0, '', instances.place"
            " FROM restores, instances"
        )
    found = verdict(backed_up)
    assert (causes(backed_up), found.urgent) == ([Cause.ACCESS_OWED], True)
    assert "SINGLE_USER" in found.findings[0].detail


# Who looks


def test_the_service_looks_at_all_instances_and_notes_who_did_not_answer(backed_up: Home) -> None:
    backed_up.server.media.clear()
    backed_up.core.looker.all(threading.Event())
    assert causes(backed_up) == [Cause.FILES_GONE]
    backed_up.server.databases_error = AWAY
    backed_up.core.looker.all(threading.Event())
    assert causes(backed_up) == [Cause.FILES_GONE, Cause.INSTANCE_UNREACHED]


def test_a_service_that_stops_looks_no_more(backed_up: Home) -> None:
    stop = threading.Event()
    stop.set()
    backed_up.server.media.clear()
    backed_up.core.looker.all(stop)
    assert causes(backed_up) == []


def test_an_instance_that_was_removed_while_it_was_asked_leaves_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = FakeEngine.databases

    def removed(engine: FakeEngine) -> object:
        home.ops.instances.remove("srv")
        return found(engine)

    monkeypatch.setattr(FakeEngine, "databases", removed)
    home.ops.databases.list("srv")
    with home.core.catalogue.read() as connection:
        assert (looks.every(connection), looks.databases(connection)) == ({}, [])


def test_everything_is_told_by_instance(backed_up: Home) -> None:
    assert [one.name for one in backed_up.ops.databases.everything()["srv"]] == ["one", "three", "two"]


# Who tells


def test_the_doctor_tells_of_each_database_that_is_not_protected(backed_up: Home) -> None:
    assert "1 in profiles, all protected" in [check.finding for check in backed_up.ops.doctor()]
    backed_up.server.media.clear()
    found = {check.name: check for check in backed_up.ops.doctor()}["Database one on srv"]
    assert (found.ok, found.required, bool(found.next_step)) == (False, True, True)
    assert found.finding.startswith("unprotected: The file of its newest backup is gone")


def test_a_database_at_risk_is_amiss_to_the_doctor_and_one_that_is_not_checked_unknown(backed_up: Home) -> None:
    def found() -> Check:
        return {check.name: check for check in backed_up.ops.doctor()}["Database one on srv"]

    backed_up.ops.profiles.deactivate("p")
    assert (found().state, found().required) == (CheckState.AMISS, True)
    assert found().finding.startswith("at risk: ")
    backed_up.ops.profiles.activate("p")
    backed_up.server.unlistable.add("/media")
    assert (found().state, found().required) == (CheckState.UNKNOWN, False)
    assert found().finding.startswith("not checked: ")


def test_the_doctor_tells_of_newer_files_that_are_lost_where_an_older_backup_protects(home: Home) -> None:
    home.add(timestamp=True, incremental=False, every=12)
    for _ in range(3):
        home.run()
    _, *newer = sorted(home.server.media, key=lambda path: home.server.media[path][0].finished_at)
    for path in newer:
        del home.server.media[path]
    found = {check.name: check for check in home.ops.doctor()}["Database one on srv"]
    assert (found.ok, found.required, bool(found.next_step)) == (False, False, True)
    assert found.finding.startswith("protected by an older backup. Newer backups are gone: ")
    assert all(path in found.finding for path in newer)
    assert verdict(home).protection is Protection.PROTECTED


def test_the_doctor_calls_a_first_backup_optional_only_until_it_was_due(home: Home) -> None:
    def required() -> bool:
        return {check.name: check for check in home.ops.doctor()}["Database one on srv"].required

    home.add()
    assert not required()
    home.clock.advance(hours=3)
    assert required()


def test_the_doctor_sums_up_what_is_too_much_to_tell(home: Home) -> None:
    names = [f"db{number:02}" for number in range(MOST_LISTED + 3)]
    home.server.sizes = dict.fromkeys(names, 1)
    home.add(databases=names)
    found = {check.name: check for check in home.ops.doctor()}
    assert found["Other databases"].finding == "3 more are not protected: srv/db20, srv/db21, srv/db22"
    assert not found["Other databases"].required
    home.clock.advance(hours=3)
    assert {check.name: check for check in home.ops.doctor()}["Other databases"].required


def test_the_evidence_tells_the_same_verdict(backed_up: Home) -> None:
    backed_up.ops.profiles.deactivate("p")
    path = backed_up.path / "evidence.html"
    backed_up.ops.reports.write(ReportFormat.EVIDENCE, path)
    said = path.read_text()
    assert "The profile p is inactive." in said
    assert "<strong>0 of 1</strong>databases are protected now" in said


def test_each_face_tells_of_a_profile_that_is_switched_off_beside_the_one_that_protects(backed_up: Home) -> None:
    other = backed_up.add(name="other", timestamp=True)
    with backed_up.core.catalogue.write() as connection:
        profiles.set_state(connection, other, state=ProfileState.TRIPPED, tripped_at=backed_up.clock.now())
    found = verdict(backed_up)
    told = "The profile other was switched off after five failed runs in a row since 2026-"
    step = "nothing of it runs until somebody has amended"
    assert found.protection is Protection.PROTECTED
    assert told in notebook.reasons(found)
    assert step in notebook.next_step(found)
    path = backed_up.path / "evidence.html"
    backed_up.ops.reports.write(ReportFormat.EVIDENCE, path)
    assert told in path.read_text()
    assert step in path.read_text()
    check = next(one for one in backed_up.ops.doctor() if one.name == "Database one on srv")
    assert check.finding.startswith(f"protected by the profile p. {told}")
    assert step in check.next_step


def test_from_when_on_a_file_is_gone_its_backup_counts_no_more_in_the_exposure(backed_up: Home) -> None:
    backed_up.clock.advance(minutes=10)
    backed_up.server.media.clear()
    backed_up.ops.databases.list("srv")
    backed_up.clock.advance(minutes=10)
    stretches = backed_up.ops.reports.exposure()
    assert stretches.data_at.isna().tolist() == [False, True]
    assert stretches.until.iloc[0] == NOON + timedelta(minutes=10, seconds=1)


def test_runs_that_were_missed_count_as_often_as_they_were_due(home: Home) -> None:
    from pwsops.catalogue import reporting
    from pwsops.catalogue.history import Filter, Selection

    home.add()
    with home.core.catalogue.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO runs (profile_id, profile, due_at, status, kind, trigger, claimed_at, summary, missed_count,"
            " missed_until, cancel_requested) SELECT id, 'p', 0, 'missed', 'full', 'schedule', 0, '', 13,"
            " 43200000000 * 12, 0 FROM profiles"
        )
    with home.core.catalogue.read() as connection:
        found = reporting.days(Selection(connection, Filter()))
    assert sum(count for _, _, count in found) == 13
    assert found[:2] == [(0, RunStatus.MISSED, 2), (1, RunStatus.MISSED, 2)]
    assert datetime.fromtimestamp(0, NOON.tzinfo) < NOON


def test_log_backups_of_others_count_while_the_full_that_they_follow_can_be_restored(home: Home) -> None:
    def exposure_s() -> float | None:
        return next(one.exposure_s for one in home.ops.databases.list("srv") if one.name == "one")

    home.add(timestamp=True, incremental=False)
    home.run()
    home.clock.advance(timedelta(hours=1))
    home.run()
    home.server.logs_until["one"] = home.clock.advance(timedelta(hours=1))
    home.clock.advance(timedelta(minutes=10))
    assert exposure_s() == 600.0
    del home.server.media[list(home.server.media)[-1]]
    whole = exposure_s()
    assert whole is not None
    assert whole > 7200.0, "the logs follow a full that is gone"


def test_an_older_backup_is_looked_for_at_each_look_that_finds_the_newest_gone(home: Home) -> None:
    home.add(timestamp=True, incremental=False)
    for _ in range(2):
        home.run()
    older, newest = list(home.server.media)
    del home.server.media[newest]
    home.ops.databases.list("srv")
    assert verdict(home).protection is Protection.PROTECTED
    del home.server.media[older]
    home.ops.databases.list("srv")
    assert verdict(home).protection is Protection.UNPROTECTED
    assert causes(home)[0] is Cause.FILES_GONE


def _statements_of_a_look(home: Home) -> int:
    asked: list[str] = []

    def note(*given: object) -> None:
        asked.append(str(given[2]))

    engine = home.core.catalogue._engine
    event.listen(engine, "before_cursor_execute", note)
    home.ops.databases.list("srv")
    event.remove(engine, "before_cursor_execute", note)
    return len(asked)


def test_a_look_at_many_databases_asks_the_catalogue_no_more_than_one_at_few(home: Home) -> None:
    home.add(timestamp=True)
    home.run()
    home.ops.databases.list("srv")
    few = _statements_of_a_look(home)
    home.server.sizes |= {f"more {number}": 1 for number in range(50)}
    home.ops.databases.list("srv")
    assert _statements_of_a_look(home) == few
    assert verdict(home).protection is Protection.PROTECTED


def test_what_was_saved_before_restores_protects_nothing_once_the_full_is_lost(backed_up: Home) -> None:
    (taken,) = backed_up.ops.restores.sources("srv", "one")
    for _ in range(candidates.NEWEST):
        backed_up.ops.restores.restore("srv", "one", taken.path, safety_copy=True)
    assert verdict(backed_up).protection is Protection.PROTECTED
    (before,) = [one for one in backed_up.ops.databases.list("srv") if one.name == "one"]
    assert (before.last_full_at, before.verdict.restorable) == (taken.finished_at, {taken.set_id})
    del backed_up.server.media[taken.path]
    (view,) = [one for one in backed_up.ops.databases.list("srv") if one.name == "one"]
    assert (view.verdict.protection, view.verdict.point) == (Protection.UNPROTECTED, None)
    assert (view.last_full_at, view.exposure_s, view.logs_until) == (None, None, None)
    assert len(backed_up.ops.points.list("srv", "one")) == 1 + candidates.NEWEST, "each stays listed"
