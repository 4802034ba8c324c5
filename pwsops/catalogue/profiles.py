"""Profiles: their fields as plain columns, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, func, insert, select, update

from pwsops.catalogue.schema import profiles
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


@dataclass(frozen=True, kw_only=True)
class ProfileRow:
    """One profile as stored. `fields` are those of `BackupProfile`, but for `active`, which `state` tells."""

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

    @property
    def name(self) -> str:
        """The profile's name."""
        return str(self.fields["name"])

    def recurrence(self) -> Recurrence:
        """Give its schedule."""
        return recurrence_of(self.fields)

    def renewal(self) -> Renewal:
        """Give when its full is renewed."""
        return parse_renewal(self.fields["renew_full"])

    def profile(self) -> BackupProfile:
        """Give an editable copy."""
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
    return int(connection.execute(insert(profiles).values(values).returning(profiles.c.id)).scalar_one())


def amend(connection: Connection, profile_id: int, profile: BackupProfile, *, now: datetime) -> None:
    """Replace a profile's fields."""
    values = _values(profile) | {"amended_at": now, "version": profiles.c.version + 1}
    connection.execute(update(profiles).where(profiles.c.id == profile_id).values(values))


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
    """Give the living profile of that name."""
    statement = select(profiles).where(profiles.c.name == name, profiles.c.deleted_at.is_(None))
    row = connection.execute(statement).mappings().first()
    return None if row is None else _row(row)


def get(connection: Connection, profile_id: int) -> ProfileRow:
    """Give a profile by its id, deleted or not."""
    return _row(connection.execute(select(profiles).where(profiles.c.id == profile_id)).mappings().one())


def living(connection: Connection) -> list[ProfileRow]:
    """Give all profiles that were not deleted, by name."""
    statement = select(profiles).where(profiles.c.deleted_at.is_(None)).order_by(func.lower(profiles.c.name))
    return [_row(row) for row in connection.execute(statement).mappings()]


def active(connection: Connection) -> list[ProfileRow]:
    """Give the profiles whose schedule is in force."""
    statement = select(profiles).where(profiles.c.state == ProfileState.ACTIVE.value, profiles.c.deleted_at.is_(None))
    return [_row(row) for row in connection.execute(statement).mappings()]


def by_ids(connection: Connection, ids: Sequence[int]) -> list[ProfileRow]:
    """Give these profiles, in no order. Any number of ids."""
    rows: list[ProfileRow] = []
    for at in range(0, len(ids), 10_000):
        statement = select(profiles).where(profiles.c.id.in_(ids[at : at + 10_000]))
        rows += [_row(row) for row in connection.execute(statement).mappings()]
    return rows


def earliest_due(connection: Connection) -> datetime | None:
    """Give the next instant at which any profile is due."""
    found: datetime | None = connection.execute(
        select(profiles.c.next_due_at)
        .where(profiles.c.next_due_at.is_not(None))
        .order_by(profiles.c.next_due_at)
        .limit(1)
    ).scalar()
    return found


def _values(profile: BackupProfile) -> dict[str, Any]:
    fields = profile.fields()
    return {key: fields[key] for key in _FIELDS}


def _row(row: RowMapping) -> ProfileRow:
    told = {key: row[key] for key in _STATE}
    told["state"] = ProfileState(told["state"])
    told["next_kind"] = told["next_kind"] and BackupKind(told["next_kind"])
    return ProfileRow(fields={key: row[key] for key in _FIELDS}, **told)
