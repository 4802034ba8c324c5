"""What a home says of one of its profiles, beside that profile's backups: to plain values, and back with suspicion.

A statement lies where others may write, and its digest proves no author. So everything is looked at before anything is
done with it; `ValueError` says what is not as it must be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from pwsops.messages import is_text
from pwsops.rules.model import BackupKind, RunStatus, Trigger
from pwsops.rules.roots import is_plain

VERSION = 1
MOST_SETS = 50_000
MOST_RUNS = 500
MOST_HOLDS = 10_000
MOST_ITEMS = 1_000
"""Of one run."""
TEXT_LIMIT = 4_000


@dataclass(frozen=True, kw_only=True)
class StatedHold:
    """A hold in force; see the catalogue's table of them."""

    set_id: str
    database: str
    reason: str
    until: datetime | None
    actor: str
    added_at: datetime


@dataclass(frozen=True, kw_only=True)
class StatedItem:
    """One database of a run."""

    database: str
    status: RunStatus
    kind: BackupKind | None
    reason: str
    started_at: datetime | None
    finished_at: datetime | None
    path: str | None
    set_id: str | None
    size_bytes: int | None
    error: str
    hint: str


@dataclass(frozen=True, kw_only=True)
class StatedRun:
    """A run that has ended."""

    due_at: datetime
    status: RunStatus
    kind: BackupKind
    trigger: Trigger
    claimed_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    summary: str
    missed_count: int
    missed_until: datetime | None
    size_bytes: int
    items: Sequence[StatedItem]


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What a home says of one of its profiles.

    Parameters
    ----------
    home_id, profile_id, machine
        Which home said it, of which profile, and on which machine.
    saved_at
        When it said so.
    instance, address, options
        Where the profile's databases are; of the embedded engine.
    profile
        The profile's fields, as `pwsops.profile.to_plain` gives them.
    amended_at
        When they were saved last.
    secrets
        What is needed besides and is in no statement, in words.
    sets
        Which backups are the profile's own, by `set_id`, the one taken last first.
    is_cut
        There are more backups, or more runs, than are told of.
    """

    home_id: str
    profile_id: int
    machine: str
    saved_at: datetime
    instance: str
    address: str
    options: Mapping[str, Any]
    profile: Mapping[str, Any]
    amended_at: datetime
    secrets: Sequence[str]
    sets: Sequence[str]
    is_cut: bool
    holds: Sequence[StatedHold]
    runs: Sequence[StatedRun]

    @property
    def name(self) -> str:
        """The profile's name."""
        return str(self.profile["name"])

    def values(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        plain: dict[str, Any] = _plain({"version": VERSION, **asdict(self)})
        return plain


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, str):
        return value[:TEXT_LIMIT]
    return value


def statement_of(values: object) -> Statement:
    """Return the statement that plain values make; raises `ValueError`."""
    given = _Given(values, "the statement")
    if given.number("version", most=1 << 16) != VERSION:
        raise ValueError("it is of another version than this pwsops reads")
    profile = given.mapping("profile")
    _Given(profile, "the profile").name("name")
    address = given.text("address")
    if not address.startswith("/") or not is_plain(address):
        raise ValueError("the address of its instance is no plain absolute path")
    return Statement(
        home_id=given.name("home_id"),
        profile_id=given.number("profile_id", most=1 << 53),
        machine=given.name("machine"),
        saved_at=given.instant("saved_at"),
        instance=given.name("instance"),
        address=address,
        options=given.mapping("options"),
        profile=profile,
        amended_at=given.instant("amended_at"),
        secrets=tuple(_name(each, "a secret's name") for each in given.list("secrets", most=100)),
        sets=tuple(_name(each, "a backup's identity") for each in given.list("sets", most=MOST_SETS)),
        is_cut=given.truth("is_cut"),
        holds=tuple(map(_hold, given.list("holds", most=MOST_HOLDS))),
        runs=tuple(map(_run, given.list("runs", most=MOST_RUNS))),
    )


def _hold(values: object) -> StatedHold:
    given = _Given(values, "a hold")
    return StatedHold(
        set_id=given.name("set_id"),
        database=given.text("database"),
        reason=given.text("reason"),
        until=given.instant_or_none("until"),
        actor=given.name("actor"),
        added_at=given.instant("added_at"),
    )


