"""The runs that a page shows, as a file to take away."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, BinaryIO

from pwsops.operations.audit_log import AuditQuery
from pwsops.operations.history import HistoryQuery
from pwsops.operations.reports import ReportFormat, ReportQuery

if TYPE_CHECKING:
    from pwsops.operations import Operations

CHOICES = (
    (ReportFormat.CSV, "CSV", "A run a row, as text"),
    (ReportFormat.XLSX, "Excel", "A run a row, with formats"),
    (ReportFormat.PARQUET, "Parquet", "A run a row, exact and typed"),
    (ReportFormat.HTML, "HTML", "One page to read or send, with every run"),
    (ReportFormat.EVIDENCE, "Evidence", "For an auditor, to print; of all filters, only the profile counts"),
)
"""Each form, its word, and what it is good for."""


def choices(*, evidence: bool) -> list[tuple[ReportFormat, str, str]]:
    """Return the forms, with evidence for those alone who may read the audit log."""
    return [choice for choice in CHOICES if evidence or choice[0] is not ReportFormat.EVIDENCE]


def written(ops: Operations, form: ReportFormat, query: HistoryQuery) -> BinaryIO:
    """Write all runs that fit a query, on whatever page, into a file that has no name; give it open."""
    return ops.reports.export(
        form, ReportQuery(profile=query.profile, status=query.status, trigger=query.trigger, text=query.text)
    )


def audit_written(ops: Operations, query: AuditQuery) -> BinaryIO:
    """Write the entries of the audit log that fit into a file that has no name, and return it open."""
    return ops.reports.export_audit(query)


def file_name(form: ReportFormat, at: datetime, zone: tzinfo) -> str:
    """Name the file, by the day on which it was made."""
    what = "evidence" if form is ReportFormat.EVIDENCE else "history"
    return f"pwsops-{what}-{at.astimezone(zone):%Y-%m-%d}.{form.ending}"
