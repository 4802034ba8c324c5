"""The editable models: what a backup profile and the defaults of new ones consist of.

They are param classes, so that a page, a notebook or the command line edits the same object with the same bounds.
What they mean in time is told by `pwsops.rules.recurrence`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import date, datetime, time
from functools import partial
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

import param

from pwsops.errors import InvalidInput
from pwsops.messages import is_text, readable
from pwsops.rules import recurrence as rules
from pwsops.rules.model import Recurrence, Renewal, RenewalPeriod, Unit, WeekdayOfMonth
from pwsops.rules.retention import COUNTS, MOST_KEPT, Policy
from pwsops.rules.span import parse_span

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
UNITS = [unit.value for unit in Unit]
KEPT = (0, MOST_KEPT)
KEEP_COUNTS = tuple(f"keep_{name}" for name in COUNTS)
"""The fields that keep a number of backups."""


class BackupSettings(param.Parameterized):
    """The defaults that new profiles start from, and the service's own limits. Changing them changes no profile."""

    instance = param.String(default="", doc="Instance a new profile starts with; empty: none.")
    directory = param.String(default="", doc="Directory on the database server; empty: none.")
    every = param.Integer(default=1, bounds=(1, None), doc="Interval of a new profile, in `unit`.")
    unit: Any = param.Selector(default=Unit.HOUR.value, objects=UNITS, doc="Unit of the interval: m, h, d, w or mo.")
    timezone = param.String(default="", doc="IANA time zone of a new profile; empty: this machine's.")
    incremental = param.Boolean(default=True, doc="Take a full first, then what changed since.")
    renew_full = param.String(default="weekly:sun", doc="never, weekly:<weekday> or monthly:<day>.")
    timestamp = param.Boolean(default=True, doc="Date and time in the file name: a new file each run.")
    time_limit_h = param.Number(default=24.0, bounds=(0.01, 24 * 30), doc="Longer runs are stopped.")
    display_timezone = param.String(default="", doc="IANA time zone in which pages show times; empty: this machine's.")
    parallel_runs = param.Integer(default=2, bounds=(1, 64), doc="How many runs the service does at once.")

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)  # type: ignore[no-untyped-call]

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> BackupSettings:
        """Return the settings that were stored; what does not fit, or is no setting, is left at its default."""
        made = cls()
        for key, value in stored.items():
            if key in setting_keys():
                with suppress(ValueError, TypeError):
                    setattr(made, key, value)
        return made

    def as_dict(self) -> dict[str, Any]:
        """Return every setting by its key."""
        return {key: getattr(self, key) for key in setting_keys()}


def setting_keys() -> list[str]:
    """Return the keys of the settings, in the order they are shown."""
    return [key for key in BackupSettings.param if key != "name"]


