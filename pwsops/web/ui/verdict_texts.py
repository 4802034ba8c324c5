"""How the verdicts are told at the top of the first page: the sentence, and what is wrong below it, worst first. Pure.

Nothing is judged here: whether a database is protected is for `rules.verdict` alone to say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pwsops.operations.records import ItemView, ProfileView, RunView
from pwsops.rules import verdict_words
from pwsops.rules.model import Health, RunStatus
from pwsops.rules.protection import Cause, Protection, Verdict
from pwsops.rules.protection import Finding as Reason
from pwsops.web.live.snapshot import DatabaseRow, Snapshot
from pwsops.web.nav import CERTIFICATES
from pwsops.web.ui import formatting

MOST_WARNED = 3
"""So many databases are spoken of one by one."""
_TONES = {
    Protection.UNPROTECTED: "red",
    Protection.AT_RISK: "orange",
    Protection.NOT_CHECKED: "plain",
    Protection.PROTECTED: "ok",
}
_ICONS = {"red": "cross", "orange": "warning", "plain": "info", "ok": "check"}
_OF_PROFILE = (Cause.PROFILE_TRIPPED, Cause.RUN_FAILED, Cause.RUN_MISSED)
"""Causes of which the profile's own finding tells more."""
_ILL = (Health.RED, Health.ORANGE)
_FIXED_IN_PROFILE = (Cause.PROFILE_BROKEN, Cause.PROFILE_INACTIVE, Cause.PROFILE_ENDED, Cause.NOT_BEGUN)
_BRIEFLY = {
    Cause.PROFILE_BROKEN: "its profile cannot be read",
    Cause.PROFILE_INACTIVE: "its profile is switched off",
    Cause.PROFILE_TRIPPED: "its profile was switched off after five failures",
    Cause.PROFILE_ENDED: "its profile is past its last day",
    Cause.SERVICE_STOPPED: "the backup service is stopped",
    Cause.RUN_FAILED: "its last run failed",
    Cause.RUN_MISSED: "its last run was missed",
    Cause.NOT_BEGUN: "its schedule has yet to begin",
    Cause.OVERDUE: "its next backup is overdue",
    Cause.FILES_GONE: "the newest file is gone",
    Cause.ACCESS_OWED: "a restore has left it shut",
    Cause.DATABASE_DAMAGED: "it is damaged",
    Cause.DATABASE_GONE: "it is gone from its instance",
    Cause.CLOCK_IN_DOUBT: "the clock is in doubt",
}
"""What comes after "and" in the sentence at the top; other causes stand below it only."""


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
class Answer:
    """The answer to "am I safe": a sentence with its tone and icon, and the findings."""

    tone: str
    icon: str
    headline: str
    detail: str = ""
    findings: Sequence[Finding] = ()


def answer(snapshot: Snapshot) -> Answer:
    """Answer from what the pages know."""
    verdicts = [row.view.verdict for row in snapshot.databases if row.view.verdict.covered]
    found = (
        *_key_findings(snapshot),
        *_reasons(snapshot, verdicts),
        *_notes(snapshot, verdicts),
        *_profile_findings(snapshot),
        *_certificate_findings(snapshot),
        *_audit_findings(snapshot),
        *_other_findings(snapshot),
    )
    findings = tuple(sorted(found, key=lambda finding: list(_ICONS).index(finding.tone)))
    tones = [mark(verdict).tone for verdict in verdicts] or ["plain"]
    tone = min([*tones, *(finding.tone for finding in findings)], key=list(_ICONS).index)
    headline = _headline(snapshot, verdicts)
    return Answer(tone=tone, icon=_ICONS[tone], headline=headline, detail=_coming(snapshot), findings=findings)


def _key_findings(snapshot: Snapshot) -> Iterator[Finding]:
    if snapshot.key is not None:
        yield Finding(tone="red", what=snapshot.key.message, next_step=snapshot.key.hint)


def mark(verdict: Verdict) -> formatting.Mark:
    """Return a verdict as it is shown. Green, and a tick, is for what is protected alone."""
    tone = "red" if verdict.urgent else _TONES[verdict.protection]
    return formatting.Mark(tone=tone, icon=_ICONS[tone], word=str(verdict.protection.value))


def _headline(snapshot: Snapshot, verdicts: Sequence[Verdict]) -> str:
    if snapshot.key is not None:
        return "The key of this home is missing or wrong: nothing that needs it can be backed up or restored."
    if snapshot.awaited and all(verdict.protection.rank >= Protection.NOT_CHECKED.rank for verdict in verdicts):
        return "Looking what is safe …"
    if not verdicts:
        return "No database is backed up yet." if not snapshot.problems else "It is not known what is safe."
    if len(verdicts) == 1:
        return _of_one(verdicts[0], snapshot)
    if all(verdict.protection is Protection.PROTECTED for verdict in verdicts):
        oldest = min(verdict.point.data_at for verdict in verdicts if verdict.point is not None)
        age = verdict_words.ago(snapshot.at - oldest).removesuffix(" ago").removeprefix("less than ")
        whole = "Both databases are" if len(verdicts) == 2 else f"All {len(verdicts)} databases are"
        within = f"within the last {age.removeprefix('a ').removeprefix('1 ')}"
        return _protected(whole, f"each was backed up {within}", snapshot)
    return _of_several(verdicts)


