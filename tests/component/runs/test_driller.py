"""Drills on a server that does what it is told: each end is told as what it is, and no scratch outlives its drill."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pwsops.catalogue import drills as rows
from pwsops.catalogue import retention, sightings
from pwsops.catalogue.drills import Wanted
from pwsops.engines.scratch import Findings, Scratch
from pwsops.errors import (
    Cancelled,
    CertificateNeeded,
    Conflict,
    Denied,
    EndUnknown,
    EngineError,
    InvalidInput,
    LoginRefused,
    MediaError,
    NoSpace,
    NotFound,
    PwsopsError,
    Refused,
)
from pwsops.operations.drills import DrillView
from pwsops.operations.reports import ReportFormat, ReportQuery
from pwsops.rules.drills import RESERVE_BYTES, Answer, AnswerKind, Cause, Outcome, Query, scratch_name
from pwsops.rules.model import BackupKind, BackupSet
from pwsops.rules.rights import Role
from tests.clocks import NOON, wait_until
from tests.homes import Home
from tests.people import acting_as
from tests.restores import FILE, STEPS, held, lay, other_process

COUNT = Query(sql="SELECT count(*) FROM t", expect="3")
TWO = BackupSet(set_id="two", database="two", kind=BackupKind.FULL, path="/media/two.bak", finished_at=NOON)
LEFT = scratch_name("a" * 32)


def ended(home: Home, drill_id: int) -> DrillView:
    wait_until(lambda: home.ops.drills.get(drill_id).outcome is not None, "the drill's end")
    return home.ops.drills.get(drill_id)


def actions(home: Home) -> list[tuple[str, str]]:
    return [(entry.actor, entry.action) for entry in reversed(home.ops.audit.list())][1:]


def failing(home: Home, step: str, error: BaseException) -> None:
    """Let one step of drills fail, and no other."""

    def at(now: str) -> None:
        if now == step:
            raise error

    home.server.in_drill = at


def proven_at(home: Home, set_id: str = FILE) -> object:
    with home.core.catalogue.read() as connection:
        [known] = [one for one in sightings.every(connection, "srv", "one")[0] if one.facts.set_id == set_id]
    return known.facts.proven_at


def disproven(home: Home, set_id: str = FILE) -> str:
    with home.core.catalogue.read() as connection:
        [known] = [one for one in sightings.every(connection, "srv", "one")[0] if one.facts.set_id == set_id]
    return known.facts.disproven_reason


def left_behind(home: Home, owner: str = "dead", scratch: str = LEFT) -> int:
    """A row as a process leaves it that has no time to say goodbye."""
    wanted = Wanted(instance="srv", database="one", on_instance="srv", place="fake nowhere", actor="bob")
    with home.core.catalogue.write() as connection:
        number = rows.add(connection, wanted, owner=owner, now=home.clock.now())
        if scratch:
            rows.scratch_begins(connection, number, Scratch(name=scratch))
    return number


def test_a_drill_proves_the_newest_backup_and_leaves_nothing(home: Home) -> None:
    lay(home, "/media/old.bak")
    home.clock.advance(timedelta(minutes=1))
    lay(home)
    home.server.answers[COUNT.sql] = Answer(kind=AnswerKind.VALUE, value="3")
    home.server.in_drill = lambda step: home.clock.advance(timedelta(seconds=2))
    view = home.ops.drills.run("srv", "one", queries=[COUNT])
    assert (view.outcome, view.cause, view.why, view.next_step) == (Outcome.PROVEN, Cause.NONE, "", "")
    assert (view.instance, view.on_instance, view.database, view.actor) == ("srv", "srv", "one", "ann")
    assert (view.path, view.position, view.set_id, view.data_at) == (FILE, 1, FILE, NOON)
    assert (view.back_s, view.check_s, view.query_s, view.restored_bytes) == (4, 2, 4, 10)
    assert ([tuple(one) for one in view.tables], view.rows) == ([("rows", 7), ("more", 3)], 10)
    assert [one.value for one in view.answers] == ["3"]
    assert (view.scratch_left, home.server.scratches, home.server.drilled) == ("", set(), [(FILE,)])
    assert proven_at(home) == view.ended_at
    assert actions(home) == [("ann", "drill begins"), ("ann", "drill proven")]
    assert home.ops.drills.list() == [view]


def test_the_chain_of_an_incremental_is_drilled_and_proven_as_a_whole(home: Home) -> None:
    lay(home, "/media/full.bak")
    lay(home, kind=BackupKind.DIFFERENTIAL, base="/media/full.bak")
    assert home.ops.drills.run("srv", "one").outcome is Outcome.PROVEN
    assert home.server.drilled == [("/media/full.bak", FILE)]
    assert proven_at(home, "/media/full.bak") == proven_at(home) is not None


def test_it_goes_on_by_itself_and_another_process_can_cancel_it(home: Home) -> None:
    lay(home)
    home.server.progress = STEPS
    with held(home), other_process(home) as other:
        number = home.ops.drills.start("srv", "one").id
        wait_until(lambda: other.drills.get(number).progress is not None, "progress")
        other.drills.cancel(number)
        view = ended(home, number)
    assert (view.outcome, view.cause, view.progress) == (Outcome.UNTESTED, Cause.CANCELLED, None)
    assert home.server.scratches == set()
    assert ("eve", "cancel drill") in actions(home)
    assert actions(home)[-1] == ("ann", "drill could not be tested")
    with pytest.raises(Refused, match="ended already"):
        home.ops.drills.cancel(number)


def test_one_that_is_interrupted_while_it_is_waited_for_is_cancelled(home: Home) -> None:
    lay(home)
    home.server.progress = STEPS

    def interrupt(progress: object) -> None:
        raise KeyboardInterrupt

    with held(home), pytest.raises(KeyboardInterrupt):
        home.ops.drills.run("srv", "one", on_progress=interrupt)
    [view] = home.ops.drills.list()
    assert (view.cause, home.server.scratches) == (Cause.CANCELLED, set())


def test_it_stops_between_two_steps(home: Home) -> None:
    lay(home)
    home.server.in_drill = lambda step: home.ops.drills.cancel(1) if step == "filled" else None
    view = home.ops.drills.run("srv", "one")
    assert (view.outcome, view.cause, view.back_s is None) == (Outcome.UNTESTED, Cause.CANCELLED, False)


STEPS_OF_A_DRILL = ("place", "fill", "filled", "check", "count", "ask")


@pytest.mark.parametrize("step", STEPS_OF_A_DRILL)
@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (EngineError("The server is away.", hint="Start it."), Cause.OTHER),
        (NoSpace("There is no room.", hint="Free some."), Cause.ROOM),
        (CertificateNeeded("The key is missing.", hint="Import it."), Cause.KEY),
        (LoginRefused("The login is refused.", hint="Change it."), Cause.LOGIN),
        (Cancelled("It was cancelled.", hint="Again."), Cause.CANCELLED),
        (MediaError("It is of a newer version.", hint="Elsewhere.", number=3169), Cause.VERSION),
        (RuntimeError("odd"), Cause.OTHER),
    ],
)
def test_whatever_goes_wrong_elsewhere_leaves_open_what_the_backup_is_worth(
    home: Home, step: str, error: Exception, cause: Cause
) -> None:
    lay(home)
    home.server.answers[COUNT.sql] = Answer(kind=AnswerKind.VALUE, value="3")
    failing(home, step, error)
    with capture_logs():
        view = home.ops.drills.run("srv", "one", queries=[COUNT])
    assert (view.outcome, view.cause) == (Outcome.UNTESTED, cause)
    assert view.next_step
    assert home.server.scratches == set()
    assert (view.scratch_left, proven_at(home), disproven(home)) == ("", None, "")


def test_media_that_cannot_be_read_fail_it_and_count_in_the_verdict(home: Home) -> None:
    lay(home)
    failing(home, "filled", MediaError(f"{FILE} is damaged.", hint="Another.", path=FILE))
    view = home.ops.drills.run("srv", "one")
    assert (view.outcome, view.cause, view.why) == (Outcome.FAILED, Cause.MEDIA, f"{FILE} is damaged.")
    assert disproven(home) == view.why
    assert actions(home)[-1] == ("ann", "drill failed")


def test_media_that_nobody_could_look_at_do_not(home: Home) -> None:
    lay(home)
    home.server.unlistable.add("/media")
    failing(home, "fill", MediaError(f"{FILE} cannot be read.", hint="Mount it.", path=FILE))
    view = home.ops.drills.run("srv", "one")
    assert (view.outcome, view.cause, disproven(home)) == (Outcome.UNTESTED, Cause.UNREACHED, "")


def test_damage_in_what_was_restored_fails_it_and_counts_in_the_verdict(home: Home) -> None:
    lay(home)
    home.server.structure = Findings(found=["page 7 is never used"], remarks=["indexes were not compared"])
    view = home.ops.drills.run("srv", "one")
    assert (view.outcome, view.cause) == (Outcome.FAILED, Cause.STRUCTURE)
    assert "page 7" in disproven(home)
    assert "indexes were not compared" in view.messages[0].text


def test_a_check_that_was_not_possible_proves_nothing(home: Home) -> None:
    lay(home)
    home.server.structure = Findings(why_not="tempdb is full")
    view = home.ops.drills.run("srv", "one")
    assert (view.outcome, proven_at(home)) == (Outcome.UNTESTED, None)
    assert "tempdb is full" in view.why


def test_an_answer_that_differs_fails_it_and_neither_proves_nor_disproves(home: Home) -> None:
    lay(home)
    home.server.answers[COUNT.sql] = Answer(kind=AnswerKind.VALUE, value="secret 4")
    view = home.ops.drills.run("srv", "one", queries=[COUNT])
    assert (view.outcome, view.cause) == (Outcome.FAILED, Cause.ANSWER)
    assert "secret 4" in view.why
    assert (proven_at(home), disproven(home)) == (None, "")
    # Who may not restore is told the outcome, and nothing of what the database holds.
    seen = acting_as(home.ops, Role.OPERATOR).drills.get(view.id)
    assert (seen.outcome, seen.tables, seen.queries, seen.answers) == (Outcome.FAILED, (), (), ())
    assert "secret" not in seen.why
    assert all("secret" not in entry.detail for entry in home.ops.audit.list())


def test_the_newest_backup_is_drilled_whatever_is_known_of_it(home: Home) -> None:
    lay(home, "/media/old.bak")
    lay(home)
    kept = home.server.media.pop(FILE)
    view = home.ops.drills.run("srv", "one")
    assert (view.outcome, view.cause, home.server.drilled) == (Outcome.FAILED, Cause.MEDIA, [])
    assert FILE in view.why
    home.server.media[FILE] = kept
    assert home.ops.drills.run("srv", "one").outcome is Outcome.PROVEN
    assert home.server.drilled == [(FILE,)]


def test_without_any_backup_it_is_a_failure(home: Home) -> None:
    home.add()
    view = home.ops.drills.run("srv", "one")
    assert (view.outcome, view.cause) == (Outcome.FAILED, Cause.MEDIA)
    assert "none is recorded" in view.why


def test_a_directory_that_nobody_could_look_into_says_nothing_of_the_backup(home: Home) -> None:
    lay(home)
    home.server.media.clear()
    home.server.unlistable.add("/media")
    for which in ({}, {"path": FILE}):
        view = home.ops.drills.run("srv", "one", **which)
        assert (view.outcome, view.cause) == (Outcome.UNTESTED, Cause.UNREACHED)


def test_a_backup_that_nobody_recorded_is_not_drilled(home: Home) -> None:
    lay(home)
    home.server.put(BackupSet(set_id="forged", database="one", kind=BackupKind.FULL, path="/media/f", finished_at=NOON))
    view = home.ops.drills.run("srv", "one", path="/media/f")
    assert (view.outcome, home.server.drilled) == (Outcome.UNTESTED, [])
    assert "Nobody recorded" in view.why


def test_a_file_of_another_database_proves_nothing_of_this_one(home: Home) -> None:
    lay(home)
    home.add(databases=["two"])
    view = home.ops.drills.run("srv", "two", path=FILE)
    assert view.outcome is Outcome.UNTESTED
    assert "nothing would be proven" in view.why


def test_what_cannot_be_drilled_at_all_is_refused_and_not_written_down(home: Home) -> None:
    lay(home)
    with pytest.raises(NotFound, match="Nothing is known"):
        home.ops.drills.run("srv", "nothing")
    with pytest.raises(NotFound, match="no instance"):
        home.ops.drills.run("srv", "one", on="nowhere")
    with pytest.raises(InvalidInput, match="at most 5"):
        home.ops.drills.run("srv", "one", queries=[COUNT] * 6)
    home.ops.instances.add("own", engine="sqlite", address=str(home.path.parent))
    with pytest.raises(InvalidInput, match="two engines"):
        home.ops.drills.run("srv", "one", on="own")
    home.server.why_no_queries = "they would do anything"
    with pytest.raises(Refused, match="because they would do anything"):
        home.ops.drills.run("srv", "one", queries=[COUNT])
    assert home.ops.drills.list() == []
    with pytest.raises(NotFound):
        home.ops.drills.get(1)


def test_a_database_that_is_gone_is_drilled_from_what_is_recorded(home: Home) -> None:
    lay(home)
    del home.server.sizes["one"]
    home.server.databases_error = EngineError("The server lists nothing.", hint="Wait.")
    assert home.ops.drills.run("srv", "one").outcome is Outcome.PROVEN


def test_another_instance_that_does_not_see_the_files_says_nothing_of_them(home: Home) -> None:
    lay(home)
    home.ops.instances.add("other", engine="fake", address="elsewhere")
    assert home.ops.drills.run("srv", "one", on="other").outcome is Outcome.PROVEN
    home.server.in_drill = lambda step: home.server.media.clear() if step == "place" else None
    failing_at_fill = MediaError(f"{FILE} does not exist.", hint="Copy it.", path=FILE)

    def away(step: str) -> None:
        if step == "fill":
            home.server.media.clear()
            raise failing_at_fill

    home.server.in_drill = away
    view = home.ops.drills.run("srv", "one", on="other")
    assert (view.outcome, view.cause, view.on_instance) == (Outcome.UNTESTED, Cause.UNREACHED, "other")


def test_one_of_a_database_at_a_time(home: Home) -> None:
    lay(home)
    with held(home):
        first = home.ops.drills.start("srv", "one")
        home.server.started.wait(20)
        with pytest.raises(Conflict, match=f"drill {first.id}"):
            home.ops.drills.start("srv", "one")
        with other_process(home) as other, pytest.raises(Conflict):
            other.drills.start("srv", "one")
        with home.core.catalogue.read() as connection:
            assert f"drill {first.id}" in retention.in_use(connection, "srv", "one")
            assert retention.in_use(connection, "srv", "two") == ""
    assert ended(home, first.id).outcome is Outcome.PROVEN
    with home.core.catalogue.read() as connection:
        assert retention.in_use(connection, "srv", "one") == ""


def test_what_other_drills_have_yet_to_write_stays_free(home: Home) -> None:
    home.record(home.server.put(replace(TWO, database_size_bytes=5_000_000)))
    lay(home)
    with held(home):
        first = home.ops.drills.start("srv", "two")
        home.server.started.wait(20)
        second = home.ops.drills.start("srv", "one")
        wait_until(lambda: len(home.server.left_free) == 2, "the second one")
    assert home.server.left_free == [RESERVE_BYTES + 500_000, RESERVE_BYTES + 5_000_000]
    assert {ended(home, one.id).outcome for one in (first, second)} == {Outcome.PROVEN}


def test_a_backup_that_is_being_removed_is_not_drilled(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    lay(home)
    monkeypatch.setattr(home.core.driller, "_is_pruning", lambda owner: owner == "x")
    with home.core.catalogue.write() as connection:
        retention.give_up(connection, "srv", [FILE], "old", owner="x", now=home.clock.now())
    view = home.ops.drills.run("srv", "one", path=FILE)
    assert "being removed" in view.why
    assert home.server.drilled == []


def test_without_threads_it_could_not_be_tested(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    lay(home)

    def scarce(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as crowded:
        crowded.setattr(threading.Thread, "start", scarce)
        view = home.ops.drills.run("srv", "one")
    assert "no more threads" in view.why
    assert home.ops.drills.run("srv", "one").outcome is Outcome.PROVEN


def test_a_home_that_is_closed_drops_its_scratches(home: Home) -> None:
    lay(home)
    with held(home):
        with other_process(home) as other:
            number = other.drills.start("srv", "one").id
            home.server.started.wait(20)
            assert len(home.server.scratches) == 1
        assert home.server.scratches == set()
    assert home.ops.drills.get(number).cause is Cause.CANCELLED


# What a process leaves that was killed


def settle(home: Home) -> None:
    home.core.runner.reconcile_now()


@pytest.mark.parametrize("is_made", [True, False])
def test_what_a_killed_process_left_is_dropped_and_told(home: Home, is_made: bool) -> None:
    if is_made:
        home.server.scratches.add(LEFT)
    number = left_behind(home)
    view = home.ops.drills.get(number)
    assert (view.outcome, view.cause, view.scratch_left) == (Outcome.UNTESTED, Cause.INTERRUPTED, LEFT)
    settle(home)
    assert home.server.scratches == set()
    if not is_made:
        # The server may only be about to make it.
        assert "once more" in home.ops.drills.get(number).scratch_why
        home.server.scratches.add(LEFT)
        settle(home)
        assert home.server.scratches == {LEFT}, "it is not time yet"
        home.clock.advance(timedelta(minutes=1))
        settle(home)
        assert home.server.scratches == set()
    assert home.ops.drills.get(number).scratch_left == ""
    assert actions(home)[-1][1] == "drop scratch"


def test_one_without_a_scratch_owes_nothing(home: Home) -> None:
    number = left_behind(home, scratch="")
    settle(home)
    view = home.ops.drills.get(number)
    assert (view.cause, view.scratch_left) == (Cause.INTERRUPTED, "")


def test_that_of_a_living_process_is_left_alone(home: Home) -> None:
    lay(home)
    with held(home), other_process(home) as other:
        number = other.drills.start("srv", "one").id
        home.server.started.wait(20)
        settle(home)
        home.ops.drills.list()
        assert len(home.server.scratches) == 1
        assert home.ops.drills.get(number).outcome is None


def test_what_could_not_be_dropped_stays_owed_and_is_tried_again(home: Home) -> None:
    lay(home)
    failing(home, "drop", EngineError("The server is away.", hint="Start it."))
    view = home.ops.drills.run("srv", "one")
    assert view.outcome is Outcome.PROVEN
    assert home.server.scratches == {view.scratch_left}
    assert view.scratch_why == "The server is away."
    assert any("dropped later" in one.text for one in view.messages)
    for minutes in (1, 1, 5, 15, 60, 60):
        home.clock.advance(timedelta(minutes=minutes))
        settle(home)
        assert home.ops.drills.get(view.id).scratch_left
    home.server.in_drill = lambda step: None
    home.clock.advance(timedelta(minutes=60))
    settle(home)
    assert (home.server.scratches, home.ops.drills.get(view.id).scratch_left) == (set(), "")


def test_where_nobody_knows_whether_it_is_still_made_it_is_looked_for_again(home: Home) -> None:
    lay(home)
    failing(home, "fill", EndUnknown("The connection was lost.", hint="Look."))
    view = home.ops.drills.run("srv", "one")
    assert (view.outcome, bool(view.scratch_left)) == (Outcome.UNTESTED, True)
    home.server.in_drill = lambda step: None
    home.server.scratches.add(view.scratch_left)
    home.clock.advance(timedelta(minutes=1))
    settle(home)
    assert home.server.scratches == set()


def test_a_scratch_on_an_instance_that_is_no_more_stays_owed_with_the_next_step(home: Home) -> None:
    number = left_behind(home)
    home.server.scratches.add(LEFT)
    home.ops.instances.remove("srv")
    settle(home)
    assert "No instance is where srv was" in home.ops.drills.get(number).scratch_why
    home.ops.instances.add("again", engine="fake", address="nowhere")
    home.clock.advance(timedelta(minutes=1))
    settle(home)
    assert home.server.scratches == set()


def test_one_that_raises_what_nobody_foresaw_keeps_no_other(home: Home) -> None:
    left_behind(home)
    home.server.scratches.add(LEFT)
    failing(home, "drop", RuntimeError("odd"))
    with capture_logs() as logs:
        settle(home)
    assert logs
    stop = threading.Event()
    stop.set()
    home.core.scratches.drop(stop)
    assert home.server.scratches == {LEFT}


def test_a_disk_for_drills_that_hangs_keeps_nobody_who_opens_the_home(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = left_behind(home, scratch="")
    with home.core.catalogue.write() as connection:
        rows.scratch_begins(connection, number, Scratch(name=LEFT, place=f"/hangs/{LEFT}"))
    release, begun = threading.Event(), threading.Event()

    def hang(*given: object) -> bool:
        begun.set()
        return release.wait(60)

    monkeypatch.setattr("pwsops.engines.sqlite.scratches.FileScratches.drop", hang)
    monkeypatch.setattr("pwsops.runs.owed_scratches.FILES_S", 0.01)
    home.core.scratches.drop_files()
    assert begun.wait(20)
    assert home.ops.drills.get(number).scratch_left == LEFT
    for _ in range(2):  # nor does it keep runs from being settled, or takes a thread each time
        home.core.runner.reconcile()
    assert [each.name for each in threading.enumerate()].count("pwsops-scratches") == 1
    release.set()
    wait_until(lambda: not home.ops.drills.get(number).scratch_left, "the scratch to go")


def test_the_time_that_a_drill_took_is_expected_of_a_restore(home: Home) -> None:
    lay(home)
    home.server.in_drill = lambda step: home.clock.advance(timedelta(seconds=2))
    home.ops.drills.run("srv", "one")
    assert home.ops.restores.preview("srv", "one", FILE).expected.seconds == 4


def test_the_end_of_one_that_cannot_be_written_is_settled_by_whoever_looks_next(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(home)

    def broken(*given: object, **more: object) -> None:
        raise RuntimeError("odd")

    with monkeypatch.context() as spoilt, capture_logs() as logs:
        spoilt.setattr("pwsops.catalogue.drill_outcomes.ended", broken)
        view = home.ops.drills.run("srv", "one")
    assert logs
    assert (view.cause, home.server.scratches) == (Cause.INTERRUPTED, set())


def unforeseen() -> Callable[[], None]:
    raise RuntimeError("odd")


def test_a_plan_that_fails_in_a_way_nobody_foresaw_ends_the_drill(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    lay(home)
    with monkeypatch.context() as spoilt:
        spoilt.setattr("pwsops.operations.drilling.Planner.plan", lambda planner: unforeseen())
        with pytest.raises(RuntimeError):
            home.ops.drills.run("srv", "one")
    [view] = home.ops.drills.list()
    assert view.cause is Cause.OTHER
    assert "not foreseen" in view.why


def test_who_may_not_read_the_file_is_denied_and_the_drill_has_ended(home: Home) -> None:
    """A recorded path that holds the set of another's instance by now."""
    home.ops.instances.add("other", engine="fake", address="elsewhere")
    lay(home)
    foreign = BackupSet(set_id="theirs", database="one", kind=BackupKind.FULL, path=FILE, finished_at=NOON)
    home.record(foreign, instance="other")
    home.server.media[FILE] = [foreign]
    limited = acting_as(home.ops, Role.RESTORER, instances=frozenset({"srv"}))
    with pytest.raises(PwsopsError):
        limited.drills.run("srv", "one", path=FILE)
    assert home.server.drilled == []
    assert all(one.outcome is not None for one in home.ops.drills.list())


