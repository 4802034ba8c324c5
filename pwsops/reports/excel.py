"""Runs as an Excel workbook: formats, a frozen header, what failed in colour, and a sheet that explains the columns.

Texts are written as texts, whatever they begin with; nothing here ever becomes a formula. Excel has no time zones: its
times are UTC, and the sheet that explains the columns says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

from pwsops.reports.tables import Column, Kind, Table
from pwsops.rules.highlight import INKS, statuses

ROWS_A_SHEET = 1_048_576
"""Excel's own limit, the header included."""

_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}
_DAY_US = 86_400_000_000
_EPOCH_DAY = 25_569
"""1970 as Excel counts days."""
_WIDTHS = {Kind.INTEGER: 13, Kind.SECONDS: 11, Kind.INSTANT: 19, Kind.TEXT: 22, Kind.FLAG: 9}
_TONES = tuple((statuses(tone), {"bg_color": ink.ground, "font_color": ink.text}) for tone, ink in INKS.items())
_Cells = Iterator[Sequence[Any]]
_Write = Callable[[int, int, Any, Format | None], Any]


def write(
    file: BinaryIO, table: Table, batches: Iterable[pa.RecordBatch], about: Sequence[str], *, limit: int = ROWS_A_SHEET
) -> None:
    """Write a table as a workbook; what a sheet does not hold goes on in the next.

    Parameters
    ----------
    about
        Sentences that head the explanation of the columns.
    limit
        So many rows a sheet.
    """
    with xlsxwriter.Workbook(file, _OPTIONS) as book:
        book.use_zip64()
        sheets = _Sheets(book, table, limit)
        for batch in batches:
            for row in _rows(batch):
                sheets.add(row)
        sheets.finish()
        _explain(book, table, about)


class _Sheets:
    """The sheets of one table, one after the other."""

    def __init__(self, book: xlsxwriter.Workbook, table: Table, limit: int) -> None:
        self._book = book
        self._table = table
        self._limit = limit
        self._count = 0
        self._head = book.add_format({"bold": True, "bottom": 1, "bg_color": "#F3F5F7"})
        self._formats = {
            Kind.INTEGER: book.add_format({"num_format": "#,##0"}),
            Kind.SECONDS: book.add_format({"num_format": "#,##0.0"}),
            Kind.INSTANT: book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
        }
        self._tones = [(words, book.add_format(look)) for words, look in _TONES]
        self._begin()

    def add(self, row: Sequence[Any]) -> None:
        if self._next == self._limit:
            self.finish()
            self._begin()
        for write, at, form, value in zip(self._writes, self._places, self._forms, row, strict=True):
            if value is not None:
                write(self._next, at, value, form)
        self._next += 1

    def finish(self) -> None:
        """Colour what failed, by its status, and let the header filter."""
        last, right = max(1, self._next - 1), len(self._table.columns) - 1
        self._sheet.autofilter(0, 0, last, right)
        status = next((at for at, each in enumerate(self._table.columns) if each.name == "status"), None)
        if status is None:
            return
        cell = f"${xl_col_to_name(status)}2"
        for words, look in self._tones:
            asked = ",".join(f'{cell}="{word}"' for word in words)
            self._sheet.conditional_format(
                1, 0, last, right, {"type": "formula", "criteria": f"=OR({asked})", "format": look}
            )

    def _begin(self) -> None:
        self._count += 1
        name = self._table.name.capitalize()
        self._sheet: Worksheet = self._book.add_worksheet(name if self._count == 1 else f"{name} {self._count}")
        self._sheet.freeze_panes(1, 2)
        columns = self._table.columns
        for at, each in enumerate(columns):
            self._sheet.set_column(at, at, _width(each))
            self._sheet.write_string(0, at, each.name, self._head)
        texts, numbers = self._sheet.write_string, self._sheet.write_number
        writes = {Kind.TEXT: texts, Kind.FLAG: self._sheet.write_boolean}
        self._writes: list[_Write] = [writes.get(each.kind, numbers) for each in columns]
        self._forms = [None if each.name.endswith("_id") else self._formats.get(each.kind) for each in columns]
        self._places = range(len(columns))
        self._next = 1


def _width(column: Column) -> int:
    return {"run_id": 9, "summary": 70, "databases": 34}.get(column.name, _WIDTHS[column.kind])


def _rows(batch: pa.RecordBatch) -> _Cells:
    return zip(*map(_cells, batch.columns), strict=True)


def _cells(values: pa.Array) -> list[Any]:
    if not pa.types.is_timestamp(values.type):
        given: list[Any] = values.to_pylist()
        return given
    kept = values.cast(pa.int64())
    serials = kept.fill_null(0).to_numpy() / _DAY_US + _EPOCH_DAY
    return list(np.where(kept.is_null().to_numpy(zero_copy_only=False), None, serials))


def _explain(book: xlsxwriter.Workbook, table: Table, about: Sequence[str]) -> None:
    sheet = book.add_worksheet("Columns")
    sheet.set_column(0, 0, 22)
    sheet.set_column(1, 1, 100)
    bold = book.add_format({"bold": True})
    for at, sentence in enumerate(about):
        sheet.write_string(at, 0, sentence)
    for at, each in enumerate(table.columns, len(about) + 1):
        sheet.write_string(at, 0, each.name, bold)
        sheet.write_string(at, 1, each.meaning)