def _of_one(verdict: Verdict, snapshot: Snapshot) -> str:
    text = f"{verdict.database} {verdict_words.backed_up(verdict, snapshot.at, _when(snapshot))}"
    if verdict.protection is Protection.PROTECTED:
        return _protected(f"{verdict.database} is", f"it{text.removeprefix(verdict.database)}", snapshot)
    brief = next((_BRIEFLY[each.cause] for each in verdict.findings if each.cause in _BRIEFLY), "")
    return f"{text}, and {brief}." if brief else f"{text}."


def _protected(whole: str, backed_up: str, snapshot: Snapshot) -> str:
    """Return the sentence on databases that are all protected, with what is wrong all the same and is told below."""
    amiss = _amiss(snapshot)
    if not amiss:
        return f"{whole} protected: {backed_up}."
    return f"{whole} protected, but {formatting.listed(amiss, len(amiss))}; {backed_up}."


def _amiss(snapshot: Snapshot) -> list[str]:
    """Return what is red or orange though no verdict says so, counted."""
    broken = sum(bool(profile.broken) for profile in snapshot.profiles)
    healths = Counter(profile.health for profile in snapshot.profiles if not profile.broken)
    failing, off = healths[Health.ORANGE], healths[Health.RED]
    skipping = sum(
        bool(each.red_databases) and each.health not in _ILL for each in snapshot.profiles if not each.broken
    )
    ending = len(snapshot.certificates)
    counted = (
        (off, f"{formatting.counted(off, 'profile')} {_are(off)} switched off"),
        (broken, f"{formatting.counted(broken, 'profile')} cannot run"),
        (failing, f"the last run of {formatting.counted(failing, 'profile')} did not succeed"),
        (skipping, f"{formatting.counted(skipping, 'profile')} cannot back up all of its databases"),
        (ending, f"{formatting.counted(ending, 'certificate')} {'needs' if ending == 1 else 'need'} attention"),
    )
    return [what for number, what in counted if number]


def _of_several(verdicts: Sequence[Verdict]) -> str:
    if len({verdict.protection for verdict in verdicts}) == 1:
        every = formatting.listed([verdict.database for verdict in verdicts])
        whole = "Both databases are" if len(verdicts) == 2 else f"All {len(verdicts)} databases are"
        return f"{whole} {verdicts[0].protection.value}: {every}."
    parts = []
    for protection in list(Protection)[:-1]:
        names = [verdict.database for verdict in verdicts if verdict.protection is protection]
        if names:
            parts.append(f"{len(names)} {_are(len(names))} {protection.value} ({formatting.listed(names)})")
    return f"Of {len(verdicts)} databases, {', '.join(parts)}."


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _when(snapshot: Snapshot) -> verdict_words.When:
    return lambda instant: formatting.short_time(instant, snapshot.at, snapshot.zone)


def _reasons(snapshot: Snapshot, verdicts: Sequence[Verdict]) -> Iterator[Finding]:
    """Yield each cause once, with the databases that it concerns."""
    ill = {profile.name for profile in snapshot.profiles if profile.health in _ILL}
    groups: dict[tuple[Cause, str], list[tuple[Verdict, Reason]]] = {}
    for verdict in verdicts:
        for reason in verdict.findings:
            if reason.cause in _OF_PROFILE and reason.subject in ill:
                continue
            about = reason.subject if reason.cause in _FIXED_IN_PROFILE or len(verdicts) <= MOST_WARNED else ""
            groups.setdefault((reason.cause, about), []).append((verdict, reason))
    for (cause, _), concerned in groups.items():
        _, reason = concerned[0]
        names = formatting.listed(list(dict.fromkeys(verdict.database for verdict, _ in concerned)))
        others = (
            f" ({len(concerned) - 1} more of this kind.)" if len({each.subject for _, each in concerned}) > 1 else ""
        )
        tone = "red" if cause is Cause.ACCESS_OWED else _TONES[cause.protection]
        why = verdict_words.why(reason, _when(snapshot))
        yield Finding(
            tone=tone,
            what=f"{names}: {cause.value}{_since(concerned, why, snapshot)}.",
            why=why + others,
            next_step=verdict_words.next_step(reason),
            amend=reason.subject if cause in _FIXED_IN_PROFILE else "",
        )


