"""The evidence for an auditor: what is claimed, and what it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pwsops.catalogue import drills, reporting
from pwsops.catalogue.drills import DrillRow
from pwsops.catalogue.history import Selection
from pwsops.catalogue.keys import Opens
from pwsops.catalogue.reporting import Failure
from pwsops.reports.coverage import Covered, covered
from pwsops.reports.figures import Figures, figures
from pwsops.rules.audit import Verification
from pwsops.rules.drills import Outcome, told
from pwsops.rules.model import RunStatus
from pwsops.rules.protection import Protection, Verdict

_CURES = {
    RunStatus.MISSED: "Keep the backup service running; what is missed is caught up once when it starts again.",
    RunStatus.SKIPPED: "Choose a longer interval, or fewer databases for this profile.",
}
MOST_FAILURES = 500
MOST_CHANGES = 2_000
MOST_DRILLS = 500
"""More is not printed; the page says how much it left out."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One period, as it stands in the catalogue.

    Parameters
    ----------
    failures, failure_count
        What was missed and skipped, and the newest of the backups that failed, of which there are so many.
    changes, change_count
        The newest entries of the audit log in the period, of which there are so many.
    drills, drill_count
        The newest drills that were begun in the period, of which there are so many: backups that were restored into a
        scratch and looked into. What a database holds is not told.
    verdicts, now
        Whether each database that a profile names is protected, the worst first, and the instant that this holds for.
    verification
        What a verification of the audit log found a moment before.
    """

    since: datetime
    until: datetime
    profile: str | None
    figures: Figures
    databases: Sequence[Covered]
    failures: Sequence[Failure]
    failure_count: int
    changes: Sequence[Any]
    change_count: int
    drills: Sequence[DrillRow]
    drill_count: int
    verification: Verification
    verdicts: Sequence[Verdict]
    now: datetime

    @property
    def unsafe(self) -> Sequence[Verdict]:
        """The databases that are not protected now."""
        return [verdict for verdict in self.verdicts if verdict.protection is not Protection.PROTECTED]

    @property
    def failures_left_out(self) -> int:
        """So many kinds of failure are not among `failures`."""
        return max(0, self.failure_count - MOST_FAILURES)

    @property
    def changes_left_out(self) -> int:
        """So many entries of the period are not among `changes`."""
        return self.change_count - len(self.changes)

    @property
    def drills_left_out(self) -> int:
        """So many drills of the period are not among `drills`."""
        return self.drill_count - len(self.drills)

    @property
    def proven_drills(self) -> int:
        """How many of `drills` proved a backup."""
        return sum(drill.outcome is Outcome.PROVEN for drill in self.drills)

    @property
    def worst(self) -> Covered | None:
        """The database of which most would have been lost while there was a backup of it."""
        known = [database for database in self.databases if database.worst.exposure_s is not None]
        return max(known, key=lambda database: database.worst.exposure_s or 0.0, default=None)

    @property
    def unprotected(self) -> Sequence[Covered]:
        """The databases of which there was nothing to restore for some of the period."""
        return [database for database in self.databases if database.worst.unprotected_s > 0]


def gather(
    selection: Selection,
    since: datetime,
    until: datetime,
    *,
    verdicts: Sequence[Verdict],
    verification: Verification,
    now: datetime,
    opens: Opens,
) -> Evidence:
    """Return the evidence of a period; `opens` tells of the keys in the store."""
    failure_count, failures = reporting.failures(selection, MOST_FAILURES)
    change_count, changes = reporting.latest_notes(selection, MOST_CHANGES)
    databases = covered(selection, since, until, opens=opens)
    # Of one profile: only its databases.
    named = {(database.instance, database.database) for database in databases if database.profiles}
    drilled = drills.of_period(selection.connection, selection.filter.since, until)
    if selection.filter.profile is not None:
        drilled = [drill for drill in drilled if (drill.instance, drill.database) in named]
    return Evidence(
        since=since,
        until=until,
        profile=selection.filter.profile,
        figures=figures(selection),
        databases=databases,
        failures=[*_never_begun(selection), *failures],
        failure_count=failure_count,
        changes=changes,
        change_count=change_count,
        drills=[replace(drill, why=told(drill.cause, drill.why)) for drill in drilled[:MOST_DRILLS]],
        drill_count=len(drilled),
        verification=verification,
        verdicts=[verdict for verdict in verdicts if verdict.covered and (verdict.instance, verdict.database) in named],
        now=now,
    )


def _never_begun(selection: Selection) -> list[Failure]:
    return [
        failure._replace(hint=cure)
        for status, cure in _CURES.items()
        for failure in reporting.never_begun(selection, status)
    ]
