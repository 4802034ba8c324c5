"""Tables as pandas frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from pwsops.reports.tables import Table

_NULLABLE = {pa.int64(): pd.Int64Dtype()}


def frame(table: Table, chunks: Iterable[Sequence[Sequence[Any]]]) -> pd.DataFrame:
    """Return a frame with the table's columns and types, also where it has no rows."""
    whole = pa.Table.from_batches([table.batch(rows) for rows in chunks], schema=table.schema())
    given: pd.DataFrame = whole.to_pandas(types_mapper=_NULLABLE.get)
    return given
