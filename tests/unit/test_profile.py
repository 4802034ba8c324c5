from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

import pytest

from pwsops.errors import InvalidInput
from pwsops.profile import (
    BackupProfile,
    BackupSettings,
    is_absolute,
    parse_on_day,
    parse_renewal,
    profile_keys,
    setting_keys,
)
from pwsops.rules.model import Recurrence, Renewal, RenewalPeriod, Unit, WeekdayOfMonth


def profile(**values: Any) -> BackupProfile:
    sound: dict[str, Any] = {
        "name": "nightly",
        "instance": "srv",
        "databases": ["one"],
        "directory": "/media",
        "start": datetime(2026, 3, 1),
    }
    return BackupProfile(**(sound | values))


def test_a_sound_profile_passes() -> None:
    profile().check()


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"name": ""}, "no name"),
        ({"name": "  "}, "no name"),
        ({"name": " x"}, "space"),
        ({"name": "x" * 129}, "128"),
        ({"name": "a\nb"}, "control"),
        ({"instance": ""}, "no instance"),
        ({"databases": []}, "no database"),
        ({"databases": ["one", "one"]}, "twice"),
        ({"directory": ""}, "no directory"),
        ({"directory": "backups"}, "not an absolute path"),
        ({"directory": "C:backups"}, "not an absolute path"),
        ({"start": None}, "no start"),
        ({"start": datetime(2026, 3, 1, tzinfo=UTC)}, "offset"),
        ({"between_from": time(6)}, "one end"),
        ({"between_to": time(6)}, "one end"),
        ({"unit": "mo", "on_day": "second:mon"}, "second:mon"),
        ({"unit": "mo", "on_day": "last:day"}, "last:day"),
        ({"renew_full": "yearly"}, "yearly"),
        ({"timezone": "Mars/Base"}, "Mars/Base"),
        ({"every": 25, "unit": "h"}, "25"),
    ],
)
def test_what_cannot_be_is_refused_with_a_next_step(values: dict[str, Any], part: str) -> None:
    with pytest.raises(InvalidInput, match=part) as caught:
        profile(**values).check()
    assert caught.value.hint


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 129),
        ("name", "a\udcff"),
        ("instance", ""),
        ("databases", []),
        ("databases", ["a", "a"]),
        ("databases", ["a\udcff"]),
        ("directory", ""),
        ("directory", "backups"),
        ("login", " pws"),
        ("login", "pws\x00"),
    ],
)
def test_what_cannot_be_names_its_field(field: str, value: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        profile(**{field: value}).check()
    assert caught.value.field == field


@pytest.mark.parametrize("values", [{"every": 0}, {"unit": "y"}, {"time_limit_h": 0}, {"databases": [1]}])
def test_bounds_hold_wherever_the_model_is_edited(values: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        profile(**values)


def test_it_becomes_the_rules_record() -> None:
    made = profile(
        every=15, unit="m", between_from=time(6), between_to=time(22), weekdays=[4, 0, 4], until=date(2026, 12, 31)
    )
    assert made.recurrence() == Recurrence(
        every=15,
        unit=Unit.MINUTE,
        start=datetime(2026, 3, 1),
        timezone="UTC",
        between=(time(6), time(22)),
        weekdays=(0, 4),
        until=date(2026, 12, 31),
    )


def test_it_says_its_schedule_in_words() -> None:
    assert "every hour" in profile().summary().lower()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("", None),
        ("15", 15),
        ("first:mon", WeekdayOfMonth(weekday=0, last=False)),
        ("last:sun", WeekdayOfMonth(weekday=6, last=True)),
    ],
)
def test_days_of_the_month_are_read(text: str, meant: object) -> None:
    assert parse_on_day(text) == meant


@pytest.mark.parametrize(
    ("text", "period", "day"),
    [
        ("never", RenewalPeriod.NEVER, 0),
        ("weekly", RenewalPeriod.WEEKLY, 6),
        ("weekly:mon", RenewalPeriod.WEEKLY, 0),
        ("monthly", RenewalPeriod.MONTHLY, 1),
        ("monthly:31", RenewalPeriod.MONTHLY, 31),
    ],
)
def test_renewals_are_read(text: str, period: RenewalPeriod, day: int) -> None:
    assert parse_renewal(text) == Renewal(period=period, day=day)


@pytest.mark.parametrize("text", ["", "never:1", "weekly:day", "monthly:0", "monthly:32", "monthly:x", "daily"])
def test_renewals_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="renewal"):
        parse_renewal(text)


def test_two_models_share_no_list() -> None:
    first, second = BackupProfile(), BackupProfile()
    first.databases.append("one")
    assert second.databases == []


def test_the_settings_tell_every_key_once() -> None:
    assert list(BackupSettings(every=3).as_dict()) == setting_keys()
    assert "name" not in setting_keys()
    assert "name" in profile_keys()


@pytest.mark.parametrize("path", ["/var/backups", "D:\\Backup", "\\\\server\\share\\dir"])
def test_paths_of_either_kind_of_server_are_taken(path: str) -> None:
    assert is_absolute(path)