class BackupProfile(param.Parameterized):
    """One backup profile: what is backed up, where to, and when."""

    name = param.String(default="", constant=False, doc="Unique name.")
    instance = param.String(default="", doc="Instance the databases live on.")
    databases = param.List(default=[], item_type=str, doc="Names of the databases, at least one.")
    directory = param.String(default="", doc="Where the backups go: a path on the database server.")
    every = param.Integer(default=1, bounds=(1, None), doc="Interval, in `unit`.")
    unit: Any = param.Selector(default=Unit.HOUR.value, objects=UNITS, doc="Unit of the interval: m, h, d, w or mo.")
    at = param.ClassSelector(class_=time, default=None, allow_None=True, doc="Time of day; None: that of `start`.")
    between_from = param.ClassSelector(class_=time, default=None, allow_None=True, doc="First time of day.")
    between_to = param.ClassSelector(class_=time, default=None, allow_None=True, doc="Last time of day, included.")
    weekdays = param.List(default=[], item_type=int, doc="Chosen weekdays, Monday is 0; empty: all.")
    on_day = param.String(default="", doc="Of a month: a day (15), or first:mon … last:sun; empty: that of `start`.")
    start = param.ClassSelector(class_=datetime, default=None, allow_None=True, doc="First moment, naive wall time.")
    until = param.ClassSelector(class_=date, default=None, allow_None=True, doc="Last date, included; None: no end.")
    timezone = param.String(default="UTC", doc="IANA time zone of all the times above.")
    incremental = param.Boolean(default=True, doc="Take a full first, then what changed since.")
    renew_full = param.String(default="weekly:sun", doc="never, weekly:<weekday> or monthly:<day>.")
    timestamp = param.Boolean(default=True, doc="Date and time in the file name: a new file each run.")
    login = param.String(default="", doc="Login on the database server; empty: that of the instance.")
    encrypt_with = param.String(default="", doc="Certificate to encrypt for, by name or thumbprint; empty: none.")
    save_certificates = param.Boolean(default=False, doc="Save the certificates that a restore needs with each run.")
    check_structure = param.Boolean(default=True, doc="Check the structure of the very data that each full saves.")
    keep_within = param.String(
        default="", doc="Keep what is not older than that: 30d, 6m (months), 1y; empty: no rule."
    )
    keep_last = param.Integer(default=0, bounds=KEPT, doc="Keep so many of the last backups; 0: no rule.")
    keep_daily = param.Integer(default=0, bounds=KEPT, doc="Keep the newest of so many days; 0: no rule.")
    keep_weekly = param.Integer(default=0, bounds=KEPT, doc="Keep the newest of so many weeks; 0: no rule.")
    keep_monthly = param.Integer(default=0, bounds=KEPT, doc="Keep the newest of so many months; 0: no rule.")
    keep_yearly = param.Integer(default=0, bounds=KEPT, doc="Keep the newest of so many years; 0: no rule.")
    active = param.Boolean(default=True, doc="Run by schedule.")
    time_limit_h = param.Number(default=24.0, bounds=(0.01, 24 * 30), doc="Longer runs are stopped.")

    def __init__(self, **values: Any) -> None:
        # Without a name param would make one up.
        super().__init__(**{"name": "", **values})  # type: ignore[no-untyped-call]

    def fields(self) -> dict[str, Any]:
        """Return every field by its name, as plain values."""
        return {key: getattr(self, key) for key in profile_keys()}

    def recurrence(self) -> Recurrence:
        """Return the schedule as the rules know it; raises `InvalidInput` where a field cannot be read."""
        return recurrence_of(self.fields())

    def renewal(self) -> Renewal:
        """Return when the full is renewed; raises `InvalidInput` where it cannot be read."""
        return parse_renewal(self.renew_full)

    def policy(self) -> Policy:
        """Return which of its backups are kept; raises `InvalidInput` where that cannot be read."""
        return policy_of(self.fields())

    def check(self) -> None:
        """Raise `InvalidInput` for the first thing that cannot be right, without asking any server."""
        for field, text in self._names():
            what = f"holds a name that is not UTF-8 ({readable(text)})"
            _require(is_text(text), what, "Rename what it stands for.", field=field)
        require = partial(_require, field="name")
        require(bool(self.name.strip()), "has no name", "Give it a name that tells what it protects.")
        require(self.name == self.name.strip(), "has a name that begins or ends with a space", "Remove the space.")
        require(len(self.name) <= 128, "has a name of more than 128 characters", "Choose a shorter name.")
        require(self.name.isprintable(), "has a name with control characters", "Use printable characters only.")
        _require(bool(self.instance), "names no instance", "Choose one of `pwsops instance list`.", field="instance")
        require = partial(_require, field="databases")
        require(bool(self.databases), "names no database", "Choose at least one of `pwsops databases INSTANCE`.")
        require(len(set(self.databases)) == len(self.databases), "names a database twice", "Name each once.")
        require = partial(_require, field="directory")
        require(bool(self.directory), "has no directory", "Name a directory on the database server.")
        require(is_absolute(self.directory), "has a directory that is not an absolute path", ABSOLUTE_HINT)
        require = partial(_require, field="login")
        require(self.login == self.login.strip(), "has a login that begins or ends with a space", "Remove the space.")
        require(len(self.login) <= 128, "has a login of more than 128 characters", "Check the login.")
        require(self.login.isprintable(), "has a login with control characters", "Use printable characters only.")
        rules.validate(self.recurrence(), self.renewal())
        self.policy()

    def _names(self) -> Iterator[tuple[str, str]]:
        yield from (("name", self.name), ("directory", self.directory), ("login", self.login))
        yield from (("databases", name) for name in self.databases)

    def summary(self) -> str:
        """Return the schedule in plain words."""
        return rules.describe(self.recurrence(), incremental=self.incremental, renewal=self.renewal())


def profile_keys() -> list[str]:
    """Return the names of a profile's fields."""
    return list(BackupProfile.param)


