"""The options that `profile create` and `profile edit` share, and what they do to a profile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pwsops.cli import parse
from pwsops.cli.shared_options import with_options
from pwsops.rules.model import Unit
from pwsops.rules.retention import MOST_KEPT

if TYPE_CHECKING:
    from pwsops.profile import BackupProfile


def _text(flag: str, form: str, help_text: str) -> tuple[str, Any]:
    annotation = Annotated[str | None, typer.Option(flag, metavar=form, help=help_text, show_default=False)]
    return flag.removeprefix("--").replace("-", "_"), annotation


def _switch(name: str, flags: str, help_text: str) -> tuple[str, Any]:
    return name, Annotated[bool | None, typer.Option(flags, help=help_text, show_default=False)]


def _count(flag: str, help_text: str) -> tuple[str, Any]:
    option = typer.Option(flag, metavar="N", min=0, max=MOST_KEPT, help=help_text, show_default=False)
    return flag.removeprefix("--").replace("-", "_"), Annotated[int | None, option]


_KEPT = {
    "last": "Keep so many of the last backups of each database; 0: no rule.",
    "daily": "Keep the newest backup of so many days; 0: no rule.",
    "weekly": "Keep the newest backup of so many weeks; 0: no rule.",
    "monthly": "Keep the newest backup of so many months; 0: no rule.",
    "yearly": "Keep the newest backup of so many years; 0: no rule.",
}
_DATABASES = Annotated[
    list[str] | None,
    typer.Option("--database", metavar="NAME", help="A database to back up; may be repeated.", show_default=False),
]

OPTIONS: Mapping[str, Any] = dict(
    [
        _text("--instance", "NAME", "Instance the databases live on."),
        ("database", _DATABASES),
        _text("--directory", "DIR", "Where the backups go: a directory on the database server."),
        _text("--every", "N(m|h|d|w|mo)", "Interval: 15m, 1h, 1d, 2w, 3mo."),
        _text("--at", "HH:MM", "Time of day (days, weeks, months); default: that of --start."),
        _text("--on", "mon,wed", "Only these weekdays; all: every day."),
        _text("--on-day", "15|first:mon|last:fri", "Day of the month."),
        _text("--between", "06:00-22:00", "Window of the day (minutes, hours), both ends included; all: whole day."),
        _text("--start", "2026-03-01T00:00", "First moment, wall time of the profile's zone; may be past."),
        _text("--until", "2026-12-31", "Last date, included; never: no end."),
        _text("--timezone", "Europe/Berlin", "IANA time zone of all these times; default: this machine's."),
        _switch("incremental", "--incremental/--no-incremental", "A full first, then only what changed since."),
        _text("--renew-full", "weekly[:sun]|monthly[:1]|never", "When an incremental profile takes a new full."),
        _switch("timestamp", "--timestamp/--no-timestamp", "Date and time in the file name: a new file each run."),
        _switch(
            "check_structure",
            "--check-structure/--no-check-structure",
            "Check the structure of what each full saves; a damaged database fails its backup.",
        ),
        _text(
            "--keep-within", "30d|6m|1y6m", "Keep what is not older than the newest by that; m: months; none: no rule."
        ),
        *(_count(f"--keep-{name}", help_text) for name, help_text in _KEPT.items()),
        _text("--login", "NAME", "Login on the database server; empty: the instance's own, or the service user."),
        _switch("active", "--active/--inactive", "Run by schedule, or not yet."),
        _text("--time-limit", "HOURS", "Longer runs are stopped."),
        _text("--encrypt-with", "NAME", "Encrypt for this certificate (`pwsops certificate list`); none: no longer."),
        _switch(
            "save_certificates",
            "--save-certificates/--no-save-certificates",
            "Save the certificates that a restore needs beside the backups.",
        ),
    ]
)

_READ: Mapping[str, Callable[[str], Any]] = {
    "every": parse.every,
    "at": parse.at,
    "on": parse.on,
    "on_day": parse.on_day,
    "between": parse.between,
    "start": parse.moment,
    "until": parse.until,
    "timezone": parse.timezone,
    "renew_full": parse.renew_full,
    "time_limit": parse.time_limit,
    "encrypt_with": parse.encrypt_with,
    "keep_within": parse.keep_within,
}

# What each of these options means in a day of slots or in days is lost when the unit changes from one to the other.
_WITHIN_A_DAY = (Unit.MINUTE.value, Unit.HOUR.value)


with_profile_options = with_options(OPTIONS)


def read_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the given options mean; raises a usage error that names the option and the valid form."""
    return {name: read_option(name, value) for name, value in given.items()}


def read_option(name: str, value: Any) -> Any:
    """Return what one option means."""
    try:
        return _READ[name](value) if name in _READ else value
    except parse.ParseError as error:
        raise typer.BadParameter(str(error), param_hint=f"--{name.replace('_', '-')}") from None


def apply_options(profile: BackupProfile, options: Mapping[str, Any]) -> None:
    """Change a profile as the options say, and nothing else; but drop what a new unit leaves without a meaning."""
    values = dict(options)
    if "every" in values:
        _drop_what_does_not_fit(profile, values["every"].unit)
        profile.every, unit = values.pop("every")
        profile.unit = unit.value
    if "between" in values:
        profile.between_from, profile.between_to = values.pop("between")
    if "timezone" in values:
        profile.timezone = values.pop("timezone")
    if "start" in values:
        profile.start = parse.wall_time(values.pop("start"), profile.timezone)
    for option, field in (("database", "databases"), ("on", "weekdays"), ("time_limit", "time_limit_h")):
        if option in values:
            setattr(profile, field, values.pop(option))
    for name, value in values.items():
        setattr(profile, name, value)


def _drop_what_does_not_fit(profile: BackupProfile, unit: Unit) -> None:
    """Drop the options that belong to another unit; those told in the same call are set after this."""
    if unit.value in _WITHIN_A_DAY:
        profile.at = None
    else:
        profile.between_from = profile.between_to = None
    if unit is Unit.MONTH:
        profile.weekdays = []
    else:
        profile.on_day = ""
