"""The past as a calendar shows it, over real runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pwsops.catalogue import reporting, runs
from pwsops.catalogue.history import Filter, Selection
from pwsops.errors import EngineError
from pwsops.operations import Role
from pwsops.operations.calendar import MEASURED
from pwsops.rules.model import BackupKind, RunStatus, Trigger
from tests.homes import Home
from tests.people import acting_as

DAY = timedelta(days=1)


def edges(first: datetime, days: int) -> Sequence[datetime]:
    return [first + DAY * number for number in range(days + 1)]


def past(home: Home, at: datetime, status: RunStatus = RunStatus.SUCCEEDED, took_s: float = 60.0, **more: Any) -> int:
    """A run that was due at an instant, and how it ended."""
    with home.core.catalogue.write() as connection:
        profile_id = home.ops.profiles.view(more.get("profile", "p")).id
        given = {"profile": "p", "kind": BackupKind.FULL, "trigger": Trigger.SCHEDULE, "owner": None}
        kept = {key: more.pop(key) for key in list(more) if key in given}
        number = runs.add(connection, profile_id=profile_id, due_at=at, **(given | kept))
        ended = {"started_at": at, "finished_at": at + timedelta(seconds=took_s)}
        runs.change(connection, number, status=status.value, **(ended | more))
    return number


def outcomes(home: Home, first: datetime, days: int, profile: str | None = None) -> list[dict[str, int]]:
    found = home.ops.calendar.outcomes(edges(first, days), profile)
    return [{status.value: count for status, count in day.items() if count} for day in found]


def test_runs_are_counted_on_the_day_they_were_due_by_how_they_ended(home: Home) -> None:
    home.add()
    first = datetime(2026, 2, 1, tzinfo=UTC)
    past(home, first)
    past(home, first + DAY - timedelta(microseconds=1), RunStatus.FAILED)
    past(home, first + DAY)
    past(home, first + 2 * DAY)
    assert outcomes(home, first, 2) == [{"succeeded": 1, "failed": 1}, {"succeeded": 1}]


def test_one_profile_s_runs_are_counted_alone(home: Home) -> None:
    home.add()
    home.add(name="q")
    first = datetime(2026, 2, 1, tzinfo=UTC)
    past(home, first)
    past(home, first, profile="q")
    assert outcomes(home, first, 1) == [{"succeeded": 2}]
    assert outcomes(home, first, 1, "q") == [{"succeeded": 1}]


def test_missed_runs_count_on_each_day_of_their_gap_and_none_twice(home: Home) -> None:
    home.add()
    first = datetime(2026, 2, 1, tzinfo=UTC)
    # Hourly, from 20:00 on the first day to 03:00 on the third.
    gap = {"missed_count": 32, "missed_until": first + 2 * DAY + timedelta(hours=3)}
    past(home, first + timedelta(hours=20), RunStatus.MISSED, **gap)
    assert outcomes(home, first, 3) == [{"missed": 4}, {"missed": 24}, {"missed": 4}]
    assert outcomes(home, first + DAY, 1) == [{"missed": 24}], "of a gap that begins before and ends after"


@pytest.mark.parametrize("until", [None, timedelta()])
def test_a_single_missed_run_counts_once(home: Home, until: timedelta | None) -> None:
    home.add()
    first = datetime(2026, 2, 1, tzinfo=UTC)
    last = None if until is None else first + until
    past(home, first, RunStatus.MISSED, missed_count=1, missed_until=last)
    assert outcomes(home, first - DAY, 3) == [{}, {"missed": 1}, {}]


def test_a_state_that_cannot_be_read_counts_as_failed(home: Home) -> None:
    home.add()
    first = datetime(2026, 2, 1, tzinfo=UTC)
    number = past(home, first)
    with home.core.catalogue.write() as connection:
        runs.change(connection, number, status="perhaps")
    assert outcomes(home, first, 1) == [{"failed": 1}]


def test_the_runs_of_a_day_come_in_order_and_a_gap_that_reaches_into_it_before_them(home: Home) -> None:
    home.add()
    day = datetime(2026, 2, 2, tzinfo=UTC)
    gap = past(home, day - DAY, RunStatus.MISSED, missed_count=30, missed_until=day + timedelta(hours=5))
    over = past(home, day - DAY + timedelta(hours=1), RunStatus.MISSED, missed_count=2, missed_until=day - timedelta(1))
    late, early = past(home, day + timedelta(hours=9)), past(home, day + timedelta(hours=8), RunStatus.FAILED)
    past(home, day + DAY)
    found = home.ops.calendar.runs(day, day + DAY)
    assert [run.id for run in found] == [gap, early, late]
    assert over not in [run.id for run in found]
    assert found[0].missed_until == day + timedelta(hours=5)
    assert home.ops.calendar.runs(day, day + DAY, "other") == []


def test_how_long_runs_take_is_the_median_of_the_last_few_of_each_kind_that_succeeded(home: Home) -> None:
    home.add()
    first = datetime(2026, 2, 1, tzinfo=UTC)
    for number, took_s in enumerate([9000, 9000, 10, 20, 3600, 30, 40]):
        past(home, first + DAY * number, took_s=took_s, kind=BackupKind.DIFFERENTIAL)
    past(home, first + 8 * DAY, RunStatus.FAILED, took_s=5, kind=BackupKind.DIFFERENTIAL)
    past(home, first + 9 * DAY, took_s=100)
    assert MEASURED == 5
    assert home.ops.calendar.durations(["p"]) == {"p": {BackupKind.DIFFERENTIAL: 30.0, BackupKind.FULL: 100.0}}


def test_nobody_knows_how_long_runs_take_where_none_succeeded(home: Home) -> None:
    home.server.fail("one", EngineError("The device is full.", hint="Make room."))
    home.add()
    home.run()
    assert home.ops.calendar.durations(["p", "nobody"]) == {"p": {}, "nobody": {}}


def test_nothing_is_told_of_another_instance(home: Home) -> None:
    home.add()
    first = datetime(2026, 2, 1, tzinfo=UTC)
    past(home, first)
    past(home, first + DAY, RunStatus.MISSED, missed_count=1)
    stranger = acting_as(home.ops, Role.VIEWER, instances=frozenset())
    assert [sum(day.values()) for day in stranger.calendar.outcomes(edges(first, 2))] == [0, 0]
    assert stranger.calendar.runs(first, first + 2 * DAY) == []
    assert stranger.calendar.durations(["p"]) == {"p": {}}


def test_a_calendar_and_a_report_lay_the_same_gap_out_alike(home: Home) -> None:
    """158 hourly occurrences from the first instant of a day on: the last of five days begins with the 97th."""
    home.add()
    first = datetime(2026, 2, 1, tzinfo=UTC)
    until = first + timedelta(hours=157)
    past(home, first, RunStatus.MISSED, missed_count=158, missed_until=until)
    assert outcomes(home, first, 7) == [{"missed": 24}] * 6 + [{"missed": 14}]
    assert outcomes(home, first, 5) == [{"missed": 24}] * 5
    with home.core.catalogue.read() as connection:
        wanted = Selection(connection, Filter(since=first, until=first + 5 * DAY))
        assert sum(count for _, _, count in reporting.days(wanted)) == 120