def test_the_evidence_has_the_drills_of_its_period_without_what_databases_hold(home: Home, tmp_path: Path) -> None:
    lay(home)
    home.add()
    home.run()
    home.ops.drills.run("srv", "one")
    home.server.answers[COUNT.sql] = Answer(kind=AnswerKind.VALUE, value="secret 4")
    home.ops.drills.run("srv", "one", queries=[COUNT])
    home.clock.advance(timedelta(seconds=1))
    evidence = tmp_path / "evidence.html"
    home.ops.reports.write(ReportFormat.EVIDENCE, evidence)
    text = evidence.read_text()
    assert "<strong>1 of 2</strong>drills proved a backup" in text
    assert "A query gives something else than it must." in text
    assert "secret" not in text
    home.ops.reports.write(ReportFormat.EVIDENCE, evidence, ReportQuery(profile="p"), replace=True)
    assert "<strong>1 of 2</strong>" in evidence.read_text()
    home.add(name="q", databases=["two"], directory="/elsewhere")
    home.ops.reports.write(ReportFormat.EVIDENCE, evidence, ReportQuery(profile="q"), replace=True)
    assert "No backup was drilled." in evidence.read_text()


def test_of_many_drills_the_newest_are_printed(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay(home)
    monkeypatch.setattr("pwsops.reports.evidence.MOST_DRILLS", 1)
    for _ in range(3):
        home.ops.drills.run("srv", "one")
    home.clock.advance(timedelta(seconds=1))
    evidence = tmp_path / "evidence.html"
    home.ops.reports.write(ReportFormat.EVIDENCE, evidence)
    assert "2 older drills" in evidence.read_text()


def test_who_restores_drills_no_file_outside_of_where_backups_are_kept(home: Home) -> None:
    home.add()
    lay(home)
    lay(home, "/etc/theirs.bak")
    restorer = acting_as(home.ops, Role.RESTORER)
    assert restorer.drills.run("srv", "one", path=FILE).is_proven
    foreign = BackupSet(set_id="f", database="one", kind=BackupKind.FULL, path="/etc/f.bak", finished_at=NOON)
    home.server.put(foreign)
    with pytest.raises(Denied):
        restorer.drills.run("srv", "one", path="/etc/f.bak")
    home.ops.instances.add("other", engine="fake", address="elsewhere")
    with pytest.raises(Denied):
        restorer.drills.run("srv", "one", path="/etc/f.bak", on="other")
