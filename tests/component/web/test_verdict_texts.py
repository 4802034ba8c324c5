from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pwsops.rules.model import Health, ProfileState, RunStatus
from pwsops.rules.protection import Cause
from pwsops.rules.protection import Finding as Reason
from pwsops.web.live.snapshot import DatabaseRow, Problem
from pwsops.web.ui.verdict_texts import answer, mark
from tests.component.web.conftest import (
    NOW,
    make_database,
    make_item,
    make_profile,
    make_run,
    make_service,
    make_snapshot,
    make_verdict,
)

FAILED = make_run(
    7, RunStatus.FAILED, summary="1 of 2 failed",
    items=[make_item(error="The disk is full.", hint="Make room."), make_item(error="Other.")],
)  # fmt: skip


def test_all_is_well_says_how_old_the_oldest_backup_is() -> None:
    databases = [make_database("a.db", 60), make_database("b.db", 7000)]
    found = answer(make_snapshot(profiles=[make_profile(databases=("a.db", "b.db"))], databases=databases))
    assert found.headline == "Both databases are protected: each was backed up within the last 117 minutes."
    assert (found.tone, found.icon, found.findings) == ("ok", "check", ())
    assert found.detail == "Next: Vaults, incremental, 12:30."


@pytest.mark.parametrize(
    ("age_s", "said"),
    [
        (10, "within the last minute"),
        (60, "within the last minute"),
        (130, "within the last 3 minutes"),
        (3 * 86400, "within the last 3 days"),
    ],
)
def test_the_age_of_the_oldest_backup_is_never_too_little(age_s: float, said: str) -> None:
    databases = [make_database(name, age_s) for name in ("a", "b", "c")]
    found = answer(make_snapshot(profiles=[make_profile()], databases=databases))
    assert found.headline == f"All 3 databases are protected: each was backed up {said}."


def test_the_one_database_is_named() -> None:
    found = answer(make_snapshot(profiles=[make_profile()], databases=[make_database("my-vault", 20)]))
    assert (found.headline, found.tone) == ("my-vault is protected: it was backed up less than a minute ago.", "ok")


def test_a_database_without_any_backup_is_named_and_nothing_is_called_safe() -> None:
    databases = [make_database("a.db", 60), make_database("b.db", None)]
    found = answer(make_snapshot(profiles=[make_profile(databases=("a.db", "b.db"))], databases=databases))
    assert (found.headline, found.tone) == ("Of 2 databases, 1 is unprotected (b.db).", "red")
    assert found.findings[0].what == "b.db: never backed up (since 12:00:00)."


def test_no_backup_at_all_is_said_with_what_keeps_the_next_from_being_taken() -> None:
    off = make_database("my-vault", None, Cause.PROFILE_INACTIVE)
    found = answer(make_snapshot(profiles=[make_profile()], databases=[off]))
    assert (found.headline, found.tone) == ("my-vault has no backup, and its profile is switched off.", "red")
    assert [finding.amend for finding in found.findings] == ["", "Vaults"]
    assert answer(make_snapshot()).headline == "No database is backed up yet."


@pytest.mark.parametrize(
    ("causes", "tone", "headline"),
    [
        ((Cause.PROFILE_INACTIVE,), "orange", "a.db was backed up 1 minute ago, and its profile is switched off."),
        ((Cause.SERVICE_STOPPED,), "orange", "a.db was backed up 1 minute ago, and the backup service is stopped."),
        ((Cause.PLACE_UNKNOWN,), "plain", "a.db was backed up 1 minute ago; not checked since 12:00:00."),
        ((Cause.ACCESS_OWED,), "red", "a.db was backed up 1 minute ago, and a restore has left it shut."),
        ((Cause.KEY_MISSING,), "red", "a.db was backed up 1 minute ago."),
    ],
)
def test_what_is_not_protected_is_never_green(causes: tuple[Cause, ...], tone: str, headline: str) -> None:
    found = answer(make_snapshot(profiles=[make_profile()], databases=[make_database("a.db", 60, *causes)]))
    assert (found.tone, found.headline) == (tone, headline)
    assert (found.findings[0].tone, bool(found.findings[0].next_step)) == (tone, True)
    mark_shown = mark(make_verdict("a.db", 60, *causes))
    assert (mark_shown.tone, mark_shown.icon == "check") == (tone, False)


def test_one_cause_of_many_databases_is_told_once() -> None:
    databases = [make_database(name, 60, Cause.SERVICE_STOPPED) for name in "abcdef"]
    found = answer(make_snapshot(profiles=[make_profile()], databases=databases))
    assert found.headline == "All 6 databases are at risk: a, b, c and 3 more."
    assert [finding.what for finding in found.findings] == ["a, b, c and 3 more: service stopped (since 12:00:00)."]
    assert "button at the top of the page" in found.findings[0].next_step


