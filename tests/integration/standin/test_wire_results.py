"""Rows: every type, with and without a value, small and large."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pyodbc
import pytest

from tests.integration.standin.scripted import Scripted, connect, one_column
from tests.standin.drivers import Driver
from tests.standin.events import Column, Columns, ColumnType, DatabaseChanged, Done, Row, Said, Value
from tests.standin.wire import Encryption, StandIn

LSN = Decimal("1234567890123456789012345")
GUID = UUID("01234567-89ab-cdef-0123-456789abcdef")
CASES: list[tuple[ColumnType, Value]] = [
    (ColumnType.BIT, True),
    (ColumnType.BIT, False),
    (ColumnType.TINYINT, 255),
    (ColumnType.SMALLINT, -32768),
    (ColumnType.INT, -(2**31)),
    (ColumnType.BIGINT, 2**63 - 1),
    (ColumnType.FLOAT, -1.5e300),
    (ColumnType.NUMERIC, LSN),
    (ColumnType.NUMERIC, -LSN),
    (ColumnType.NUMERIC, Decimal(0)),
    (ColumnType.DATETIME, datetime(1999, 12, 31, 23, 59, 59, 997000)),
    (ColumnType.DATETIME, datetime(1753, 1, 1)),
    (ColumnType.DATETIME2, datetime(2026, 2, 28, 1, 2, 3, 123456)),
    (ColumnType.DATETIME2, datetime(1, 1, 1)),
    (ColumnType.UNIQUEIDENTIFIER, GUID),
    (ColumnType.NVARCHAR, "Grüße, 世界 😀"),
    (ColumnType.NVARCHAR, ""),
    (ColumnType.VARBINARY, bytes(range(256))),
    (ColumnType.VARBINARY, b""),
]


def shown(value: Value) -> object:
    """Return a value as pyodbc does by default."""
    return str(value).upper() if isinstance(value, UUID) else value


@pytest.mark.parametrize(("kind", "value"), CASES)
def test_a_value_and_a_null_arrive_as_they_were_sent(driver: Driver, kind: ColumnType, value: Value) -> None:
    with StandIn(Scripted({"SELECT": one_column(kind, value, None, value)})) as stand_in:
        found = [row[0] for row in connect(driver, stand_in).execute("SELECT").fetchall()]
    assert found == [shown(value), None, shown(value)]


@pytest.mark.parametrize("text", ["", "short", "😀" * 3000, "x" * 100_000])
def test_a_text_without_a_limit_arrives_whole(driver: Driver, text: str) -> None:
    with StandIn(Scripted({"SELECT": one_column(ColumnType.NVARCHAR, text, None, size=None)})) as stand_in:
        found = [row[0] for row in connect(driver, stand_in).execute("SELECT").fetchall()]
    assert found == [text, None]


def test_bytes_without_a_limit_arrive_whole(driver: Driver) -> None:
    data = bytes(range(256)) * 1000
    with StandIn(Scripted({"SELECT": one_column(ColumnType.VARBINARY, data, None, size=None)})) as stand_in:
        found = [row[0] for row in connect(driver, stand_in).execute("SELECT").fetchall()]
    assert found == [data, None]


def test_columns_say_what_they_are_called(driver: Driver) -> None:
    columns = [Column(name="Größe", type=ColumnType.INT), Column(name="", type=ColumnType.NVARCHAR)]
    with StandIn(Scripted({"SELECT": [Columns(columns=columns), Done(rows=0)]})) as stand_in:
        cursor = connect(driver, stand_in).execute("SELECT")
    assert [column[0] for column in cursor.description] == ["Größe", ""]


@pytest.mark.parametrize("encryption", [Encryption.NONE, Encryption.FULL])
@pytest.mark.parametrize("packet_size", [512, 4096, 32767])
def test_a_large_result_arrives_whole_whatever_the_packets(
    driver: Driver, encryption: Encryption, packet_size: int
) -> None:
    columns = [Column(name="number", type=ColumnType.INT), Column(name="text", type=ColumnType.NVARCHAR)]
    rows = [(number, "é" * (number % 3000)) for number in range(300)]
    script = [Columns(columns=columns), *(Row(values=row) for row in rows), Done(rows=len(rows))]
    with StandIn(Scripted({"SELECT": script}), encryption=encryption, packet_size=packet_size) as stand_in:
        found = connect(driver, stand_in).execute("SELECT").fetchall()
    assert [tuple(row) for row in found] == rows


def test_results_of_one_batch_follow_each_other(driver: Driver) -> None:
    script = [*one_column(ColumnType.INT, 1), Done(rows=7), *one_column(ColumnType.NVARCHAR, "two")]
    with StandIn(Scripted({"BATCH": script})) as stand_in:
        cursor = connect(driver, stand_in).execute("BATCH")
        assert cursor.fetchall()[0][0] == 1
        assert cursor.nextset()
        assert (cursor.description, cursor.rowcount) == (None, 7)
        assert cursor.nextset()
        assert cursor.fetchall()[0][0] == "two"
        assert not cursor.nextset()


def test_a_change_of_database_is_noticed_by_the_driver(driver: Driver) -> None:
    changed = Said(number=5701, text="Changed database context to 'vault'.")
    script = [DatabaseChanged(name="vault", before="master"), changed, Done()]
    with StandIn(Scripted({"USE vault": script})) as stand_in:
        connection = connect(driver, stand_in)
        connection.execute("USE vault")
        assert connection.getinfo(pyodbc.SQL_DATABASE_NAME) == "vault"


@pytest.mark.parametrize(
    ("kind", "cells"),
    [
        (ColumnType.INT, ["text"]),
        (ColumnType.TINYINT, [256]),
        (ColumnType.NUMERIC, [Decimal("0.5")]),
        (ColumnType.NUMERIC, [10**25]),
        (ColumnType.NVARCHAR, [5]),
        (ColumnType.DATETIME, [datetime(2026, 1, 1, tzinfo=UTC)]),
        (ColumnType.BIT, [True, False]),
    ],
)
def test_a_row_that_does_not_fit_breaks_the_stand_in_and_not_the_client(
    driver: Driver, kind: ColumnType, cells: list[Value]
) -> None:
    script = [Columns(columns=[Column(name="value", type=kind)]), Row(values=cells), Done(rows=1)]
    stand_in = StandIn(Scripted({"SELECT": script}))
    with pytest.raises(ExceptionGroup) as told, stand_in:
        connection = connect(driver, stand_in)
        with pytest.raises(pyodbc.Error, match="The stand-in broke"):
            connection.execute("SELECT").fetchall()
    assert told.group_contains(ValueError)
