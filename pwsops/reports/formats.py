"""In which forms a report can be had."""

from __future__ import annotations

from enum import StrEnum


class ReportFormat(StrEnum):
    """The forms of a report; a file's ending is the form's name, evidence is HTML."""

    CSV = "csv"
    XLSX = "xlsx"
    PARQUET = "parquet"
    HTML = "html"
    EVIDENCE = "evidence"

    @property
    def ending(self) -> str:
        """The ending of its files."""
        return "html" if self is ReportFormat.EVIDENCE else self.value
