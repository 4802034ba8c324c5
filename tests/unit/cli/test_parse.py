import os
from datetime import date, datetime, time, timedelta, timezone

import pytest

from pwsops.cli import parse
from pwsops.profile import parse_on_day, parse_renewal
from pwsops.rules.model import Unit


@pytest.mark.parametrize(
    ("text", "every", "unit"),
    [
        ("15m", 15, Unit.MINUTE),
        ("1h", 1, Unit.HOUR),
        ("1d", 1, Unit.DAY),
        ("2w", 2, Unit.WEEK),
        ("3mo", 3, Unit.MONTH),
        (" 1H ", 1, Unit.HOUR),
    ],
)
def test_an_interval_is_a_number_and_a_unit(text, every, unit):
    assert parse.every(text) == (every, unit)


@pytest.mark.parametrize(
    ("text", "expected"), [("02:30", time(2, 30)), ("2:30", time(2, 30)), ("23:59", time(23, 59)), ("00:00", time())]
)
def test_a_time_of_day_is_hours_and_minutes(text, expected):
    assert parse.at(text) == expected


def test_a_window_is_two_times_even_over_midnight():
    assert parse.between("06:00-22:00") == (time(6), time(22))
    assert parse.between("22:00 - 06:00") == (time(22), time(6))


def test_the_whole_day_is_no_window():
    assert parse.between("all") == (None, None)


@pytest.mark.parametrize(
    ("text", "days"), [("mon,wed", [0, 2]), ("wed, Mon,wed", [0, 2]), ("Sunday", [6]), ("all", [])]
)
def test_weekdays_are_sorted_numbers_named_once(text, days):
    assert parse.on(text) == days


def test_a_moment_keeps_its_offset_and_stays_naive_without_one():
    assert parse.moment("2026-03-01T00:00") == datetime.fromisoformat("2026-03-01T00:00")
    assert parse.moment("2026-03-01") == datetime.fromisoformat("2026-03-01T00:00")
    assert parse.moment("2026-03-01T00:00+02:00").utcoffset() == timedelta(hours=2)
    assert parse.moment("2026-03-01T00:00Z").utcoffset() == timedelta(0)


def test_an_end_date_is_a_date_or_never():
    assert parse.until("2026-12-31") == date(2026, 12, 31)
    assert parse.until("never") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("weekly", "weekly:sun"),
        ("weekly:wed", "weekly:wed"),
        ("Weekly:Friday", "weekly:fri"),
        ("monthly", "monthly:1"),
        ("monthly:31", "monthly:31"),
        ("never", "never"),
    ],
)
def test_a_renewal_gets_its_day_and_is_one_the_rules_can_read(text, expected):
    assert parse.renew_full(text) == expected
    parse_renewal(expected)


@pytest.mark.parametrize(
    ("text", "expected"), [("15", "15"), ("31", "31"), ("first:mon", "first:mon"), ("LAST:Friday", "last:fri")]
)
def test_a_day_of_the_month_is_one_the_rules_can_read(text, expected):
    assert parse.on_day(text) == expected
    parse_on_day(expected)


def test_a_time_limit_is_hours():
    assert parse.time_limit("0.5") == 0.5


def test_a_zone_is_known_by_its_iana_name():
    assert parse.timezone("Europe/Berlin") == "Europe/Berlin"


@pytest.mark.parametrize(
    ("read", "text", "form"),
    [
        (parse.every, "15x", "15m"),
        (parse.every, "0h", "from 1"),
        (parse.every, "h", "15m"),
        (parse.every, "1.5h", "15m"),
        (parse.every, "-1h", "15m"),
        (parse.every, "١h", "15m"),
        (parse.every, "", "15m"),
        (parse.at, "24:00", "02:30"),
        (parse.at, "2:3", "02:30"),
        (parse.at, "02:30\n03:00", "02:30"),
        (parse.between, "06:00", "06:00-22:00"),
        (parse.between, "06:00-25:00", "06:00-22:00"),
        (parse.on, "mon,funday", "mon,wed"),
        (parse.on, "", "mon,wed"),
        (parse.on, "monkey", "mon,wed"),
        (parse.moment, "tomorrow", "2026-03-01T00:00"),
        (parse.moment, "2026-02-30T00:00", "2026-03-01T00:00"),
        (parse.moment, "0001-01-01T00:00+14:00", "2026-03-01T00:00"),
        (parse.moment, "9999-12-31T23:00-12:00", "2026-03-01T00:00"),
        (parse.until, "31.12.2026", "2026-12-31"),
        (parse.timezone, "Mars/Olympus", "Europe/Berlin"),
        (parse.timezone, "../../etc/passwd", "Europe/Berlin"),
        (parse.timezone, "", "Europe/Berlin"),
        (parse.timezone, "Europe", "Europe/Berlin"),
        (parse.renew_full, "yearly", "weekly:sun"),
        (parse.renew_full, "weekly:", "weekly:sun"),
        (parse.renew_full, "monthly:32", "monthly:1"),
        (parse.renew_full, "monthly:0", "monthly:1"),
        (parse.renew_full, "never:sun", "never"),
        (parse.on_day, "32", "first:mon"),
        (parse.on_day, "0", "first:mon"),
        (parse.on_day, "second:mon", "first:mon"),
        (parse.on_day, "first:", "first:mon"),
        (parse.time_limit, "soon", "hours"),
        (parse.time_limit, "0", "hours"),
        (parse.time_limit, "721", "hours"),
        (parse.time_limit, "nan", "hours"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_form_that_can(read, text, form):
    with pytest.raises(parse.ParseError) as refusal:
        read(text)
    assert repr(text) in str(refusal.value)
    assert form in str(refusal.value)


def test_a_start_with_an_offset_becomes_wall_time_of_the_zone():
    told = datetime(2026, 7, 1, 12, tzinfo=timezone(timedelta(hours=-4)))
    assert parse.wall_time(told, "Europe/Berlin") == datetime.fromisoformat("2026-07-01T18:00")


def test_a_start_without_an_offset_is_wall_time_already():
    assert parse.wall_time(datetime.fromisoformat("2026-07-01T12:00"), "Europe/Berlin") == datetime.fromisoformat(
        "2026-07-01T12:00"
    )


def test_a_path_from_here_means_what_the_system_reads(tmp_path, monkeypatch):
    (tmp_path / "far" / "below").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far" / "below")
    monkeypatch.chdir(tmp_path)
    assert parse.from_here("link/x.db") == str(tmp_path / "link" / "x.db"), "a link keeps its name"
    assert parse.from_here("link/../x.db") == str(tmp_path / "far" / "x.db")
    assert parse.from_here("link/..") == str(tmp_path / "far")
    assert parse.from_here("../x.db") == str(tmp_path.parent / "x.db")
    assert parse.from_here("~/x") == os.path.expanduser("~/x")
