from __future__ import annotations

from dataclasses import replace

import pytest

from pwsops.rules.model import Health, ProfileState, RunStatus
from pwsops.views.safety import judge
from pwsops.views.store import DatabaseRow, Trouble
from tests.unit.views.conftest import (
    NOW,
    make_database,
    make_item,
    make_profile,
    make_run,
    make_service,
    make_snapshot,
)

FAILED = make_run(
    7, RunStatus.FAILED, summary="1 of 2 failed",
    items=[make_item(error="The disk is full.", hint="Make room."), make_item(error="Other.")],
)  # fmt: skip


def test_all_is_well_says_how_old_the_oldest_backup_is() -> None:
    databases = [make_database("a.db", 60), make_database("b.db", 7000)]
    verdict = judge(make_snapshot(profiles=[make_profile(databases=("a.db", "b.db"))], databases=databases))
    assert verdict.headline == "Both databases have a backup not older than 2 hours."
    assert (verdict.tone, verdict.findings) == ("ok", ())
    assert verdict.detail == "Next: Vaults, incremental, 12:30."


def test_a_database_without_any_backup_is_named_and_nothing_is_called_safe() -> None:
    databases = [make_database("a.db", 60), make_database("b.db", None)]
    verdict = judge(make_snapshot(profiles=[make_profile(databases=("a.db", "b.db"))], databases=databases))
    assert verdict.headline == "1 of 2 databases has a backup not older than 1 minute; b.db has none yet."
    assert verdict.tone == "plain"


def test_no_backup_at_all_is_said() -> None:
    verdict = judge(make_snapshot(profiles=[make_profile()], databases=[make_database("a.db", None)]))
    assert (verdict.headline, verdict.tone) == ("The one database has no backup yet.", "plain")
    assert judge(make_snapshot()).headline == "No database is backed up yet."


def test_what_cannot_be_asked_is_not_called_safe() -> None:
    no_answer = Trouble(message="No answer.", hint="Look.")
    verdict = judge(make_snapshot(profiles=[make_profile()], troubles={"vaults": no_answer}))
    assert (verdict.headline, verdict.tone) == ("It is not known what is safe.", "plain")
    assert (verdict.findings[0].what, verdict.findings[0].next_step) == ("No answer.", "Look.")


def test_before_anybody_answered_nothing_is_called_safe_or_lost() -> None:
    verdict = judge(make_snapshot(profiles=[make_profile()], awaited=["vaults"]))
    assert (verdict.headline, verdict.tone) == ("Looking what is safe …", "plain")


def test_a_failed_run_is_orange_with_cause_hint_and_the_next_try() -> None:
    profile = make_profile(health=Health.ORANGE, last_run=FAILED)
    verdict = judge(make_snapshot(profiles=[profile], databases=[make_database()], broken={7: FAILED}))
    finding = verdict.findings[0]
    assert (verdict.tone, finding.tone, finding.run) == ("orange", "orange", 7)
    assert finding.what == "Vaults failed at 12:00:00 (2 of 2 databases)."
    assert finding.why == "The disk is full. (1 more failed.)"
    assert finding.next_step == "It tries again by schedule at 12:30; Start now does not wait."
    assert verdict.headline.endswith("But the last run of 1 profile went wrong.")


def test_red_stands_before_orange_and_says_how_it_is_armed_again() -> None:
    orange = make_profile("Other", health=Health.ORANGE, last_run=FAILED)
    red = make_profile(
        "It's mine", health=Health.RED, state=ProfileState.TRIPPED, last_run=FAILED, failures_in_a_row=5, tripped_at=NOW
    )
    verdict = judge(make_snapshot(profiles=[orange, red], broken={7: FAILED}))
    assert [finding.tone for finding in verdict.findings] == ["red", "orange"]
    assert verdict.findings[0].what == "It's mine was switched off (12:00:00) after 5 failed runs in a row."
    assert (verdict.findings[0].amend, verdict.findings[1].amend) == ("It's mine", "")
    assert verdict.headline.endswith("But 1 profile is switched off and the last run of 1 profile went wrong.")


