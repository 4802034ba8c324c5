"""What holds for every recurrence in every zone, compared with a slow second way to say it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import DAILY, HOURLY, MINUTELY, rrule
from hypothesis import given, settings
from hypothesis import strategies as st

from pwsops.rules.model import BackupKind, Occurrence, Recurrence, Renewal, Unit
from pwsops.rules.recurrence import due_between, next_due, occurrences, renewal_between
from tests.unit.rules import oracle
from tests.unit.rules.strategies import cases, renewals

SPAN = timedelta(days=3)
thorough = settings(max_examples=60, deadline=None)


def between(recurrence: Recurrence, first: datetime, last: datetime, **options: object) -> list[Occurrence]:
    given_ones = occurrences(recurrence, start=first, **options)
    return list(takewhile(lambda each: each.due_at <= last, given_ones))


@thorough
@given(cases())
def test_occurrences_near_a_shift_are_those_of_the_oracle(case: tuple[Recurrence, datetime]) -> None:
    recurrence, moment = case
    first, last = moment - SPAN, moment + SPAN
    found = between(recurrence, first, last)
    assert {each.due_at: each.shifted for each in found} == oracle.runs(recurrence, first, last)


@thorough
@given(cases())
def test_occurrences_ascend_strictly_and_carry_the_local_time_of_the_same_instant(
    case: tuple[Recurrence, datetime],
) -> None:
    recurrence, moment = case
    zone = ZoneInfo(recurrence.timezone)
    found = list(islice(occurrences(recurrence, start=moment - SPAN), 200))
    assert all(before.due_at < after.due_at for before, after in pairwise(found))
    for each in found:
        assert each.local.tzinfo is zone
        expected = each.due_at.astimezone(zone)
        assert (each.local.replace(tzinfo=None), each.local.fold) == (expected.replace(tzinfo=None), expected.fold)


@thorough
@given(cases(), st.integers(0, 40))
def test_paging_from_any_occurrence_gives_the_rest_of_the_same_list(
    case: tuple[Recurrence, datetime], index: int
) -> None:
    recurrence, moment = case
    found = list(islice(occurrences(recurrence, start=moment - SPAN), 60))
    if index < len(found):
        cut = found[index].due_at
        assert list(islice(occurrences(recurrence, start=cut), 60 - index))[: len(found) - index] == found[index:]
        after = list(islice(occurrences(recurrence, start=cut, include_start=False), 59 - index))
        assert after[: len(found) - index - 1] == found[index + 1 :]


@thorough
@given(cases())
def test_next_due_and_due_between_walk_the_same_instants(case: tuple[Recurrence, datetime]) -> None:
    recurrence, moment = case
    first, last = moment - SPAN, moment + SPAN
    expected = [each.due_at for each in between(recurrence, first, last, include_start=False)]
    assert list(due_between(recurrence, first, last)) == expected
    walked = []
    due = next_due(recurrence, first)
    while due is not None and due <= last:
        walked.append(due)
        due = next_due(recurrence, due)
    assert walked == expected


@thorough
@given(cases(), renewals)
def test_an_incremental_is_full_first_and_at_the_first_occurrence_after_each_renewal(
    case: tuple[Recurrence, datetime], renewal: Renewal
) -> None:
    recurrence, moment = case
    first, last = moment - SPAN, moment + timedelta(days=8)
    found = between(recurrence, first, last, incremental=True, renewal=renewal)[:400]
    due = [each.due_at for each in found]
    boundaries = oracle.renewals(renewal, ZoneInfo(recurrence.timezone), first, last)
    assert [each.kind for each in found] == [BackupKind.FULL][: len(found)] + oracle.kinds(due, boundaries)


@thorough
@given(cases(), renewals, st.integers(1, 30))
def test_kinds_go_on_in_the_middle_as_if_given_from_the_beginning(
    case: tuple[Recurrence, datetime], renewal: Renewal, index: int
) -> None:
    recurrence, moment = case
    options = {"incremental": True, "renewal": renewal}
    found = list(islice(occurrences(recurrence, start=moment - SPAN, **options), 40))
    if index < len(found):
        rest = occurrences(recurrence, start=found[index].due_at, first_is_full=False, **options)
        assert list(islice(rest, len(found) - index)) == found[index:]


@thorough
@given(cases(), renewals, st.integers(0, 20 * 24))
def test_renewal_between_sees_every_midnight_of_a_renewal(
    case: tuple[Recurrence, datetime], renewal: Renewal, hours: int
) -> None:
    recurrence, after = case
    until = after + timedelta(hours=hours)
    boundaries = oracle.renewals(renewal, ZoneInfo(recurrence.timezone), after, until)
    assert renewal_between(recurrence, renewal, after, until) == any(after < each <= until for each in boundaries)


@pytest.mark.parametrize("zone", ["UTC", "Etc/GMT+7", "Asia/Kolkata", "Asia/Tokyo"])
@pytest.mark.parametrize(
    ("unit", "every", "frequency"),
    [(Unit.HOUR, 1, HOURLY), (Unit.HOUR, 6, HOURLY), (Unit.MINUTE, 15, MINUTELY), (Unit.DAY, 3, DAILY)],
)
def test_where_no_shift_is_near_dateutil_enumerates_the_same(zone: str, unit: Unit, every: int, frequency: int) -> None:
    start = datetime.fromisoformat("2026-01-01T00:00")
    recurrence = Recurrence(every=every, unit=unit, start=start, timezone=zone)
    found = islice(occurrences(recurrence, start=datetime(2025, 12, 30, tzinfo=UTC)), 500)
    assert [each.local.replace(tzinfo=None) for each in found] == list(
        rrule(frequency, interval=every, dtstart=start, count=500)
    )
