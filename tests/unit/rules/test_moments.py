"""A moment as a person writes it: read by one clock, and asked for again where that clock showed it twice or never."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwsops.errors import InvalidInput
from pwsops.rules.moments import as_zone, read_moment, write_moment, write_moments

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 30, 20, tzinfo=UTC)


def read(text: str, zone: ZoneInfo = BERLIN, now: datetime = NOW) -> str:
    return f"{read_moment(text, now=now, zone=zone):%Y-%m-%d %H:%M:%S.%f}"[:-5]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-11-30 14:37:05", "2026-11-30 13:37:05.0"),
        ("2026-11-30T14:37:05", "2026-11-30 13:37:05.0"),
        (" 2026-11-30   14:37 ", "2026-11-30 13:37:00.0"),
        ("yesterday 14:37", "2026-11-29 13:37:00.0"),
        ("14:37:05 Yesterday", "2026-11-29 13:37:05.0"),
        ("today 9:05", "2026-11-30 08:05:00.0"),
        ("14:37", "2026-11-30 13:37:00.0"),
        ("14:37:05 yesterday, Europe/London", "2026-11-29 14:37:05.0"),
        ("14:37 UTC", "2026-11-30 14:37:00.0"),
        ("2026-11-30 14:37:05.25+05:30", "2026-11-30 09:07:05.2"),
        ("2026-11-30T14:37:05Z", "2026-11-30 14:37:05.0"),
        ("2026-11-30T14:37:05.999999+00:00", "2026-11-30 14:37:05.9"),
        ("2 hours ago", "2026-11-30 18:00:00.0"),
        ("1 day ago", "2026-11-29 20:00:00.0"),
        ("90m ago", "2026-11-30 18:30:00.0"),
        ("45 sec ago", "2026-11-30 19:59:15.0"),
        ("1 week ago", "2026-11-23 20:00:00.0"),
    ],
)
def test_what_a_person_writes_is_read(text: str, wanted: str) -> None:
    assert read(text) == wanted


def test_today_is_the_day_of_the_clock_that_is_read_by() -> None:
    late = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)
    assert read("today 00:10", now=late) == "2026-11-30 23:10:00.0"
    assert read("today 00:10", zone=ZoneInfo("UTC"), now=late) == "2026-11-30 00:10:00.0"


@pytest.mark.parametrize(
    "text",
    [
        "", "soon", "2026-11-30", "2026-13-01 10:00", "2026-02-30 10:00", "25:00", "14:61", "14:37:99", "14",
        "999999 weeks ago", "0001-01-01 00:00", "9999-12-31 23:59", "14:37 Mars/Base", "2026-11-30T10:00+25:00",
        "2026-11-30T10:00+01:00 UTC", "tomorrow 10:00", "-1 hours ago",
    ],
)  # fmt: skip
def test_what_is_no_moment_is_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(text)
    assert refused.value.field == "at"
    assert refused.value.hint


def quoted(hint: str) -> list[str]:
    return re.findall(r'"([^"]+)"', hint)


@pytest.mark.parametrize(
    ("text", "how", "instants"),
    [
        ("2026-10-25 02:30", "came twice", ["2026-10-25 00:30:00.0", "2026-10-25 01:30:00.0"]),
        ("2026-03-29 02:30", "never came", ["2026-03-29 01:30:00.0", "2026-03-29 00:30:00.0"]),
    ],
)
def test_a_time_that_came_twice_or_never_names_both_readings_which_can_be_given_back(
    text: str, how: str, instants: list[str]
) -> None:
    with pytest.raises(InvalidInput, match=how) as refused:
        read(text)
    assert [read(each) for each in quoted(refused.value.hint)] == instants
    assert "Europe/Berlin" in refused.value.message


zones = st.sampled_from(
    ["Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "Antarctica/Troll", "America/New_York"]
)


@given(zones, st.datetimes(datetime(1990, 1, 1), datetime(2026, 11, 1)))
def test_what_a_clock_shows_is_read_as_an_instant_at_which_it_shows_that(name: str, wall: datetime) -> None:
    zone, wall = ZoneInfo(name), wall.replace(microsecond=0)
    shown = wall.isoformat(" ")
    folds = {wall.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1)}
    if len(folds) == 1:
        assert read_moment(shown, now=NOW, zone=zone).astimezone(zone).replace(tzinfo=None) == wall
        return
    with pytest.raises(InvalidInput) as refused:
        read_moment(shown, now=NOW, zone=zone)
    readings = [read_moment(each, now=NOW, zone=zone) for each in quoted(refused.value.hint)]
    assert len(set(readings)) == 2
    twice = [each for each in readings if each.astimezone(zone).replace(tzinfo=None) == wall]
    assert len(twice) == (2 if "twice" in refused.value.message else 0)


@given(st.datetimes(datetime(1990, 1, 1), datetime(2026, 11, 1)), st.integers(-720, 720))
def test_an_instant_that_is_written_with_its_offset_is_read_as_that_instant(wall: datetime, minutes: int) -> None:
    instant = wall.replace(tzinfo=UTC)
    written = instant.astimezone(timezone(timedelta(minutes=minutes))).isoformat()
    assert read_moment(written, now=NOW, zone=BERLIN) == instant


def test_a_zone_that_nobody_knows_is_refused() -> None:
    assert as_zone("UTC").key == "UTC"
    with pytest.raises(InvalidInput, match="Mars"):
        as_zone("Mars")


@given(zones, st.datetimes(datetime(1990, 1, 1), datetime(2026, 11, 1)))
def test_a_moment_that_is_written_is_read_as_the_same(name: str, instant: datetime) -> None:
    zone, instant = ZoneInfo(name), instant.replace(tzinfo=UTC)
    assert read_moment(write_moment(instant, zone), now=NOW, zone=zone) == instant


def test_a_time_that_came_twice_is_written_with_its_offset() -> None:
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert write_moment(first, BERLIN) == "2026-10-25 02:30:00+02:00"
    assert write_moments([first + timedelta(minutes=59, seconds=59, microseconds=1)], BERLIN) == [
        "2026-10-25 02:30:00+01:00"
    ]
    assert write_moment(datetime(2026, 10, 25, 12, tzinfo=UTC), BERLIN) == "2026-10-25 13:00:00"


@given(st.lists(st.integers(0, 5_000_000), min_size=1, max_size=6, unique=True))
def test_of_moments_that_are_listed_each_one_means_itself_and_no_other(offsets: list[int]) -> None:
    instants = [NOW - timedelta(days=1) + timedelta(microseconds=each) for each in offsets]
    written = write_moments(instants, BERLIN)
    for instant, text in zip(instants, written, strict=True):
        meant = read_moment(text, now=NOW, zone=BERLIN)
        assert max(each for each in instants if each <= meant) == instant
