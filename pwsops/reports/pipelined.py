"""Write while the next rows are read: reading is Python's work, and writing a batch is done without it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa


def write_pipelined(batches: Iterable[pa.RecordBatch], write: Callable[[pa.RecordBatch], None]) -> None:
    """Write each batch, in order, while the one after it is read; never more than these two are held."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="pwsops-report") as pool:
        written = pool.submit(lambda: None)
        for batch in batches:
            written.result()
            written = pool.submit(write, batch)
        written.result()
