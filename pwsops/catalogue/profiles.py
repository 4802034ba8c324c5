"""Profiles: their fields as plain columns, and what became of them.

A row that cannot be used (a zone that this machine does not know, damaged JSON) is given all the same, with the reason
in `broken`, so that nobody has to fail for it. What it is for is then not known, and nobody runs it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, RowMapping, Select, bindparam, func, insert, select, type_coerce, update

from pwsops.catalogue import places, rows
from pwsops.catalogue.rows import Unreadable
from pwsops.catalogue.schema import BEGINNING, LATEST, profiles
from pwsops.catalogue.stored_profile import sound_fields
from pwsops.errors import InvalidInput
from pwsops.profile import BackupProfile, parse_renewal, profile_keys, recurrence_of
from pwsops.rules.model import BackupKind, ProfileState, Recurrence, Renewal

_FIELDS = [key for key in profile_keys() if key != "active"]
_STATE = (
    "id",
    "state",
    "failures_in_a_row",
    "database_failures",
    "tripped_at",
    "last_full_due_at",
    "next_due_at",
    "next_kind",
    "version",
    "amended_at",
    "deleted_at",
    "sealed_password",
    "sealed_certificate_password",
)


BROKEN_HINT = (
    "Open the profile, correct what is named, and save it (`pwsops profile edit NAME …`); the other profiles go on."
)


@dataclass(frozen=True, kw_only=True)
class ProfileRow:
    """One profile as stored. `fields` are those of `BackupProfile`, but for `active`, which `state` tells.

    Parameters
    ----------
    broken
        Why it cannot be run, in a sentence; empty: it can. What could not be read of its fields has the value that a
        new profile has.
    unwritable
        Those of its databases whose names are no text, as they are spelled out in `fields`.
    unread
        The keys of those `fields` that could not be read.
    """

    fields: Mapping[str, Any]
    id: int
    state: ProfileState
    failures_in_a_row: int
    database_failures: Mapping[str, int]
    tripped_at: datetime | None
    last_full_due_at: datetime | None
    next_due_at: datetime | None
    next_kind: BackupKind | None
    version: int
    amended_at: datetime
    deleted_at: datetime | None
    sealed_password: str | None = field(default=None, repr=False)
    sealed_certificate_password: str | None = field(default=None, repr=False)
    broken: str = ""
    unwritable: frozenset[str] = frozenset()
    unread: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """The profile's name."""
        return str(self.fields["name"])

    def require_usable(self) -> None:
        """Raise `InvalidInput` with the reason where it cannot be run."""
        if self.broken:
            raise InvalidInput(f"The profile {self.name!r} cannot be run: {self.broken}", hint=BROKEN_HINT)

    def recurrence(self) -> Recurrence:
        """Return its schedule; raises `InvalidInput` where it cannot be run."""
        self.require_usable()
        return recurrence_of(self.fields)

    def renewal(self) -> Renewal:
        """Return when its full is renewed."""
        return parse_renewal(self.fields["renew_full"])

    def profile(self) -> BackupProfile:
        """Return an editable copy."""
        return BackupProfile(active=self.state is ProfileState.ACTIVE, **self.fields)


def add(connection: Connection, profile: BackupProfile, *, state: ProfileState, now: datetime) -> int:
    """Remember a new profile; its name must be free among the living ones. Gives its id."""
    values = _values(profile) | {
        "state": state.value,
        "failures_in_a_row": 0,
        "database_failures": {},
        "version": 1,
        "created_at": now,
        "amended_at": now,
    }
    places.keep(connection, profile.instance, profile.directory)
    return int(connection.execute(insert(profiles).values(values).returning(profiles.c.id)).scalar_one())


def amend(connection: Connection, profile_id: int, profile: BackupProfile, *, now: datetime) -> None:
    """Replace a profile's fields."""
    values = _values(profile) | {"amended_at": now, "version": profiles.c.version + 1}
    connection.execute(update(profiles).where(profiles.c.id == profile_id).values(values))
    places.keep(connection, profile.instance, profile.directory)


def set_state(connection: Connection, profile_id: int, **values: Any) -> None:
    """Set columns that tell what became of a profile."""
    connection.execute(update(profiles).where(profiles.c.id == profile_id).values(values))


def schedule(connection: Connection, rows: Sequence[tuple[int, datetime | None, BackupKind | None]]) -> None:
    """Set when each of these profiles (id, instant, planned kind) is due next; None: never again."""
    if rows:
        connection.execute(
            update(profiles)
            .where(profiles.c.id == bindparam("which"))
            .values(next_due_at=bindparam("due"), next_kind=bindparam("planned")),
            [{"which": which, "due": due, "planned": kind and kind.value} for which, due, kind in rows],
        )


