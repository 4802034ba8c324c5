"""Am I safe? The sentence at the top of the first page, and what is wrong below it, worst first. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pwsops.operations.records import ItemView, ProfileView, RunView
from pwsops.rules.model import Health, RunStatus
from pwsops.views import words
from pwsops.views.nav import CERTIFICATES
from pwsops.views.store import DatabaseRow, Snapshot

MOST_WARNED = 3
"""So many databases are spoken of one by one."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong: what, why, and what to do.

    `run` is where the details are, 0 for none; `amend` names the profile that has to be opened for it, `page` another
    page where it is seen to.
    """

    tone: str
    what: str
    why: str = ""
    next_step: str = ""
    amend: str = ""
    page: str = ""
    run: int = 0


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The answer: a sentence with its tone and icon, and the findings."""

    tone: str
    icon: str
    headline: str
    detail: str = ""
    findings: Sequence[Finding] = ()


def judge(snapshot: Snapshot) -> Verdict:
    """Answer from what the pages know."""
    findings = tuple(
        sorted(
            (
                *_profile_findings(snapshot),
                *_service_findings(snapshot),
                *_certificate_findings(snapshot),
                *_other_findings(snapshot),
            ),
            key=lambda finding: ("red", "orange", "plain").index(finding.tone),
        )
    )
    tone = findings[0].tone if findings else "ok"
    headline, complete = _headline(snapshot)
    if tone == "ok" and not complete:
        tone = "plain"
    headline += _but(snapshot)
    icon = {"red": "cross", "orange": "warning", "plain": "info", "ok": "check"}[tone]
    return Verdict(tone=tone, icon=icon, headline=headline, detail=_coming(snapshot), findings=findings)


def _headline(snapshot: Snapshot) -> tuple[str, bool]:
    """Say how many of the databases that profiles name have a backup, and how old the oldest of those is."""
    covered = [row for row in snapshot.databases if _profiles_of(snapshot, row)]
    ages = [row.view.exposure_s for row in covered if row.view.exposure_s is not None]
    if not covered and snapshot.awaited:
        return ("Looking what is safe …", False)
    if not covered:
        return ("No database is backed up yet." if not snapshot.troubles else "It is not known what is safe.", False)
    if not ages:
        return (f"{_of_them(len(covered))} no backup yet.", False)
    age = words.age(max(ages))
    if len(ages) < len(covered):
        without = words.listed([row.view.name for row in covered if row.view.exposure_s is None])
        some, others = _have(len(ages)), _have(len(covered) - len(ages))
        of = f"{len(ages)} of {words.counted(len(covered), 'database')}"
        return (f"{of} {some} a backup not older than {age}; {without} {others} none yet.", False)
    return (f"{_of_them(len(covered))} a backup not older than {age}.", True)


def _have(number: int) -> str:
    return "has" if number == 1 else "have"


def _but(snapshot: Snapshot) -> str:
    """Say what keeps the sentence before from being all; empty where nothing does."""
    broken = sum(bool(profile.broken) for profile in snapshot.profiles)
    off = sum(profile.health is Health.RED and not profile.broken for profile in snapshot.profiles)
    bad = sum(profile.health is Health.ORANGE for profile in snapshot.profiles)
    said = []
    if off:
        said.append(f"{words.counted(off, 'profile')} {'is' if off == 1 else 'are'} switched off")
    if broken:
        said.append(f"{words.counted(broken, 'profile')} cannot run")
    if bad:
        said.append(f"the last run of {words.counted(bad, 'profile')} went wrong")
    if not snapshot.service.running and snapshot.profiles:
        said.append("the service is stopped")
    if not said:
        return ""
    return f" But {', '.join(said[:-1])}{' and ' if said[1:] else ''}{said[-1]}."


def _of_them(number: int) -> str:
    return {1: "The one database has", 2: "Both databases have"}.get(number, f"All {number} databases have")


def _coming(snapshot: Snapshot) -> str:
    running = [profile.name for profile in snapshot.profiles if profile.running is not None]
    if running:
        return f"Running now: {words.listed(running)}."
    due = [profile for profile in snapshot.profiles if profile.next_due_at is not None]
    if not due or not snapshot.service.running:
        return ""
    first = min(due, key=lambda profile: (profile.next_due_at, profile.name))
    at = words.short_time(first.next_due_at, snapshot.at, snapshot.zone)
    return f"Next: {first.name}, {words.kind(first.next_kind)}, {at}."


def _profile_findings(snapshot: Snapshot) -> Iterator[Finding]:
    for profile in snapshot.profiles:
        run = profile.last_run and snapshot.broken.get(profile.last_run.id, profile.last_run)
        if profile.broken:
            yield _cannot_run(profile)
        elif profile.health is Health.RED:
            yield _tripped(profile, run, snapshot)
        elif profile.health is Health.ORANGE and run is not None:
            yield _bad_run(profile, run, snapshot)
        if profile.red_databases and profile.health is not Health.RED:
            yield _red_databases(profile, run)