def test_files_of_several_databases_are_counted() -> None:
    databases = []
    for name in "abcd":
        row = make_database(name, 60, Cause.FILES_GONE)
        lost = tuple(replace(each, subject=f"/{name}.bak") for each in row.view.verdict.findings)
        databases.append(replace(row, view=replace(row.view, verdict=replace(row.view.verdict, findings=lost))))
    found = answer(make_snapshot(profiles=[make_profile()], databases=databases))
    assert found.findings[0].why == "The file of its newest backup is gone: /a.bak: so it is. (3 more of this kind.)"


def test_what_a_profile_tells_itself_is_not_told_twice() -> None:
    profile = make_profile(health=Health.ORANGE, last_run=FAILED)
    databases = [make_database("a.db", 60, Cause.RUN_FAILED)]
    found = answer(make_snapshot(profiles=[profile], databases=databases, broken={7: FAILED}))
    assert [finding.run for finding in found.findings] == [7]
    assert found.headline == "a.db was backed up 1 minute ago, and its last run failed."


def test_what_cannot_be_asked_is_not_called_safe() -> None:
    no_answer = Problem(message="No answer.", hint="Look.")
    found = answer(make_snapshot(profiles=[make_profile()], problems={"vaults": no_answer}))
    assert (found.headline, found.tone) == ("It is not known what is safe.", "plain")
    assert (found.findings[0].what, found.findings[0].next_step) == ("No answer.", "Look.")


def test_an_instance_that_is_away_is_told_by_its_databases() -> None:
    no_answer = Problem(message="No answer.", hint="Look.")
    databases = [make_database("a.db", 60, Cause.INSTANCE_UNREACHED)]
    found = answer(make_snapshot(profiles=[make_profile()], databases=databases, problems={"vaults": no_answer}))
    assert [finding.what for finding in found.findings] == ["a.db: instance not reached."]


def test_before_anybody_answered_nothing_is_called_safe_or_lost() -> None:
    found = answer(make_snapshot(profiles=[make_profile()], awaited=["vaults"]))
    assert (found.headline, found.tone) == ("Looking what is safe …", "plain")
    unseen = [make_database("a.db", 60, Cause.NOT_LOOKED_AT)]
    found = answer(make_snapshot(profiles=[make_profile()], awaited=["vaults"], databases=unseen))
    assert (found.headline, found.tone) == ("Looking what is safe …", "plain")


def test_a_failed_run_is_orange_with_cause_hint_and_the_next_try() -> None:
    profile = make_profile(health=Health.ORANGE, last_run=FAILED)
    verdict = answer(make_snapshot(profiles=[profile], databases=[make_database()], broken={7: FAILED}))
    finding = verdict.findings[0]
    assert (verdict.tone, finding.tone, finding.run) == ("orange", "orange", 7)
    assert finding.what == "Vaults failed at 12:00:00 (2 of 2 databases)."
    assert finding.why == "The disk is full. (1 more failed.)"
    assert finding.next_step == "Next try: 12:30, or start it now."


def test_a_try_that_is_past_is_not_promised_while_the_service_is_stopped() -> None:
    profile = make_profile(health=Health.ORANGE, last_run=FAILED, next_due_at=NOW - timedelta(hours=1))
    stopped = make_snapshot(profiles=[profile], databases=[make_database()], service=make_service(running=False))
    (finding,) = [one for one in answer(stopped).findings if one.run]
    assert finding.next_step == "The next try is due since 11:00: start the backup service."


def test_red_stands_before_orange_and_says_how_it_is_armed_again() -> None:
    orange = make_profile("Other", health=Health.ORANGE, last_run=FAILED)
    red = make_profile(
        "It's mine", health=Health.RED, state=ProfileState.TRIPPED, last_run=FAILED, failures_in_a_row=5, tripped_at=NOW
    )
    verdict = answer(make_snapshot(profiles=[orange, red], broken={7: FAILED}))
    assert [finding.tone for finding in verdict.findings] == ["red", "orange"]
    assert verdict.findings[0].what == "It's mine was switched off (12:00:00) after 5 failed runs in a row."
    assert (verdict.findings[0].amend, verdict.findings[1].amend) == ("It's mine", "")


AMISS: list[tuple[dict[str, Any], str]] = [
    ({"health": Health.RED, "state": ProfileState.TRIPPED, "tripped_at": NOW, "last_run": FAILED,
      "failures_in_a_row": 5}, "1 profile is switched off"),
    ({"broken": "`every` cannot be read."}, "1 profile cannot run"),
    ({"health": Health.ORANGE, "last_run": FAILED}, "the last run of 1 profile did not succeed"),
    ({"red_databases": ("x.db",)}, "1 profile cannot back up all of its databases"),
]  # fmt: skip


@pytest.mark.parametrize(("trouble", "said"), AMISS)
def test_a_profile_in_trouble_is_told_beside_databases_that_others_protect(trouble: dict[str, Any], said: str) -> None:
    profiles = [make_profile(), make_profile("Other", **trouble)]
    for names, whole in (("a", "a is"), ("ab", "Both databases are"), ("abc", "All 3 databases are")):
        databases = [make_database(name, 60) for name in names]
        found = answer(make_snapshot(profiles=profiles, databases=databases, broken={7: FAILED}))
        assert found.headline.startswith(f"{whole} protected, but {said}; ")
        assert found.tone in ("red", "orange")
    both = [*profiles, make_profile("Third", **trouble)]
    headline = answer(make_snapshot(profiles=both, databases=databases, broken={7: FAILED})).headline
    assert "2 profiles" in headline