ABSOLUTE_HINT = "Give it from the root on, as the server sees it: /var/backups/vaults, or D:\\Backup."


def is_absolute(path: str) -> bool:
    """Whether a path begins at a root, of Linux or of Windows: the server's own kind is not known here."""
    return PurePosixPath(path).is_absolute() or PureWindowsPath(path).is_absolute()


def _require(holds: bool, what: str, hint: str, *, field: str) -> None:
    if not holds:
        raise InvalidInput(f"The profile cannot be saved: it {what}.", hint=hint, field=field)


def recurrence_of(fields: Mapping[str, Any]) -> Recurrence:
    """Build the rules' record from a profile's plain fields."""
    start = fields["start"]
    if start is None:
        raise InvalidInput("The profile has no start.", hint="Give the first moment it may run, e.g. 2026-03-01T00:00.")
    if start.tzinfo is not None:
        raise InvalidInput(
            "The start carries an offset of its own.", hint="Give it as wall time in the profile's time zone."
        )
    first, last = fields["between_from"], fields["between_to"]
    if (first is None) != (last is None):
        raise InvalidInput(
            "The window of the day has only one end.", hint="Give both its first and its last time, or neither."
        )
    return Recurrence(
        every=fields["every"],
        unit=Unit(fields["unit"]),
        start=start,
        timezone=fields["timezone"],
        at=fields["at"],
        between=None if first is None else (first, last),
        weekdays=tuple(sorted(set(fields["weekdays"]))),
        on_day=parse_on_day(fields["on_day"]),
        until=fields["until"],
    )


def policy_of(fields: Mapping[str, Any]) -> Policy:
    """Build the record of which backups are kept from a profile's plain fields."""
    counts = {name: fields[f"keep_{name}"] for name in COUNTS}
    return Policy(within=parse_span(fields["keep_within"]), timezone=fields["timezone"], **counts)


def parse_on_day(text: str) -> int | WeekdayOfMonth | None:
    """Read ``15``, ``first:mon`` or ``last:fri``; empty is None."""
    if not text:
        return None
    if text.isdecimal():
        return int(text)
    which, _, weekday = text.partition(":")
    if which in ("first", "last") and weekday in WEEKDAYS:
        return WeekdayOfMonth(weekday=WEEKDAYS.index(weekday), last=which == "last")
    raise InvalidInput(
        f"The day of the month {text!r} cannot be read.", hint="Give a day such as 15, or first:mon … last:sun."
    )


def parse_renewal(text: str) -> Renewal:
    """Read ``never``, ``weekly[:sun]`` or ``monthly[:1]``."""
    period, _, day = text.partition(":")
    if period == RenewalPeriod.NEVER and not day:
        return Renewal()
    if period == RenewalPeriod.WEEKLY and (day or "sun") in WEEKDAYS:
        return Renewal(period=RenewalPeriod.WEEKLY, day=WEEKDAYS.index(day or "sun"))
    if period == RenewalPeriod.MONTHLY and (day or "1").isdecimal() and 1 <= int(day or "1") <= 31:
        return Renewal(period=RenewalPeriod.MONTHLY, day=int(day or "1"))
    raise InvalidInput(
        f"The renewal of the full backup {text!r} cannot be read.",
        hint="Give never, weekly:sun (or another weekday) or monthly:1 (a day from 1 to 31).",
    )


def to_plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a profile's fields as JSON has them; times and dates as ISO 8601 writes them."""
    return {key: value.isoformat() if isinstance(value, date | time) else value for key, value in fields.items()}


_READ = {
    "at": time.fromisoformat,
    "between_from": time.fromisoformat,
    "between_to": time.fromisoformat,
    "start": datetime.fromisoformat,
    "until": date.fromisoformat,
}


def of_plain(values: Mapping[str, Any]) -> BackupProfile:
    """Return the profile that those fields make, which may be anybody's; raises `InvalidInput`.

    Those that are missing, as in one that an older version wrote, are what a new profile has.
    """
    known = {key: value for key, value in values.items() if key in profile_keys()}
    try:
        read = {key: _READ[key](known[key]) for key in _READ if known.get(key) is not None}
        profile = BackupProfile(**known | read)
    except (ValueError, TypeError) as error:
        raise InvalidInput(f"The profile cannot be read: {error}.", hint="Make it anew.") from error
    profile.check()
    return profile
