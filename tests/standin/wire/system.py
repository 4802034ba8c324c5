"""Procedures of the system that drivers call for their own needs, whatever the server behind it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tests.standin.events import Column, Columns, ColumnType, Done, Event, Row, Value
from tests.standin.wire.parameters import Parameter

_TEXT, _SMALL, _INT = ColumnType.NVARCHAR, ColumnType.SMALLINT, ColumnType.INT
_TINY, _BIT = ColumnType.TINYINT, ColumnType.BIT

TYPE_COLUMNS = {
    "TYPE_NAME": _TEXT, "DATA_TYPE": _SMALL, "PRECISION": _INT, "LITERAL_PREFIX": _TEXT, "LITERAL_SUFFIX": _TEXT,
    "CREATE_PARAMS": _TEXT, "NULLABLE": _SMALL, "CASE_SENSITIVE": _SMALL, "SEARCHABLE": _SMALL,
    "UNSIGNED_ATTRIBUTE": _SMALL, "MONEY": _SMALL, "AUTO_INCREMENT": _SMALL, "LOCAL_TYPE_NAME": _TEXT,
    "MINIMUM_SCALE": _SMALL, "MAXIMUM_SCALE": _SMALL, "SQL_DATA_TYPE": _SMALL, "SQL_DATETIME_SUB": _SMALL,
    "NUM_PREC_RADIX": _INT, "INTERVAL_PRECISION": _SMALL, "USERTYPE": _SMALL,
}  # fmt: skip
# Name, ODBC's number for it, precision, what stands around a literal, what it is created with.
TYPES: Sequence[tuple[str, int, int, str | None, str | None]] = (
    ("nvarchar", -9, 4000, "N'", "max length"),
    ("varchar", 12, 8000, "'", "max length"),
    ("varbinary", -3, 8000, "0x", "max length"),
    ("binary", -2, 8000, "0x", "length"),
    ("uniqueidentifier", -11, 36, "'", None),
    ("datetime2", 93, 27, "'", "scale"),
    ("datetime", 93, 23, "'", None),
    ("bigint", -5, 19, None, None),
    ("int", 4, 10, None, None),
    ("smallint", 5, 5, None, None),
    ("tinyint", -6, 3, None, None),
    ("bit", -7, 1, None, None),
    ("float", 6, 53, None, None),
    ("numeric", 2, 38, None, "precision,scale"),
)
ALL_TYPES = 0

DESCRIBED_COLUMNS = {
    "parameter_ordinal": _INT, "name": _TEXT, "suggested_system_type_id": _INT, "suggested_system_type_name": _TEXT,
    "suggested_max_length": _SMALL, "suggested_precision": _TINY, "suggested_scale": _TINY,
    "suggested_user_type_id": _INT, "suggested_user_type_database": _TEXT, "suggested_user_type_schema": _TEXT,
    "suggested_user_type_name": _TEXT, "suggested_assembly_qualified_type_name": _TEXT,
    "suggested_xml_collection_id": _INT, "suggested_xml_collection_database": _TEXT,
    "suggested_xml_collection_schema": _TEXT, "suggested_xml_collection_name": _TEXT,
    "suggested_is_xml_document": _BIT, "suggested_is_case_sensitive": _BIT, "suggested_is_fixed_length_clr_type": _BIT,
    "suggested_is_input": _BIT, "suggested_is_output": _BIT, "formal_parameter_name": _TEXT,
    "suggested_tds_type_id": _INT, "suggested_tds_length": _INT,
}  # fmt: skip
NVARCHAR_ID, NVARCHAR_BYTES, NVARCHAR_TOKEN = 231, 8000, 0xE7
# FreeTDS asks for types in a batch, not by RPC.
_TYPES_BATCH = re.compile(r"\s*(?:EXEC\s+)?sp_datatype_info(?:_100)?\s+(-?\d+)(?:\s*,\s*3)?\s*", re.IGNORECASE)
_MARKER = re.compile(r"'(?:[^']|'')*'|(?<![@\w])@P\d+\b")


def answer(procedure: str, parameters: Sequence[Parameter]) -> Iterator[Event] | None:
    """Answer a call of a system procedure; None where this is none of them."""
    match procedure.rpartition(".")[2].strip("[]").lower():
        case "sp_datatype_info_100" | "sp_datatype_info":
            return _types(parameters[0].value if parameters else ALL_TYPES)
        case "sp_describe_undeclared_parameters":
            return _undeclared(str(parameters[0].value))
    return None


def answer_batch(batch: str) -> Iterator[Event] | None:
    """Answer a batch that only calls a system procedure; None where it is another one."""
    asked = _TYPES_BATCH.fullmatch(batch)
    return _types(int(asked[1])) if asked else None


def _types(wanted: Value) -> Iterator[Event]:
    chosen = [row for row in TYPES if wanted in (ALL_TYPES, None, row[1])]
    rows: list[dict[str, Value]] = []
    for name, number, precision, quote, made_with in chosen:
        known: dict[str, Value] = {
            "TYPE_NAME": name, "DATA_TYPE": number, "PRECISION": precision, "LITERAL_PREFIX": quote,
            "LITERAL_SUFFIX": "'" if quote and quote.endswith("'") else None, "CREATE_PARAMS": made_with,
            "NULLABLE": 1, "CASE_SENSITIVE": 0, "SEARCHABLE": 3, "MONEY": 0, "LOCAL_TYPE_NAME": name,
            "SQL_DATA_TYPE": number, "USERTYPE": 0,
        }  # fmt: skip
        rows.append(known)
    return _result(TYPE_COLUMNS, rows)


def _undeclared(statement: str) -> Iterator[Event]:
    """Suggest nvarchar for each parameter: the type that anything can be converted from."""
    names = dict.fromkeys(found for found in _MARKER.findall(statement) if found.startswith("@"))
    rows = [
        {
            "parameter_ordinal": ordinal, "name": name, "suggested_system_type_id": NVARCHAR_ID,
            "suggested_system_type_name": "nvarchar(4000)", "suggested_max_length": NVARCHAR_BYTES,
            "suggested_precision": 0, "suggested_scale": 0, "suggested_is_xml_document": False,
            "suggested_is_case_sensitive": False, "suggested_is_fixed_length_clr_type": False,
            "suggested_is_input": True, "suggested_is_output": False, "suggested_tds_type_id": NVARCHAR_TOKEN,
            "suggested_tds_length": NVARCHAR_BYTES,
        }
        for ordinal, name in enumerate(names, start=1)
    ]  # fmt: skip
    return _result(DESCRIBED_COLUMNS, rows)


def _result(columns: dict[str, ColumnType], rows: Sequence[dict[str, Value]]) -> Iterator[Event]:
    yield Columns(columns=[Column(name=name, type=kind, size=256) for name, kind in columns.items()])
    for known in rows:
        yield Row(values=[known.get(name) for name in columns])
    yield Done(rows=len(rows))