def find(connection: Connection, name: str) -> ProfileRow | None:
    """Return the living profile of that name."""
    statement = select(profiles).where(profiles.c.name == name, profiles.c.deleted_at.is_(None))
    return next(iter(_read(connection, statement)), None)


def get(connection: Connection, profile_id: int) -> ProfileRow:
    """Return a profile by its id, deleted or not; raises `LookupError`."""
    found = _read(connection, select(profiles).where(profiles.c.id == profile_id))
    if not found:
        raise LookupError(f"profile {profile_id} is not in the catalogue")
    return found[0]


def living(connection: Connection) -> list[ProfileRow]:
    """Return all profiles that were not deleted, by name."""
    return _read(
        connection, select(profiles).where(profiles.c.deleted_at.is_(None)).order_by(func.lower(profiles.c.name))
    )


def of_database(connection: Connection, instance: str, database: str) -> list[ProfileRow]:
    """Return the profiles that name a database, by whose word it goes first: active ones, and those by name."""
    named = [
        row for row in living(connection) if row.fields["instance"] == instance and database in row.fields["databases"]
    ]
    return sorted(named, key=lambda row: (row.state is not ProfileState.ACTIVE, row.name))


def may_be_of_database(connection: Connection, instance: str, database: str) -> list[ProfileRow]:
    """Return the profiles that cannot be run and that name a database, as far as they can be read."""
    return [
        row
        for row in living(connection)
        if row.broken
        and (row.fields["instance"] == instance or "instance" in row.unread)
        and (database in row.fields["databases"] or "databases" in row.unread)
    ]


def active(connection: Connection) -> list[ProfileRow]:
    """Return the profiles whose schedule is in force."""
    return _read(
        connection,
        select(profiles).where(profiles.c.state == ProfileState.ACTIVE.value, profiles.c.deleted_at.is_(None)),
    )


def by_ids(connection: Connection, ids: Sequence[int]) -> list[ProfileRow]:
    """Return these profiles, in no order. Any number of ids."""
    found: list[ProfileRow] = []
    for at in range(0, len(ids), rows.AT_ONCE):
        found += _read(connection, select(profiles).where(profiles.c.id.in_(ids[at : at + rows.AT_ONCE])))
    return found


def earliest_due(connection: Connection) -> datetime | None:
    """Return the next instant at which any profile is due."""
    # A text sorts behind every number: what is no instant is never due.
    found: datetime | None = connection.execute(
        select(profiles.c.next_due_at)
        .where(profiles.c.next_due_at.is_not(None), type_coerce(profiles.c.next_due_at, BigInteger) <= LATEST)
        .order_by(profiles.c.next_due_at)
        .limit(1)
    ).scalar()
    return found


def _values(profile: BackupProfile) -> dict[str, Any]:
    fields = profile.fields()
    return {key: fields[key] for key in _FIELDS}


def _read(connection: Connection, statement: Select[Any]) -> list[ProfileRow]:
    return [_row(row) for row in rows.read(connection, profiles, statement)]


def _row(row: RowMapping | Unreadable) -> ProfileRow:
    values, reason = (row.values, row.reason) if isinstance(row, Unreadable) else (row, "")
    state = {key: values[key] for key in _STATE}
    reason = _sound_state(state, reason)
    fields = sound_fields({key: values[key] for key in _FIELDS}, state["id"])
    reasons = filter(None, (reason and f"{reason}.", fields.fault))
    return ProfileRow(
        fields=fields.values,
        unwritable=fields.unwritable,
        unread=fields.unread,
        broken=" ".join(reasons),
        **state,
    )


def _sound_state(state: dict[str, Any], reason: str) -> str:
    """Put the types and defaults into what became of a profile, and return the reason with what cannot be."""
    if state["state"] not in list(ProfileState):
        reason = reason or f"`state` cannot be {state['state']!r}"
    state["state"] = ProfileState(state["state"]) if state["state"] in list(ProfileState) else ProfileState.INACTIVE
    # What is planned is worked out again wherever it is not known.
    state["next_kind"] = BackupKind(state["next_kind"]) if state["next_kind"] in list(BackupKind) else None
    counts = state["database_failures"]
    state["database_failures"] = counts if isinstance(counts, dict) else {}
    for key in ("failures_in_a_row", "version"):
        state[key] = state[key] if isinstance(state[key], int) else 0
    state["amended_at"] = state["amended_at"] or BEGINNING
    return reason
