"""Reports: the history as tidy pandas frames, and as files to hand over.

What the columns of each frame mean, and their types, is in `docs/reports.md`; `pwsops.reports.tables` has the same.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO
from zoneinfo import ZoneInfo

from pwsops.catalogue import reporting
from pwsops.catalogue.history import Filter, Selection
from pwsops.catalogue.restores import RestoreFilter as RestoreQuery
from pwsops.errors import InvalidInput, PwsopsError
from pwsops.operations.access import Context
from pwsops.operations.audit_log import AuditQuery
from pwsops.operations.audit_verification import verified_for
from pwsops.operations.databases import Databases
from pwsops.operations.lookup import find_profile
from pwsops.operations.periods import check_period, local_zone
from pwsops.operations.restores import EVERY_RESTORE
from pwsops.operations.rights import needs
from pwsops.reports.formats import ReportFormat
from pwsops.rules.model import RunStatus, Trigger
from pwsops.rules.periods import Period, PeriodName, named
from pwsops.rules.protection import Verdict
from pwsops.rules.rights import Right
from pwsops.rules.validity import ZONE_HINT, is_zone

if TYPE_CHECKING:
    import pandas as pd

    from pwsops.reports.tables import Table

__all__ = ["Period", "PeriodName", "ReportFormat", "ReportQuery", "Reports", "RestoreQuery"]


@dataclass(frozen=True, kw_only=True)
class ReportQuery:
    """What a report is about.

    Parameters
    ----------
    since, until
        The period: runs that were due or missed, and notes that were made, from the first instant on and before the
        second. Aware; None: from the first run on, until now. `Reports.period` gives both by a name.
    profile
        Only this one's; a deleted profile is found by its name.
    status, trigger, text
        Only these runs, as in `HistoryQuery`. What is told of databases and sets, and evidence, leaves these three
        aside: part of the runs would give a wrong picture.
    """

    since: datetime | None = None
    until: datetime | None = None
    profile: str | None = None
    status: RunStatus | None = None
    trigger: Trigger | None = None
    text: str = ""


EVERYTHING = ReportQuery()

Rows = Iterable[Sequence[Any]]


class Reports:
    """Frames of the history, and files of it. A person who may look at the history may have them."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @needs(Right.EXPORT, "make a report")
    def runs(self, query: ReportQuery = EVERYTHING) -> pd.DataFrame:
        """Return the runs, one a row, oldest first."""
        from pwsops.reports.tables import RUNS

        return self._frame(RUNS, query, reporting.run_rows)

    @needs(Right.EXPORT, "make a report")
    def items(self, query: ReportQuery = EVERYTHING) -> pd.DataFrame:
        """Return the databases of the runs, one a row, with what went wrong and what to do about it."""
        from pwsops.reports.tables import ITEMS

        return self._frame(ITEMS, query, reporting.item_rows)

    @needs(Right.EXPORT, "make a report")
    def messages(self, query: ReportQuery = EVERYTHING) -> pd.DataFrame:
        """Return everything that was said during the runs, one message a row."""
        from pwsops.reports.tables import MESSAGES

        return self._frame(MESSAGES, query, reporting.message_rows)

    @needs(Right.EXPORT, "make a report")
    def sets(self, query: ReportQuery = EVERYTHING) -> pd.DataFrame:
        """Return the backup sets that were finished in the period, one a row, oldest first."""
        from pwsops.reports.tables import SETS

        return self._frame(SETS, query, reporting.set_rows)

    @needs(Right.EXPORT, "make a report")
    def restores(self, query: RestoreQuery = EVERY_RESTORE) -> pd.DataFrame:
        """Return the restores that fit, one a row, oldest first."""
        from pwsops.reports.frames import frame
        from pwsops.reports.tables import RESTORES

        check_period("restores", query.since, query.until)
        with self._context.read() as connection:
            made = frame(RESTORES, reporting.restore_rows(connection, query))
        self._note_frame(RESTORES, EVERYTHING)
        return made

    @needs(Right.LOOK, "see the history")
    def period(self, name: PeriodName | str, timezone: str = "") -> Period:
        """Return what a period's name means now, as whole days of a zone; without one, of this machine's.

        Raises `InvalidInput` for a name or a zone that there is not.
        """
        if name not in set(PeriodName):
            raise InvalidInput(f"There is no period {str(name)!r}.", hint=f"There are: {', '.join(PeriodName)}.")
        zone = timezone or local_zone()
        if not is_zone(zone):
            raise InvalidInput(f"There is no time zone {zone!r}.", hint=ZONE_HINT)
        return named(PeriodName(name), self._context.core.clock.now(), ZoneInfo(zone))

    @needs(Right.EVIDENCE, "read the audit log")
    def audit_log(self, query: ReportQuery = EVERYTHING) -> pd.DataFrame:
        """Return the audit log of the period, one entry a row, oldest first."""
        from pwsops.reports.tables import AUDIT_LOG

        return self._frame(AUDIT_LOG, query, reporting.audit_rows)

    @needs(Right.EXPORT, "make a report")
    def databases(self, query: ReportQuery = EVERYTHING) -> pd.DataFrame:
        """Return the databases, one a row: how their backups ended, and what would have been lost.

        As the catalogue knows it: no server is asked, and whether the files are still there is not looked at.
        """
        from pwsops.reports import coverage, tables

        return self._covered(tables.DATABASES, query, coverage.database_rows)

    @needs(Right.EXPORT, "make a report")
    def exposure(self, query: ReportQuery = EVERYTHING) -> pd.DataFrame:
        """Return what would have been lost over time: a row for each time in which the newest backup stayed the same.

        Within a stretch it grows from `least_s` to `most_s`, a second a second.
        """
        from pwsops.reports import coverage, tables

        return self._covered(tables.EXPOSURE, query, coverage.exposure_rows)

    @needs(Right.HOST, "write a report into a file of the server")
    def write(self, form: ReportFormat, path: Path, query: ReportQuery = EVERYTHING, *, replace: bool = False) -> int:
        """Write a report into a file, and give the number of runs in it. A million take no more memory than a few.

        Parameters
        ----------
        form
            CSV, XLSX and Parquet have the columns of `runs`; HTML is for people, evidence for an auditor.
        path
            The file; it is there when it is whole, or not at all.
        replace
            Whether a file of that name may be replaced; otherwise `Conflict` is raised.
        """
        from pwsops.reports.new_file import new_file

        with self._report(form, query) as (selection, verdicts), new_file(path, replace=replace) as file:
            self._write(form, file, selection, verdicts)
            # Nothing is taken away that leaves no entry: the file gets its name after this.
            self._note(form, query, str(path))
            return selection.count()

    @needs(Right.EXPORT, "export a report")
    def export(self, form: ReportFormat, query: ReportQuery = EVERYTHING) -> BinaryIO:
        """Return a report, as `write` makes it, in a file without a name: to be read, from its beginning, and closed.

        Evidence is for those who may read the audit log.
        """
        if form is ReportFormat.EVIDENCE:
            self._context.allow(Right.EVIDENCE, "export evidence")
        with _unnamed() as file, self._report(form, query) as (selection, verdicts):
            self._write(form, file, selection, verdicts)
            file.seek(0)
            self._note(form, query, "for a browser")
            return file

    @needs(Right.EXPORT, "export a report")
    def export_restores(self, form: ReportFormat, query: RestoreQuery = EVERY_RESTORE) -> BinaryIO:
        """Return the restores that fit, oldest first, in a file without a name, as `export` does.

        CSV, XLSX and Parquet have the columns of `restores`, HTML is for people.
        """
        from pwsops.reports import document

        check_period("restores", query.since, query.until)
        if form is ReportFormat.EVIDENCE:
            raise InvalidInput(
                "There is no evidence of restores alone.", hint="Take them as HTML, or take evidence of the history."
            )
        now, actor = self._context.core.clock.now(), self._context.actor
        with _unnamed() as file, self._context.read() as connection:
            document.write_restores(form, file, connection, query, now=now, actor=actor, home=self._home())
            file.seek(0)
            detail = f"{form.value}, for a browser"
            self._context.core.events.record(actor, "export restores", "restores", detail)
            return file

    @contextmanager
    def _report(self, form: ReportFormat, query: ReportQuery) -> Iterator[tuple[Selection, Sequence[Verdict]]]:
        is_evidence = form is ReportFormat.EVIDENCE
        verdicts = Databases(self._context).verdicts() if is_evidence else ()
        with self._selected(_whole(query) if is_evidence else query) as selection:
            yield selection, verdicts

    def _note(self, form: ReportFormat, query: ReportQuery, where: str) -> None:
        with self._context.core.catalogue.write() as connection:
            what = "evidence" if form is ReportFormat.EVIDENCE else "history"
            self._context.note(connection, f"export {what}", query.profile or what, f"{form.value}, {where}")

    @needs(Right.EVIDENCE, "export the audit log")
    def export_audit(self, query: AuditQuery | None = None) -> BinaryIO:
        """Return the entries of the audit log that fit, oldest first, as CSV in a file without a name."""
        from pwsops.reports import csv
        from pwsops.reports.tables import AUDIT_LOG

        core = self._context.core
        with _unnamed() as file, self._context.read() as connection:
            csv.write(file, AUDIT_LOG, map(AUDIT_LOG.batch, reporting.audit_entries(connection, query or AuditQuery())))
            file.seek(0)
            core.events.record(self._context.actor, "export audit log", "audit log", "csv, for a browser")
            return file

    def _write(self, form: ReportFormat, file: BinaryIO, selection: Selection, verdicts: Sequence[Verdict]) -> None:
        from pwsops.reports import document

        now, actor = self._context.core.clock.now(), self._context.actor
        verification = verified_for(self._context) if form is ReportFormat.EVIDENCE else None
        document.write(
            form,
            file,
            selection,
            now=now,
            actor=actor,
            home=self._home(),
            opens=self._context.core.vault.opens,
            verdicts=verdicts,
            verification=verification,
        )

    def _home(self) -> Path | None:
        return self._context.core.home if self._context.principal.sees_home else None

    def _frame(self, table: Table, query: ReportQuery, read: Callable[[Selection], Iterable[Any]]) -> pd.DataFrame:
        from pwsops.reports.frames import frame

        with self._selected(query) as selection:
            made = frame(table, read(selection))
        self._note_frame(table, query)
        return made

    def _note_frame(self, table: Table, query: ReportQuery) -> None:
        """Write down that somebody takes a frame away; a notebook that takes many of one kind is written as such."""
        what = table.name if table.name in ("audit log", "restores") else "history"
        core, actor = self._context.core, self._context.actor
        core.events.record_repeated(actor, f"export {what}", query.profile or what, f"{table.name}, as a frame")

    def _covered(self, table: Table, query: ReportQuery, rows: Callable[[Any], Rows]) -> pd.DataFrame:
        from pwsops.reports.coverage import covered
        from pwsops.reports.document import period
        from pwsops.reports.frames import frame

        with self._selected(_whole(query)) as selection:
            core = self._context.core
            found = covered(selection, *period(selection, core.clock.now()), opens=core.vault.opens)
            made = frame(table, [list(rows(found))])
        self._note_frame(table, query)
        return made

    @contextmanager
    def _selected(self, query: ReportQuery) -> Iterator[Selection]:
        filter_ = _filter(query)
        with self._context.read() as connection:
            selection = Selection(connection, filter_)
            if filter_.profile is not None and not reporting.has_runs(connection, filter_.profile):
                find_profile(connection, filter_.profile)
            yield selection


@contextmanager
def _unnamed() -> Iterator[BinaryIO]:
    """Open a file without a name to be written; it is closed where that fails, and otherwise by whoever is given it."""
    try:
        with ExitStack() as undone:
            yield undone.enter_context(TemporaryFile(prefix="pwsops-export-"))
            undone.pop_all()
    except OSError as error:
        raise PwsopsError(
            f"The report cannot be made: {error.strerror or error}.",
            hint="Make room in the temporary directory of the server, and try again.",
        ) from None


def _whole(query: ReportQuery) -> ReportQuery:
    return dataclasses.replace(query, status=None, trigger=None, text="")


def _filter(query: ReportQuery) -> Filter:
    check_period("a report", query.since, query.until)
    values = {field.name: getattr(query, field.name) for field in dataclasses.fields(query)}
    return Filter(**(values | {"text": query.text.strip()}))
