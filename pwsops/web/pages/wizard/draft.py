"""A profile while it is being typed: the text of every field, and what is wrong with it. Knows no page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from typing import Any

from pwsops.engines.records import Capabilities
from pwsops.errors import InvalidInput
from pwsops.operations.records import Diagnosis
from pwsops.profile import ABSOLUTE_HINT, WEEKDAYS, BackupProfile, is_absolute
from pwsops.rules.model import Unit
from pwsops.rules.validity import validate
from pwsops.web.pages.wizard import keeping

NAMED = "named"
"""Who takes the backup: a login of the profile's own. Otherwise it is whoever the instance is asked as."""
WITHIN_DAY = (Unit.MINUTE.value, Unit.HOUR.value)
STEP_FIELDS: Mapping[int, tuple[str, ...]] = {
    1: ("name", "instance", "databases", "directory"),
    2: ("every", "at", "between_from", "between_to", "month_day", "start", "until", "timezone", "schedule"),
    3: ("renew_day", *keeping.FIELDS, "time_limit_h", "login", "password", "certificate_password", "note"),
}
"""Which fields a step holds; `schedule` stands for what is wrong with several of them together."""
_OF_FIELD = {"between": "between_from", "on_day": "month_day", "renew_full": "renew_day"}
"""Fields of a profile that have another name in the form."""
AT_ONCE = ("schedule", *STEP_FIELDS[2])
"""What is said of these is said at once: where they begin there is nothing wrong with them."""
_MOST_DATABASES = 10_000
"""Names that may be ticked: a page is in memory, whatever it is told."""
_RECOMMENDED = {"every": "1", "unit": "h", "between_from": "", "between_to": "", "incremental": True, "renew": "weekly"}


