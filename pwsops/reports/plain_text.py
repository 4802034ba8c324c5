"""Text that no spreadsheet takes for a formula."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

MARK = "'"
"""Put before what would be dangerous. It goes before itself too, so that one mark taken away gives the text again."""

_DANGEROUS = "^['=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"


def harmless(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Put the mark before each text that begins with what begins a formula, in some program or other."""
    return pa.RecordBatch.from_arrays([_column(each) for each in batch.columns], schema=batch.schema)


def _column(values: pa.Array) -> pa.Array:
    if not pa.types.is_string(values.type):
        return values
    dangerous = pc.match_substring_regex(values, _DANGEROUS)
    if not pc.any(dangerous).as_py():
        return values
    return pc.if_else(dangerous, pc.binary_join_element_wise(MARK, values, ""), values)
