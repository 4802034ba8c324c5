from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from pwsops.rules.chain import BaseChoice, choose_base, planned_kind
from pwsops.rules.model import BackupKind, BackupSet, Recurrence, Renewal, RenewalPeriod, Unit
from tests.unit.rules.sets import NOON, differential, full

HOURLY = Recurrence(every=1, unit=Unit.HOUR, start=datetime.fromisoformat("2026-01-01T00:00"), timezone="Europe/Berlin")
LATER = NOON + timedelta(days=1)
SUNDAYS = Renewal(period=RenewalPeriod.WEEKLY, day=6)


def test_a_profile_builds_on_its_own_newest_full() -> None:
    own = [differential("change", "new", hours=3), full("new", hours=2), full("old")]
    foreign = full("foreign", hours=5)
    choice = choose_base(own=own, all_sets=[*own, foreign], shared_base=False, server_base=None, now=LATER)
    assert (choice.base, choice.reason) == (own[1], "")


def test_the_newest_full_is_the_one_taken_last_whatever_the_clock_said_then() -> None:
    own = [full("taken last", hours=1), full("taken by a clock that was a day ahead", hours=25)]
    assert chosen(own, now=NOON + timedelta(hours=2)).base is own[0]


def test_nothing_is_built_on_a_full_that_is_dated_after_now() -> None:
    own = [full("ahead", hours=25), full("right")]
    choice = chosen(own, now=NOON + timedelta(hours=2))
    assert choice.base is None
    assert "clock is in doubt" in choice.reason
    assert chosen(own, now=NOON + timedelta(hours=26)).base is own[0]


def test_nor_is_it_where_the_server_has_that_base() -> None:
    ahead = full("ahead", hours=25)
    choice = choose_base(own=[], all_sets=[ahead], shared_base=True, server_base="ahead", now=NOON)
    assert "clock is in doubt" in choice.reason


def test_a_clock_that_is_merely_another_one_casts_no_doubt() -> None:
    own = [full("a server's, two minutes ahead", hours=2 / 60)]
    assert chosen(own, now=NOON).base is own[0]


def chosen(own: list[BackupSet], *, now: datetime) -> BaseChoice:
    return choose_base(own=own, all_sets=own, shared_base=False, server_base=None, now=now)


def test_a_copy_only_full_is_never_a_base() -> None:
    own = [full("copy", hours=2, copy_only=True), full("old")]
    assert chosen(own, now=LATER).base is own[1]
    choice = choose_base(own=own, all_sets=own, shared_base=True, server_base="copy", now=LATER)
    assert choice.base is None


def test_without_a_full_of_its_own_a_profile_has_no_base_and_says_so() -> None:
    choice = choose_base(own=[], all_sets=[full("foreign")], shared_base=False, server_base=None, now=LATER)
    assert choice.base is None
    assert "no full backup" in choice.reason


def test_where_the_server_has_the_base_it_is_the_known_set_of_that_id_whoever_took_it() -> None:
    own, foreign = full("own"), full("foreign", hours=1)
    choice = choose_base(own=[own], all_sets=[own, foreign], shared_base=True, server_base="foreign", now=LATER)
    assert (choice.base, choice.reason) == (foreign, "")


@pytest.mark.parametrize(
    ("own", "server_base", "reason"),
    [
        ([full("own")], None, "the server has no full backup"),
        ([full("own")], "elsewhere", "(elsewhere) is not one of ours"),
        ([differential("change", "elsewhere")], "change", "(change) is not one of ours"),
    ],
)
def test_a_base_on_the_server_that_is_not_known_here_is_of_no_use(own: list, server_base: str, reason: str) -> None:
    choice = choose_base(own=own, all_sets=own, shared_base=True, server_base=server_base, now=LATER)
    assert choice.base is None
    assert reason in choice.reason


def chosen_beside(foreign: BackupSet) -> BaseChoice:
    own = [full("own")]
    return choose_base(
        own=own, all_sets=own, shared_base=True, server_base=foreign.set_id, outside=[foreign], now=LATER
    )


def test_a_base_of_another_tool_is_of_no_use_and_the_reason_says_whose_it_is() -> None:
    choice = chosen_beside(replace(full("theirs", hours=1), path="E:\\x.bak", details={"taken_by": "CORP\\veeam"}))
    assert choice.base is None
    assert "another tool took a full backup" in choice.reason
    assert "by CORP\\veeam (E:\\x.bak)" in choice.reason


def test_a_failed_full_of_ours_that_became_the_base_is_not_told_as_another_tools() -> None:
    choice = chosen_beside(replace(full("failed", hours=1), description="pwsops run 7 (home)"))
    assert choice.base is None
    assert "pwsops took" in choice.reason
    assert "(pwsops run 7 (home))" in choice.reason
    assert "another tool" not in choice.reason


def test_a_snapshot_in_the_place_of_the_base_is_called_one() -> None:
    choice = chosen_beside(replace(full("vm", hours=1), details={"is_snapshot": True}))
    assert choice.base is None
    assert "snapshot" in choice.reason


@pytest.mark.parametrize(
    ("incremental", "last_full_due", "due_at", "expected"),
    [
        (False, NOON, NOON + timedelta(hours=1), BackupKind.FULL),
        (True, None, NOON, BackupKind.FULL),
        (True, NOON, NOON + timedelta(hours=1), BackupKind.DIFFERENTIAL),
        # From a Wednesday over a Sunday, as after downtime.
        (True, NOON, NOON + timedelta(days=9), BackupKind.FULL),
        (True, NOON, NOON + timedelta(days=3), BackupKind.DIFFERENTIAL),
    ],
)
def test_a_run_is_full_where_no_chain_goes_on(
    incremental: bool, last_full_due: datetime | None, due_at: datetime, expected: BackupKind
) -> None:
    planned = planned_kind(
        incremental=incremental,
        renewal=SUNDAYS,
        recurrence=HOURLY,
        last_full_due=last_full_due,
        due_at=due_at,
        now=due_at,
    )
    assert planned is expected


def test_a_last_full_dated_after_now_is_not_known_to_be_one() -> None:
    ahead = {"incremental": True, "renewal": SUNDAYS, "recurrence": HOURLY, "last_full_due": NOON, "due_at": NOON}
    assert planned_kind(**ahead, now=NOON - timedelta(minutes=1)) is BackupKind.DIFFERENTIAL, "clocks differ a little"
    assert planned_kind(**ahead, now=NOON - timedelta(hours=1)) is BackupKind.FULL


def test_nothing_is_built_on_a_full_that_is_lost() -> None:
    found = choose_base(own=[full("a")], all_sets=[], shared_base=False, server_base=None, lost={"a"}, now=NOON)
    assert found == BaseChoice(base=None, reason="the full backup /backups/a.bak is gone or damaged")