def _run(values: object) -> StatedRun:
    given = _Given(values, "a run")
    status = RunStatus(given.text("status"))
    if not status.ended:
        raise ValueError("a run has not ended")
    return StatedRun(
        due_at=given.instant("due_at"),
        status=status,
        kind=BackupKind(given.text("kind")),
        trigger=Trigger(given.text("trigger")),
        claimed_at=given.instant("claimed_at"),
        started_at=given.instant_or_none("started_at"),
        finished_at=given.instant_or_none("finished_at"),
        summary=given.text("summary"),
        missed_count=given.number("missed_count", most=1 << 40),
        missed_until=given.instant_or_none("missed_until"),
        size_bytes=given.number("size_bytes", most=1 << 62),
        items=tuple(map(_item, given.list("items", most=MOST_ITEMS))),
    )


def _item(values: object) -> StatedItem:
    given = _Given(values, "a database of a run")
    status = RunStatus(given.text("status"))
    if not status.ended:
        raise ValueError("a database of a run has not ended")
    kind, size = given.text_or_none("kind"), given.values["size_bytes"]
    return StatedItem(
        database=given.text("database"),
        status=status,
        kind=None if kind is None else BackupKind(kind),
        reason=given.text("reason"),
        started_at=given.instant_or_none("started_at"),
        finished_at=given.instant_or_none("finished_at"),
        path=given.text_or_none("path"),
        set_id=given.text_or_none("set_id"),
        size_bytes=None if size is None else given.number("size_bytes", most=1 << 62),
        error=given.text("error"),
        hint=given.text("hint"),
    )


class _Given:
    """An object that somebody wrote, looked at member by member; each raises `ValueError`."""

    def __init__(self, values: object, what: str) -> None:
        if not isinstance(values, dict):
            raise ValueError(f"{what} is no object")
        self.values: Mapping[str, Any] = _Members(values, what)
        self._what = what

    def text(self, key: str) -> str:
        value = self.values[key]
        if not isinstance(value, str) or len(value) > TEXT_LIMIT or not is_text(value):
            raise ValueError(f"`{key}` of {self._what} is no text that one of ours could have")
        return value

    def text_or_none(self, key: str) -> str | None:
        return None if self.values[key] is None else self.text(key)

    def name(self, key: str) -> str:
        return _name(self.values[key], f"`{key}` of {self._what}")

    def number(self, key: str, *, most: int) -> int:
        value = self.values[key]
        if type(value) is not int or not 0 <= value <= most:
            raise ValueError(f"`{key}` of {self._what} is no possible number")
        return value

    def truth(self, key: str) -> bool:
        value = self.values[key]
        if not isinstance(value, bool):
            raise ValueError(f"`{key}` of {self._what} is neither true nor false")
        return value

    def mapping(self, key: str) -> Mapping[str, Any]:
        value = self.values[key]
        if not isinstance(value, dict):
            raise ValueError(f"`{key}` of {self._what} is no object")
        return value

    def list(self, key: str, *, most: int) -> Sequence[object]:
        value = self.values[key]
        if not isinstance(value, list) or len(value) > most:
            raise ValueError(f"`{key}` of {self._what} is no list of at most {most}")
        return value

    def instant(self, key: str) -> datetime:
        try:
            found = datetime.fromisoformat(self.text(key))
            if found.tzinfo is not None and found.year > 1970:
                return found.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        raise ValueError(f"`{key}` of {self._what} is no instant")

    def instant_or_none(self, key: str) -> datetime | None:
        return None if self.values[key] is None else self.instant(key)


class _Members(dict[str, Any]):
    """Says which member an object lacks."""

    def __init__(self, values: Mapping[str, Any], what: str) -> None:
        super().__init__(values)
        self._what = what

    def __missing__(self, key: str) -> Any:
        raise ValueError(f"{self._what} lacks `{key}`")


def _name(value: object, what: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= 255 or not value.isprintable():
        raise ValueError(f"{what} is no name: it is empty, longer than 255, or has control characters")
    return value