def _notes(snapshot: Snapshot, verdicts: Sequence[Verdict]) -> Iterator[Finding]:
    """Yield what is wrong with newer backups of databases that an older one protects."""
    noted = [verdict for verdict in verdicts if verdict.notes]
    if len(noted) > MOST_WARNED:
        yield Finding(
            tone="plain",
            what=f"Newer backups of {formatting.counted(len(noted), 'database')} cannot be relied on: "
            f"{formatting.listed([verdict.database for verdict in noted])}.",
            next_step="The page Databases says which; older backups protect them.",
        )
        return
    for verdict in noted:
        yield Finding(
            tone="plain",
            what=f"{verdict.database} is protected by an older backup.",
            why=" ".join(verdict_words.newer(verdict, _when(snapshot))),
            next_step=verdict_words.next_step(verdict.notes[0]),
        )


def _since(concerned: Sequence[tuple[Verdict, Reason]], why: str, snapshot: Snapshot) -> str:
    """Return since when it is so, of several the longest; empty where that is not known, or said already."""
    known = [reason.since for _, reason in concerned if reason.since is not None]
    since = f"since {_when(snapshot)(min(known))}" if known else ""
    return "" if since in why else f" ({since})"


def _coming(snapshot: Snapshot) -> str:
    running = [profile.name for profile in snapshot.profiles if profile.running is not None]
    if running:
        return f"Running now: {formatting.listed(running)}."
    due = [profile for profile in snapshot.profiles if profile.next_due_at is not None]
    if not due or not snapshot.service.running:
        return ""
    first = min(due, key=lambda profile: (profile.next_due_at, profile.name))
    at = formatting.short_time(first.next_due_at, snapshot.at, snapshot.zone)
    return f"Next: {first.name}, {formatting.kind(first.next_kind)}, {at}."


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
    since = formatting.short_time(profile.tripped_at, snapshot.at, snapshot.zone)
    return Finding(
        tone="red",
        what=f"{profile.name} was switched off ({since}) after "
        f"{formatting.counted(profile.failures_in_a_row, 'failed run')} in a row.",
        why=_cause(run),
        next_step="Nothing of it runs until somebody opens it and amends what made it fail.",
        amend=profile.name,
        run=0 if run is None else run.id,
    )


def _bad_run(profile: ProfileView, run: RunView, snapshot: Snapshot) -> Finding:
    at = formatting.short_time(run.started_at or run.due_at, snapshot.at, snapshot.zone)
    if run.status is RunStatus.MISSED:
        what = f"{profile.name} missed {formatting.counted(max(1, run.missed_count), 'run')} from {at} on."
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
    at = formatting.short_time(profile.next_due_at, snapshot.at, snapshot.zone)
    if not snapshot.service.running and profile.next_due_at <= snapshot.at:
        return f"The next try is due since {at}: start the backup service."
    return f"Next try: {at}, or start it now."


def _cause(run: RunView | None) -> str:
    """Return the first failed item's error. What to do about each stands below the list of profiles."""
    failed: list[ItemView] = [] if run is None else [item for item in run.items if item.status is RunStatus.FAILED]
    if not failed:
        return "" if run is None else run.summary
    others = f" ({len(failed) - 1} more failed.)" if len(failed) > 1 else ""
    return failed[0].error + others


def _red_databases(profile: ProfileView, run: RunView | None) -> Finding:
    names = formatting.listed(profile.red_databases)
    return Finding(
        tone="orange",
        what=f"{names} failed five times in a row in {profile.name}; its other databases are backed up.",
        next_step="See the run for the cause, or take the database out of the profile.",
        run=0 if run is None else run.id,
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


def _audit_findings(snapshot: Snapshot) -> Iterator[Finding]:
    if snapshot.audit_problem:
        yield Finding(
            tone="orange",
            what="The audit log is written, and its head does not leave the home:",
            why=f"{snapshot.audit_problem}.",
            next_step="Let the service's user write there, or name another file in audit.toml.",
            page="audit",
        )


def _other_findings(snapshot: Snapshot) -> Iterator[Finding]:
    covered = {row.instance for row in snapshot.databases if row.view.verdict.covered}
    for instance, problem in snapshot.problems.items():
        if instance not in covered:
            yield Finding(tone="plain", what=problem.message, next_step=problem.hint)
    warned = [row.view for row in snapshot.databases if row.view.warnings and row.view.verdict.covered]
    if len(warned) > MOST_WARNED:
        yield Finding(
            tone="plain",
            what=f"{formatting.counted(len(warned), 'database')} want a look: "
            f"{formatting.listed([database.name for database in warned])}.",
            next_step="The page Databases says what each wants.",
        )
    else:
        for view in warned:
            yield Finding(tone="plain", what=f"About {view.name}:", why=" ".join(view.warnings))
    yield from _loose(snapshot)


def _loose(snapshot: Snapshot) -> Iterator[Finding]:
    loose = [row for row in snapshot.databases if _is_loose(row)]
    if loose and snapshot.profiles:
        yield Finding(
            tone="plain",
            what=f"{formatting.counted(len(loose), 'database')} in no profile: "
            f"{formatting.listed([row.view.name for row in loose])}.",
            next_step="Add what matters to a profile.",
        )


def _is_loose(row: DatabaseRow) -> bool:
    return not row.view.verdict.covered
