"""Policies applied over an engine that does what it is told: what goes, what stays, and what a crash leaves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select, update

from pwsops.catalogue import restores, retention
from pwsops.catalogue.schema import backup_sets, run_items, runs
from pwsops.engines.requests import BackupRequest, RestoreRequest
from pwsops.errors import Conflict, EngineError, LoginRefused, MediaError, PwsopsError
from pwsops.operations import Role, open_operations
from pwsops.operations.retention import Action, Retention
from pwsops.rules.model import BackupKind, BackupSet, RunStatus, Sighting
from pwsops.rules.protection import Cause
from pwsops.runs.pruning import PROOF_HOLDS
from pwsops.runs.restorer import Job
from tests.fake_engine import FakeEngine
from tests.homes import HOUR, Home
from tests.people import acting_as

FULL, DIFFERENTIAL = BackupKind.FULL, BackupKind.DIFFERENTIAL


@pytest.fixture
def laden(home: Home) -> Home:
    """Four fulls of `one`, an hour apart; the policy that keeps the last two came after them."""
    home.add(incremental=False)
    for _ in range(4):
        home.clock.advance(HOUR)
        home.run()
    amend(home, keep_last=2)
    return home


def amend(home: Home, **fields: Any) -> None:
    profile = home.ops.profiles.get("p")
    for key, value in fields.items():
        setattr(profile, key, value)
    home.ops.profiles.save("p", profile)


def rows(home: Home) -> list[Any]:
    with home.core.catalogue.read() as connection:
        return list(connection.execute(select(backup_sets).order_by(backup_sets.c.id)).mappings())


def paths(found: Retention, action: Action) -> list[str]:
    return [one.path for one in found.having(action)]


def taken(home: Home) -> list[str]:
    return [row["path"] for row in rows(home)]


def said(home: Home) -> list[str]:
    run = home.ops.runs.get(home.ops.runs.list(limit=1)[0].id)
    return [message.text for item in run.items for message in item.messages]


def test_a_preview_tells_what_goes_and_what_stays_and_changes_nothing(laden: Home) -> None:
    first, second, third, fourth = taken(laden)
    found = laden.ops.retention.preview("p")
    assert paths(found, Action.REMOVE) == [second, first]
    assert paths(found, Action.KEEP) == [fourth, third]
    assert [one.path for one in found.points["one"]] == [fourth, third]
    assert [one.reason for one in found.sets][:2] == [
        "keep-last 2; it is the newest backup that is proven",
        "keep-last 2",
    ]
    assert sum(one.size_bytes for one in found.having(Action.REMOVE)) == 20
    assert set(taken(laden)) == set(laden.server.media)


def test_what_is_obsolete_goes_and_stays_in_the_history(laden: Home) -> None:
    first, second, third, fourth = taken(laden)
    found = laden.ops.retention.prune("p")
    assert paths(found, Action.REMOVE) == [second, first]
    assert set(laden.server.media) == {third, fourth}
    gone = [row for row in rows(laden) if row["pruned_at"] is not None]
    assert [row["path"] for row in gone] == [first, second]
    assert {row["pruned_why"] for row in gone} == {"the policy of p: keep-last 2"}
    entries = [one for one in laden.ops.audit.list() if one.action == "prune profile"]
    assert [(one.actor, one.subject) for one in entries] == [("ann", "p")] * 2
    assert entries[0].detail == f"srv/one: 2 backups removed: {second}, {first}"
    assert "removes 2 backups of srv/one (20 bytes)" in entries[1].detail
    assert paths(laden.ops.retention.prune("p"), Action.REMOVE) == []


def test_what_was_pruned_is_not_missed_by_anybody(laden: Home) -> None:
    laden.ops.retention.prune("p")
    laden.ops.databases.list("srv")
    (verdict,) = [one for one in laden.ops.databases.verdicts("srv") if one.database == "one"]
    assert {finding.cause for finding in verdict.findings} == {Cause.SERVICE_STOPPED}
    assert [one.path for one in laden.ops.restores.sources("srv", "one")] == taken(laden)[:1:-1]


def test_a_run_that_succeeded_applies_the_policy_and_says_so(laden: Home) -> None:
    laden.clock.advance(HOUR)
    assert laden.run() is RunStatus.SUCCEEDED
    assert len(laden.server.media) == 2
    (text,) = said(laden)
    assert text.startswith("Removed 3 backups of one (30 bytes): ")
    assert all(path in text for path in taken(laden)[:3])
    entries = [one for one in laden.ops.audit.list() if one.action == "prune profile"]
    assert [one.actor for one in entries] == ["backup service"] * 2


def test_a_run_that_failed_removes_nothing(home: Home) -> None:
    home.add(incremental=False, databases=["one", "two"], keep_last=1)
    home.run()
    home.server.fail("two", EngineError("two is not a database", hint="Look at it."))
    assert home.run() is RunStatus.FAILED
    assert sorted(one.database for each in home.server.media.values() for one in each) == ["one", "one", "two"]
    home.server.mend()
    home.run()
    assert sorted(one.database for each in home.server.media.values() for one in each) == ["one", "two"]


def test_what_cannot_be_deleted_is_retained_with_the_cause_and_asked_for_again(laden: Home) -> None:
    first, second, _, _ = taken(laden)
    laden.server.undeletable[first] = "the login may not delete"
    found = laden.ops.retention.prune("p")
    assert [(one.path, one.reason) for one in found.having(Action.RETAINED)] == [(first, "the login may not delete")]
    assert paths(found, Action.REMOVE) == [second]
    assert first in [one.path for one in laden.ops.restores.sources("srv", "one")]
    (shown,) = laden.ops.retention.preview("p").having(Action.RETAINED)
    assert "could not be deleted on 2026-03-02 16:00 UTC: the login may not delete" in shown.reason
    laden.clock.advance(HOUR)
    laden.run()
    assert f"Retained, though obsolete, 1 backup of one (10 bytes): {first}: the login may not" in said(laden)[1]
    laden.server.undeletable.clear()
    assert paths(laden.ops.retention.prune("p"), Action.REMOVE) == [first]


def test_a_full_stays_whose_incremental_could_not_be_deleted(home: Home) -> None:
    home.add()
    home.run()
    home.run()
    home.run(kind=FULL)
    amend(home, keep_last=1)
    full, change, _ = taken(home)
    home.server.undeletable[change] = "it is in use"
    found = home.ops.retention.prune("p")
    assert {one.path: one.reason for one in found.having(Action.RETAINED)} == {
        change: "it is in use",
        full: f"{change}, which needs it, is retained",
    }
    assert full in home.server.media
    home.server.undeletable.clear()
    assert paths(home.ops.retention.prune("p"), Action.REMOVE) == [change, full]


def test_nothing_goes_unless_the_newest_backup_is_seen(laden: Home) -> None:
    newest = taken(laden)[-1]
    laden.server.unlistable.add("/media")
    found = laden.ops.retention.prune("p")
    assert f"{newest}, was not seen: {newest}: the test hides it" in found.hindrances["one"]
    assert paths(found, Action.REMOVE) == []
    laden.server.unlistable.clear()
    hidden = laden.server.media.pop(newest)
    assert "does not exist" in laden.ops.retention.prune("p").hindrances["one"]
    assert len(laden.server.media) == 3
    laden.server.media[newest] = hidden
    laden.ops.databases.list("srv")
    assert len(paths(laden.ops.retention.prune("p"), Action.REMOVE)) == 2


def test_a_proof_that_is_old_is_asked_for_again(laden: Home) -> None:
    laden.clock.advance(PROOF_HOLDS + HOUR)
    laden.server.verify_error = MediaError("it is bad", hint="Choose another.")
    found = laden.ops.retention.prune("p")
    assert "is bad: it is bad" in found.hindrances["one"]
    assert len(laden.server.media) == 4
    assert rows(laden)[-1]["disproven_reason"] == "it is bad"
    assert "was read and found bad" in laden.ops.retention.preview("p").hindrances["one"]
    laden.server.verify_error = None
    laden.ops.media.verify(taken(laden)[-1], 1, "srv")
    laden.clock.advance(PROOF_HOLDS + HOUR)
    assert len(paths(laden.ops.retention.prune("p"), Action.REMOVE)) == 2
    assert rows(laden)[-1]["proven_at"] == laden.clock.now()


@pytest.mark.parametrize("error", [EngineError("no answer", hint="Start it."), LoginRefused("no", hint="Ask.")])
def test_a_server_that_cannot_be_asked_keeps_everything(
    laden: Home, monkeypatch: pytest.MonkeyPatch, error: PwsopsError
) -> None:
    def refuse(profile: object) -> None:
        raise error

    monkeypatch.setattr(laden.core.pruner, "_open_engine", refuse)
    found = laden.ops.retention.prune("p")
    assert error.message in found.hindrances["one"]
    assert len(found.having(Action.RETAINED)) == 2


@contextmanager
def restoring(home: Home, source: BackupSet) -> Iterator[int]:
    """Let another process restore a backup into another database."""
    with closing(open_operations(home.path, actor="bob", clock=home.clock)) as other:
        owner = other._core.liveness.token
        with home.core.catalogue.write() as connection:
            number = restores.add(
                connection, source, instance="srv", database="two", actor="bob", owner=owner, now=home.clock.now()
            )
        yield number


@pytest.mark.parametrize("recorded", [True, False])
def test_nothing_goes_while_a_restore_reads_it_and_it_goes_when_that_process_died(laden: Home, recorded: bool) -> None:
    source = laden.ops.restores.sources("srv", "one")[-1]
    # Of a set that nobody recorded it is not known which full it needs.
    with restoring(laden, source if recorded else replace(source, set_id="foreign")) as number:
        found = laden.ops.retention.prune("p")
        assert f"restore {number} reads its backups" in found.hindrances["one"]
        assert len(laden.server.media) == 4
    assert len(paths(laden.ops.retention.prune("p"), Action.REMOVE)) == 2


def test_nothing_goes_while_a_drill_reads_it(laden: Home) -> None:
    found: list[Retention] = []

    def meanwhile(step: str) -> None:
        if step == "fill":
            found.append(laden.ops.retention.prune("p"))

    laden.server.in_drill = meanwhile
    drill = laden.ops.drills.run("srv", "one", path=taken(laden)[0])
    assert f"drill {drill.id} reads its backups" in found[0].hindrances["one"]
    assert (drill.is_proven, len(laden.server.media)) == (True, 4)
    assert len(laden.ops.retention.prune("p").having(Action.REMOVE)) > 0


def test_nothing_goes_while_another_run_of_the_database_goes_on(laden: Home) -> None:
    laden.add(name="other", directory="/elsewhere")
    found: list[Retention] = []

    def meanwhile(request: BackupRequest) -> None:
        found.append(laden.ops.retention.prune("p"))

    laden.server.before_backup = meanwhile
    laden.run("other")
    assert "is backing it up" in found[0].hindrances["one"]
    assert len(laden.server.media) == 5


def while_it_looks(home: Home, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Let something happen after the newest backup was seen, and before anything is given up."""
    pruner = home.core.pruner
    looks = pruner._unseen

    def look(*given: Any) -> str:
        why = looks(*given)
        act()
        return why

    monkeypatch.setattr(pruner, "_unseen", look)


