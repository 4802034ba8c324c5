"""Parameters: what the server gets of what Python gave."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from uuid import UUID

import pytest

from tests.integration.standin.scripted import Scripted, connect, one_column
from tests.standin.drivers import Driver
from tests.standin.events import ColumnType, Done, Said
from tests.standin.wire import StandIn
from tests.standin.wire.prepared import declared_names

GUID = UUID("01234567-89ab-cdef-0123-456789abcdef")
CASES: list[tuple[object, object]] = [
    (None, None),
    (True, True),
    (0, 0),
    (-5, -5),
    (2**40, 2**40),
    (1.5, 1.5),
    ("", ""),
    ("C:\\Backup\\Grüße 😀", "C:\\Backup\\Grüße 😀"),
    ("x" * 5000, "x" * 5000),
    ("é" * 20_000, "é" * 20_000),
    (b"\0\xff", b"\0\xff"),
    (b"z" * 9000, b"z" * 9000),
    (Decimal("1234567890123456789012345"), Decimal("1234567890123456789012345")),
    (Decimal("-1.50"), Decimal("-1.50")),
    (datetime(2026, 2, 28, 1, 2, 3, 123456), datetime(2026, 2, 28, 1, 2, 3, 123456)),
    (date(2026, 2, 28), datetime(2026, 2, 28)),
    (time(1, 2, 3), "01:02:03"),
    (GUID, GUID),
]


def given(server: Scripted) -> list[Sequence[object]]:
    return [list(parameters.values()) for _, parameters in server.asked if parameters]


@pytest.mark.parametrize(("value", "expected"), CASES, ids=lambda value: type(value).__name__)
def test_a_parameter_arrives_as_it_was_given(driver: Driver, value: object, expected: object) -> None:
    server = Scripted()
    with StandIn(server) as stand_in:
        connect(driver, stand_in).execute("ASK ?", value)
    assert server.asked[-1] == ("ASK @P1", {"@P1": expected})


def test_parameters_keep_their_order(driver: Driver) -> None:
    server = Scripted()
    with StandIn(server) as stand_in:
        connect(driver, stand_in).execute("ASK ?, ?, ?", 1, None, "three")
    assert server.asked[-1] == ("ASK @P1, @P2, @P3", {"@P1": 1, "@P2": None, "@P3": "three"})


def test_a_statement_with_parameters_has_results_and_messages(driver: Driver) -> None:
    script = [Said(number=50000, text="asked"), *one_column(ColumnType.NVARCHAR, "answer")]
    with StandIn(Scripted({"ASK @P1": script})) as stand_in:
        cursor = connect(driver, stand_in).execute("ASK ?", 1)
        assert [state for state, _ in cursor.messages] == ["[01000] (50000)"]
        assert cursor.fetchall()[0][0] == "answer"
        assert not cursor.nextset()


def test_a_statement_is_done_again_with_other_values(driver: Driver) -> None:
    server = Scripted({"ASK @P1": one_column(ColumnType.INT, 1)})
    with StandIn(server) as stand_in:
        cursor = connect(driver, stand_in).cursor()
        for value in (1, 2, 3):
            assert cursor.execute("ASK ?", value).fetchall()[0][0] == 1
    assert given(server) == [[1], [2], [3]]


def test_a_statement_is_prepared_once_for_many_rows(driver: Driver) -> None:
    server = Scripted()
    with StandIn(server) as stand_in:
        connect(driver, stand_in).cursor().executemany("KEEP ?, ?", [(1, "a"), (2, "b"), (3, "c")])
    assert given(server) == [[1, "a"], [2, "b"], [3, "c"]]


def test_two_cursors_keep_their_statements_apart(driver: Driver) -> None:
    server = Scripted({"ASK @P1": one_column(ColumnType.INT, 1), "KEEP @P1": [Done(rows=1)]})
    with StandIn(server) as stand_in:
        connection = connect(driver, stand_in)
        asking, keeping = connection.cursor(), connection.cursor()
        for value in (1, 2):
            asking.execute("ASK ?", value).fetchall()
            keeping.execute("KEEP ?", value)
    assert server.statements == ["ASK @P1", "KEEP @P1"] * 2


def test_an_error_in_a_prepared_statement_is_raised(driver: Driver) -> None:
    script = [Said(number=208, severity=16, text="Invalid object name 'x'."), Done(failed=True)]
    with StandIn(Scripted({"ASK @P1": script})) as stand_in:
        connection = connect(driver, stand_in)
        with pytest.raises(Exception, match=r"Invalid object name 'x'\. \(208\)"):
            connection.execute("ASK ?", 1)
        connection.execute("DO IT")


def test_a_procedure_is_called_as_a_statement(driver: Driver) -> None:
    server = Scripted()
    with StandIn(server) as stand_in:
        cursor = connect(driver, stand_in).cursor()
        cursor.execute("{call xp_fileexist(?)}", "C:\\x.bak")
        cursor.execute("{call xp_fixeddrives}")
    assert server.asked[-2:] == [("EXEC xp_fileexist @P1", {"@P1": "C:\\x.bak"}), ("EXEC xp_fixeddrives", {})]


@pytest.mark.parametrize(
    ("declaration", "names"),
    [
        ("", []),
        ("@P1 int", ["@P1"]),
        ("@P1 nvarchar(10),@P2 numeric(9,2), @name varbinary(max)", ["@P1", "@P2", "@name"]),
    ],
)
def test_the_names_of_parameters_are_read_from_their_declaration(declaration: str, names: list[str]) -> None:
    assert declared_names(declaration) == names