@pytest.mark.parametrize(
    ("run", "what"),
    [
        (make_run(8, RunStatus.MISSED, started_at=None, missed_count=3), "Vaults missed 3 runs from 12:00:00 on."),
        (make_run(8, RunStatus.SKIPPED, started_at=None), "Vaults skipped its run at 12:00:00."),
    ],
)
def test_runs_that_never_started_are_orange_too(run: object, what: str) -> None:
    profile = make_profile(health=Health.ORANGE, last_run=run, next_due_at=None)
    finding = judge(make_snapshot(profiles=[profile])).findings[0]
    assert (finding.tone, finding.what) == ("orange", what)
    assert finding.next_step == "It has no run to come: start it by hand once the cause is gone."


def test_a_failed_run_without_failed_items_gives_its_summary_as_the_cause() -> None:
    run = make_run(9, RunStatus.FAILED, summary="it took too long")
    finding = judge(make_snapshot(profiles=[make_profile(health=Health.ORANGE, last_run=run)])).findings[0]
    assert (finding.what, finding.why) == ("Vaults failed at 12:00:00.", "it took too long")


def test_a_red_database_is_named_while_its_profile_goes_on() -> None:
    profile = make_profile(red_databases=("a.db",), databases=("a.db", "b.db"))
    finding = judge(make_snapshot(profiles=[profile])).findings[0]
    assert finding.what == "a.db failed five times in a row in Vaults; its other databases are backed up."


def test_a_stopped_service_is_said_without_a_failure_s_colour() -> None:
    verdict = judge(make_snapshot(profiles=[make_profile()], databases=[make_database()], service=make_service(False)))
    assert (verdict.tone, verdict.findings[0].tone) == ("plain", "plain")
    assert verdict.headline.endswith("But the service is stopped.")
    assert verdict.detail == ""


def test_databases_in_no_profile_are_counted() -> None:
    databases = [make_database(), make_database("loose.db")]
    verdict = judge(make_snapshot(profiles=[make_profile()], databases=databases))
    assert verdict.findings[0].what == "1 database in no profile: loose.db."
    assert verdict.headline == "The one database has a backup not older than 1 minute."


def test_what_runs_now_is_named() -> None:
    profile = make_profile(running=make_run(status=RunStatus.RUNNING))
    assert judge(make_snapshot(profiles=[profile])).detail == "Running now: Vaults."


def test_all_that_is_wrong_is_said_in_one_sentence() -> None:
    red = make_profile("A", health=Health.RED, state=ProfileState.TRIPPED, last_run=FAILED)
    orange = make_profile("B", health=Health.ORANGE, last_run=FAILED)
    verdict = judge(make_snapshot(profiles=[red, orange], databases=[make_database()], service=make_service(False)))
    assert verdict.headline == (
        "The one database has a backup not older than 1 minute. But 1 profile is switched off, "
        "the last run of 1 profile went wrong and the service is stopped."
    )


def warned(name: str) -> DatabaseRow:
    row = make_database(name)
    return replace(row, view=replace(row.view, warnings=("Its log is not backed up.", "Take a new full.")))


def test_what_the_keeper_of_a_database_should_know_is_said_on_the_first_page() -> None:
    profile = make_profile(databases=("a.db",))
    verdict = judge(make_snapshot(profiles=[profile], databases=[warned("a.db")]))
    assert (verdict.tone, verdict.findings[0].tone) == ("plain", "plain")
    assert verdict.findings[0].what == "About a.db:"
    assert verdict.findings[0].why == "Its log is not backed up. Take a new full."


def test_many_databases_with_something_to_know_are_told_in_one_line() -> None:
    names = ("a", "b", "c", "d")
    profile = make_profile(databases=names)
    verdict = judge(make_snapshot(profiles=[profile], databases=[warned(name) for name in names]))
    assert [finding.what for finding in verdict.findings] == ["4 databases want a look: a, b, c and 1 more."]


def test_databases_in_no_profile_are_not_spoken_of_twice() -> None:
    verdict = judge(make_snapshot(profiles=[make_profile(databases=())], databases=[warned("a.db")]))
    assert [finding.what for finding in verdict.findings] == ["1 database in no profile: a.db."]
