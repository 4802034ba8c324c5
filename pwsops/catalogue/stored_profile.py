"""What the catalogue holds of a profile's fields, and whether a run can be made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from typing import Any, cast

from pwsops.errors import PwsopsError
from pwsops.profile import KEEP_COUNTS, BackupProfile, parse_renewal, policy_of, recurrence_of
from pwsops.rules.retention import MOST_KEPT
from pwsops.rules.validity import validate_stored

_Types = tuple[type, ...]

_NOTHING = type(None)
_TYPES: Mapping[str, _Types] = {
    "name": (str,),
    "instance": (str,),
    "databases": (list,),
    "directory": (str,),
    "every": (int,),
    "unit": (str,),
    "at": (time, _NOTHING),
    "between_from": (time, _NOTHING),
    "between_to": (time, _NOTHING),
    "weekdays": (list,),
    "on_day": (str,),
    "start": (datetime,),
    "until": (date, _NOTHING),
    "timezone": (str,),
    "incremental": (bool,),
    "renew_full": (str,),
    "timestamp": (bool,),
    "time_limit_h": (float, int),
    "login": (str,),
    "encrypt_with": (str,),
    "save_certificates": (bool,),
    "check_structure": (bool,),
    "keep_within": (str,),
    **dict.fromkeys(KEEP_COUNTS, (int,)),
}
_ITEMS: Mapping[str, type] = {"databases": str, "weekdays": int}


@dataclass(frozen=True, kw_only=True)
class StoredFields:
    """A profile's fields, each of its type; see `ProfileRow` for `fault` (its `broken`), `unwritable`, `unread`."""

    values: Mapping[str, Any]
    fault: str
    unwritable: frozenset[str]
    unread: frozenset[str]


def sound_fields(stored: Mapping[str, Any], profile_id: int) -> StoredFields:
    """Return the fields with what cannot be replaced by the value that a new profile has, and say what that is."""
    wrong = [key for key, value in stored.items() if not _fits(key, value)]
    values: dict[str, Any] = dict(stored)
    new = BackupProfile().fields() if wrong else {}
    values |= {key: new[key] for key in wrong}
    if "name" in wrong or not values["name"]:
        values["name"] = f"(profile {profile_id})"
    raw: list[str] = values["databases"]
    values["databases"] = [_plain(name) for name in raw]
    unwritable = frozenset(values["databases"]) - frozenset(raw)
    fault = f"What is stored as {_listed(wrong)} cannot be read." if wrong else _fault(values)
    return StoredFields(values=values, fault=fault, unwritable=unwritable, unread=frozenset(wrong))


def _fits(key: str, value: Any) -> bool:
    if not isinstance(value, _TYPES[key]):
        return False
    if key in KEEP_COUNTS:
        return 0 <= cast("int", value) <= MOST_KEPT
    return key not in _ITEMS or all(isinstance(item, _ITEMS[key]) for item in cast("list[object]", value))


def _listed(keys: list[str]) -> str:
    return ", ".join(f"`{key}`" for key in keys)


def _plain(name: str) -> str:
    """Return a name as it can be written down: what is no text of it (bytes of a file's name) is spelled out."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return name.encode("utf-8", "backslashreplace").decode()
    return name


def _fault(values: Mapping[str, Any]) -> str:
    if not values["databases"]:
        return "It names no database."
    if not values["time_limit_h"] > 0:
        return f"Its time limit is {values['time_limit_h']} hours."
    try:
        policy_of(values)
    except PwsopsError as error:
        return error.message
    keys = ("every", "unit", "at", "between_from", "between_to", "on_day", "start", "until", "timezone", "renew_full")
    return _schedule_fault(tuple(values["weekdays"]), tuple((key, values[key]) for key in keys))


@lru_cache(maxsize=16384)
def _schedule_fault(weekdays: tuple[int, ...], values: tuple[tuple[str, Any], ...]) -> str:
    """Return why a schedule cannot be used. Kept, because ten thousand profiles may be asked about at once."""
    fields = dict(values) | {"weekdays": weekdays}
    try:
        validate_stored(recurrence_of(fields), parse_renewal(fields["renew_full"]))
    except PwsopsError as error:
        return error.message
    except (ValueError, TypeError, OverflowError) as error:
        return f"Its schedule cannot be used: {error}."
    return ""
