"""A restore as T-SQL: what the engine would send, in one text that an administrator runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pwsops.engines.records import DatabaseInfo
from pwsops.engines.requests import RestoreRequest
from pwsops.engines.script_text import one_line, require_printable
from pwsops.engines.sqlserver import media, plan, tsql
from pwsops.engines.sqlserver.link import Link
from pwsops.engines.sqlserver.plan import Plan
from pwsops.errors import Conflict
from pwsops.rules.model import BackupSet


def write(link: Link, request: RestoreRequest) -> str:
    """Return the script of a restore; see the protocol `Engine`. Headers and file lists are read, and nothing else.

    The database is taken offline, as a restore by us does it: single-user mode leaves a seat that a reconnecting client
    takes. Who may come in is set at the end to what it is now.
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
    remarks = [f"-- {one_line(each)}" for each in _remarks(link, name, target, sets, planned)]
    statements = [f"{each};" for each in _statements(name, target, planned)]
    script = "\n".join([*remarks, *statements]) + "\n"
    require_printable(script, name)
    return script


def is_there(link: Link, name: str) -> Conflict:
    """Return the refusal to restore over what was not to be there."""
    return Conflict(
        f"The database {name} exists on {link.instance.name} already; it was left as it is.",
        hint="Look at it. Restore into it to replace it, or give another name.",
    )


def _statements(name: str, target: DatabaseInfo | None, planned: Plan) -> Iterator[str]:
    is_open = target is not None and target.state.is_in_use
    yield "USE [master]"
    if is_open:
        yield tsql.offline(name)
    for step in planned.steps:
        yield step.statement
    if target is not None and is_open:
        yield tsql.user_access(name, str(target.details["user_access"]))


def _remarks(
    link: Link, name: str, target: DatabaseInfo | None, sets: Sequence[BackupSet], planned: Plan
) -> Iterator[str]:
    last = sets[-1]
    yield (
        f"Brings back {last.database} as of {last.finished_at:%Y-%m-%d %H:%M:%S} UTC, into {name} on "
        f"{link.instance.name}. Nothing was done yet."
    )
    if target is not None:
        yield f"Everything that {name} holds now is replaced. Back it up first where it may still be needed."
    if target is not None and target.state.is_in_use:
        yield f"Where it is broken off, {name} may be offline: {tsql.online(name)}"
    for each in planned.steps:
        one = each.backup_set
        yield f"Prove first: {tsql.verify(media.devices_of(one), position=one.position, checksum=_has_checksums(one))}"
    for thumbprint in dict.fromkeys(each for one in sets for each in one.thumbprints):
        yield f"It needs the certificate {thumbprint} with its private key in master on {link.instance.name}."
    yield from planned.unknown


def _has_checksums(one: BackupSet) -> bool:
    return bool(one.details["has_checksums"])