class Draft:
    """What somebody has typed so far.

    Attributes
    ----------
    text
        Every field by its name, as typed: text, or a truth for a check box.
    databases, weekdays
        What is ticked: names, and numbers with Monday 0.
    original
        The stored profile that is edited, as it was when the draft was begun; None for a new one.
    touched, pressed
        Fields that somebody has been at, and whether saving was tried: before that, an empty field is no mistake.
    diagnosis
        Of a profile that was switched off.
    able
        What the chosen instance can do.
    """

    def __init__(self, profile: BackupProfile, original: BackupProfile | None = None, *, tripped: bool = False) -> None:
        self.original = original
        self.tripped = tripped
        self.databases = list(profile.databases)
        self.weekdays = set(profile.weekdays)
        self.text: dict[str, Any] = _as_text(profile)
        self.touched: set[str] = set()
        self.pressed = False
        self.diagnosis: Diagnosis | None = None
        self.able = Capabilities()

    def set(self, field: str, key: str, value: str | bool) -> None:
        """Take what was typed or ticked; `key` says which box of several. What no form has is passed over."""
        if field in ("databases", "weekdays") or field in self.text:
            self.touched.add(field)
        if field == "databases":
            self._tick(self.databases, key, bool(value))
        elif field == "weekdays" and key in WEEKDAYS:
            (self.weekdays.add if value else self.weekdays.discard)(WEEKDAYS.index(key))
        elif field in self.text and isinstance(value, type(self.text[field])):
            if field == "instance" and value != self.text["instance"]:
                self.databases.clear()
            self.text[field] = value

    @staticmethod
    def _tick(chosen: list[str], name: str, ticked: bool) -> None:
        if ticked and name not in chosen and len(chosen) < _MOST_DATABASES:
            chosen.append(name)
        elif not ticked and name in chosen:
            chosen.remove(name)

    def recommend(self) -> None:
        """Take the recommended concept: an incremental every hour, a full every week."""
        self.text.update(_RECOMMENDED, renew_weekday="sun")
        self.weekdays.clear()

    def problems(self, taken: Callable[[str], bool] = lambda name: False) -> dict[str, str]:
        """Return what is wrong, by field. `taken` tells whether another profile has a name."""
        found = dict(self._read_all()[1])
        name = str(self.text["name"])
        if not name.strip():
            found["name"] = "Give it a name that tells what it protects."
        elif taken(name) and (self.original is None or name != self.original.name):
            found["name"] = "Another profile has this name. Choose another one, or edit that profile."
        if not self.text["instance"]:
            found["instance"] = "Choose where the databases live."
        if not self.databases:
            found["databases"] = "Choose at least one database."
        directory = str(self.text["directory"]).strip()
        if not directory:
            found["directory"] = "Name a directory on the database server."
        elif not is_absolute(directory):
            found["directory"] = ABSOLUTE_HINT
        found |= self._login_problems() | self._certificate_problems()
        return found | self._contradiction(found)

    def _contradiction(self, found: Mapping[str, str]) -> dict[str, str]:
        """Return what is wrong with fields that can be read each by itself, at the one that mends it."""
        built = self._built()
        try:
            if not found:
                built.check()
            elif not found.keys() & {*STEP_FIELDS[2], "renew_day"}:
                validate(built.recurrence(), built.renewal())
        except InvalidInput as error:
            field = _OF_FIELD.get(error.field, error.field)
            known = any(field in fields for fields in STEP_FIELDS.values())
            return {field if known else "schedule": f"{error.message} {error.hint}"}
        return {}

    @property
    def named(self) -> bool:
        """Whether the profile has a login of its own."""
        return self.able.login and self.text["who"] == NAMED

    @property
    def keeps_password(self) -> bool:
        """Whether the login has a password already, which stays unless another is typed."""
        before = self.original
        same = before is not None and before.instance == self.text["instance"]
        return same and before is not None and bool(before.login) and before.login == self.login

    def password(self) -> str | None:
        """Return the new password of the login; None: there is none, or it stays the one it is."""
        return (str(self.text["password"]) or None) if self.named else None

    @property
    def login(self) -> str:
        """The profile's own login; empty where it has none."""
        return str(self.text["login"]).strip() if self.named else ""

    def _login_problems(self) -> dict[str, str]:
        if not self.named:
            return {}
        if not self.login:
            return {"login": "Say who takes the backup."}
        if not self.text["password"] and not self.keeps_password:
            return {"password": "Give the password of this login."}
        return {}

    @property
    def encrypt_with(self) -> str:
        """Whom its backups are encrypted for; empty: nobody."""
        return str(self.text["encrypt_with"]).strip() if self.able.encryption else ""

    @property
    def saves_certificates(self) -> bool:
        """Whether certificates are saved with its backups."""
        return bool(self.text["save_certificates"]) and (self.able.certificates or bool(self.encrypt_with))

    @property
    def keeps_certificate_password(self) -> bool:
        """Whether there is a password for them already, which stays unless another is typed."""
        before = self.original
        if before is None or (self.able.certificates and before.instance != self.text["instance"]):
            return False  # a server is given it, and another one is not
        return bool(before.save_certificates)

    def certificate_password(self) -> str | None:
        """Return the new password of saved certificates; None: there is none, or it stays the one it is."""
        return (str(self.text["certificate_password"]) or None) if self.saves_certificates else None

    def forget_passwords(self) -> None:
        """Let go of the passwords: whatever was to be done with them was begun."""
        self.text |= {"password": "", "certificate_password": ""}

    def _certificate_problems(self) -> dict[str, str]:
        missing = self.saves_certificates and not self.keeps_certificate_password and not self.certificate_password()
        return {"certificate_password": "Give a password to protect them with."} if missing else {}

    def profile(self) -> BackupProfile:
        """Return the profile that is meant; raises `InvalidInput` for the first thing that cannot be read."""
        problems = self._read_all()[1]
        if problems:
            raise InvalidInput("The profile cannot be saved.", hint=next(iter(problems.values())))
        return self._built()

    def schedule(self) -> BackupProfile | None:
        """Return a profile with the schedule as it stands, for a preview; None while it cannot be read."""
        values, problems = self._read_all()
        if problems.keys() - {"time_limit_h", *keeping.FIELDS}:
            return None
        profile = BackupProfile(**{**values, "time_limit_h": 24.0, "name": "preview"})
        try:
            profile.recurrence()
            profile.renewal()
            profile.param.update(instance="x", databases=["x"], directory="/")
            profile.check()
        except InvalidInput:
            return None
        return profile

    @property
    def kept(self) -> str:
        """Which backups stay, in sentences."""
        return keeping.words(*self._read_all())

    @property
    def changed(self) -> bool:
        """Whether anything differs from the stored profile."""
        try:
            same = self.original is not None and self.profile().fields() == self.original.fields()
            return not same or self.password() is not None or self.certificate_password() is not None
        except InvalidInput:
            return True

    def _built(self) -> BackupProfile:
        return BackupProfile(**self._read_all()[0])

    def _read_all(self) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the fields of a profile as far as they can be read, and what is wrong with the others."""
        text, problems = self.text, dict[str, str]()

        def read(field: str, parse: Callable[[str], Any], why: str, *, needed: bool = False) -> Any:
            typed = str(text[field]).strip()
            if not typed and not needed:
                return None
            try:
                return parse(typed)
            except ValueError:
                problems[field] = why
                return None

        unit = text["unit"]
        monthly, within = unit == Unit.MONTH, unit in WITHIN_DAY
        values: dict[str, Any] = {
            "name": text["name"],
            "instance": text["instance"],
            "databases": list(self.databases),
            "directory": str(text["directory"]).strip(),
            "every": read("every", _positive, "Give a whole number, 1 or more.", needed=True) or 1,
            "unit": unit,
            "at": None if within else read("at", time.fromisoformat, "Give a time of day, such as 02:30."),
            "between_from": read("between_from", time.fromisoformat, "Give a time of day.") if within else None,
            "between_to": read("between_to", time.fromisoformat, "Give a time of day.") if within else None,
            "weekdays": [] if monthly else sorted(self.weekdays),
            "on_day": self._month_day(read) if monthly else "",
            "start": read("start", datetime.fromisoformat, "Give a date and a time.", needed=True),
            "until": read("until", date.fromisoformat, "Give a date, or leave it empty for no end."),
            "timezone": str(text["timezone"]).strip(),
            "incremental": text["incremental"],
            "renew_full": self._renewal(read),
            "timestamp": text["timestamp"],
            "login": self.login,
            "active": text["active"],
            "encrypt_with": self.encrypt_with,
            "save_certificates": self.saves_certificates,
            "check_structure": text["check_structure"],
            **keeping.values(read),
            "time_limit_h": read("time_limit_h", _hours, "Give hours, from 0.01 to 720.", needed=True) or 24.0,
        }
        if within and (values["between_from"] is None) != (values["between_to"] is None):
            missing = "between_from" if values["between_from"] is None else "between_to"
            problems.setdefault(missing, "Give both ends of the window, or neither.")
        return values, problems

    def _month_day(self, read: Callable[..., Any]) -> str:
        if self.text["month_which"] == "day":
            day = read("month_day", _day, "Give a day from 1 to 31, or leave it empty for that of the start.")
            return "" if day is None else str(day)
        return f"{self.text['month_which']}:{self.text['month_weekday']}"

    def _renewal(self, read: Callable[..., Any]) -> str:
        period = self.text["renew"]
        if not self.text["incremental"] or period == "never":
            # What a profile without incrementals says of its renewal means nothing; it stays as it was.
            return "never" if self.text["incremental"] else str(self.text["renew_kept"])
        if period == "weekly":
            return f"weekly:{self.text['renew_weekday']}"
        return f"monthly:{read('renew_day', _day, 'Give a day from 1 to 31.', needed=True) or 1}"


def _as_text(profile: BackupProfile) -> dict[str, Any]:
    which, _, weekday = profile.on_day.partition(":")
    period, _, day = profile.renew_full.partition(":")
    limit = profile.time_limit_h
    return {
        "name": profile.name,
        "instance": profile.instance,
        "directory": profile.directory,
        "every": str(profile.every),
        "unit": profile.unit,
        "at": _clock(profile.at),
        "between_from": _clock(profile.between_from),
        "between_to": _clock(profile.between_to),
        "month_which": which if weekday else "day",
        "month_day": "" if weekday else which,
        "month_weekday": weekday or "mon",
        "start": "" if profile.start is None else profile.start.isoformat(timespec="minutes"),
        "until": "" if profile.until is None else profile.until.isoformat(),
        "timezone": profile.timezone,
        "incremental": profile.incremental,
        "renew": period,
        "renew_kept": profile.renew_full,
        "renew_weekday": day if period == "weekly" and day else "sun",
        "renew_day": day if period == "monthly" and day else "1",
        "timestamp": profile.timestamp,
        "who": NAMED if profile.login else "",
        "login": profile.login,
        "password": "",
        "active": profile.active,
        "encrypt_with": profile.encrypt_with,
        "save_certificates": profile.save_certificates,
        "check_structure": profile.check_structure,
        "certificate_password": "",
        **keeping.as_text(profile),
        "time_limit_h": f"{limit:g}",
        "note": "",
    }


def _clock(value: time | None) -> str:
    return "" if value is None else value.isoformat(timespec="minutes")


def _positive(typed: str) -> int:
    if not (typed.isascii() and typed.isdecimal() and 1 <= int(typed[:9]) == int(typed)):
        raise ValueError(typed)
    return int(typed)


def _day(typed: str) -> int:
    if not (typed.isascii() and typed.isdecimal() and len(typed) < 3 and 1 <= int(typed) <= 31):
        raise ValueError(typed)
    return int(typed)


def _hours(typed: str) -> float:
    hours = float(typed)
    if not 0.01 <= hours <= 720:
        raise ValueError(typed)
    return hours
