"""A restore as T-SQL: what the engine would send, in one text that an administrator runs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from pwsops.engines.records import DatabaseInfo
from pwsops.engines.requests import RestoreRequest
from pwsops.engines.script_text import exact_utc, one_line, require_printable
from pwsops.engines.sqlserver import media, plan, tsql
from pwsops.engines.sqlserver.link import Link
from pwsops.engines.sqlserver.plan import Plan
from pwsops.errors import Conflict
from pwsops.rules.model import BackupSet

_OF_CLIENTS = re.compile(r"([\r\n])|(?<=\$)(?=\()")
STOPPED = 50000
"""The number of the error that ends a script."""
_IS_THERE = (
    "The database that this makes exists by now; it was left as it is. If an earlier run of this has begun it and was "
    "broken off, drop it first."
)
_NOT_PROVEN = "A backup could not be proven; the error before this one says why. Nothing was changed."
_NOT_OFFLINE = "The database could not be taken offline; the error before this one says why. Nothing was restored."
_BROKEN_OFF = (
    "The restore was broken off; the error before this one says why. The database may be offline or restoring: mend "
    "the cause, and run the whole script again."
)


def write(link: Link, request: RestoreRequest) -> str:
    """Return the script of a restore; see the protocol `Engine`. Headers and file lists are read, and nothing else.

    It is one batch, which ends at the first error: where a set cannot be proven, nothing was changed. The database is
    taken offline, as a restore by us does it: single-user mode leaves a seat that a reconnecting client takes. Who may
    come in is set at the end to what it is now.
    """
    plan.refuse_file(request)
    plan.require_restorable(request.database)
    target = plan.find_target(link, request.database, may_be_missing=request.create_if_missing)
    if target is not None and request.must_be_new:
        raise is_there(link, target.name)
    name = request.database if target is None else target.name
    sets = [media.read_one(link, each) for each in request.sets]
    plan.require_chain(sets)
    plan.require_version(link, sets)
    restricted = target is not None and target.details["user_access"] != "MULTI_USER"
    planned = plan.make(link, name, sets, is_new=target is None, restricted=restricted, stop_at=request.stop_at)
    remarks = [f"-- {_remark(each)}" for each in _remarks(link, name, target, sets, planned)]
    statements = list(_for_any_client([*_bound_to(link), *_statements(name, target, planned)]))
    script = "\n".join([*remarks, *statements]) + "\n"
    require_printable(script, name)
    return script


def is_there(link: Link, name: str) -> Conflict:
    """Return the refusal to restore over what was not to be there."""
    return Conflict(
        f"The database {name} exists on {link.instance.name} already; it was left as it is.",
        hint="Look at it. Restore into it to replace it, or give another name.",
    )


def _bound_to(link: Link) -> Iterator[str]:
    """Yield what ends the batch on any other server, whose database of that name would be replaced by this one's."""
    server = link.server().name
    if server:
        found = "CAST(SERVERPROPERTY('ServerName') AS nvarchar(128))"
        told = f"This was printed for the server {server}, and this is another one. Nothing was changed."
        yield f"IF {found} <> {tsql.literal(server)} {_throw(told)}"


def _statements(name: str, target: DatabaseInfo | None, planned: Plan) -> Iterator[str]:
    is_open = target is not None and target.state.is_in_use
    yield "USE [master]"
    if target is None:
        # A restore without REPLACE writes over a database of its own family all the same.
        yield f"IF DB_ID({tsql.literal(name)}) IS NOT NULL {_throw(_IS_THERE)}"
        yield _stop_on_error(_IS_THERE)
    for step in planned.steps:
        one = step.backup_set
        yield tsql.verify(media.devices_of(one), position=one.position, checksum=bool(one.details["has_checksums"]))
        yield _stop_on_error(_NOT_PROVEN)
    if is_open:
        # An earlier run may have left it offline, or restoring, which no server takes offline.
        status = f"DATABASEPROPERTYEX({tsql.literal(name)}, 'Status')"
        yield f"IF {status} NOT IN ('OFFLINE', 'RESTORING') {tsql.offline(name)}"
        yield _stop_on_error(_NOT_OFFLINE)
    for step in planned.steps:
        yield step.statement
        yield _stop_on_error(_BROKEN_OFF)
    if target is not None and is_open:
        yield tsql.user_access(name, str(target.details["user_access"]))


def _stop_on_error(told: str) -> str:
    return f"IF @@ERROR <> 0 {_throw(told)}"


def _throw(told: str) -> str:
    return f"THROW {STOPPED}, {tsql.literal(told)}, 1"


def _remarks(
    link: Link, name: str, target: DatabaseInfo | None, sets: Sequence[BackupSet], planned: Plan
) -> Iterator[str]:
    last = sets[-1]
    yield (
        f"Brings back {last.database} as of {exact_utc(last.finished_at)} UTC, into {name} on "
        f"{link.instance.name}. Nothing was done yet."
    )
    yield "Run it as it is, as one batch; with sqlcmd, give -b and -x. All is proven before anything is changed."
    if target is not None:
        yield f"Everything that {name} holds now is replaced. Back it up first where it may still be needed."
    if target is not None and target.state.is_in_use:
        yield _when_broken_off(name)
    for thumbprint in dict.fromkeys(each for one in sets for each in one.thumbprints):
        yield f"It needs the certificate {thumbprint} with its private key in master on {link.instance.name}."
    yield from planned.unknown


def _when_broken_off(name: str) -> str:
    """Return what to do with a database that a broken-off script left; a remark holds no statement that it changes."""
    statement = tsql.online(name)
    step = statement if _remark(statement) == statement else "ALTER DATABASE … SET ONLINE"
    return f"Where it is broken off, {name} may be offline; it comes back, where nothing was restored yet, by: {step}"


def _remark(text: str) -> str:
    """Return text for a remark, which ends with its line; sqlcmd looks for variables in remarks as well."""
    return one_line(text).replace("$(", "$ (")


def _for_any_client(statements: Iterable[str]) -> Iterator[str]:
    """Yield statements of one batch as lines that no client takes for something of its own.

    sqlcmd puts the value of a variable into the place of `$(name)`, also inside of quotes, and takes a line that begins
    with `:`, `!!` or GO for a command. A statement in which a name or a path has that, or a line break, is put together
    on the server out of literals that have not.
    """
    for number, statement in enumerate(statements, start=1):
        pieces = [piece for piece in _OF_CLIENTS.split(statement) if piece]
        if len(pieces) == 1:
            yield f"{statement};"
            continue
        codes = {"\n": "NCHAR(10)", "\r": "NCHAR(13)"}
        parts = [codes.get(piece) or tsql.literal(piece) for piece in pieces]
        # The first part keeps the server from cutting the whole at 4,000 characters.
        yield f"DECLARE @statement{number} nvarchar(max) = CAST(N'' AS nvarchar(max)) + {' + '.join(parts)};"
        yield f"EXEC (@statement{number});"
