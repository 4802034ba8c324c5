from datetime import date, datetime, time

import pytest
import typer
from typer.testing import CliRunner

from pwsops.cli.profile_options import OPTIONS, apply_options, read_options, with_profile_options
from pwsops.profile import BackupProfile


@pytest.fixture
def hourly():
    """An hourly profile in a window, as somebody saved it."""
    return BackupProfile(
        name="vault",
        instance="samples",
        databases=["db.sqlite3"],
        directory="/backups",
        every=2,
        unit="h",
        between_from=time(6),
        between_to=time(22),
        weekdays=[0, 1],
        start=datetime.fromisoformat("2026-03-01T00:00"),
        until=date(2026, 12, 31),
        timezone="Europe/Berlin",
    )


def edit(profile, **given):
    """Apply options as they are typed and give the fields that changed."""
    before = profile.fields()
    apply_options(profile, read_options(given))
    return {key: value for key, value in profile.fields().items() if before[key] != value}


def test_only_what_is_told_changes(hourly):
    assert edit(hourly, every="1h") == {"every": 1}
    assert edit(hourly, incremental=False) == {"incremental": False}


def test_every_option_reaches_its_field(hourly):
    changes = edit(
        hourly,
        instance="other",
        database=["a", "b"],
        directory="/elsewhere",
        on="fri",
        start="2026-04-01T08:00",
        until="2027-01-31",
        timezone="Asia/Tokyo",
        renew_full="monthly",
        timestamp=False,
        check_structure=False,
        keep_within="1Y6M",
        keep_last=3,
        keep_daily=0,
        active=False,
        time_limit="3",
    )
    assert changes == {
        "instance": "other",
        "databases": ["a", "b"],
        "directory": "/elsewhere",
        "weekdays": [4],
        "start": datetime.fromisoformat("2026-04-01T08:00"),
        "until": date(2027, 1, 31),
        "timezone": "Asia/Tokyo",
        "renew_full": "monthly:1",
        "timestamp": False,
        "check_structure": False,
        "keep_within": "1y6m",
        "keep_last": 3,
        "active": False,
        "time_limit_h": 3.0,
    }


def test_a_new_unit_of_days_drops_the_window_of_the_hours(hourly):
    assert edit(hourly, every="1d") == {"every": 1, "unit": "d", "between_from": None, "between_to": None}
    hourly.check()


def test_a_new_unit_of_hours_drops_the_time_of_the_day(hourly):
    edit(hourly, every="1d", at="02:30")
    assert hourly.at == time(2, 30)
    assert edit(hourly, every="30m") == {"every": 30, "unit": "m", "at": None}
    hourly.check()


def test_what_is_told_in_the_same_call_survives_the_new_unit(hourly):
    edit(hourly, every="1d", at="02:30")
    edit(hourly, between="08:00-10:00", every="15m")
    assert (hourly.between_from, hourly.between_to, hourly.unit) == (time(8), time(10), "m")


def test_months_drop_the_weekdays_and_leaving_them_drops_the_day_of_the_month(hourly):
    edit(hourly, every="1mo", on_day="last:fri")
    assert (hourly.weekdays, hourly.on_day) == ([], "last:fri")
    hourly.check()
    assert edit(hourly, every="2w", on="mon")["on_day"] == ""
    hourly.check()


def test_an_end_and_a_window_can_be_taken_away(hourly):
    assert edit(hourly, until="never", between="all", on="all") == {
        "until": None,
        "between_from": None,
        "between_to": None,
        "weekdays": [],
    }


def test_a_start_with_an_offset_is_converted_to_the_zone_told_in_the_same_call(hourly):
    edit(hourly, start="2026-07-01T12:00Z", timezone="Asia/Tokyo")
    assert hourly.start == datetime.fromisoformat("2026-07-01T21:00")


def test_a_start_with_an_offset_is_converted_to_the_zone_the_profile_has(hourly):
    edit(hourly, start="2026-07-01T12:00Z")
    assert hourly.start == datetime.fromisoformat("2026-07-01T14:00")


def test_an_unreadable_value_is_a_usage_error_naming_its_option():
    with pytest.raises(typer.BadParameter) as refusal:
        read_options({"renew_full": "yearly"})
    assert "--renew-full" in refusal.value.format_message()
    assert refusal.value.exit_code == 2


def test_a_command_receives_only_the_options_that_were_told():
    app = typer.Typer()
    received = {}

    @app.command()
    @with_profile_options
    def make(name: str, **given: object) -> None:
        received.update(given, name=name)

    result = CliRunner().invoke(app, ["x", "--database", "a", "--database", "b", "--no-timestamp", "--inactive"])
    assert result.exit_code == 0, result.output
    assert received == {"name": "x", "database": ["a", "b"], "timestamp": False, "active": False}


def test_a_command_offers_every_option_in_its_help():
    app = typer.Typer(rich_markup_mode=None)

    @app.command()
    @with_profile_options
    def make(**given: object) -> None:
        """Make."""

    told = CliRunner().invoke(app, ["--help"]).output
    flags = {f"--{name.replace('_', '-')}" for name in OPTIONS}
    assert {flag for flag in flags if flag not in told} == set()