def _cannot_run(profile: ProfileView) -> Finding:
    return Finding(
        tone="red",
        what=f"{profile.name} cannot run.",
        why=profile.broken,
        next_step="Open it, correct what is named, and save it; the other profiles go on.",
        amend=profile.name,
    )


def _tripped(profile: ProfileView, run: RunView | None, snapshot: Snapshot) -> Finding:
    since = words.short_time(profile.tripped_at, snapshot.at, snapshot.zone)
    return Finding(
        tone="red",
        what=f"{profile.name} was switched off ({since}) after "
        f"{words.counted(profile.failures_in_a_row, 'failed run')} in a row.",
        why=_cause(run),
        next_step="Nothing of it runs until somebody opens it and amends what made it fail.",
        amend=profile.name,
        run=0 if run is None else run.id,
    )


def _bad_run(profile: ProfileView, run: RunView, snapshot: Snapshot) -> Finding:
    at = words.short_time(run.started_at or run.due_at, snapshot.at, snapshot.zone)
    if run.status is RunStatus.MISSED:
        what = f"{profile.name} missed {words.counted(max(1, run.missed_count), 'run')} from {at} on."
        return Finding(tone="orange", what=what, why=run.summary, next_step=_retry(profile, snapshot), run=run.id)
    if run.status is RunStatus.SKIPPED:
        what = f"{profile.name} skipped its run at {at}."
        return Finding(tone="orange", what=what, why=run.summary, next_step=_retry(profile, snapshot), run=run.id)
    why = _cause(run)
    failed = sum(item.status is RunStatus.FAILED for item in run.items)
    of = f" ({failed} of {len(run.items)} databases)" if len(run.items) > 1 else ""
    return Finding(
        tone="orange",
        what=f"{profile.name} failed at {at}{of}.",
        why=why,
        next_step=_retry(profile, snapshot),
        run=run.id,
    )


def _retry(profile: ProfileView, snapshot: Snapshot) -> str:
    if profile.next_due_at is None:
        return "It has no run to come: start it by hand once the cause is gone."
    at = words.short_time(profile.next_due_at, snapshot.at, snapshot.zone)
    return f"It tries again by schedule at {at}; Start now does not wait."


def _cause(run: RunView | None) -> str:
    """Give the first failed item's error. What to do about each stands below the list of profiles."""
    failed: list[ItemView] = [] if run is None else [item for item in run.items if item.status is RunStatus.FAILED]
    if not failed:
        return "" if run is None else run.summary
    others = f" ({len(failed) - 1} more failed.)" if len(failed) > 1 else ""
    return failed[0].error + others


def _red_databases(profile: ProfileView, run: RunView | None) -> Finding:
    names = words.listed(profile.red_databases)
    return Finding(
        tone="orange",
        what=f"{names} failed five times in a row in {profile.name}; its other databases are backed up.",
        next_step="See the run for the cause, or take the database out of the profile.",
        run=0 if run is None else run.id,
    )


def _service_findings(snapshot: Snapshot) -> Iterator[Finding]:
    if snapshot.service.running or not snapshot.profiles:
        return
    yield Finding(
        tone="plain",
        what="Nothing runs by schedule.",
        why=snapshot.service.why_not,
        next_step="Start it with the button at the top of this page.",
    )


def _certificate_findings(snapshot: Snapshot) -> Iterator[Finding]:
    for view in snapshot.certificates:
        yield Finding(
            tone="orange",
            what=f"The certificate {view.name or view.subject or view.thumbprint} {' and '.join(view.concerns)}.",
            why=f"It is needed by {view.needed_by}.",
            next_step="The page Certificates is where it is imported, exported or made anew.",
            page=CERTIFICATES,
        )


def _other_findings(snapshot: Snapshot) -> Iterator[Finding]:
    for trouble in snapshot.troubles.values():
        yield Finding(tone="plain", what=trouble.message, next_step=trouble.hint)
    warned = [row.view for row in snapshot.databases if row.view.warnings and _profiles_of(snapshot, row)]
    if len(warned) > MOST_WARNED:
        yield Finding(
            tone="plain",
            what=f"{words.counted(len(warned), 'database')} want a look: {words.listed([one.name for one in warned])}.",
            next_step="The page Databases says what each wants.",
        )
    else:
        for view in warned:
            yield Finding(tone="plain", what=f"About {view.name}:", why=" ".join(view.warnings))
    loose = [row.view.name for row in snapshot.databases if not _profiles_of(snapshot, row)]
    if loose and snapshot.profiles:
        yield Finding(
            tone="plain",
            what=f"{words.counted(len(loose), 'database')} in no profile: {words.listed(loose)}.",
            next_step="Add what matters to a profile.",
        )


def _profiles_of(snapshot: Snapshot, row: DatabaseRow) -> list[str]:
    return [p.name for p in snapshot.profiles if p.instance == row.instance and row.view.name in p.databases]
