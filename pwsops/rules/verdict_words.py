"""What a verdict says to people: one sentence for each cause, and the next step. The same words on every face. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from pwsops.messages import single_stops
from pwsops.rules import formatting
from pwsops.rules.protection import Cause, Finding, Protection, Verdict

When = Callable[[datetime], str]
"""Says an instant as the face at hand does."""

_WHY: Mapping[Cause, str] = {
    Cause.NEVER_BACKED_UP: "It has no backup.",
    Cause.FILES_GONE: "The file of its newest backup is gone: {what}.",
    Cause.STRIPE_MISSING: "A part of its newest backup is gone: {what}.",
    Cause.OTHER_SET: "The file of its newest backup holds another backup: {what}.",
    Cause.FILE_DAMAGED: "The file of its newest backup is damaged: {what}.",
    Cause.DISPROVEN: "Its newest backup ({subject}) failed its verification: {detail}",
    Cause.SET_DAMAGED: "The server marked its newest backup ({subject}) as taken of a damaged database.",
    Cause.FAILED_ITEM: "Its newest backup ({subject}) is of a run that failed.",
    Cause.BASE_MISSING: "The full that the incremental {subject} needs cannot be used: {detail}",
    Cause.KEY_MISSING: "Its newest backup ({subject}) is encrypted, and the private key is not at hand: {detail}.",
    Cause.NO_PROFILE: "No profile backs it up.",
    Cause.PROFILE_BROKEN: "The profile {subject} cannot be read: {detail}",
    Cause.PROFILE_INACTIVE: "The profile {subject} is inactive.",
    Cause.PROFILE_ENDED: "The profile {subject} is past its last day: it has no run to come.",
    Cause.PROFILE_TRIPPED: "The profile {subject} was switched off after five failed runs in a row{since}. {detail}",
    Cause.SERVICE_STOPPED: "The backup service is stopped: nothing runs by schedule.",
    Cause.RUN_FAILED: "The last run of {subject}{at} failed: {detail}",
    Cause.RUN_MISSED: "The last run of {subject}{at} was missed.",
    Cause.NOT_BEGUN: "The schedule of {subject} has yet to begin ({then}); its newest backup will be too old.",
    Cause.OVERDUE: "A backup by {subject} has been overdue{since}.",
    Cause.CLOCK_IN_DOUBT: "Its newest backup ({subject}) is dated after now ({then}): a clock was, or is, wrong.",
    Cause.DATABASE_GONE: "The database is gone from its instance.",
    Cause.DATABASE_OFFLINE: "The database cannot be backed up: {detail}.",
    Cause.DATABASE_UNREADABLE: "The database cannot be read: {detail}.",
    Cause.DATABASE_REFUSES: "As it is, the database takes no backup: {detail}.",
    Cause.DATABASE_DAMAGED: "A backup found the database damaged{since}. {detail}",
    Cause.ACCESS_OWED: "A restore changed who may use the database{since}, and has not changed it back: {detail}",
    Cause.RECORD_UNREADABLE: "What the catalogue keeps of its backup {subject} cannot be read: {detail}",
    Cause.NOT_PROVEN: "Its newest backup ({subject}) was never verified.",
    Cause.KEY_NOT_LOOKED_AT: "Its newest backup ({subject}) needs the certificate {detail}, which only its server has; "
    "that it still has it was last seen{at}.",
    Cause.NOT_LOOKED_AT: "Nobody has looked at its backups{since}.",
    Cause.PLACE_UNKNOWN: "Its newest backup could not be looked at: {what}. Not checked{since}.",
    Cause.ELSEWHERE: "Its newest backup lies elsewhere ({what}), where it cannot be checked from here.",
    Cause.FOREIGN_BASE: "Its newest incremental rests on a full that another tool took ({subject}).",
    Cause.DATABASE_UNSEEN: "Whether the database is still there could not be asked: {detail}",
    Cause.INSTANCE_UNREACHED: "{subject} could not be reached. Not checked{since}. {detail}",
}
_START_AGAIN = "Take a backup now: Start now, on the Profiles page, or `pwsops run NAME`."
_SEE_RUN = "See the run for the cause; it is tried again by schedule, or start it now."
_LOOK_FOR_FILE = "Put the file back where it was, or take a full backup now."
_NEW_FULL = "Take a full backup now, and find out what became of the file."
_READ_FILE = "Read the file itself with `pwsops media FILE --instance INSTANCE`; then take a full backup now."
_LOOKS = "Start the backup service, which looks every few minutes; or list the databases, which looks at once."
_NEXT: Mapping[Cause, str] = {
    Cause.NEVER_BACKED_UP: _START_AGAIN,
    Cause.FILES_GONE: _LOOK_FOR_FILE,
    Cause.STRIPE_MISSING: _LOOK_FOR_FILE,
    Cause.OTHER_SET: _NEW_FULL,
    Cause.FILE_DAMAGED: _NEW_FULL,
    Cause.DISPROVEN: _NEW_FULL,
    Cause.SET_DAMAGED: "Repair the database or restore an older backup; then take a full backup.",
    Cause.FAILED_ITEM: _SEE_RUN,
    Cause.BASE_MISSING: _NEW_FULL,
    Cause.KEY_MISSING: "Import the certificate with its private key, on the page Certificates; or put the key of this "
    "home back, where it was lost or changed (`pwsops doctor` tells).",
    Cause.NO_PROFILE: "Add it to a profile.",
    Cause.PROFILE_BROKEN: "Open the profile and save it anew; `pwsops doctor` names what is wrong with it.",
    Cause.PROFILE_INACTIVE: "Activate the profile, or add the database to another one.",
    Cause.PROFILE_ENDED: "Give the profile a later last day, or none.",
    Cause.PROFILE_TRIPPED: "Fix the profile: nothing of it runs until somebody has amended what made it fail.",
    Cause.SERVICE_STOPPED: "Start it with the button at the top of the page, or `pwsops service run`.",
    Cause.RUN_FAILED: _SEE_RUN,
    Cause.RUN_MISSED: "Keep the backup service running; start the profile now to make up for it.",
    Cause.NOT_BEGUN: "Let the schedule begin earlier; until it does, start the profile by hand.",
    Cause.OVERDUE: "See the history for what keeps the runs; or start the profile now.",
    Cause.CLOCK_IN_DOUBT: "Set the clock of this machine and of the server right; then take a full backup.",
    Cause.DATABASE_GONE: "Restore it, or take it out of its profiles.",
    Cause.DATABASE_OFFLINE: "Bring it online on its server.",
    Cause.DATABASE_UNREADABLE: "Repair it, or restore its newest backup.",
    Cause.DATABASE_REFUSES: "Restore a file that has lost what it held; of a secondary copy, back up the primary.",
    Cause.DATABASE_DAMAGED: "Restore a backup from before, or repair it; then take a full that checks the structure.",
    Cause.ACCESS_OWED: "The backup service gives it back, and goes on trying; look at the server if this stays.",
    Cause.RECORD_UNREADABLE: _READ_FILE,
    Cause.NOT_PROVEN: f"{_START_AGAIN} It is verified as it is written.",
    Cause.KEY_NOT_LOOKED_AT: "Let the login of the instance see the certificates (GRANT VIEW ANY DEFINITION), and have "
    "them saved with the backups; then list the databases, which looks.",
    Cause.NOT_LOOKED_AT: _LOOKS,
    Cause.PLACE_UNKNOWN: "Look whether its directory is mounted, and may be read by the login that looks.",
    Cause.ELSEWHERE: "Take a backup with a profile, to a directory that the server can read.",
    Cause.FOREIGN_BASE: "Take a full backup now.",
    Cause.DATABASE_UNSEEN: "Let the login of the instance see the database; then list the databases.",
    Cause.INSTANCE_UNREACHED: "Look whether its server is up and can be reached from here.",
}


def why(finding: Finding, when: When) -> str:
    """Return the sentence that says what is wrong."""
    since = "" if finding.since is None else when(finding.since)
    sentence = _WHY[finding.cause].format(
        subject=finding.subject,
        detail=_sentence(finding.detail),
        what=_about(finding),
        since=f" since {since}" if since else "",
        at=f" ({since})" if since else "",
        then="" if finding.at is None else when(finding.at),
    )
    return single_stops(sentence).rstrip()


def next_step(finding: Finding) -> str:
    """Return what to do about it."""
    return _NEXT[finding.cause]


def reasons(verdict: Verdict, when: When) -> str:
    """Return why a database is not protected, worst first, in one paragraph; empty where it is."""
    return " ".join(why(each, when) for each in verdict.findings)


def explanation(verdict: Verdict, when: When) -> str:
    """Return why a database is not protected; where it is, what is to be known all the same; in one paragraph."""
    return reasons(verdict, when) or " ".join(notes(verdict, when))


def notes(verdict: Verdict, when: When) -> Sequence[str]:
    """Return what is to be known of a database that is protected: of its newer backups, and of its other profiles."""
    return [*newer(verdict, when), *(why(each, when) for each in verdict.beside)]


def newer(verdict: Verdict, when: When) -> Sequence[str]:
    """Return what is wrong with newer backups than the one that protects a database, a sentence for each cause."""
    causes = dict.fromkeys(each.cause for each in verdict.notes)
    return [_note([each for each in verdict.notes if each.cause is cause], when) for cause in causes]


def _note(found: Sequence[Finding], when: When) -> str:
    cause = found[0].cause
    are = "are" if len(found) > 1 else "is"
    how = f"{are} gone" if cause is Cause.FILES_GONE else f"cannot be relied on ({cause.value})"
    since = min((each.since for each in found if each.since is not None), default=None)
    what = "Newer backups" if len(found) > 1 else "A newer backup"
    text = f"{what} {how}: {formatting.listed([each.subject for each in found])}"
    return f"{text}, since {when(since)}." if since is not None else f"{text}."


def step(verdict: Verdict) -> str:
    """Return what to do first; empty where all is well."""
    first = next(iter((*verdict.findings, *verdict.notes, *verdict.beside)), None)
    return "" if first is None else next_step(first)


def backed_up(verdict: Verdict, now: datetime, when: When) -> str:
    """Return when a database was backed up, as the end of a sentence about it.

    Where its files could not be checked, it says since when: what is not known to be there was there once.
    """
    if verdict.point is None and verdict.unreadable:
        return "has a backup of which the record cannot be read"
    if verdict.point is None:
        return "has no backup" if _never(verdict) else "has no backup that can be restored"
    text = f"was backed up {ago(now - verdict.point.data_at)}"
    if verdict.protection is Protection.NOT_CHECKED and verdict.since is not None:
        text += f"; not checked since {when(verdict.since)}"
    return text


def logs(until: datetime | None, when: When) -> str:
    """Return the sentence that what would be lost rests on log backups; empty where it does not."""
    if until is None:
        return ""
    return f"Another tool's log backups count up to {when(until)}; their files were not looked for."


def ago(age: timedelta) -> str:
    """Return an age in its largest unit, rounded up, so that it is never too little."""
    seconds = age.total_seconds()
    for unit_s, above_s, unit in ((86400, 2 * 86400, "day"), (3600, 2 * 3600, "hour"), (60, 60, "minute")):
        if seconds >= above_s:
            count = -int(-seconds // unit_s)
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "less than a minute ago"


def utc(instant: datetime) -> str:
    """Return an instant for a reader whose zone is not known."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M UTC}"


def _never(verdict: Verdict) -> bool:
    return any(each.cause is Cause.NEVER_BACKED_UP for each in verdict.findings)


def _about(finding: Finding) -> str:
    """Return what a look found, with the path, which a reason may name already."""
    if not finding.detail:
        return finding.subject
    return finding.detail if finding.subject in finding.detail else f"{finding.subject}: {finding.detail}"


def _sentence(detail: str) -> str:
    return f"{detail.rstrip('.')}." if detail else ""
