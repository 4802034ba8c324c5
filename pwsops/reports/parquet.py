"""Runs as Parquet: exact, typed, each column with its meaning."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO

import pyarrow as pa
from pyarrow import parquet

from pwsops.reports.pipelined import write_pipelined
from pwsops.reports.tables import Table


def write(file: BinaryIO, table: Table, batches: Iterable[pa.RecordBatch]) -> None:
    """Write a table as Parquet."""
    with parquet.ParquetWriter(file, table.schema(), compression="zstd") as writer:
        write_pipelined(batches, writer.write_batch)