@pytest.mark.parametrize("act", ["hold", "run", "delete", "lose"])
def test_what_happens_meanwhile_counts(laden: Home, monkeypatch: pytest.MonkeyPatch, act: str) -> None:
    first = taken(laden)[0]
    acts: dict[str, Callable[[], object]] = {
        "hold": lambda: laden.ops.holds.add_run(1, reason="an audit"),
        "run": lambda: laden.run(kind=FULL) if len(taken(laden)) == 4 else None,
        "delete": lambda: laden.ops.profiles.delete("p"),
        "lose": lambda: lose(laden),
    }
    while_it_looks(laden, monkeypatch, acts[act])
    found = laden.ops.retention.prune("p")
    if act == "hold":
        assert len(paths(found, Action.REMOVE)) == 1
        assert first in laden.server.media
    else:
        assert paths(found, Action.REMOVE) == []
        assert found.hindrances["one"]


def lose(home: Home) -> None:
    with home.core.catalogue.write() as connection:
        newest = backup_sets.c.path == taken(home)[-1]
        connection.execute(update(backup_sets).where(newest).values(disproven_at=home.clock.now()))


class Killed(BaseException):
    """The process dies here."""


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_process_that_dies_leaves_what_the_next_prune_settles(laden: Home, when: str) -> None:
    third, fourth = taken(laden)[2:]

    def die(*_given: object) -> None:
        raise Killed

    if when == "before":
        laden.server.before_deleting = die
    else:
        laden.server.delete_error = Killed()  # type: ignore[assignment]
    with pytest.raises(Killed):
        laden.core.pruner.prune(profile_row(laden), actor="ann")
    laden.ops.databases.list("srv")
    assert [one.path for one in laden.ops.restores.sources("srv", "one")] == [fourth, third]
    laden.server.before_deleting, laden.server.delete_error = lambda sets: None, None
    laden.server.unlistable.add("/media")
    laden.ops.retention.prune("p")  # nobody knows yet
    assert [row["prune_began_at"] is not None for row in rows(laden)] == [True, True, False, False]
    laden.server.unlistable.clear()
    laden.ops.retention.prune("p")
    assert set(laden.server.media) == {third, fourth}
    assert [row["pruned_at"] is not None for row in rows(laden)] == [True, True, False, False]


