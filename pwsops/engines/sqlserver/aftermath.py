"""What a restore changed of a database besides its data: compared with what was before, and said with the statements.

A backup brings its own settings along, and the server switches some off for safety (TRUSTWORTHY, Service Broker).
Nothing is changed back here: whether the old or the new is wanted, only the database's keeper knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pwsops.engines.sqlserver import queries
from pwsops.engines.sqlserver.link import Link, NotAsked
from pwsops.engines.sqlserver.tsql import identifier

Settings = Mapping[str, Any] | NotAsked
"""By the server's names; what could not be asked says why."""

_SWITCHES = {
    "is_trustworthy_on": ("TRUSTWORTHY", "SET TRUSTWORTHY ON", "SET TRUSTWORTHY OFF"),
    "is_broker_enabled": (
        "Service Broker",
        "SET ENABLE_BROKER WITH ROLLBACK IMMEDIATE",
        "SET DISABLE_BROKER WITH ROLLBACK IMMEDIATE",
    ),
    "is_db_chaining_on": ("Ownership chaining over databases", "SET DB_CHAINING ON", "SET DB_CHAINING OFF"),
}
"""What ALTER DATABASE switches: its name, and how to switch it on and off."""
_REPLICATION = ("is_published", "is_merge_published", "is_subscribed")


def look(link: Link, database: str) -> Settings:
    """Return the settings of a database that a restore may change."""
    context = link.context(f"Looking at the settings of {database}", database=database)
    rows = link.attempt(context, queries.SETTINGS, database)
    if isinstance(rows, NotAsked):
        return rows
    columns = ("owner", *_SWITCHES, "is_cdc_enabled", *_REPLICATION)
    return {column: getattr(rows[0], column) for column in columns} if rows else {}


def changes(database: str, before: Settings, after: Settings) -> Iterator[str]:
    """Return what is not as it was, each with the statement that makes it so again."""
    if isinstance(before, NotAsked) or isinstance(after, NotAsked):
        why = next(each.why for each in (before, after) if isinstance(each, NotAsked))
        yield f"Whether the settings of {database} are as before could not be looked up, because {why}."
    elif before and after:
        yield from _compared(database, before, after)


def _compared(database: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    if before["owner"] != after["owner"]:
        yield _owner(database, before["owner"], after["owner"])
    for column, (name, on, off) in _SWITCHES.items():
        if bool(before[column]) != bool(after[column]):
            again = f"ALTER DATABASE {identifier(database)} {on if before[column] else off}"
            yield _switched(name, bool(before[column]), f"As before: {again}")
    if bool(before["is_cdc_enabled"]) != bool(after["is_cdc_enabled"]):
        procedure = "sp_cdc_enable_db" if before["is_cdc_enabled"] else "sp_cdc_disable_db"
        again = f"As before: USE {identifier(database)}; EXEC sys.{procedure}"
        yield _switched("Change data capture", bool(before["is_cdc_enabled"]), again)
    if any(bool(before[column]) != bool(after[column]) for column in _REPLICATION):
        took_part = any(before[column] for column in _REPLICATION)
        step = "Set it up again." if took_part else "Remove it (sp_removedbreplication) where it is not wanted."
        yield _switched("Replication", took_part, step)


def _owner(database: str, before: str | None, after: str | None) -> str:
    text = f"The owner of {database} was {before or 'unknown'} before the restore and is {after or 'nobody known'} now."
    if before is None:
        return text
    return f"{text} As before: ALTER AUTHORIZATION ON DATABASE::{identifier(database)} TO {identifier(before)}"


def _switched(name: str, was_on: bool, step: str) -> str:
    one, other = ("on", "off") if was_on else ("off", "on")
    return f"{name} was {one} before the restore and is {other} now. {step}"


def orphans(link: Link, database: str) -> Iterator[str]:
    """Return which users of a database belong to no login of this server, with the statement that maps each to one."""
    context = link.context(f"Looking for the users of {database}", database=database)
    rights = link.attempt(context, queries.SERVER_RIGHTS)
    whether = f"Whether users of {database} lack their login could not be looked up, because"
    if isinstance(rights, NotAsked):
        yield f"{whether} {rights.why}."
        return
    if not (rights[0].is_sysadmin or rights[0].view_any_definition):
        # Logins that are not shown would look like missing ones.
        yield f"{whether} this login does not see all logins (VIEW ANY DEFINITION)."
        return
    rows = link.attempt(context, queries.orphans(database))
    if isinstance(rows, NotAsked):
        yield f"{whether} {rows.why}."
        return
    for row in rows:
        user = identifier(row.name)
        yield (
            f"The user {row.name} of {database} belongs to no login of this server. Where there is one of that name: "
            f"USE {identifier(database)}; ALTER USER {user} WITH LOGIN = {user}"
        )
