from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from pwsops.rules.chain import choose_base, planned_kind
from pwsops.rules.model import BackupKind, Recurrence, Renewal, RenewalPeriod, Unit
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
        ([full("own")], "elsewhere", "another tool took a full backup"),
        ([], "elsewhere", "base (elsewhere) is not known"),
        ([differential("change", "elsewhere")], "change", "base (change) is not known"),
    ],
)
def test_a_base_on_the_server_that_is_not_known_here_is_of_no_use(own: list, server_base: str, reason: str) -> None:
    choice = choose_base(own=own, all_sets=own, shared_base=True, server_base=server_base)
    assert choice.base is None
    assert reason in choice.reason


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
        incremental=incremental, renewal=SUNDAYS, recurrence=HOURLY, last_full_due=last_full_due, due_at=due_at
    )
    assert planned is expected