def profile_row(home: Home) -> Any:
    from pwsops.catalogue import profiles

    with home.core.catalogue.read() as connection:
        found = profiles.find(connection, "p")
    assert found is not None
    return found


def test_where_the_end_of_a_deletion_is_not_heard_a_look_tells(laden: Home) -> None:
    laden.server.delete_error = EngineError("the connection was lost", hint="Try again.")
    found = laden.ops.retention.prune("p")
    assert len(paths(found, Action.REMOVE)) == 2
    assert all(row["pruned_at"] for row in rows(laden)[:2])


def test_where_not_even_a_look_tells_it_stays_open(laden: Home) -> None:
    laden.server.delete_error = EngineError("the connection was lost", hint="Try again.")
    laden.server.before_deleting = lambda sets: laden.server.unlistable.add("/media")
    found = laden.ops.retention.prune("p")
    reasons = [one.reason for one in found.having(Action.RETAINED)]
    assert len(reasons) == 2
    assert all("whether it was deleted is not known: the connection was lost" in reason for reason in reasons)
    laden.server.unlistable.clear()
    laden.server.delete_error = None
    laden.ops.retention.prune("p")
    assert all(row["pruned_at"] for row in rows(laden)[:2])


def test_what_somebody_else_deleted_is_noted_as_gone(laden: Home) -> None:
    first, second = taken(laden)[:2]
    laden.server.media.pop(first)
    found = laden.ops.retention.prune("p")
    assert paths(found, Action.REMOVE) == [second]
    (gone,) = found.having(Action.GONE)
    assert gone.path == first
    assert gone.reason.startswith("it was not there any more: ")
    assert all(row["pruned_at"] for row in rows(laden)[:2])
    assert f"1 backup not there: {first}" in laden.ops.audit.list()[0].detail
    assert first not in [one.path for one in found.points["one"]]


def test_without_a_policy_nothing_is_judged_or_said(home: Home) -> None:
    home.add()
    home.run()
    home.run()
    assert said(home) == []
    assert home.ops.retention.prune("p").sets == []
    assert {one.action for one in home.ops.retention.preview("p").sets} == {Action.KEEP}


@pytest.mark.parametrize("error", [EngineError("the catalogue is locked", hint="Wait."), ZeroDivisionError()])
def test_a_run_does_not_fail_because_pruning_did(
    laden: Home, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*given: Any, **options: Any) -> None:
        raise error

    monkeypatch.setattr(laden.core.pruner, "prune", fail)
    assert laden.run() is RunStatus.SUCCEEDED
    assert said(laden)[0].startswith("Older backups were not removed: ")
    monkeypatch.setattr("pwsops.runs.after_run.AfterRun._write", fail)
    assert laden.run() is RunStatus.SUCCEEDED