@pytest.mark.parametrize(
    ("run", "what"),
    [
        (make_run(8, RunStatus.MISSED, started_at=None, missed_count=3), "Vaults missed 3 runs from 12:00:00 on."),
        (make_run(8, RunStatus.SKIPPED, started_at=None), "Vaults skipped its run at 12:00:00."),
    ],
)
def test_runs_that_never_started_are_orange_too(run: object, what: str) -> None:
    profile = make_profile(health=Health.ORANGE, last_run=run, next_due_at=None)
    finding = answer(make_snapshot(profiles=[profile])).findings[0]
    assert (finding.tone, finding.what) == ("orange", what)
    assert finding.next_step == "It has no run to come: start it by hand once the cause is gone."


def test_a_failed_run_without_failed_items_gives_its_summary_as_the_cause() -> None:
    run = make_run(9, RunStatus.FAILED, summary="it took too long")
    finding = answer(make_snapshot(profiles=[make_profile(health=Health.ORANGE, last_run=run)])).findings[0]
    assert (finding.what, finding.why) == ("Vaults failed at 12:00:00.", "it took too long")


def test_a_red_database_is_named_while_its_profile_goes_on() -> None:
    profile = make_profile(red_databases=("a.db",), databases=("a.db", "b.db"))
    finding = answer(make_snapshot(profiles=[profile])).findings[0]
    assert finding.what == "a.db failed five times in a row in Vaults; its other databases are backed up."


def test_databases_in_no_profile_are_counted() -> None:
    databases = [make_database(), make_database("loose.db", None, covered=False)]
    verdict = answer(make_snapshot(profiles=[make_profile()], databases=databases))
    assert verdict.findings[0].what == "1 database in no profile: loose.db."
    assert verdict.headline == "a.db is protected: it was backed up 1 minute ago."


def test_what_runs_now_is_named() -> None:
    profile = make_profile(running=make_run(status=RunStatus.RUNNING))
    assert answer(make_snapshot(profiles=[profile])).detail == "Running now: Vaults."


def warned(name: str, *, covered: bool = True) -> DatabaseRow:
    row = make_database(name, covered=covered)
    return replace(row, view=replace(row.view, warnings=("Its log is not backed up.", "Take a new full.")))


def test_what_the_keeper_of_a_database_should_know_is_said_on_the_first_page() -> None:
    profile = make_profile(databases=("a.db",))
    verdict = answer(make_snapshot(profiles=[profile], databases=[warned("a.db")]))
    assert (verdict.tone, verdict.findings[0].tone) == ("plain", "plain")
    assert verdict.findings[0].what == "About a.db:"
    assert verdict.findings[0].why == "Its log is not backed up. Take a new full."


def test_many_databases_with_something_to_know_are_told_in_one_line() -> None:
    names = ("a", "b", "c", "d")
    profile = make_profile(databases=names)
    verdict = answer(make_snapshot(profiles=[profile], databases=[warned(name) for name in names]))
    assert [finding.what for finding in verdict.findings] == ["4 databases want a look: a, b, c and 1 more."]


def test_databases_in_no_profile_are_not_spoken_of_twice() -> None:
    verdict = answer(make_snapshot(profiles=[make_profile(databases=())], databases=[warned("a.db", covered=False)]))
    assert [finding.what for finding in verdict.findings] == ["1 database in no profile: a.db."]


def noted(name: str) -> DatabaseRow:
    row = make_database(name)
    note = Reason(cause=Cause.FILES_GONE, since=NOW, subject="/new.bak")
    return replace(row, view=replace(row.view, verdict=replace(row.view.verdict, notes=(note,))))


def test_newer_backups_that_are_lost_are_told_without_a_tick_though_an_older_one_protects() -> None:
    verdict = answer(make_snapshot(profiles=[make_profile(databases=("a.db",))], databases=[noted("a.db")]))
    (finding,) = verdict.findings
    assert (verdict.tone, finding.what) == ("plain", "a.db is protected by an older backup.")
    assert finding.why.startswith("A newer backup is gone: /new.bak, since ")
    assert finding.next_step
    names = ("a", "b", "c", "d")
    many = answer(make_snapshot(profiles=[make_profile(databases=names)], databases=[noted(name) for name in names]))
    (finding,) = many.findings
    assert finding.what == "Newer backups of 4 databases cannot be relied on: a, b, c and 1 more."


def test_a_key_that_is_missing_is_said_before_all_else() -> None:
    lost = Problem(message="The key is gone.", hint="Put it back.")
    found = answer(replace(make_snapshot(profiles=[make_profile()], databases=[make_database("a.db", 20)]), key=lost))
    assert (found.tone, found.headline.startswith("The key of this home")) == ("red", True)
    assert (found.findings[0].what, found.findings[0].next_step) == ("The key is gone.", "Put it back.")
