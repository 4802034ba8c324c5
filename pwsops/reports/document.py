"""One report, from the catalogue into a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from pwsops import __version__
from pwsops.catalogue import Connection, reporting
from pwsops.catalogue.history import Selection
from pwsops.catalogue.keys import Opens
from pwsops.catalogue.restores import RestoreFilter
from pwsops.reports.formats import ReportFormat
from pwsops.reports.tables import RESTORES, RUNS
from pwsops.rules.audit import Verification
from pwsops.rules.protection import Verdict

_READS_A_BATCH = 10


def write(
    form: ReportFormat,
    file: BinaryIO,
    selection: Selection,
    *,
    now: datetime,
    actor: str,
    home: Path | None,
    opens: Opens,
    verdicts: Sequence[Verdict] = (),
    verification: Verification | None = None,
) -> None:
    """Write a report in its form.

    `opens` tells of the keys in the store. Evidence has the verdicts on the databases as of now, and what a
    verification of the audit log found.
    """
    since, until = period(selection, now)
    about = [*_filter_lines(selection, since, until), _made(now, actor, home)]
    match form:
        case ReportFormat.CSV:
            from pwsops.reports import csv

            csv.write(file, RUNS, run_batches(selection))
        case ReportFormat.PARQUET:
            from pwsops.reports import parquet

            parquet.write(file, RUNS, run_batches(selection))
        case ReportFormat.XLSX:
            from pwsops.reports import excel

            excel.write(file, RUNS, run_batches(selection), [*about, "Times are UTC."])
        case ReportFormat.HTML:
            from pwsops.reports import html
            from pwsops.reports.figures import figures

            batches = run_batches(selection)
            html.write_runs(file, batches, title="Backup history", about=about, figures=figures(selection))
        case ReportFormat.EVIDENCE:
            from pwsops.reports import html
            from pwsops.reports.evidence import gather

            assert verification is not None
            found = gather(selection, since, until, verdicts=verdicts, verification=verification, now=now, opens=opens)
            html.write_evidence(file, found, title="Evidence of backups", about=about)


def write_restores(
    form: ReportFormat,
    file: BinaryIO,
    connection: Connection,
    query: RestoreFilter,
    *,
    now: datetime,
    actor: str,
    home: Path | None,
) -> None:
    """Write the restores that fit as a report; there is no evidence of them alone."""
    about = [_restore_filter_text(query, now), _made(now, actor, home)]
    batches = map(RESTORES.batch, reporting.restore_rows(connection, query))
    match form:
        case ReportFormat.CSV:
            from pwsops.reports import csv

            csv.write(file, RESTORES, batches)
        case ReportFormat.PARQUET:
            from pwsops.reports import parquet

            parquet.write(file, RESTORES, batches)
        case ReportFormat.XLSX:
            from pwsops.reports import excel

            excel.write(file, RESTORES, batches, [*about, "Times are UTC."])
        case ReportFormat.HTML:
            from pwsops.reports import html

            html.write_restores(file, batches, title="Restores", about=about)


def run_batches(selection: Selection) -> Iterator[pa.RecordBatch]:
    """Return the runs, so many at a time: few large batches are written sooner than many small ones."""
    read = map(RUNS.batch, reporting.run_rows(selection))
    while several := list(islice(read, _READS_A_BATCH)):
        yield pa.concat_batches(several)


def period(selection: Selection, now: datetime) -> tuple[datetime, datetime]:
    """Return the period that a report covers: what was asked for, or from the first run on, until now at most."""
    query = selection.filter
    until = min(query.until or now, now)
    if query.since is not None:
        return query.since, until
    first = reporting.first_due(selection)
    return min(first or until, until), until


def _filter_lines(selection: Selection, since: datetime, until: datetime) -> Iterator[str]:
    query = selection.filter
    yield f"Runs due from {_instant_text(since)} to {_instant_text(until)}, that instant left out."
    chosen = {
        "profile": query.profile,
        "state": query.status and query.status.value,
        "started": query.trigger and query.trigger.value.replace("_", " "),
        "text": query.text or None,
    }
    if only := ", ".join(f"{name} {value}" for name, value in chosen.items() if value is not None):
        yield f"Only: {only}."


def _restore_filter_text(query: RestoreFilter, now: datetime) -> str:
    since = f" from {_instant_text(query.since)}" if query.since is not None else ""
    chosen = {"state": query.status and query.status.value, "text": query.text or None}
    only = ", ".join(f"{name} {value}" for name, value in chosen.items() if value is not None)
    period = f"Restores started{since} until {_instant_text(min(query.until or now, now))}, that instant left out."
    return f"{period} Only: {only}." if only else period


def _made(now: datetime, actor: str, home: Path | None) -> str:
    where = f", from the catalogue in {home}" if home else ""
    return f"Made on {_instant_text(now)} by {actor} with pwsops {__version__}{where}."


def _instant_text(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