def test_a_profile_that_was_deleted_or_broken_while_it_ran_removes_nothing(laden: Home) -> None:
    laden.server.before_backup = lambda request: laden.ops.profiles.delete("p")
    assert laden.run() is RunStatus.SUCCEEDED
    assert len(laden.server.media) == 5


def test_a_database_that_a_profile_has_no_more_is_judged_as_the_others(home: Home) -> None:
    home.add(incremental=False, databases=["one", "two"])
    home.run()
    home.run()
    amend(home, databases=["one"], keep_last=1)
    home.run()
    assert sorted(one.database for each in home.server.media.values() for one in each) == ["one", "two"]
    assert len(said(home)) == 2


def test_where_a_row_cannot_be_read_nothing_of_its_database_goes(laden: Home) -> None:
    with laden.core.catalogue.write() as connection:
        connection.exec_driver_sql("UPDATE backup_sets SET size_bytes = 'much' WHERE id = 1")
    found = laden.ops.retention.preview("p")
    assert "backup_sets 1, `size_bytes` cannot be read" in found.hindrances["one"]
    with laden.core.catalogue.write() as connection:
        connection.exec_driver_sql("UPDATE backup_sets SET size_bytes = 10, kind = 'half' WHERE id = 1")
    assert "of no known kind" in laden.ops.retention.prune("p").hindrances["one"]
    assert len(laden.server.media) == 4


def test_backups_of_other_profiles_and_places_are_left_alone(laden: Home) -> None:
    laden.add(name="other", incremental=False, directory="/elsewhere")
    laden.run("other")
    laden.ops.retention.prune("p")
    assert len(laden.server.media) == 3
    assert laden.ops.retention.preview("other").having(Action.REMOVE) == []


