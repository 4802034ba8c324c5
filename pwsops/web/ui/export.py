"""The runs that a page shows, as a file to take away."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, BinaryIO

from pwsops.operations.audit_log import AuditQuery
from pwsops.operations.history import HistoryQuery
from pwsops.operations.reports import ReportFormat, ReportQuery, RestoreQuery

if TYPE_CHECKING:
    from pwsops.operations import Operations

CHOICES = (
    (ReportFormat.CSV, "CSV", "A run a row, as text"),
    (ReportFormat.XLSX, "Excel", "A run a row, with formats"),
    (ReportFormat.PARQUET, "Parquet", "A run a row, exact and typed"),
    (ReportFormat.HTML, "HTML", "One page to read or send, with every run"),
    (ReportFormat.EVIDENCE, "Evidence", "For an auditor, to print; of all filters, the period and the profile count"),
)
"""Each form, its word, and what it is good for."""


RESTORES = "restores"
RESTORE_CHOICES = (
    (ReportFormat.CSV, "CSV", "A restore a row, as text"),
    (ReportFormat.XLSX, "Excel", "A restore a row, with formats"),
    (ReportFormat.PARQUET, "Parquet", "A restore a row, exact and typed"),
    (ReportFormat.HTML, "HTML", "One page to read or send, with every restore"),
)


def choices(*, evidence: bool) -> list[tuple[ReportFormat, str, str]]:
    """Return the forms, with evidence for those alone who may read the audit log."""
    return [choice for choice in CHOICES if evidence or choice[0] is not ReportFormat.EVIDENCE]


def written(ops: Operations, form: ReportFormat, query: HistoryQuery) -> BinaryIO:
    """Write all runs that fit a query, on whatever page, into a file that has no name; give it open."""
    asked = ReportQuery(
        since=query.since,
        until=query.until,
        profile=query.profile,
        status=query.status,
        trigger=query.trigger,
        text=query.text,
    )
    return ops.reports.export(form, asked)


def restores_written(ops: Operations, form: ReportFormat, query: RestoreQuery) -> BinaryIO:
    """Write all restores that fit into a file that has no name, and return it open."""
    return ops.reports.export_restores(form, query)


def audit_written(ops: Operations, query: AuditQuery) -> BinaryIO:
    """Write the entries of the audit log that fit into a file that has no name, and return it open."""
    return ops.reports.export_audit(query)


def what(form: ReportFormat) -> str:
    """Return what a form of the runs is called."""
    return "evidence" if form is ReportFormat.EVIDENCE else "history"


def file_name(what: str, form: ReportFormat, at: datetime, zone: tzinfo) -> str:
    """Name the file, by the day on which it was made."""
    return f"pwsops-{what}-{at.astimezone(zone):%Y-%m-%d}.{form.ending}"
