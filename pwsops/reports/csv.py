"""Runs as CSV: UTF-8, commas, a header in row 1, instants in UTC."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO

import pyarrow as pa
from pyarrow import csv

from pwsops.reports.pipelined import write_pipelined
from pwsops.reports.plain_text import harmless
from pwsops.reports.tables import Table

_ROWS_A_WRITE = 20_000
"""Each write waits for Python, which is busy with reading the next rows: few large ones wait less."""


def write(file: BinaryIO, table: Table, batches: Iterable[pa.RecordBatch]) -> None:
    """Write a table as CSV."""
    options = csv.WriteOptions(batch_size=_ROWS_A_WRITE)
    with csv.CSVWriter(file, table.schema(), write_options=options) as writer:
        write_pipelined(batches, lambda batch: writer.write_batch(harmless(batch)))
