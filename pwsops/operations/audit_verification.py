"""Whether the audit log is whole, and whether its heads leave the home."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from pwsops.catalogue import audit, audit_check, audit_search
from pwsops.catalogue.audit_search import AuditFilter
from pwsops.heads import Heads, journal
from pwsops.operations.access import Context, Core
from pwsops.operations.records import Check
from pwsops.rules.audit import AuditState, Finding, Kind, Verification

_LOOKS = 3
_ASK = "Which entries that is about is told to who is given all instances."
_AGAIN_S = 0.2
"""Another process may have written an entry, and be about to tell its head."""


def verified(core: Core) -> Verification:
    """Return what the log's entries and the heads outside say of each other."""
    pause = threading.Event()
    for _ in range(_LOOKS):
        found = _looked(core)
        if not any(one.kind is Kind.NO_HEAD for one in found.findings):
            break
        core.clock.wait(pause, _AGAIN_S)
    return found


def verified_for(context: Context) -> Verification:
    """Return that, as far as who asks may know it."""
    found = verified(context.core)
    if context.principal.instances is None:
        return found
    with context.read() as connection:
        return told_to_some(found, audit_search.total(connection, AuditFilter()))


def told_to_some(found: Verification, entries: int) -> Verification:
    """Return what a verification tells who is given some instances: whether the log is whole, and no number of it.

    `entries`: how many they see.
    """
    kinds = dict.fromkeys(one.kind for one in found.findings)
    findings = [Finding(kind=kind, text=f"The log is {kind.state.value} ({kind.value}). {_ASK}") for kind in kinds]
    return Verification(entries=entries, last=0, head="", keyed_from=None, findings=findings, sources={})


def _looked(core: Core) -> Verification:
    heads = _heads(core)
    with core.catalogue.read() as connection:
        until, _ = audit.head(connection)
    # The places before the log: a head that is read is of an entry that was committed before.
    sources = heads.read()
    since = heads.places().since
    with core.catalogue.read() as connection:
        return audit_check.verify(connection, core.catalogue.notary, sources, since=since, heads_until=until)


def places(core: Core) -> Sequence[str]:
    """Return where heads go, as people call it."""
    asked = _heads(core).places()
    system = journal.where() if asked.journal else ""
    return [str(asked.file), *([system] if system else [])]


def trouble(core: Core) -> str:
    """Return why this process could not tell the newest head, or does not heed the configuration; empty: neither."""
    heads = _heads(core)
    return "; ".join(filter(None, [heads.trouble, heads.places().trouble]))


def audit_checks(core: Core) -> Iterator[Check]:
    """Look at the log, and at the places that its heads go to."""
    found = verified(core)
    yield Check(
        name="Audit log",
        ok=found.state is AuditState.WHOLE,
        unknown=found.state is AuditState.UNKNOWN,
        finding=found.summary,
        next_step=next_step(found),
    )
    wrong = trouble(core)
    names = places(core)
    alone = "" if len(names) > 1 else "; nowhere else, since this machine has neither journald nor syslog"
    alone = alone if _heads(core).places().journal else "; not to the system's journal, as audit.toml says"
    yield Check(
        name="Heads of the audit log",
        ok=not wrong,
        finding=wrong or f"go to {' and '.join(names)}{alone}",
        next_step="Let this user write there, or name another file in audit.toml." if wrong else "",
    )


def next_step(found: Verification) -> str:
    """Return what to do about what was found; empty where nothing is wrong."""
    kinds = {one.kind for one in found.findings}
    if found.state is AuditState.CHANGED:
        return "`pwsops audit verify` lists all of it; find out who could write the home, and keep a copy of it."
    if Kind.KEY_LOST in kinds or Kind.UNKEYED in kinds:
        return "Put the home's key back; where it is lost for good, `pwsops audit new-key` begins another for the log."
    if Kind.NO_HEAD in kinds:
        return "See that the places of heads can be written; `since` in audit.toml leaves aside what is explained."
    return "Run `pwsops audit verify` as a user who may read the journal." if kinds else ""


def _heads(core: Core) -> Heads:
    heads = core.catalogue.notary.heads
    assert heads is not None
    return heads
