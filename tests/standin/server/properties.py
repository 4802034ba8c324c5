"""What SERVERPROPERTY, DATABASEPROPERTYEX and HAS_PERMS_BY_NAME answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.standin.events import Value
from tests.standin.server.tokenizer import Kind, tokenize

if TYPE_CHECKING:
    from tests.standin.server.context import Context
    from tests.standin.server.server import ScriptedServer

ENGINE_EDITIONS = {"Express": 4, "Enterprise": 3, "Developer": 3, "Evaluation": 3}
STANDARD_ENGINE = 2


def server_property(server: ScriptedServer, name: str) -> Value:
    """Return a property of the server; None for one it does not know, as the server does."""
    machine, _, instance = server.name.partition("\\")
    known: dict[str, Value] = {
        "productversion": server.version,
        "productmajorversion": server.version.split(".")[0],
        "productlevel": "RTM",
        "edition": server.edition,
        "engineedition": server.engine_edition
        or next((number for word, number in ENGINE_EDITIONS.items() if word in server.edition), STANDARD_ENGINE),
        "servername": server.name,
        "machinename": machine,
        "computernamephysicalnetbios": machine,
        "instancename": instance or None,
        "collation": "SQL_Latin1_General_CP1_CI_AS",
        "isclustered": 0,
        "ishadrenabled": int(any(one.replica_role for one in server.databases.values())),
        "isintegratedsecurityonly": 0,
        "issingleuser": 0,
        "processid": 4242,
        "instancedefaultdatapath": server.folder("DATA") + server.files.paths.sep,
        "instancedefaultlogpath": server.folder("DATA") + server.files.paths.sep,
    }
    if int(server.version.split(".")[0]) >= 15:
        known["instancedefaultbackuppath"] = server.folder("Backup")
    return known.get(name.lower())


def database_property(server: ScriptedServer, name: str, one: str) -> Value:
    """Return a property of a database."""
    database = server.databases.get(name)
    if database is None:
        return None
    known: dict[str, Value] = {
        "status": database.state,
        "recovery": database.recovery_model,
        "updateability": "READ_ONLY" if database.read_only else "READ_WRITE",
        "useraccess": database.user_access,
        "collation": database.collation,
        "isinstandby": 0,
        "version": 957,
    }
    return known.get(one.lower())


def permission(context: Context, securable: Value, kind: Value, name: str) -> Value:
    """Whether the login has a permission on the server, a database or an object; None for nonsense."""
    account = context.account
    if kind is None:
        return int(account.may(name))
    parts = [str(one.value) for one in tokenize(str(securable)) if one.kind in (Kind.WORD, Kind.NAME)]
    if str(kind).upper() == "DATABASE":
        database = context.server.databases.get(parts[0] if parts else context.session.database)
        return None if database is None else int(account.may_in(name, database.name, database.owner))
    database = context.server.databases.get(parts[0] if len(parts) > 2 else context.session.database)
    if database is None:
        return None
    if name.upper() == "EXECUTE":
        return int(account.may_execute(parts[-1]))
    return int(account.may_in(name, database.name, database.owner))
