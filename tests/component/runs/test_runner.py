"""One run, start to finish, over an engine that does what it is told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from pwsops.catalogue import damage, outcomes, profiles, runs, sets, sightings
from pwsops.catalogue.schema import backup_sets
from pwsops.engines.records import DirectoryCheck, DirectoryStatus
from pwsops.engines.requests import BackupRequest, Progress
from pwsops.errors import (
    BaseUnusable,
    Cancelled,
    DatabaseDamaged,
    EndUnknown,
    EngineError,
    LoginRefused,
    MediaError,
    PwsopsError,
    Refused,
)
from pwsops.operations.records import RunView
from pwsops.rules.model import BackupKind, BackupSet, Health, Message, ProfileState, RunStatus, Trigger
from pwsops.rules.run_mark import run_description
from pwsops.runs import runner as runner_module
from pwsops.runs.attempts import LOOK_AGAIN, WAITS_S
from pwsops.runs.liveness import Liveness
from pwsops.runs.runner import ATTEMPTS
from tests.clocks import NOON, joined, wait_until
from tests.fake_engine import FakeEngine
from tests.homes import HOUR, Home

BROKEN = EngineError("two is not a database", hint="Look at it.", number=26, severity=16)
REFUSED = LoginRefused("srv refuses the login", hint="Give it the new password.", number=18456)
BUSY = EngineError("the database is busy", hint="Wait.", transient=True)
FULL, DIFFERENTIAL = BackupKind.FULL, BackupKind.DIFFERENTIAL


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner_module, "RETRY_FIRST_WAIT_S", 0.0)


def latest(home: Home) -> RunView:
    return home.ops.runs.get(home.ops.runs.list(limit=1)[0].id)


def kinds(home: Home) -> list[BackupKind]:
    return [request.kind for request in home.server.requests]


def test_a_run_keeps_its_set_and_what_was_said(home: Home) -> None:
    home.server.told = [Message(text="writers waited 3 ms", at=NOON)]
    home.add()
    assert home.run() is RunStatus.SUCCEEDED
    run = latest(home)
    (item,) = run.items
    assert (run.kind, run.trigger, run.summary) == (FULL, Trigger.MANUAL, "")
    assert (item.database, item.status, item.kind, item.reason) == ("one", RunStatus.SUCCEEDED, FULL, "")
    assert [message.text for message in item.messages] == ["writers waited 3 ms"]
    assert item.size_bytes == 10
    assert run.started_at == run.finished_at == item.finished_at == home.clock.now()
    (request,) = home.server.requests
    assert item.path == f"/media/{request.file_name}"
    assert request.file_name.startswith("one_FULL_20260302T120001Z_")
    assert not request.overwrite
    assert request.description == run_description(run.id, home.core.liveness.token)
    with home.core.catalogue.read() as connection:
        (kept,) = sets.of_database(connection, "srv", "one")
    assert kept.set_id == item.set_id


def test_a_broken_database_fails_its_item_and_never_the_others(home: Home) -> None:
    home.server.sizes |= {"four": 4, "five": 5}
    home.server.fail("two", BROKEN)
    home.server.fail("four", BROKEN)
    home.add(databases=["one", "two", "three", "four", "five"])
    assert home.run() is RunStatus.FAILED
    run = latest(home)
    assert run.summary == "2 of 5 failed: two is not a database"
    assert [item.status.value for item in run.items] == ["succeeded", "failed", "succeeded", "failed", "succeeded"]
    broken = run.items[1]
    assert (broken.error, broken.hint, broken.kind) == (BROKEN.message, BROKEN.hint, None)
    (message,) = broken.messages
    assert (message.number, message.severity, message.is_error) == (26, 16, True)


def test_the_only_database_tells_the_runs_summary(home: Home) -> None:
    home.server.fail("one", BROKEN)
    home.add()
    home.run()
    assert latest(home).summary == BROKEN.message


def test_what_nobody_foresaw_fails_its_item_only(home: Home) -> None:
    home.server.fail("one", ZeroDivisionError("oops"))
    home.add(databases=["one", "two"])
    assert home.run() is RunStatus.FAILED
    failed, other = latest(home).items
    assert "ZeroDivisionError: oops" in failed.error
    assert failed.hint
    assert other.status is RunStatus.SUCCEEDED


def test_an_instance_that_cannot_be_opened_fails_every_item(home: Home) -> None:
    home.add(databases=["one", "two"])
    home.server.unreachable = EngineError("srv does not answer", hint="Start it.")
    assert home.run() is RunStatus.FAILED
    assert latest(home).summary == "2 of 2 failed: srv does not answer"


TRIES = len(WAITS_S) + 1


def test_a_transient_error_is_tried_again_over_minutes_and_told(home: Home) -> None:
    home.server.fail("one", BUSY, times=TRIES - 1)
    home.add()
    began = home.clock.now() + timedelta(seconds=1)
    assert home.run() is RunStatus.SUCCEEDED
    texts = [message.text for message in latest(home).items[0].messages]
    assert texts[:2] == [
        "Attempt 1 of 6 failed and is tried again at 12:00:02 UTC: the database is busy",
        "Attempt 2 of 6 failed and is tried again at 12:00:07 UTC: the database is busy",
    ]
    assert len(texts) == TRIES - 1
    assert home.clock.now() - began == timedelta(seconds=sum(WAITS_S))


def test_whoever_watches_sees_what_is_waited_for(home: Home) -> None:
    home.server.fail("one", BUSY)
    home.add()
    seen: list[str | None] = []
    waited = home.clock.wait

    def look(event: threading.Event, seconds: float) -> bool:
        progress = home.ops.runs.list()[0].progress
        seen.append(progress and progress.phase)
        return waited(event, seconds)

    home.clock.wait = look  # type: ignore[method-assign]
    assert home.run() is RunStatus.SUCCEEDED
    assert seen == ["waiting until 12:00:02 UTC for attempt 2 of 6, because the database is busy"]


def test_a_transient_error_that_stays_fails_in_the_end(home: Home) -> None:
    home.server.fail("one", BUSY, times=TRIES)
    home.add()
    assert home.run() is RunStatus.FAILED
    (item,) = latest(home).items
    assert item.error == BUSY.message
    assert [message.is_error for message in item.messages] == [False] * (TRIES - 1) + [True]
    assert len(home.server.requests) == TRIES


def test_no_attempt_is_waited_for_beyond_the_time_limit(home: Home) -> None:
    home.server.fail("one", BUSY, times=TRIES)
    home.add(time_limit_h=0.015)
    assert home.run() is RunStatus.FAILED
    assert len(home.server.requests) == 4
    assert latest(home).items[0].error == BUSY.message


def finished_unheard(home: Home, request: BackupRequest, *, base_id: str | None = None) -> None:
    """Let the server have finished what it is asked for, though its answer is lost."""
    taken = BackupSet(
        set_id="unheard",
        database=request.database,
        kind=request.kind,
        path=f"{request.directory}/{request.file_name}",
        finished_at=home.clock.now(),
        size_bytes=7,
        base_id=base_id,
        description=request.description,
    )
    home.server.finished[f"{request.database}: {request.description}"] = home.server.put(taken)


LOST = EngineError("the connection was lost", hint="Look at the network.", transient=True)
UNHEARD = EndUnknown("the worker was lost after it gave the file its name", hint="Look.")


@pytest.mark.parametrize("error", [LOST, UNHEARD])
def test_a_set_that_was_finished_unheard_is_adopted_and_not_taken_again(home: Home, error: PwsopsError) -> None:
    home.server.before_backup = lambda request: finished_unheard(home, request)
    home.server.fail("one", error)
    home.add()
    assert home.run() is RunStatus.SUCCEEDED
    (item,) = latest(home).items
    assert (item.set_id, item.status, len(home.server.requests)) == ("unheard", RunStatus.SUCCEEDED, 1)
    assert "found finished and whole" in item.messages[-1].text
    with home.core.catalogue.read() as connection:
        assert [one.set_id for one in sets.of_database(connection, "srv", "one")] == ["unheard"]


def unheard_incremental(home: Home, base_id: str | None) -> None:
    """Run an incremental whose answer is lost, and which needs a full: the one that was taken, or another one."""
    home.add()
    home.run()
    taken = home.server.base_of["one"]
    home.server.before_backup = lambda request: finished_unheard(home, request, base_id=base_id or taken)
    home.server.fail("one", LOST)
    home.run(kind=BackupKind.DIFFERENTIAL)


def test_an_incremental_that_was_finished_unheard_is_adopted_with_its_full(home: Home) -> None:
    unheard_incremental(home, None)
    assert (latest(home).status, latest(home).items[0].set_id) == (RunStatus.SUCCEEDED, "unheard")


def test_an_incremental_of_a_full_that_nobody_knows_is_not_adopted(home: Home) -> None:
    """Who may write where backups lie knows the run's name; and somebody's own full may have been replaced."""
    unheard_incremental(home, "somebody's")
    (item,) = latest(home).items
    assert (latest(home).status, item.set_id) == (RunStatus.FAILED, None)
    assert "needs the full backup somebody's, which is not among those that are known of one" in item.error
    looked_at_again(home, timedelta(days=9))
    assert latest(home).status is RunStatus.FAILED


def test_a_set_that_is_found_damaged_is_not_adopted(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(*_: object) -> None:
        raise MediaError("a page is damaged", hint="Take another.")

    monkeypatch.setattr(FakeEngine, "verify", damaged)
    home.server.before_backup = lambda request: finished_unheard(home, request)
    home.server.fail("one", LOST)
    home.add()
    assert home.run() is RunStatus.FAILED
    assert latest(home).items[0].error == "a page is damaged"


@pytest.mark.parametrize("error", [BROKEN, MediaError("the new file is damaged", hint="Look.")])
def test_what_failed_for_sure_is_not_looked_for(home: Home, error: PwsopsError) -> None:
    home.server.before_backup = lambda request: finished_unheard(home, request)
    home.server.fail("one", error)
    home.add()
    assert home.run() is RunStatus.FAILED
    assert home.server.asked_for == []


def looked_at_again(home: Home, after: timedelta) -> RunView:
    home.clock.advance(after)
    home.core.runner.reconcile_now()
    return latest(home)


def test_a_backup_whose_end_is_not_known_is_looked_for_again_and_corrects_what_was_told(home: Home) -> None:
    home.server.fail("one", UNHEARD)
    home.add(databases=["one", "two"])
    assert home.run() is RunStatus.FAILED
    assert looked_at_again(home, timedelta(seconds=59)).status is RunStatus.FAILED
    finished_unheard(home, home.server.requests[0])
    run = looked_at_again(home, timedelta(seconds=1))
    assert run.status is RunStatus.SUCCEEDED
    (item, _) = run.items
    assert (item.set_id, item.error, item.hint) == ("unheard", "", "")
    assert "found finished at 2026-03-02 12:01:00 UTC" in item.reason
    assert "the worker was lost" in item.messages[-1].text
    assert run.summary == item.reason
    view = home.ops.profiles.view("p")
    assert (view.health, view.failures_in_a_row) == (Health.GREEN, 0)
    assert home.ops.audit.list()[0].action == "backup found"
    asked = len(home.server.asked_for)
    looked_at_again(home, timedelta(days=9))
    assert len(home.server.asked_for) == asked


def test_a_lost_backup_whose_file_a_later_one_has_taken_is_not_adopted(home: Home) -> None:
    home.server.fail("one", UNHEARD)
    home.add(timestamp=False, incremental=False)
    home.run()
    finished_unheard(home, home.server.requests[0])
    home.run()
    looked_at_again(home, timedelta(days=9))
    with home.core.catalogue.read() as connection:
        (kept,) = sets.of_database(connection, "srv", "one")
    assert kept.set_id != "unheard"
    assert home.ops.runs.get(1).status is RunStatus.FAILED


def test_a_backup_that_is_found_late_is_older_than_those_of_later_runs(home: Home) -> None:
    home.server.fail("one", UNHEARD)
    home.add()
    home.run()
    finished_unheard(home, home.server.requests[0])
    home.run()
    looked_at_again(home, timedelta(minutes=1))
    with home.core.catalogue.read() as connection:
        newest, found = sets.of_database(connection, "srv", "one")
    assert found.set_id == "unheard"
    home.run()
    assert latest(home).items[0].kind is BackupKind.DIFFERENTIAL
    assert home.server.requests[-1].base == newest


def test_looks_become_ever_more_seldom_and_end(home: Home) -> None:
    home.server.fail("one", UNHEARD)
    home.add()
    home.run()
    asked = len(home.server.asked_for)
    looks = 0
    for _ in range(60):
        looked_at_again(home, timedelta(hours=1))
        looks, before = len(home.server.asked_for) - asked, looks
        assert looks - before <= 1
    assert looks == len(LOOK_AGAIN)


def test_a_server_that_cannot_be_asked_is_asked_later(home: Home) -> None:
    home.server.fail("one", UNHEARD)
    home.add()
    home.run()
    finished_unheard(home, home.server.requests[0])
    home.server.find_error = LOST
    assert looked_at_again(home, timedelta(minutes=1)).status is RunStatus.FAILED
    home.server.find_error = None
    assert looked_at_again(home, timedelta(minutes=5)).status is RunStatus.SUCCEEDED


def test_a_profile_that_only_an_untrue_failure_switched_off_is_active_again(home: Home) -> None:
    home.add()
    home.server.fail("one", UNHEARD)
    home.run()
    first = home.server.requests[0]
    home.server.fail("one", BROKEN, times=4)
    for _ in range(4):
        home.run()
    assert home.ops.profiles.view("p").state is ProfileState.TRIPPED
    finished_unheard(home, first)
    looked_at_again(home, timedelta(minutes=1))
    view = home.ops.profiles.view("p")
    assert (view.state, view.failures_in_a_row, view.tripped_at) == (ProfileState.ACTIVE, 4, None)
    assert view.next_due_at is not None
    assert view.red_databases == ()


def test_a_login_that_is_refused_is_not_tried_for_the_other_databases(home: Home) -> None:
    home.add(databases=["one", "two", "three"])
    home.server.fail("one", REFUSED)
    assert home.run() is RunStatus.FAILED
    assert len(home.server.requests) == 1
    one, two, three = latest(home).items
    assert one.error == REFUSED.message
    for item in (two, three):
        assert "srv was not asked, because it refused the service user's login at 2026-03-02 12:00 UTC" in item.error
        assert (item.hint, item.status) == (REFUSED.hint, RunStatus.FAILED)


def test_nor_by_other_profiles_until_something_about_it_is_changed(home: Home) -> None:
    home.add()
    home.add(name="q", databases=["two"])
    home.server.fail("one", REFUSED)
    home.run()
    opened = len(home.server.opened_as)
    assert home.run("q") is RunStatus.FAILED
    assert (len(home.server.requests), len(home.server.opened_as)) == (1, opened)
    assert isinstance(home.ops.databases.poll(["srv"])["srv"], LoginRefused)
    (known,) = home.ops.instances.refused_logins()
    assert (known.instance, known.login, known.message) == ("srv", "", REFUSED.message)
    home.ops.instances.probe("srv")
    assert home.run("q") is RunStatus.SUCCEEDED


def test_a_probe_that_is_refused_again_keeps_it_so(home: Home) -> None:
    home.server.probe_error = lambda _instance: REFUSED
    with pytest.raises(LoginRefused):
        home.ops.instances.probe("srv")
    assert [known.login for known in home.ops.instances.refused_logins()] == [""]
    home.ops.instances.try_again("srv")
    assert list(home.ops.instances.refused_logins()) == []


def test_a_page_that_looks_at_directories_asks_no_more_once_the_login_is_refused(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def refuse(_engine: FakeEngine, path: str) -> None:
        asked.append(path)
        raise REFUSED

    monkeypatch.setattr(FakeEngine, "browse", refuse)
    for _ in range(3):
        with pytest.raises(LoginRefused):
            home.ops.databases.browse("srv", "/media")
    assert asked == ["/media"]
    finding = next(check for check in home.ops.doctor() if check.name.startswith("Login"))
    assert "try-again" in finding.next_step


def test_an_edit_of_the_instance_lets_it_be_tried_again(home: Home) -> None:
    home.server.databases_error = REFUSED
    with pytest.raises(LoginRefused):
        home.ops.databases.list("srv")
    home.server.databases_error = None
    home.ops.instances.edit("srv", address="elsewhere")
    assert home.ops.databases.list("srv")


def test_a_new_password_lets_a_profiles_own_login_be_tried_again(home: Home) -> None:
    home.server.login = True
    home.ops.profiles.create(home.profile(login="ann"), password="old")
    home.server.fail("one", REFUSED)
    home.run()
    assert home.run() is RunStatus.FAILED
    home.ops.profiles.save("p", home.ops.profiles.get("p"), password="new")
    assert home.run() is RunStatus.SUCCEEDED
    assert ("ann", "new") in home.server.opened_as


def test_a_login_that_is_refused_while_a_lost_backup_is_looked_for_is_remembered(home: Home) -> None:
    home.server.fail("one", UNHEARD)
    home.add()
    home.run()
    home.server.find_error = REFUSED
    looked_at_again(home, timedelta(minutes=1))
    asked = len(home.server.asked_for)
    looked_at_again(home, timedelta(minutes=5))
    assert len(home.server.asked_for) == asked


def test_a_lasting_error_is_not_tried_again(home: Home) -> None:
    home.server.fail("one", BROKEN)
    home.add()
    home.run()
    assert len(home.server.requests) == 1


def test_a_run_is_given_up_at_its_time_limit(home: Home) -> None:
    home.add(databases=["one", "two"], time_limit_h=2)
    home.server.before_backup = lambda request: home.clock.advance(timedelta(hours=2)) and None
    assert home.run() is RunStatus.FAILED
    first, second = latest(home).items
    assert first.status is RunStatus.SUCCEEDED
    assert "time limit of 2 h" in second.error
    assert [request.database for request in home.server.requests] == ["one"]


def test_the_engine_is_told_how_much_time_is_left(home: Home) -> None:
    home.add(databases=["one", "two"], time_limit_h=2)
    home.server.before_backup = lambda request: home.clock.advance(timedelta(minutes=30)) and None
    home.run()
    assert [request.time_limit_s for request in home.server.requests] == [7200, 5400]


def test_a_clock_that_is_set_does_not_use_up_the_time_limit(home: Home) -> None:
    home.add(databases=["one", "two"], time_limit_h=2)
    home.server.before_backup = lambda request: home.clock.set_wall(NOON + 50 * HOUR)
    assert home.run() is RunStatus.SUCCEEDED


# Full, incremental, and the base


def test_an_incremental_rests_on_the_profiles_own_newest_full(home: Home) -> None:
    home.add()
    home.add(name="other")
    home.run()
    mine = latest(home).items[0].set_id
    home.run("other")
    home.run(kind=FULL)
    newest = latest(home).items[0].set_id
    home.run("other")
    home.run()
    request = home.server.requests[-1]
    assert request.kind is DIFFERENTIAL
    assert request.base is not None
    assert request.base.set_id == newest != mine
    assert request.file_name.startswith("one_DIFF_")


def test_where_no_base_exists_a_full_is_taken_with_the_reason(home: Home) -> None:
    home.add()
    assert home.run(kind=DIFFERENTIAL) is RunStatus.SUCCEEDED
    run = latest(home)
    assert run.kind is DIFFERENTIAL
    assert run.items[0].kind is FULL
    assert run.items[0].reason == run.summary == "no full backup of the database by this profile is known"


def test_a_base_that_does_not_serve_becomes_a_full_with_the_reason(home: Home) -> None:
    home.add()
    home.run()
    home.server.fail("one", BaseUnusable("the base has another page size", hint="Take a full."))
    assert home.run() is RunStatus.SUCCEEDED
    (item,) = latest(home).items
    assert (item.kind, item.reason) == (FULL, "the base has another page size")
    assert kinds(home) == [FULL, DIFFERENTIAL, FULL]


def test_a_full_that_fails_after_an_unusable_base_is_a_failure(home: Home) -> None:
    home.add()
    home.run()
    home.server.fail("one", BaseUnusable("the base has another page size", hint="Take a full."))
    home.server.fail("one", BROKEN)
    assert home.run() is RunStatus.FAILED
    assert latest(home).items[0].error == BROKEN.message


def test_a_profile_that_is_not_incremental_takes_fulls_only(home: Home) -> None:
    home.add(incremental=False)
    home.run()
    home.run()
    assert kinds(home) == [FULL, FULL]


def test_on_a_server_with_one_base_the_servers_own_counts(home: Home) -> None:
    home.server.shared_base = True
    home.add()
    home.add(name="other")
    home.run()
    home.run("other")
    theirs = latest(home).items[0].set_id
    home.run()
    base = home.server.requests[-1].base
    assert base is not None
    assert base.set_id == theirs


def test_on_a_server_with_one_base_a_foreign_full_is_noticed(home: Home) -> None:
    home.server.shared_base = True
    home.add()
    home.run()
    home.server.base_of["one"] = "theirs"
    theirs = BackupSet(set_id="theirs", database="one", kind=FULL, path="/theirs/x.bak", finished_at=home.clock.now())
    home.server.outside = [theirs]
    home.run()
    (item,) = latest(home).items
    assert item.kind is FULL
    assert "another tool took a full backup" in item.reason
    assert "/theirs/x.bak" in item.reason
    home.run()
    assert latest(home).items[0].kind is DIFFERENTIAL, "the new full is the base, and it is ours"


def test_all_that_the_server_said_of_a_failure_is_kept_in_order(home: Home) -> None:
    home.add()
    said = [
        Message(text="Cannot open device.", at=NOON, number=3201, severity=16, state=1, is_error=True),
        Message(text="BACKUP DATABASE is terminating abnormally.", at=NOON, number=3013, severity=16, is_error=True),
    ]
    home.server.fail("one", EngineError("The file cannot be made.", hint="Look.", number=3201, messages=said))
    home.run()
    (item,) = latest(home).items
    assert item.error == "The file cannot be made."
    assert item.messages == tuple(said)


def test_media_that_went_for_a_newer_backup_are_known_to_be_gone(home: Home) -> None:
    home.add(incremental=False)
    home.run()
    (first,) = latest(home).items
    home.server.replaced = [str(first.path)]
    home.run()
    with home.core.catalogue.read() as connection:
        assert [one.set_id for one in sets.of_database(connection, "srv", "one")] == [latest(home).items[0].set_id]


def test_after_the_first_full_the_next_is_planned_incremental(home: Home) -> None:
    home.add()
    assert home.ops.profiles.view("p").next_kind is FULL
    home.run()
    assert home.ops.profiles.view("p").next_kind is DIFFERENTIAL


def test_a_full_that_failed_is_planned_full_again(home: Home) -> None:
    home.add()
    home.server.fail("one", BROKEN)
    home.run()
    assert home.ops.profiles.view("p").next_kind is FULL


def test_a_renewed_full_that_failed_is_planned_full_again(home: Home) -> None:
    profile_id = home.add(renew_full="weekly:tue")
    home.run()
    tuesday = datetime(2026, 3, 3, tzinfo=NOON.tzinfo)
    home.clock.set_wall(tuesday)
    with home.core.catalogue.write() as connection:
        profiles.schedule(connection, [(profile_id, tuesday + HOUR, DIFFERENTIAL)])
    home.server.fail("one", BROKEN)
    assert home.run() is RunStatus.FAILED
    assert latest(home).kind is FULL
    assert home.ops.profiles.view("p").next_kind is FULL
    assert home.ops.profiles.preview("p", count=2)[0].kind is FULL
    assert home.ops.profiles.preview("p", count=2)[1].kind is DIFFERENTIAL


def test_an_older_full_that_ends_late_does_not_turn_back_the_plan(home: Home) -> None:
    profile_id = home.add()
    with home.core.catalogue.write() as connection:
        profiles.set_state(connection, profile_id, last_full_due_at=NOON + 5 * HOUR)
    home.server.before_backup = lambda _request: home.clock.advance(6 * HOUR)
    home.run(kind=FULL)
    with home.core.catalogue.read() as connection:
        assert profiles.get(connection, profile_id).last_full_due_at == NOON + 5 * HOUR


def test_a_full_takes_the_place_of_one_that_a_clock_dated_ahead(home: Home) -> None:
    profile_id = home.add()
    with home.core.catalogue.write() as connection:
        profiles.set_state(connection, profile_id, last_full_due_at=NOON + timedelta(days=365))
    home.run(kind=FULL)
    with home.core.catalogue.read() as connection:
        row = profiles.get(connection, profile_id)
    assert row.last_full_due_at == home.clock.now()
    assert row.next_kind is BackupKind.DIFFERENTIAL


def test_without_a_date_the_last_backup_is_replaced_and_known_to_be(home: Home) -> None:
    home.add(timestamp=False, incremental=False)
    home.run()
    first = latest(home).items[0].set_id
    home.run()
    assert [request.file_name for request in home.server.requests] == ["one_FULL.bak"] * 2
    assert all(request.overwrite for request in home.server.requests)
    with home.core.catalogue.read() as connection:
        (kept,) = sets.of_database(connection, "srv", "one")
        assert sets.by_id(connection, str(first)) == []
        replaced = connection.execute(select(backup_sets.c.replaced_at).where(backup_sets.c.set_id == first)).scalar()
    assert kept.set_id == latest(home).items[0].set_id
    assert replaced == home.clock.now()


def test_a_profile_says_whether_the_structure_is_checked(home: Home) -> None:
    home.add()
    home.add(name="q", check_structure=False)
    home.run()
    home.run("q")
    assert [request.check_structure for request in home.server.requests] == [True, False]


def test_what_was_found_in_a_damaged_database_is_kept_with_the_run(home: Home) -> None:
    home.add()
    found = [Message(text="quick_check found: page 5", at=NOON), Message(text="It is damaged.", at=NOON, is_error=True)]
    home.server.fail("one", DatabaseDamaged("It is damaged.", hint="Restore it.", messages=found))
    assert home.run() is RunStatus.FAILED
    (item,) = latest(home).items
    assert (item.error, item.set_id) == ("It is damaged.", None)
    assert [message.text for message in item.messages] == [one.text for one in found]


# Cancel, progress


def in_background(home: Home, name: str = "p") -> tuple[threading.Thread, list[RunView]]:
    home.clock.advance(timedelta(seconds=1))
    ended: list[RunView] = []
    thread = threading.Thread(target=lambda: ended.append(home.ops.runs.run_here(name)), daemon=True)
    thread.start()
    assert home.server.started.wait(20)
    return thread, ended


def test_a_run_that_goes_on_can_be_cancelled(home: Home) -> None:
    home.server.hold()
    home.add(databases=["one", "two"])
    thread, ended = in_background(home)
    home.ops.runs.cancel(home.ops.runs.list()[0].id)
    thread.join(20)
    (run,) = ended
    assert run.status is RunStatus.CANCELLED
    assert run.summary == "2 of 2 cancelled: The backup was cancelled."
    assert [item.status for item in run.items] == [RunStatus.CANCELLED] * 2
    assert not any(message.is_error for item in run.items for message in item.messages)
    assert [request.database for request in home.server.requests] == ["one"]


def test_a_cancelled_run_leaves_every_count_and_every_colour(home: Home) -> None:
    home.add()
    home.server.fail("one", BROKEN, times=2)
    home.run()
    home.run()
    home.server.fail("one", Cancelled("Stopped.", hint="Start again."))
    assert home.run() is RunStatus.CANCELLED
    view = home.ops.profiles.view("p")
    assert view.failures_in_a_row == 2
    assert view.last_run is not None
    assert view.last_run.status is RunStatus.FAILED
    assert view.next_kind is FULL


def test_a_cancelled_run_does_not_wait_out_its_retries(home: Home) -> None:
    home.add()

    def cancelled_as_it_fails(request: BackupRequest) -> None:
        assert home.core.runner.cancel(latest(home).id)
        raise BUSY

    home.server.before_backup = cancelled_as_it_fails
    assert home.run() is RunStatus.CANCELLED
    assert "before its next attempt" in latest(home).items[0].error
    assert home.clock.now() == NOON + timedelta(seconds=1)


def test_a_run_of_another_process_cannot_be_cancelled_directly(home: Home) -> None:
    assert not home.core.runner.cancel(1)


def test_how_far_a_run_is_can_be_seen_and_is_gone_at_its_end(home: Home) -> None:
    home.server.progress = [Progress(phase="copying", done_bytes=5, total_bytes=10)]
    released = home.server.hold()
    home.add()
    thread, ended = in_background(home)
    assert home.ops.runs.list()[0].progress == Progress(phase="copying", done_bytes=5, total_bytes=10)
    view = home.ops.profiles.view("p")
    assert view.running is not None
    assert view.running.status is RunStatus.RUNNING
    released.set()
    thread.join(20)
    assert ended[0].progress is None


def test_progress_is_not_written_more_often_than_it_is_looked_at(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.server.progress = [Progress(phase="copying", done_bytes=number, total_bytes=1000) for number in range(1000)]
    told: list[int] = []
    original = runs.change

    def change(connection: runs.Connection, run_id: int, **values: object) -> None:
        if "progress_done" in values and values["progress_done"] is not None:
            told.append(1)
        original(connection, run_id, **values)

    monkeypatch.setattr(runs, "change", change)
    home.add()
    home.run()
    assert len(told) == 1


def test_progress_that_cannot_be_written_fails_no_backup(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.server.progress = [Progress(phase="copying", done_bytes=1, total_bytes=2)]
    original = runs.change

    def change(connection: runs.Connection, run_id: int, **values: object) -> None:
        if values.get("progress_done") is not None:
            raise PwsopsError("The catalogue is locked.", hint="Wait.", transient=True)
        original(connection, run_id, **values)

    monkeypatch.setattr(runs, "change", change)
    home.add()
    assert home.run() is RunStatus.SUCCEEDED


def test_an_edit_that_ends_the_chain_is_not_undone_by_the_full_that_was_under_way(home: Home) -> None:
    released = home.server.hold()
    home.add()
    thread, ended = in_background(home)
    home.clock.advance(timedelta(seconds=1))
    edited = home.ops.profiles.get("p")
    edited.directory = "/elsewhere"
    home.ops.profiles.save("p", edited)
    released.set()
    thread.join(20)
    assert (ended[0].status, ended[0].kind) == (RunStatus.SUCCEEDED, FULL)
    assert home.ops.profiles.view("p").next_kind is FULL
    home.run()
    home.run()
    assert [(request.directory, request.kind) for request in home.server.requests] == [
        ("/media", FULL),
        ("/elsewhere", FULL),
        ("/elsewhere", DIFFERENTIAL),
    ]


# Between claim and start


def queue(home: Home, profile_id: int, *, trigger: Trigger = Trigger.SCHEDULE, owner: str | None = "me") -> int:
    with home.core.catalogue.write() as connection:
        return runs.add(
            connection,
            profile_id=profile_id,
            profile="p",
            due_at=home.clock.now(),
            kind=FULL,
            trigger=trigger,
            owner=home.core.liveness.token if owner == "me" else owner,
        )


@pytest.mark.parametrize("trigger", list(Trigger))
def test_a_profile_deleted_between_claim_and_start_is_not_run(home: Home, trigger: Trigger) -> None:
    run_id = queue(home, home.add(), trigger=trigger)
    home.ops.profiles.delete("p")
    assert home.core.runner.execute(run_id) is RunStatus.CANCELLED
    assert "deleted" in home.ops.runs.get(run_id).summary
    assert home.server.requests == []


@pytest.mark.parametrize("trigger", [Trigger.SCHEDULE, Trigger.CATCH_UP])
def test_a_profile_switched_off_between_claim_and_start_is_not_run(home: Home, trigger: Trigger) -> None:
    run_id = queue(home, home.add(), trigger=trigger)
    home.ops.profiles.deactivate("p")
    assert home.core.runner.execute(run_id) is RunStatus.CANCELLED
    assert "switched off" in home.ops.runs.get(run_id).summary


def test_a_profile_that_is_off_can_be_run_by_hand(home: Home) -> None:
    home.add(active=False)
    assert home.run() is RunStatus.SUCCEEDED


def test_an_edit_between_claim_and_start_takes_effect(home: Home) -> None:
    run_id = queue(home, home.add())
    edited = home.ops.profiles.get("p")
    edited.databases, edited.directory = ["two"], "/elsewhere"
    home.ops.profiles.save("p", edited)
    home.core.runner.execute(run_id)
    (request,) = home.server.requests
    assert (request.database, request.directory) == ("two", "/elsewhere")


def test_a_run_that_waits_ends_at_once_when_it_is_cancelled(home: Home) -> None:
    run_id = queue(home, home.add(), owner=None)
    home.ops.runs.cancel(run_id)
    run = home.ops.runs.get(run_id)
    assert (run.status, run.summary, run.finished_at) == (RunStatus.CANCELLED, "cancelled before it began", NOON)
    assert home.core.runner.execute(run_id) is RunStatus.CANCELLED
    assert home.server.requests == []
    with pytest.raises(Refused, match="ended already"):
        home.ops.runs.cancel(run_id)


def test_a_run_whose_cancel_came_from_elsewhere_does_not_begin(home: Home) -> None:
    run_id = queue(home, home.add())
    with home.core.catalogue.write() as connection:
        runs.change(connection, run_id, cancel_requested=True)
    assert home.core.runner.execute(run_id) is RunStatus.CANCELLED
    assert home.server.requests == []


def test_two_runs_started_in_the_same_tick_of_the_clock_are_two_runs(home: Home) -> None:
    home.add()
    first, second = (home.ops.runs.run_here("p") for _ in range(2))
    assert first.id != second.id
    assert second.due_at - first.due_at == timedelta(microseconds=1)


def test_a_run_is_not_executed_twice(home: Home) -> None:
    run_id = queue(home, home.add())
    home.core.runner.execute(run_id)
    home.core.runner.execute(run_id)
    assert len(home.server.requests) == 1


def test_two_threads_do_not_execute_the_same_run(home: Home) -> None:
    released = home.server.hold()
    run_id = queue(home, home.add())
    first = threading.Thread(target=home.core.runner.execute, args=(run_id,), daemon=True)
    first.start()
    assert home.server.started.wait(20)
    assert home.core.runner.execute(run_id) is RunStatus.RUNNING
    assert home.core.runner.cancel(run_id), "the first one can no longer be stopped"
    released.set()
    first.join(20)
    assert home.ops.runs.get(run_id).status is RunStatus.CANCELLED


def test_a_run_that_does_not_exist_does_nothing(home: Home) -> None:
    home.core.runner.execute(4711)
    with home.core.catalogue.write() as connection, pytest.raises(LookupError):
        outcomes.run_finished(connection, 4711, now=NOON)


# After a crash


def crashed(home: Home, *, databases: list[str] | None = None, token: str = "dead") -> int:
    """A run that another process had begun when it died."""
    databases = databases or ["one"]
    run_id = queue(home, home.add(databases=databases), owner=token)
    with home.core.catalogue.write() as connection:
        ids = runs.start(connection, run_id, owner=token, databases=databases, now=NOON)
        runs.change_item(connection, ids[0], status=RunStatus.RUNNING.value, started_at=NOON)
    return run_id


def finished_set(run_id: int, database: str = "one") -> BackupSet:
    return BackupSet(
        set_id=f"set of {database}",
        database=database,
        kind=FULL,
        path=f"/media/{database}.bak",
        finished_at=NOON,
        description=run_description(run_id, "dead"),
    )


def test_what_a_dead_process_left_half_done_has_failed(home: Home) -> None:
    run_id = crashed(home, databases=["one", "two"])
    home.core.runner.reconcile_now()
    run = home.ops.runs.get(run_id)
    assert run.status is RunStatus.FAILED
    assert run.finished_at == NOON
    assert all("interrupted" in item.error and item.hint for item in run.items)
    assert home.server.asked_for == [(name, f"pwsops run {run_id} (dead)") for name in ("one", "two")]
    assert home.ops.profiles.view("p").failures_in_a_row == 1


def test_what_the_engine_finished_is_finished_here(home: Home) -> None:
    run_id = crashed(home, databases=["one", "two"])
    home.server.finished[f"one: pwsops run {run_id} (dead)"] = finished_set(run_id)
    home.core.runner.reconcile_now()
    run = home.ops.runs.get(run_id)
    assert run.summary.startswith("1 of 2 failed")
    found, lost = run.items
    assert (found.status, found.set_id, found.kind) == (RunStatus.SUCCEEDED, "set of one", FULL)
    assert "found finished" in found.reason
    assert lost.status is RunStatus.FAILED
    with home.core.catalogue.read() as connection:
        assert [one.set_id for one in sets.of_database(connection, "srv", "one")] == ["set of one"]


def test_a_clock_that_was_ahead_at_a_look_does_not_put_the_next_one_off(home: Home) -> None:
    run_id = crashed(home)
    now = home.clock.now()
    home.clock.set_wall(now + timedelta(days=365))
    home.core.runner.reconcile()
    home.clock.set_wall(now)
    home.server.finished[f"one: pwsops run {run_id} (dead)"] = finished_set(run_id)
    home.core.runner.reconcile()
    assert home.ops.runs.get(run_id).status is RunStatus.SUCCEEDED


def test_what_is_not_found_at_first_is_looked_for_again(home: Home) -> None:
    """A disk that is not mounted may leave an empty directory: nothing there proves nothing."""
    run_id = crashed(home)
    home.core.runner.reconcile_now()
    assert home.ops.runs.get(run_id).status is RunStatus.FAILED
    home.server.finished[f"one: pwsops run {run_id} (dead)"] = finished_set(run_id)
    home.clock.advance(LOOK_AGAIN[0])
    home.core.runner.reconcile_now()
    assert home.ops.runs.get(run_id).status is RunStatus.SUCCEEDED


def test_what_is_not_whole_is_not_taken_over(home: Home) -> None:
    run_id = crashed(home)
    home.server.finished[f"one: pwsops run {run_id} (dead)"] = finished_set(run_id)
    home.server.verify_error = MediaError("frame 3 fails its checksum", hint="Take another.")
    home.core.runner.reconcile_now()
    (item,) = home.ops.runs.get(run_id).items
    assert item.status is RunStatus.FAILED
    assert "whether it was finished, and is whole, could not be told: frame 3 fails its checksum" in item.error
    home.server.verify_error = None
    home.clock.advance(timedelta(hours=1))
    home.core.runner.reconcile_now()
    assert home.ops.runs.get(run_id).status is RunStatus.SUCCEEDED, "it is looked at again"


@pytest.mark.parametrize("when", ["at once", "later"])
def test_a_finished_set_of_a_damaged_database_is_not_taken_over(home: Home, when: str) -> None:
    run_id = crashed(home)
    if when == "later":
        home.server.find_error = EngineError("srv does not answer", hint="Start it.")
        home.core.runner.reconcile_now()
        home.clock.advance(timedelta(hours=1))
        home.server.find_error = None
    home.server.finished[f"one: pwsops run {run_id} (dead)"] = finished_set(run_id)
    home.server.unsound["one"] = DatabaseDamaged("Page 7 is torn.", hint="Restore it.")
    home.core.runner.reconcile_now()
    run = home.ops.runs.get(run_id)
    assert (run.status, run.items[0].error) == (RunStatus.FAILED, "Page 7 is torn.")
    with home.core.catalogue.read() as connection:
        assert [one.found for one in damage.known(connection).values()] == ["Page 7 is torn."]
        assert runs.to_look_at_again(connection, home.clock.now() + timedelta(days=9)) == []
        assert sets.of_database(connection, "srv", "one") == []


def test_an_attempt_that_finished_a_set_of_a_damaged_database_fails_for_that(home: Home) -> None:
    run_id = queue(home, home.add())
    home.server.fail("one", EngineError("The connection was lost.", hint="Wait.", transient=True))
    home.server.finished[f"one: {run_description(run_id, home.core.liveness.token)}"] = finished_set(run_id)
    home.server.unsound["one"] = DatabaseDamaged("Page 7 is torn.", hint="Restore it.")
    assert home.core.runner.execute(run_id) is RunStatus.FAILED
    assert latest(home).summary == "Page 7 is torn."


def test_settling_that_is_stopped_while_a_set_is_read_leaves_the_run_for_the_next(home: Home) -> None:
    run_id = crashed(home)
    home.server.finished[f"one: pwsops run {run_id} (dead)"] = finished_set(run_id)
    home.server.verify_error = Cancelled("It was cancelled.", hint="Start it again.")
    stop = threading.Event()
    home.server.before_finding = lambda: stop.set()
    home.core.runner.reconcile(stop)
    assert home.ops.runs.get(run_id).status is RunStatus.RUNNING
    home.server.verify_error = None
    home.core.runner.reconcile()
    assert home.ops.runs.get(run_id).status is RunStatus.SUCCEEDED


def test_where_the_engine_cannot_be_asked_the_history_says_so(home: Home) -> None:
    run_id = crashed(home)
    home.server.find_error = EngineError("srv does not answer", hint="Start it.")
    home.core.runner.reconcile_now()
    (item,) = home.ops.runs.get(run_id).items
    assert "could not be told: srv does not answer" in item.error
    assert item.hint == "Start it."


def test_one_run_that_cannot_be_settled_does_not_keep_the_others_open(home: Home) -> None:
    first = crashed(home)
    home.server.find_error = ZeroDivisionError("a fault of the engine")
    home.core.runner.reconcile_now()
    assert home.ops.runs.get(first).status is RunStatus.RUNNING
    home.server.find_error = None
    home.core.runner.reconcile_now()
    assert home.ops.runs.get(first).status is RunStatus.FAILED


def test_a_run_is_settled_once_though_two_processes_try(home: Home) -> None:
    run_id = crashed(home)
    with home.core.catalogue.read() as connection:
        left = runs.open_runs(connection)[0]
    home.core.runner.reconcile_now()
    home.core.runner._orphans._reconcile(left, None)
    assert home.ops.profiles.view("p").failures_in_a_row == 1
    assert len(home.ops.runs.get(run_id).items[0].messages) == 1


def test_an_item_settled_by_another_process_in_the_meantime_is_left(home: Home) -> None:
    run_id = crashed(home)
    with home.core.catalogue.read() as connection:
        left = runs.open_runs(connection)[0]
        (item,) = runs.items(connection, [run_id])[run_id]
    home.core.runner.reconcile_now()
    with home.core.catalogue.read() as connection:
        profile = profiles.get(connection, left["profile_id"])
    home.core.runner._orphans._reconcile_item(profile, left, item, None)
    assert len(home.ops.runs.get(run_id).items[0].messages) == 1


def test_a_run_of_a_living_process_is_left_alone(home: Home) -> None:
    other = Liveness(home.path)
    run_id = crashed(home, token=other.token)
    home.core.runner.reconcile_now()
    assert home.ops.runs.get(run_id).status is RunStatus.RUNNING
    other.close()
    home.core.runner.reconcile_now()
    assert home.ops.runs.get(run_id).status is RunStatus.FAILED


def test_a_run_of_this_process_that_goes_on_is_left_alone(home: Home) -> None:
    released = home.server.hold()
    home.add()
    thread, ended = in_background(home)
    home.core.runner.reconcile_now()
    released.set()
    thread.join(20)
    assert ended[0].status is RunStatus.SUCCEEDED


def test_a_waiting_run_of_a_dead_process_goes_back_into_the_queue(home: Home) -> None:
    run_id = queue(home, home.add(), owner="dead")
    home.core.runner.reconcile_now()
    with home.core.catalogue.read() as connection:
        row = runs.get(connection, run_id)
    assert row is not None
    assert (row["status"], row["owner"]) == ("queued", None)


def failing(
    monkeypatch: pytest.MonkeyPatch, where: Any, name: str, times: int, only: Callable[..., bool] = lambda *_: True
) -> list[int]:
    """Let a step of a transaction fail so many times; gives how often it was tried, at the calls that `only` means."""
    original, tried = getattr(where, name), [0]

    def step(*given: Any, **more: Any) -> Any:
        if only(*given):
            tried[0] += 1
            if tried[0] <= times:
                raise PwsopsError("The catalogue is locked.", hint="Wait.", transient=True)
        return original(*given, **more)

    monkeypatch.setattr(where, name, step)
    return tried


@pytest.mark.parametrize(
    ("where", "name"),
    [(runs, "start"), (runs, "start_item"), (outcomes, "item_succeeded"), (outcomes, "run_finished")],
)
def test_what_could_not_be_written_at_first_is_written_again(
    home: Home, monkeypatch: pytest.MonkeyPatch, where: Any, name: str
) -> None:
    home.add()
    tried = failing(monkeypatch, where, name, ATTEMPTS - 1)
    assert home.run() is RunStatus.SUCCEEDED
    assert tried == [ATTEMPTS]
    assert len(home.server.requests) == 1


def test_a_failure_that_could_not_be_written_at_first_is_written_again(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.add()
    home.server.fail("one", BROKEN)
    failing(monkeypatch, outcomes, "item_failed", ATTEMPTS - 1)
    assert home.run() is RunStatus.FAILED
    assert latest(home).summary == BROKEN.message


def test_a_catalogue_that_fails_for_one_database_leaves_the_others_their_turn(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = queue(home, home.add(databases=["one", "two", "three"]))
    description = run_description(run_id, home.core.liveness.token)
    failing(monkeypatch, outcomes, "item_succeeded", ATTEMPTS, lambda *given: given[4].database == "two")
    assert home.core.runner.execute(run_id) is RunStatus.RUNNING
    assert [request.database for request in home.server.requests] == ["one", "two", "three"]
    run = home.ops.runs.get(run_id)
    assert [item.status.value for item in run.items] == ["succeeded", "running", "succeeded"]
    assert run.status is RunStatus.RUNNING
    home.server.finished[f"two: {description}"] = finished_set(run_id, "two")
    home.core.runner.reconcile_now()
    assert home.ops.runs.get(run_id).status is RunStatus.SUCCEEDED


def test_a_run_here_whose_end_could_not_be_written_is_settled_before_it_is_given(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.add()
    failing(monkeypatch, outcomes, "item_succeeded", ATTEMPTS)
    thread, ended = in_background(home)
    thread.join(20)
    assert [run.status for run in ended] == [RunStatus.FAILED]
    assert "interrupted" in ended[0].summary


def test_settling_stops_before_the_next_database_when_it_is_told_to(home: Home) -> None:
    run_id = crashed(home, databases=["one", "two"])
    stop = threading.Event()
    home.server.before_finding = lambda: stop.set()
    home.core.runner.reconcile(stop)
    assert [database for database, _ in home.server.asked_for] == ["one"]
    assert home.ops.runs.get(run_id).status is RunStatus.RUNNING
    home.core.runner.reconcile(stop)
    assert len(home.server.asked_for) == 1
    home.core.runner.reconcile()
    assert [database for database, _ in home.server.asked_for] == ["one", "two"]
    assert home.ops.runs.get(run_id).status is RunStatus.FAILED


# The breaker


def fail_runs(home: Home, count: int, database: str = "one") -> None:
    for _ in range(count):
        home.server.fail(database, BROKEN)
        assert home.run() is RunStatus.FAILED


def test_five_failed_runs_in_a_row_switch_a_profile_off(home: Home) -> None:
    home.add()
    fail_runs(home, 4)
    assert home.ops.profiles.view("p").state is ProfileState.ACTIVE
    assert home.ops.profiles.view("p").health is Health.ORANGE
    fail_runs(home, 1)
    view = home.ops.profiles.view("p")
    assert (view.state, view.health, view.tripped_at) == (ProfileState.TRIPPED, Health.RED, home.clock.now())
    assert view.next_due_at is None
    entry = home.ops.audit.list()[0]
    assert (entry.actor, entry.action, entry.subject) == ("backup service", "trip profile", "p")


def test_scheduled_and_manual_failures_count_alike(home: Home) -> None:
    profile_id = home.add()
    fail_runs(home, 2)
    for trigger in (Trigger.SCHEDULE, Trigger.CATCH_UP, Trigger.SCHEDULE):
        home.clock.advance(timedelta(seconds=1))
        home.server.fail("one", BROKEN)
        home.core.runner.execute(queue(home, profile_id, trigger=trigger))
    assert home.ops.profiles.view("p").state is ProfileState.TRIPPED


def test_a_run_in_which_something_succeeded_resets_the_count(home: Home) -> None:
    home.add(databases=["one", "two"])
    for _ in range(4):
        home.server.fail("one", BROKEN)
        home.server.fail("two", BROKEN)
        home.run()
    assert home.ops.profiles.view("p").failures_in_a_row == 4
    home.server.fail("two", BROKEN)
    assert home.run() is RunStatus.FAILED
    view = home.ops.profiles.view("p")
    assert (view.failures_in_a_row, view.state) == (0, ProfileState.ACTIVE)


def test_a_single_database_is_red_inside_its_profile_after_five(home: Home) -> None:
    home.add(databases=["one", "two"])
    fail_runs(home, 4, "two")
    assert home.ops.profiles.view("p").red_databases == ()
    fail_runs(home, 1, "two")
    view = home.ops.profiles.view("p")
    assert (view.red_databases, view.state) == (("two",), ProfileState.ACTIVE)
    home.run()
    assert home.ops.profiles.view("p").red_databases == ()


def test_an_inactive_profile_is_not_switched_off_again(home: Home) -> None:
    home.add(active=False)
    fail_runs(home, 6)
    assert home.ops.profiles.view("p").state is ProfileState.INACTIVE


def test_a_cancelled_run_never_trips(home: Home) -> None:
    home.add(active=False)
    fail_runs(home, 5)
    home.ops.profiles.activate("p")
    home.server.fail("one", Cancelled("Stopped.", hint="Start again."))
    home.run()
    assert home.ops.profiles.view("p").state is ProfileState.ACTIVE


def test_missed_and_skipped_leave_the_count_and_make_it_orange(home: Home) -> None:
    profile_id = home.add()
    fail_runs(home, 2)
    home.server.mend()
    for status in (RunStatus.MISSED, RunStatus.SKIPPED):
        home.clock.advance(timedelta(seconds=1))
        with home.core.catalogue.write() as connection:
            values = runs.new_row(
                profile_id=profile_id,
                profile="p",
                due_at=home.clock.now(),
                kind=FULL,
                trigger=Trigger.SCHEDULE,
                owner=None,
                status=status,
                now=home.clock.now(),
            )
            connection.execute(runs.insert(runs.runs).values(values))
        view = home.ops.profiles.view("p")
        assert (view.failures_in_a_row, view.health) == (2, Health.ORANGE)
    home.run()
    assert home.ops.profiles.view("p").health is Health.GREEN


def test_activating_a_tripped_profile_is_refused_with_the_way_out(home: Home) -> None:
    home.add()
    fail_runs(home, 5)
    for refused in (home.ops.profiles.activate, home.ops.profiles.deactivate):
        with pytest.raises(Refused, match="5 failed runs") as caught:
            refused("p")
        assert "mend" in caught.value.hint
    assert home.ops.profiles.view("p").state is ProfileState.TRIPPED


@pytest.mark.parametrize("note", ["", "   "])
def test_saving_a_tripped_profile_unchanged_is_refused(home: Home, note: str) -> None:
    home.add()
    fail_runs(home, 5)
    with pytest.raises(Refused, match="nothing about it was amended"):
        home.ops.profiles.save("p", home.ops.profiles.get("p"), note=note)
    assert home.ops.profiles.view("p").state is ProfileState.TRIPPED


def test_a_note_arms_a_tripped_profile_and_is_in_the_audit_log(home: Home) -> None:
    home.add()
    fail_runs(home, 5)
    view = home.ops.profiles.save("p", home.ops.profiles.get("p"), note="gave the disk more room")
    assert (view.state, view.failures_in_a_row, view.tripped_at) == (ProfileState.ACTIVE, 0, None)
    assert view.red_databases == ()
    assert view.next_due_at is not None
    assert "gave the disk more room" in home.ops.audit.list()[0].detail
    fail_runs(home, 4)
    assert home.ops.profiles.view("p").state is ProfileState.ACTIVE


def test_a_change_arms_a_tripped_profile(home: Home) -> None:
    home.add()
    fail_runs(home, 5)
    edited = home.ops.profiles.get("p")
    edited.directory = "/elsewhere"
    assert home.ops.profiles.save("p", edited).state is ProfileState.ACTIVE
    assert "directory from /media to /elsewhere" in home.ops.audit.list()[0].detail


def test_a_tripped_profile_that_ran_well_by_hand_still_says_why_it_is_off(home: Home) -> None:
    home.add()
    fail_runs(home, 5)
    assert home.run() is RunStatus.SUCCEEDED
    with pytest.raises(Refused, match="5 failed runs"):
        home.ops.profiles.activate("p")


# Runs in this process


def test_a_run_here_gives_its_end_and_tells_how_it_goes(home: Home) -> None:
    released = home.server.hold()
    seen: list[RunView] = []

    def watch(view: RunView) -> None:
        seen.append(view)
        if view.status is RunStatus.RUNNING:
            released.set()

    home.add()
    assert home.ops.runs.run_here("p", on_change=watch).status is RunStatus.SUCCEEDED
    assert RunStatus.RUNNING in {view.status for view in seen}


def test_a_run_here_whose_watcher_gives_up_is_cancelled(home: Home) -> None:
    home.server.hold()
    home.add()

    def interrupt(view: RunView) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        home.ops.runs.run_here("p", on_change=interrupt)
    assert latest(home).status is RunStatus.CANCELLED


def test_a_run_here_that_is_given_up_before_it_has_begun_does_not_begin(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.add()
    start = home.core.runner._start

    def late(run_id: int, cancel: threading.Event) -> Any:
        assert cancel.wait(20)
        return start(run_id, cancel)

    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(home.core.runner, "_start", late)
    monkeypatch.setattr(home.core.runner, "cancel_requested", interrupt)
    # As where the thread has not got as far as to be found by the run's number.
    monkeypatch.setattr(home.core.runner, "cancel", lambda run_id: False)
    with pytest.raises(KeyboardInterrupt):
        home.ops.runs.run_here("p")
    assert (latest(home).status, home.server.requests) == (RunStatus.CANCELLED, [])


def test_a_killed_run_here_is_not_in_the_way_of_the_next(home: Home) -> None:
    run_id = crashed(home)
    assert home.run() is RunStatus.SUCCEEDED
    assert home.ops.runs.get(run_id).status is RunStatus.FAILED


def test_a_run_here_that_another_thread_of_this_process_began_is_waited_for(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = home.server.hold()
    execute = home.core.runner.execute
    threads: list[threading.Thread] = []
    own = "pwsops-run-here"

    def quicker(run_id: int, cancel: threading.Event) -> None:
        thread = threading.Thread(target=execute, args=(run_id,), daemon=True)
        threads.append(thread)
        thread.start()
        assert home.server.started.wait(60)

    def release(_: RunView) -> None:
        if not any(thread.name == own for thread in threading.enumerate()):
            released.set()

    monkeypatch.setattr(home.core.runner, "execute", quicker)
    home.add()
    try:
        assert home.ops.runs.run_here("p", on_change=release).status is RunStatus.SUCCEEDED
    finally:
        released.set()
    joined(threads[0])


def test_a_cancel_from_another_process_reaches_a_run_here(home: Home) -> None:
    home.server.hold()
    home.add()
    thread, ended = in_background(home)
    with home.core.catalogue.write() as connection:
        runs.change(connection, home.ops.runs.list()[0].id, cancel_requested=True)
    wait_until(lambda: not thread.is_alive(), "the end of the run")
    assert ended[0].status is RunStatus.CANCELLED


def test_a_directory_that_is_gone_is_the_engines_to_tell(home: Home) -> None:
    # The runner asks no directory before a run: only the backup itself knows.
    home.add()
    home.server.directories["/media"] = DirectoryCheck(status=DirectoryStatus.MISSING)
    assert home.run() is RunStatus.SUCCEEDED


def test_a_run_here_that_can_neither_begin_nor_be_ended_says_why(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(*_: object, **__: object) -> None:
        raise PwsopsError("The catalogue is locked.", hint="Wait.", transient=True)

    home.add()
    monkeypatch.setattr(home.core.runner, "_start", locked)
    monkeypatch.setattr(outcomes, "run_unstarted", locked)
    with pytest.raises(PwsopsError, match="locked"):
        home.ops.runs.run_here("p")


def test_what_nobody_foresaw_at_the_start_ends_the_run_with_its_cause(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def oops(*_: object) -> None:
        raise ZeroDivisionError("oops")

    home.add()
    monkeypatch.setattr(home.core.runner, "_start", oops)
    assert home.run() is RunStatus.FAILED
    run = latest(home)
    assert "could not be started in a way that was not foreseen: ZeroDivisionError: oops" in run.summary
    assert "log" in run.items[0].hint


def test_a_run_that_ended_meanwhile_is_not_ended_again(home: Home) -> None:
    home.add()
    home.run()
    with home.core.catalogue.write() as connection:
        assert outcomes.run_unstarted(connection, 1, BROKEN, now=NOON) is RunStatus.SUCCEEDED


def replaceable(home: Home, request: int = -1) -> set[str]:
    return {one.set_id for one in home.server.requests[request].replaceable}


def test_an_overwriting_run_may_replace_what_this_profile_took_of_this_database_and_nothing_else(home: Home) -> None:
    home.add(timestamp=False, incremental=False, databases=["one", "two"])
    home.add(name="dated", databases=["one"], directory="/dated")
    home.run("dated")
    home.run()
    home.run()
    one, two = (home.server.media[f"/media/{name}_FULL.bak"][0].set_id for name in ("one", "two"))
    assert one not in replaceable(home, 1)
    home.run()
    assert [replaceable(home, -2), replaceable(home, -1)] == [{one}, {two}]
    home.run("dated")
    assert replaceable(home) == set()


def test_an_overwriting_run_tells_of_which_sets_nothing_can_be_restored(home: Home) -> None:
    home.add(timestamp=False, incremental=False)
    home.run()
    assert home.server.requests[-1].lost == frozenset()
    taken = home.server.media["/media/one_FULL.bak"][0]
    with home.core.catalogue.write() as connection:
        sightings.disprove(connection, "srv", taken, "damaged", now=NOON)
    home.run()
    assert home.server.requests[-1].lost == {taken.set_id}


def test_what_is_newer_than_a_restored_state_is_not_replaced_any_more(home: Home) -> None:
    home.add(timestamp=False, incremental=False)
    home.add(name="dated", directory="/dated")
    home.run("dated")
    older = next(iter(home.server.media))
    home.run()
    newer = home.server.media["/media/one_FULL.bak"][0].set_id
    home.clock.advance(HOUR)
    home.ops.restores.restore("srv", "one", older)
    home.run()
    assert newer not in replaceable(home)
    home.run()
    assert newer not in replaceable(home)


def test_the_full_of_an_incremental_that_is_newer_than_a_restored_state_is_not_replaced(home: Home) -> None:
    home.add(timestamp=False)
    home.run()
    full = home.server.media["/media/one_FULL.bak"][0].set_id
    home.run()
    home.clock.advance(HOUR)
    home.ops.restores.restore("srv", "one", "/media/one_FULL.bak")
    home.run(kind=BackupKind.FULL)
    assert full not in replaceable(home)


def test_a_restore_between_two_attempts_counts_for_the_second(home: Home) -> None:
    home.add(timestamp=False, incremental=False)
    home.add(name="dated", directory="/dated")
    home.run("dated")
    older = next(iter(home.server.media))
    home.run()
    newer = home.server.media["/media/one_FULL.bak"][0].set_id
    attempts = []

    def busy(request: BackupRequest) -> None:
        attempts.append(request)
        if len(attempts) == 1:
            home.ops.restores.restore("srv", "one", older)
            raise EngineError("The database stayed locked.", hint="Wait.", transient=True)

    home.server.before_backup = busy
    assert home.run() is RunStatus.SUCCEEDED
    assert [newer in {one.set_id for one in each.replaceable} for each in attempts] == [True, False]


def test_a_set_that_a_wrong_clock_dated_ahead_is_not_replaced_after_a_restore_of_an_older_one(home: Home) -> None:
    home.add(timestamp=False, incremental=False)
    home.add(name="dated", directory="/dated")
    home.run("dated")
    older = next(iter(home.server.media))
    home.clock.set_wall(home.clock.now() + 400 * 24 * HOUR)
    home.run()
    ahead = home.server.media["/media/one_FULL.bak"][0].set_id
    home.clock.set_wall(home.clock.now() - 399 * 24 * HOUR)
    home.ops.restores.restore("srv", "one", older)
    home.run()
    assert ahead not in replaceable(home)
    home.clock.set_wall(home.clock.now() + 500 * 24 * HOUR)
    home.run()
    assert ahead not in replaceable(home)


def test_what_is_taken_after_a_restore_may_be_replaced_though_the_clock_went_back(home: Home) -> None:
    home.add(timestamp=False, incremental=False)
    home.run()
    home.ops.restores.restore("srv", "one", next(iter(home.server.media)))
    home.clock.set_wall(home.clock.now() - 2 * 24 * HOUR)
    home.run()
    later = home.server.media["/media/one_FULL.bak"][0].set_id
    home.run()
    assert later in replaceable(home)


def test_an_engine_is_told_which_backup_came_before(home: Home) -> None:
    home.add(incremental=False)
    for _ in range(2):
        assert home.run() is RunStatus.SUCCEEDED
    first, second = home.server.requests
    assert first.before is None
    assert second.before is not None
    assert second.before.set_id in {one.set_id for sets in home.server.media.values() for one in sets}
