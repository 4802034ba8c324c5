"""Whether the audit log is whole, and whether its heads leave the home."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pwsops.catalogue import audit, audit_check, audit_search
from pwsops.catalogue.audit_search import AuditFilter
from pwsops.errors import PwsopsError, Refused
from pwsops.heads import Heads, journal
from pwsops.heads.file import HeadFile
from pwsops.operations.access import Context
from pwsops.operations.core import Core
from pwsops.operations.records import Check
from pwsops.rules.audit import AuditState, Finding, Kind, Verification

_LOOKS = 3
_ASK = "Which entries that is about is told to who is given all instances."
_AGAIN_S = 0.2
"""Another process may have written an entry, and be about to tell its head."""


def verified(core: Core, given: Sequence[Path] = ()) -> Verification:
    """Return what the log's entries and the heads outside say of each other.

    `given`: files of heads besides those that the home knows of.
    """
    pause = threading.Event()
    for _ in range(_LOOKS):
        found = _looked(core, given)
        if not any(finding.kind is Kind.NO_HEAD for finding in found.findings):
            break
        core.clock.wait(pause, _AGAIN_S)
    return replace(found, caveat=_caveat(core))


def verified_for(context: Context) -> Verification:
    """Return that, as far as who asks may know it."""
    found = verified(context.core)
    if context.principal.instances is None:
        return found
    with context.read() as connection:
        return without_content(found, audit_search.total(connection, AuditFilter()))


def without_content(found: Verification, entries: int) -> Verification:
    """Return what a verification tells who is given some instances: whether the log is whole, and no number of it.

    `entries`: how many they see.
    """
    kinds = dict.fromkeys(finding.kind for finding in found.findings)
    findings = [Finding(kind=kind, text=f"The log is {kind.state.value} ({kind.value}). {_ASK}") for kind in kinds]
    return Verification(entries=entries, last=0, head="", keyed_from=None, findings=findings, sources={})


def _looked(core: Core, given: Sequence[Path]) -> Verification:
    heads = _heads(core)
    with core.catalogue.read() as connection:
        until, _ = audit.head(connection)
        noted = audit.noted_places(connection)
    # The places before the log: a head that is read is of an entry that was committed before.
    sources = heads.read(noted=noted, given=given)
    with core.catalogue.read() as connection:
        return audit_check.verify(connection, core.catalogue.notary, sources, heads_until=until)


def places(core: Core) -> Sequence[str]:
    """Return where heads go, as people call it."""
    asked = _heads(core).places()
    system = journal.where() if asked.journal else ""
    return [str(asked.file), *([system] if system else [])]


def problem(core: Core) -> str:
    """Return why this process could not tell the newest head, or does not heed the configuration; empty: neither."""
    heads = _heads(core)
    return "; ".join(filter(None, [heads.problem, heads.places().problem]))


def key_fault(core: Core) -> PwsopsError | None:
    """Return why entries are written that nobody can vouch for: the home's key, or else the log's own, is wrong."""
    if (fault := core.vault.fault()) is not None:
        return fault
    notary = core.catalogue.notary
    with core.catalogue.read() as connection:
        if notary.current(connection) is not None or notary.may_begin(connection):
            return None
    return Refused(
        "The audit log's own key is gone from the catalogue, or was exchanged there: entries are written without it, "
        "and nobody can vouch for them.",
        hint="Keep a copy of the home, and find out who could write it: `pwsops audit verify` lists what does not fit. "
        "Then begin another key with `pwsops audit new-key`.",
    )


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
    fault = key_fault(core)
    if fault is not None and core.vault.fault() is None:
        yield Check(name="Key of the audit log", ok=False, finding=fault.message, next_step=fault.hint)
    yield _heads_check(core)


def _heads_check(core: Core) -> Check:
    name = "Heads of the audit log"
    if wrong := problem(core):
        step = "Let this user write there, or name another file in audit.toml."
        return Check(name=name, ok=False, finding=wrong, next_step=step)
    if caveat := _caveat(core):
        step = (
            "Name a file outside of the home in audit.toml to which that user can only append (`chattr +a`), or run "
            "journald or syslog."
        )
        return Check(name=name, ok=False, unknown=True, finding=caveat, next_step=step)
    return Check(name=name, ok=True, finding=f"go to {' and '.join(places(core))}")


def _caveat(core: Core) -> str:
    """Return why heads prove nothing against whoever owns this user, a sentence; empty: they do."""
    within = _within_reach(core)
    if len(places(core)) > 1 or not within:
        return ""
    journal_off = "" if _heads(core).places().journal else " (audit.toml keeps them from the system's journal)"
    return (
        f"The heads {within}, and go to neither journald nor syslog{journal_off}: whoever owns the user that pwsops "
        "runs as can rewrite the log together with its heads, and no verification shows that."
    )


def _within_reach(core: Core) -> str:
    """Return why this user could rewrite the file of heads; empty: it cannot."""
    file = _heads(core).places().file
    if file.resolve().is_relative_to(core.home.resolve()):
        return f"stay in the home ({file})"
    grows = HeadFile(file).only_grows()
    if grows:
        return ""
    return (
        f"go to {file}, which is not known to only grow" if grows is None else f"go to {file}, which can be rewritten"
    )


def next_step(found: Verification) -> str:
    """Return what to do about what was found; empty where nothing is wrong."""
    kinds = {finding.kind for finding in found.findings}
    if found.state is AuditState.CHANGED:
        return (
            "`pwsops audit verify` lists all of it; find out who could write the home, and keep a copy of it. What is "
            "explained is written down with `pwsops audit acknowledge`."
        )
    if Kind.KEY_LOST in kinds or Kind.UNKEYED in kinds:
        return "Put the home's key back; where it is lost for good, `pwsops audit new-key` begins another for the log."
    if Kind.NO_HEAD in kinds:
        return "See that the places of heads can be written: doctor says whether they can now."
    if Kind.NOT_ASKED in kinds:
        return "Run `pwsops audit verify` as a user who may read the journal and the files of heads."
    return "`pwsops audit list --action 'acknowledge findings'` says who acknowledged it, and why." if kinds else ""


def _heads(core: Core) -> Heads:
    heads = core.catalogue.notary.heads
    assert heads is not None
    return heads