def test_many_files_are_deleted_in_portions(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pwsops.runs.pruning.AT_ONCE", 2)
    asked: list[int] = []
    home.add(incremental=False)
    for _ in range(6):
        home.run()
    amend(home, keep_last=1)
    home.server.before_deleting = lambda sets: asked.append(len(sets))
    assert len(paths(home.ops.retention.prune("p"), Action.REMOVE)) == 5
    assert asked == [2, 2, 1]


def test_an_orphaned_run_that_is_settled_removes_nothing(laden: Home) -> None:
    with laden.core.catalogue.write() as connection:
        connection.execute(update(runs).values(status=RunStatus.RUNNING.value, owner="dead").where(runs.c.id == 4))
    laden.core.runner.reconcile()
    assert len(laden.server.media) == 4


@pytest.mark.parametrize("column", ["path", "database", "set_id"])
def test_where_a_row_is_no_text_nothing_goes(laden: Home, column: str) -> None:
    with laden.core.catalogue.write() as connection:
        connection.exec_driver_sql(f"UPDATE backup_sets SET {column} = CAST(X'E9' AS TEXT) WHERE id = 1")
    assert f"`{column}` cannot be read" in laden.ops.retention.prune("p").hindrances["one"]
    assert len(laden.server.media) == 4


def test_what_a_server_said_is_told_without_addresses_to_who_is_not_told_them(laden: Home) -> None:
    laden.server.undeletable |= dict.fromkeys(taken(laden), "nowhere does not let it")
    laden.ops.retention.prune("p")
    told = {
        role: [one.reason for one in acting_as(laden.ops, role).retention.preview("p").having(Action.RETAINED)]
        for role in (Role.VIEWER, Role.ADMINISTRATOR)
    }
    assert all("nowhere does not let it" in reason for reason in told[Role.ADMINISTRATOR])
    assert all("(its address) does not let it" in reason for reason in told[Role.VIEWER])
    assert len(told[Role.VIEWER]) == 2


def test_where_deleting_broke_off_and_nobody_answers_it_stays_open(
    laden: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = EngineError("the connection was lost", hint="Try again.")
    laden.server.delete_error = lost
    looks = FakeEngine.look_for

    def look_for(engine: FakeEngine, sets: Sequence[BackupSet]) -> Mapping[str, Sighting]:
        if len(laden.server.media) < 4:
            raise lost
        return looks(engine, sets)

    monkeypatch.setattr(FakeEngine, "look_for", look_for)
    assert len(laden.ops.retention.prune("p").having(Action.RETAINED)) == 2
    laden.ops.retention.prune("p")  # nor now
    assert [row["pruned_at"] for row in rows(laden)] == [None] * 4
    monkeypatch.setattr(FakeEngine, "look_for", looks)
    laden.ops.retention.prune("p")
    assert all(row["pruned_at"] for row in rows(laden)[:2])


def change(home: Home, which: int, **values: Any) -> None:
    """Write something else into a backup's row; `which` counts from 0, the oldest."""
    with home.core.catalogue.write() as connection:
        connection.execute(update(backup_sets).where(backup_sets.c.path == taken(home)[which]).values(values))


# What may be restored still, and what no longer


@pytest.mark.parametrize("column", ["thumbprint", "database_thumbprint"])
def test_a_backup_whose_key_is_nowhere_takes_nobody_s_place(laden: Home, column: str) -> None:
    change(laden, -1, **{column: "AB" * 20})
    found = laden.ops.retention.preview("p")
    assert "needs a private key that is nowhere: that of the certificate ABAB" in found.hindrances["one"]
    assert paths(laden.ops.retention.prune("p"), Action.REMOVE) == []
    assert len(laden.server.media) == 4
    first, second, third, fourth = taken(laden)
    assert [one.path for one in found.points["one"]] == [third, second, first]
    laden.ops.holds.add_run(3, reason="an audit")
    assert fourth in paths(laden.ops.retention.preview("p"), Action.KEEP)


def test_the_newest_proven_one_of_what_a_restore_wrote_over_stays(laden: Home) -> None:
    first, second, third, fourth = taken(laden)
    laden.ops.restores.restore("srv", "one", first)
    for _ in range(2):
        laden.clock.advance(HOUR)
        laden.run()
    assert set(taken(laden)[4:]) | {fourth} == set(laden.server.media)
    (kept,) = [one for one in laden.ops.retention.preview("p").sets if one.path == fourth]
    assert kept.reason == "it is the newest proven backup of what a restore has written over"
    assert {second, third} <= {row["path"] for row in rows(laden) if row["pruned_at"] is not None}


def test_a_policy_that_was_loosened_brings_back_what_was_given_up_but_is_there(laden: Home) -> None:
    give_up_and_die(laden)
    assert len(laden.ops.retention.preview("p").having(Action.REMOVE)) == 2
    amend(laden, keep_last=4)
    assert len(laden.ops.retention.preview("p").having(Action.KEEP)) == 4
    laden.ops.retention.prune("p")
    assert [one.path for one in laden.ops.restores.sources("srv", "one")] == taken(laden)[::-1]


def test_what_was_given_up_before_a_crash_is_asked_about_again(laden: Home) -> None:
    first, second, *_ = taken(laden)
    give_up_and_die(laden)
    going = paths(laden.ops.retention.preview("p"), Action.REMOVE)
    assert going == [second, first]
    assert paths(laden.ops.retention.prune("p", agreed=[]), Action.REMOVE) == []
    assert len(laden.server.media) == 4
    ids = [one.set_id for one in laden.ops.retention.preview("p").having(Action.RETAINED)]
    assert paths(laden.ops.retention.prune("p", agreed=ids), Action.REMOVE) == [second, first]


def give_up_and_die(home: Home) -> None:
    def die(_sets: object) -> None:
        raise Killed

    home.server.before_deleting = die
    with pytest.raises(Killed):
        home.ops.retention.prune("p")
    home.server.before_deleting = lambda sets: None


def test_only_what_was_agreed_to_goes(laden: Home) -> None:
    first, second, *_ = taken(laden)
    agreed = rows(laden)[0]["set_id"]
    found = laden.ops.retention.prune("p", agreed=[agreed])
    assert paths(found, Action.REMOVE) == [first]
    ((path, reason),) = [(one.path, one.reason) for one in found.having(Action.RETAINED)]
    assert path == second
    assert reason.startswith("it was not among those that were to be removed when that was decided")


# While files are being deleted


def while_it_deletes(home: Home, act: Callable[[], object]) -> list[Any]:
    """Prune, and do something once backups were given up; return what came of both."""
    came: list[Any] = []

    def meanwhile(_sets: object) -> None:
        home.server.before_deleting = lambda sets: None
        try:
            came.append(act())
        except PwsopsError as error:
            came.append(error)

    home.server.before_deleting = meanwhile
    return [home.ops.retention.prune("p"), *came]


@pytest.mark.parametrize(
    ("act", "words"),
    [
        ("restore", "is not restored: it is being removed just now"),
        ("hold", "has no backup to hold"),
        ("prune", "The backups of profile p are being pruned just now"),
    ],
)
def test_what_is_being_deleted_is_not_restored_held_or_pruned_a_second_time(laden: Home, act: str, words: str) -> None:
    sets = laden.ops.restores.plan("srv", "one", taken(laden)[0]).sets
    engine = laden.core.pruner._open_engine(profile_row(laden))
    job = Job(engine=engine, request=RestoreRequest(database="one", sets=sets), instance="srv", actor="ann")
    acts: dict[str, Callable[[], object]] = {
        "restore": lambda: laden.core.restorer.begin(job),
        "hold": lambda: laden.ops.holds.add_run(1, reason="an audit"),
        "prune": lambda: laden.ops.retention.prune("p"),
    }
    found, came = while_it_deletes(laden, acts[act])
    assert words in str(came)
    assert len(paths(found, Action.REMOVE)) == 2
    assert len(laden.server.media) == 2


def test_another_process_removes_nothing_meanwhile(laden: Home) -> None:
    with closing(open_operations(laden.path, actor="bob", clock=laden.clock)) as other:
        found, theirs = while_it_deletes(laden, lambda: other.retention.prune("p"))
        assert "another prune removes backups of it" in theirs.hindrances["one"]
        assert len(paths(found, Action.REMOVE)) == 2
        entries = [one.actor for one in other.audit.list() if one.action == "prune profile"]
        assert entries == ["ann", "ann"]
        assert paths(other.retention.prune("p"), Action.REMOVE) == []


@pytest.mark.parametrize("call", ["gone", "retained", "recorded"])
def test_where_the_catalogue_fails_meanwhile_nothing_is_told_that_is_not_known(
    laden: Home, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    works, calls = getattr(retention, call), []

    def fail(*given: Any, **options: Any) -> Any:
        calls.append(given)
        if len(calls) > (2 if call == "recorded" else 0):
            raise EngineError("the catalogue is locked", hint="Wait.")
        return works(*given, **options)

    with monkeypatch.context() as patches:
        patches.setattr(retention, call, fail)
        found = laden.ops.retention.prune("p")
    assert paths(found, Action.REMOVE) == []
    assert all("whether it was deleted is not known" in one.reason for one in found.having(Action.RETAINED))
    assert not {one.path for one in found.points["one"]} & set(taken(laden)[:2])
    laden.ops.retention.prune("p")
    assert set(laden.server.media) == set(taken(laden)[2:])
    assert all(row["pruned_at"] for row in rows(laden)[:2])


def test_a_row_that_only_its_reader_refuses_is_not_given_up(laden: Home) -> None:
    with laden.core.catalogue.write() as connection:
        connection.exec_driver_sql("UPDATE backup_sets SET database_size_bytes = 'much' WHERE id = 1")
    found = laden.ops.retention.prune("p")
    (stays,) = found.having(Action.RETAINED)
    assert "what the catalogue has of it cannot be read" in stays.reason
    assert rows(laden)[0]["prune_began_at"] is None
    assert taken(laden)[0] in laden.server.media


def test_a_run_whose_end_is_not_known_keeps_all(laden: Home) -> None:
    with laden.core.catalogue.write() as connection:
        connection.execute(update(run_items).where(run_items.c.run_id == 4).values(look_again_at=laden.clock.now()))
    assert "or its end is not known" in laden.ops.retention.prune("p").hindrances["one"]
    assert len(laden.server.media) == 4


def test_a_proof_of_the_future_is_none(laden: Home) -> None:
    change(laden, -1, proven_at=laden.clock.now() + timedelta(days=400))
    laden.ops.retention.prune("p")
    assert laden.server.verified == [taken(laden)[-1]]
    assert rows(laden)[-1]["proven_at"] == laden.clock.now()


# What somebody else left


def died(home: Home) -> None:
    """Let the process that gave backups up be one that died."""
    with home.core.catalogue.write() as connection:
        begun = backup_sets.c.prune_began_at.is_not(None) & backup_sets.c.pruned_at.is_(None)
        connection.execute(update(backup_sets).where(begun).values(prune_owner=f"{'0' * 32}:1"))


def test_what_a_prune_that_died_gave_up_can_be_restored_though_its_profile_is_gone(laden: Home) -> None:
    first, second, *_ = taken(laden)
    give_up_and_die(laden)
    died(laden)
    laden.ops.profiles.delete("p")
    assert laden.ops.restores.restore("srv", "one", first).database == "one"
    assert rows(laden)[0]["retained_why"] == "its deletion was interrupted"
    # Any prune on its instance looks for the others.
    laden.add(name="q", incremental=False, directory="/elsewhere")
    laden.ops.retention.prune("q")
    assert second in [one.path for one in laden.ops.restores.sources("srv", "one")]


def test_what_another_prune_settles_just_now_is_left_to_it(laden: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    give_up_and_die(laden)
    died(laden)
    looks, came = FakeEngine.look_for, []
    with closing(open_operations(laden.path, actor="bob", clock=laden.clock)) as other:

        def look_for(engine: FakeEngine, sets: Sequence[BackupSet]) -> Mapping[str, Sighting]:
            monkeypatch.setattr(FakeEngine, "look_for", looks)
            came.append(other.retention.prune("p"))
            return looks(engine, sets)

        monkeypatch.setattr(FakeEngine, "look_for", look_for)
        found = laden.ops.retention.prune("p")
    assert "another prune removes backups of it" in came[0].hindrances["one"]
    assert len(paths(found, Action.REMOVE)) == 2


def test_what_was_given_up_by_another_since_is_not_written_about(laden: Home) -> None:
    owner = "a prune that is slow"
    give_up_and_die(laden)
    set_id = rows(laden)[0]["set_id"]
    with laden.core.catalogue.write() as connection:
        for write in (retention.gone, partial(retention.retained, why={set_id: "x"})):
            ids = {} if write is not retention.gone else {"set_ids": [set_id]}
            write(connection, "srv", **ids, owner=owner, now=laden.clock.now())
        retention.release(connection, "srv", [set_id], owner=owner)
    row = rows(laden)[0]
    assert (row["pruned_at"], row["retained_at"]) == (None, None)
    assert row["prune_owner"] not in (None, owner)


def test_what_nobody_knows_the_end_of_hinders_no_other_process(laden: Home) -> None:
    laden.server.delete_error = EngineError("the connection was lost", hint="Try again.")
    laden.server.before_deleting = lambda sets: laden.server.unlistable.add("/media")
    laden.ops.retention.prune("p")
    assert [row["prune_owner"] for row in rows(laden)] == [None] * 4
    laden.server.before_deleting, laden.server.delete_error = lambda sets: None, None
    laden.server.unlistable.clear()
    with closing(open_operations(laden.path, actor="bob", clock=laden.clock)) as other:
        assert other.retention.prune("p").hindrances == {}
    assert all(row["pruned_at"] for row in rows(laden)[:2])


def test_a_full_stays_of_whose_incremental_nobody_knows_whether_it_went(home: Home) -> None:
    home.add()
    home.run()
    home.run()
    home.run(kind=FULL)
    amend(home, keep_last=1)
    full, change, _ = taken(home)

    def break_off(sets: Sequence[BackupSet]) -> None:
        if sets[0].path == change:
            home.server.unlistable.add("/media")
            raise EngineError("the connection was lost", hint="Try again.")
        home.server.unlistable.clear()

    home.server.before_deleting = break_off
    found = home.ops.retention.prune("p")
    assert {one.path: one.reason for one in found.having(Action.RETAINED)}[full] == (
        f"{change}, which needs it, is retained"
    )
    assert full in home.server.media


@pytest.mark.parametrize("call", ["look_for", "delete_media"])
def test_a_login_that_is_refused_is_tried_once(home: Home, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    home.add(databases=["one", "two", "three"], incremental=False)
    for _ in range(3):
        home.run()
    amend(home, keep_last=1)
    tried: list[object] = []

    def refuse(*given: object) -> None:
        tried.append(given)
        raise LoginRefused("no", hint="Ask.")

    with monkeypatch.context() as patches:
        patches.setattr(FakeEngine, call, refuse)
        found = home.ops.retention.prune("p")
    assert len(tried) == 1
    assert len(found.hindrances) == (3 if call == "look_for" else 2)
    assert all("nothing is removed: no" in why for why in found.hindrances.values())
    assert len(home.server.media) == 9


def test_a_login_that_is_refused_while_it_settles_is_tried_once(laden: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    give_up_and_die(laden)
    tried: list[object] = []

    def refuse(*given: object) -> None:
        tried.append(given)
        raise LoginRefused("no", hint="Ask.")

    monkeypatch.setattr(FakeEngine, "look_for", refuse)
    assert "nothing is removed: no" in laden.ops.retention.prune("p").hindrances["one"]
    assert len(tried) == 1


def test_a_prune_that_is_stopped_gives_back_what_it_did_not_come_to(
    laden: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pwsops.runs.pruning.AT_ONCE", 1)
    first, second, *_ = taken(laden)
    cancel = threading.Event()
    laden.server.before_deleting = lambda sets: cancel.set()
    found = laden.core.pruner.prune(profile_row(laden), actor="ann", cancel=cancel)
    assert paths(found, Action.REMOVE) == [second]
    assert [(one.path, one.reason) for one in found.having(Action.RETAINED)] == [
        (first, "the prune was stopped before it came to that")
    ]
    assert first in laden.server.media
    assert first in [one.path for one in laden.ops.restores.sources("srv", "one")]


def test_a_prune_that_reads_a_backup_again_is_stopped(laden: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    laden.clock.advance(PROOF_HOLDS + HOUR)
    verify = FakeEngine.verify

    def stop(engine: FakeEngine, one: BackupSet, *, cancel: threading.Event) -> Any:
        laden.core.prunes.stop()
        assert cancel.is_set()
        return verify(engine, one)

    monkeypatch.setattr(FakeEngine, "verify", stop)
    assert laden.ops.retention.prune("p").hindrances["one"] == "nothing is removed: it was stopped"
    monkeypatch.setattr(FakeEngine, "verify", verify)
    assert laden.ops.retention.prune("p").hindrances["one"] == "nothing is removed: it was stopped"
    assert len(laden.server.media) == 4


def test_nothing_goes_by_itself_where_a_clock_may_have_jumped(home: Home) -> None:
    home.add(incremental=False)
    for _ in range(20):
        home.clock.advance(timedelta(days=1))
        home.run()
    amend(home, keep_within="30d", keep_last=1)
    home.clock.advance(timedelta(days=365))
    for hours in range(1, 12):
        home.clock.advance(HOUR)
        home.run()
        assert len(home.server.media) == 20 + hours
        assert "that a clock may be wrong" in said(home)[0]
    found = home.ops.retention.preview("p")
    assert "that a clock may be wrong" in found.doubts["one"]
    # Who has looked at it may remove it.
    assert len(found.tried) == 20
    home.ops.retention.prune("p", agreed=[one.set_id for one in found.tried])
    assert len(home.server.media) == 11


def test_the_last_backup_before_a_restore_stays_though_a_run_was_asked_for_before_it(home: Home) -> None:
    home.add(databases=["two", "one"], incremental=False)
    for _ in range(3):
        home.clock.advance(HOUR)
        home.run()
    ones = [row["path"] for row in rows(home) if row["database"] == "one"]

    def restore(request: BackupRequest) -> None:
        if request.database == "two":
            home.server.before_backup = None
            home.ops.restores.restore("srv", "one", ones[0])

    home.server.before_backup = restore
    home.clock.advance(HOUR)
    home.run()
    amend(home, keep_last=1)
    for _ in range(2):
        home.clock.advance(HOUR)
        home.run()
    assert ones[2] in home.server.media
    assert ones[1] not in home.server.media


def test_of_a_database_that_is_refreshed_each_night_a_few_backups_stay(home: Home) -> None:
    home.add(incremental=False, keep_last=1)
    home.add(name="prod", databases=["two"], incremental=False, directory="/prod")
    home.run("prod")
    source = taken(home)[0]
    for _ in range(9):
        home.clock.advance(HOUR)
        home.run()
        home.ops.restores.restore("srv", "one", source)
    home.run()
    assert len([path for path in home.server.media if path.startswith("/media")]) == retention.RESTORES + 1


def test_the_audit_log_is_told_of_no_prune_that_gave_nothing_up(laden: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    laden.ops.retention.prune("p", agreed=[])
    while_it_looks(laden, monkeypatch, lambda: [laden.ops.holds.add_run(run, reason="an audit") for run in (1, 2)])
    laden.ops.retention.prune("p")
    assert [one for one in laden.ops.audit.list() if one.action == "prune profile"] == []


# Holds


def test_where_nobody_knows_what_is_held_nothing_goes(laden: Home) -> None:
    (made,) = laden.ops.holds.add_run(1, reason="an audit")
    with laden.core.catalogue.write() as connection:
        connection.exec_driver_sql("UPDATE holds SET set_id = CAST(X'E9' AS TEXT)")
    found = laden.ops.retention.prune("p")
    assert "what a hold is on cannot be read" in found.hindrances["one"]
    (shown,) = laden.ops.holds.list()
    assert "`set_id` cannot be read" in shown.reason
    laden.ops.holds.remove(made.id)
    assert len(paths(laden.ops.retention.prune("p"), Action.REMOVE)) == 2


def test_a_hold_keeps_a_backup_and_its_full_until_it_is_taken_back(home: Home) -> None:
    home.add()
    home.run()
    home.run()
    home.run(kind=FULL)
    amend(home, keep_last=1)
    (made,) = home.ops.holds.add_run(2, reason="the auditor asked for it")
    assert (made.database, made.run_id, made.actor, made.until) == ("one", 2, "ann", None)
    assert home.ops.holds.list() == home.ops.holds.list("srv") == [made]
    found = home.ops.retention.preview("p")
    assert paths(found, Action.REMOVE) == []
    assert "it is held: the auditor asked for it" in [one.reason for one in found.sets][1]
    home.ops.holds.remove(made.id)
    assert home.ops.holds.list() == []
    assert len(paths(home.ops.retention.prune("p"), Action.REMOVE)) == 2
    actions = [(one.action, one.subject) for one in home.ops.audit.list()]
    assert ("hold backup", "srv/one") in actions
    assert ("release backup", "srv/one") in actions


def test_a_hold_ends_by_itself(laden: Home) -> None:
    held = taken(laden)[0]
    set_id = rows(laden)[0]["set_id"]
    made = laden.ops.holds.add_set("srv", set_id, reason="until spring", until=laden.clock.now() + HOUR)
    assert made.path == held
    assert held not in paths(laden.ops.retention.preview("p"), Action.REMOVE)
    laden.clock.advance(HOUR)
    assert laden.ops.holds.list() == []
    assert held in paths(laden.ops.retention.preview("p"), Action.REMOVE)


def test_what_cannot_be_held_is_told(laden: Home) -> None:
    now = laden.clock.now()
    for call, said_ in (
        (lambda: laden.ops.holds.add_run(99, reason="x"), "no run 99"),
        (lambda: laden.ops.holds.add_set("srv", "none", reason="x"), "no backup 'none'"),
        (lambda: laden.ops.holds.add_run(1, reason=" "), "needs a reason"),
        (lambda: laden.ops.holds.add_run(1, reason="x" * 501), "at most 500"),
        (lambda: laden.ops.holds.add_run(1, reason="x", until=now), "has passed"),
        (lambda: laden.ops.holds.remove(7), "no hold 7"),
    ):
        with pytest.raises(PwsopsError, match=said_):
            call()  # type: ignore[no-untyped-call]
    laden.ops.retention.prune("p")
    with pytest.raises(PwsopsError, match="Run 1 has no backup to hold"):
        laden.ops.holds.add_run(1, reason="x")
    assert laden.ops.holds.list() == []


def test_nothing_is_held_that_a_run_may_be_writing_over(home: Home) -> None:
    home.add(timestamp=False, incremental=False)
    home.run()
    came: list[str] = []

    def hold(_request: BackupRequest) -> None:
        with pytest.raises(Conflict) as caught:
            home.ops.holds.add_run(1, reason="an audit")
        came.append(caught.value.message)

    home.server.before_backup = hold
    home.run()
    assert came == ["The backup of one was not held: run 2 is taking a new one, which may take its place."]
    home.server.before_backup = None
    home.ops.holds.add_run(2, reason="an audit")


def test_where_a_hold_cannot_be_read_nothing_is_written_over(home: Home) -> None:
    home.add(timestamp=False)
    home.run(kind=FULL)
    assert len(offered(home)) == 1
    home.ops.holds.add_run(1, reason="an audit")
    with home.core.catalogue.write() as connection:
        connection.exec_driver_sql("UPDATE holds SET database = CAST(X'E9' AS TEXT)")
    assert offered(home) == []


def test_a_held_backup_is_not_overwritten_by_the_next_run(home: Home) -> None:
    home.add(timestamp=False)
    home.run(kind=FULL)
    home.run(kind=DIFFERENTIAL)
    assert len(offered(home)) == 2
    home.ops.holds.add_run(3, reason="an audit", until=home.clock.now() + timedelta(days=1))
    assert offered(home) == []  # it holds what it stands on
    home.clock.advance(timedelta(days=1))
    assert len(offered(home)) == 2


def offered(home: Home) -> list[str]:
    """What the next run's engine may write over."""
    home.run(kind=DIFFERENTIAL)
    return [one.set_id for one in home.server.requests[-1].replaceable]
