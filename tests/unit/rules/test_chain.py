from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from pwsops.rules.chain import BaseChoice, choose_base, planned_kind
from pwsops.rules.model import BackupKind, BackupSet, Recurrence, Renewal, RenewalPeriod, Unit
from tests.unit.rules.sets import NOON, differential, full

HOURLY = Recurrence(every=1, unit=Unit.HOUR, start=datetime.fromisoformat("2026-01-01T00:00"), timezone="Europe/Berlin")
SUNDAYS = Renewal(period=RenewalPeriod.WEEKLY, day=6)


def test_a_profile_builds_on_its_own_newest_full() -> None:
    own = [full("old"), full("new", hours=2), differential("change", "new", hours=3)]
    foreign = full("foreign", hours=5)
    choice = choose_base(own=own, all_sets=[*own, foreign], shared_base=False, server_base=None)
    assert (choice.base, choice.reason) == (own[1], "")


def test_a_copy_only_full_is_never_a_base() -> None:
    own = [full("old"), full("copy", hours=2, copy_only=True)]
    assert choose_base(own=own, all_sets=own, shared_base=False, server_base=None).base is own[0]
    choice = choose_base(own=own, all_sets=own, shared_base=True, server_base="copy")
    assert choice.base is None


def test_without_a_full_of_its_own_a_profile_has_no_base_and_says_so() -> None:
    choice = choose_base(own=[], all_sets=[full("foreign")], shared_base=False, server_base=None)
    assert choice.base is None
    assert "no full backup" in choice.reason


def test_where_the_server_has_the_base_it_is_the_known_set_of_that_id_whoever_took_it() -> None:
    own, foreign = full("own"), full("foreign", hours=1)
    choice = choose_base(own=[own], all_sets=[own, foreign], shared_base=True, server_base="foreign")
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
    choice = choose_base(own=own, all_sets=own, shared_base=True, server_base=server_base)
    assert choice.base is None
    assert reason in choice.reason


def chosen_beside(foreign: BackupSet) -> BaseChoice:
    own = [full("own")]
    return choose_base(own=own, all_sets=own, shared_base=True, server_base=foreign.set_id, outside=[foreign])


def test_a_base_of_another_tool_is_of_no_use_and_the_reason_says_whose_it_is() -> None:
    choice = chosen_beside(replace(full("theirs", hours=1), path="E:\\x.bak", details={"taken_by": "CORP\\veeam"}))
    assert choice.base is None
    assert "another tool took a full backup" in choice.reason
    assert "by CORP\\veeam (E:\\x.bak)" in choice.reason


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
    found = choose_base(own=[full("a")], all_sets=[], shared_base=False, server_base=None, lost={"a"})
    assert found == BaseChoice(base=None, reason="the full backup /backups/a.bak is gone or damaged")
