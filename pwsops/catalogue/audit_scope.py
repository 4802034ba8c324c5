"""Which instance an entry of the audit log is about: those who are given some instances see the entries of these alone.

It is settled when the entry is written, by what its action is about, and kept. Names are no proof later: a profile may
be called like another instance, a user or a token, and what was called so before may have been another's.
"""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select

from pwsops.catalogue.schema import audit_instances, instances, profiles

OF_INSTANCES = frozenset(
    {"add instance", "edit instance", "remove instance", "try instance", "invent a sample history"}
    | {"use other login", "use refused login again", "use refused logins again"}
)
"""Actions on an instance."""
OF_PROFILES = frozenset(
    {"create profile", "edit profile", "delete profile", "activate profile", "deactivate profile", "trip profile"}
    | {"start run", "cancel run", "export history", "export evidence", "prune profile"}
)
"""Actions on a profile; exports may be of everything instead."""
OF_DATABASES = frozenset(
    {"cancel restore", "create database", "accept unrecorded backup", "backup found", "give back access"}
    | {"import certificate to server", "safety copy", "hold backup", "release backup", "drop scratch", "cancel drill"}
)
"""Actions on a database of an instance, or something else of it, which is named after it: ``instance/name``."""
_BEGINNINGS, _DENIED = ("restore", "drill"), "denied"
_EVERYTHING = {"export history": "history", "export evidence": "evidence"}
"""What stands for the profile where there is none."""


def keep(connection: Connection, entry: int, *, action: str, subject: str) -> None:
    """Remember which instance a new entry is about, where it is about one."""
    # Of a log that somebody cut, entries of the same numbers may have left theirs.
    connection.execute(delete(audit_instances).where(audit_instances.c.entry == entry))
    instance = _of(connection, action, subject)
    if instance is not None:
        connection.execute(insert(audit_instances).values(entry=entry, instance=instance))


def _of(connection: Connection, action: str, subject: str) -> str | None:
    if action in OF_INSTANCES:
        return subject
    if action in OF_PROFILES:
        return None if subject == _EVERYTHING.get(action) else _of_profile(connection, subject)
    if action in OF_DATABASES or action.split(" ")[0] in _BEGINNINGS:
        return _named_before(connection, subject)
    if action == _DENIED:
        # It may name either. Where both are called so, nobody is told who may not know of both.
        found = {_is_instance(connection, subject), _of_profile(connection, subject)} - {None}
        return found.pop() if len(found) == 1 else None
    return None


def _of_profile(connection: Connection, name: str) -> str | None:
    """Return the instance of the profile that has a name, or had it last."""
    newest = select(profiles.c.instance).where(profiles.c.name == name)
    return connection.execute(
        newest.order_by(profiles.c.deleted_at.is_not(None), profiles.c.id.desc()).limit(1)
    ).scalar_one_or_none()


def _is_instance(connection: Connection, name: str) -> str | None:
    return connection.execute(select(instances.c.name).where(instances.c.name == name)).scalar_one_or_none()


def _named_before(connection: Connection, subject: str) -> str | None:
    """Return the instance whose name stands before a slash; of several, the longest."""
    known = connection.execute(select(instances.c.name)).scalars()
    return max((name for name in known if subject.startswith(f"{name}/")), key=len, default=None)
